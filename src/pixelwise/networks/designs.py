"""The sizes of our own networks, by name. Reading them needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pixelwise.errors import ArgumentError


@dataclass(frozen=True)
class Design:
    """The numbers of a network.

    Parameters
    ----------
    encoder : str
        An entry of `pixelwise.networks.encoders.ENCODERS`.
    options : mapping of str to object
        What its builder takes.
    width, fine_width : int
        Channels of the decoder, and of its finest level, which has four times the pixels of the
        next.
    instance_blocks : int
        Residual blocks that an instance branch has of its own at the coarsest level; 0 where
        instances are small in the image.
    separable : bool
        Whether the decoders' 3 x 3 convolutions are separable ones.
    stride : int
        Pixels of the image under one of the finest level's.
    context : bool
        Whether the coarsest features see far around: `pixelwise.networks.context`.
    title : str
        What to call the network in a report.

    Examples
    --------
    >>> DESIGNS["tiny"].encoder, DESIGNS["tiny"].width
    ('residual', 40)
    """

    encoder: str
    options: Mapping[str, object]
    width: int
    fine_width: int
    instance_blocks: int = 0
    separable: bool = False
    stride: int = 2
    context: bool = False
    title: str = ""


DESIGNS = {
    "tiny": Design(
        encoder="residual",
        options={"stem": 16, "widths": (32, 48, 80, 112), "depths": (2, 2, 2, 1)},
        width=40,
        fine_width=24,
        title="Semantic FPN on a slim ResNet (tiny)",
    ),
    "small": Design(
        encoder="residual",
        options={"stem": 16, "widths": (24, 48, 96, 160), "depths": (1, 2, 3, 2)},
        width=48,
        fine_width=16,
        instance_blocks=2,
        title="Semantic FPN on a slim ResNet (small)",
    ),
    "base": Design(
        encoder="residual",
        options={"stem": 32, "widths": (48, 96, 192, 320), "depths": (2, 2, 4, 2)},
        width=96,
        fine_width=32,
        instance_blocks=2,
        title="Semantic FPN on a slim ResNet (base)",
    ),
}
"""What ``size`` may be; 0.6, 1.5 and 6.6 M parameters."""

NO_ENCODER = "none"
"""The setting ``encoder`` of a network that starts from random weights."""

PRETRAINED = "efficientnet_lite0"
"""The pretrained encoder that training starts from if nothing else is asked."""

PRETRAINED_DESIGNS = {
    PRETRAINED: Design(
        encoder="efficientnet_lite0",
        options={"from_stride": 4},
        width=64,
        fine_width=32,
        instance_blocks=2,
        separable=True,
        stride=4,
        context=True,
        title="Semantic FPN on EfficientNet-Lite 0, pretrained on ImageNet",
    ),
}
"""On each encoder with pretrained weights, by its name; 3.1 M parameters, 3.8 with instances."""

BOUNDARY_DESIGNS = {
    NO_ENCODER: Design(
        encoder="residual-differences",
        options={"stem": 24, "widths": (32, 40, 48, 56), "depths": (2, 2, 2, 1)},
        width=40,
        fine_width=24,
        title="Feature pyramid on pixel differences",
    ),
    PRETRAINED: Design(
        encoder="efficientnet_lite0",
        options={"from_stride": 2},
        width=48,
        fine_width=24,
        title="Feature pyramid on EfficientNet-Lite 0, pretrained on ImageNet",
    ),
}
"""Of the networks that find boundaries, by encoder; 0.29 and 3.3 M parameters."""


def design_of(size: str, encoder: str = NO_ENCODER) -> Design:
    """Return the design of a segmentation network.

    Parameters
    ----------
    size : str
        One of `DESIGNS`.
    encoder : str
        ``none``, or one of `PRETRAINED_DESIGNS`, which have one size each.

    Raises
    ------
    ArgumentError
        A name that is not known, or a size other than ``small`` of a pretrained encoder.

    Examples
    --------
    >>> design_of("tiny").stride, design_of("small", "efficientnet_lite0").stride
    (2, 4)
    """
    known = (NO_ENCODER, *PRETRAINED_DESIGNS)
    for what, name, names in (("size", size, tuple(DESIGNS)), ("encoder", encoder, known)):
        if name not in names:
            raise ArgumentError(f"unknown {what} {name!r}; there is: {', '.join(names)}")
    if encoder == NO_ENCODER:
        return DESIGNS[size]
    if size != "small":
        raise ArgumentError(
            f"size: the network on the encoder {encoder} has one size, got {size!r}; "
            "leave out --size, or choose --encoder none"
        )
    return PRETRAINED_DESIGNS[encoder]
