"""Every encoder by its name: a further one is a file beside this one and an entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pixelwise.networks.blocks import DifferenceConv
from pixelwise.networks.contract import Encoder
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
}
"""What a design's ``encoder`` may be."""
