"""The sizes of our own networks, by name. Reading them needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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

BOUNDARY_DESIGN = Design(
    encoder="residual-differences",
    options={"stem": 24, "widths": (32, 40, 48, 56), "depths": (2, 2, 2, 1)},
    width=40,
    fine_width=24,
    title="Feature pyramid on pixel differences",
)
"""Of the network that finds boundaries; 0.29 M parameters."""
