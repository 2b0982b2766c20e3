"""Every encoder by its name: a further one is a file beside this one and an entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pixelwise.networks.blocks import DifferenceConv
from pixelwise.networks.contract import Encoder
from pixelwise.networks.efficientnet_weights import PACKAGE, build_efficientnet_lite
from pixelwise.networks.residual import ResidualEncoder


@dataclass(frozen=True)
class EncoderEntry:
    """How to build an encoder, and where its pretrained weights come from.

    Parameters
    ----------
    build : callable
        Takes the options of a `pixelwise.networks.designs.Design`, returns the encoder, with its
        pretrained weights if there are any.
    source : str
        The paper.
    pretrained : str
        The package or file that its weights come from, and the data they were trained on; empty
        if they are random.
    licence : str
        Of these weights.

    Examples
    --------
    >>> ENCODERS["residual"].source
    'He et al., Deep residual learning, 2016'
    """

    build: Callable[..., Encoder]
    source: str
    pretrained: str = ""
    licence: str = ""


ENCODERS = {
    "residual": EncoderEntry(ResidualEncoder, "He et al., Deep residual learning, 2016"),
    "residual-differences": EncoderEntry(
        partial(ResidualEncoder, conv=DifferenceConv),
        "He et al., 2016, with central differences (Yu et al., 2020; PiDiNet, Su et al., 2021)",
    ),
    "efficientnet_lite0": EncoderEntry(
        build_efficientnet_lite,
        "Tan and Le, EfficientNet, 2019; in the authors' variant Lite, 2020",
        pretrained=f"on ImageNet by Google, read from the package {PACKAGE}",
        licence="Apache-2.0",
    ),
}
"""What a design's ``encoder`` may be."""


def describe_encoder(name: str) -> str:
    """Return an encoder's name, its paper, and the origin and licence of its weights, for a card.

    Parameters
    ----------
    name : str
        An entry of `ENCODERS`, or empty.

    Examples
    --------
    >>> describe_encoder("residual")
    'residual (He et al., Deep residual learning, 2016)'
    >>> describe_encoder("efficientnet_lite0").rpartition(", ")[2]
    'Apache-2.0'
    """
    entry = ENCODERS.get(name)
    if entry is None:
        return name
    origin = f", pretrained: {entry.pretrained}, {entry.licence}" if entry.pretrained else ""
    return f"{name} ({entry.source}){origin}"
