"""The networks, in torch. Only training imports this; prediction runs the exported file.

The names are loaded when they are first used and need the extra ``pixelwise[train]``;
`pixelwise.networks.designs` alone needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixelwise.errors import missing_extra
from pixelwise.networks.designs import BOUNDARY_DESIGNS, DESIGNS, PRETRAINED_DESIGNS, Design

if TYPE_CHECKING:
    from pixelwise.networks.contract import Encoder, Network, Output
    from pixelwise.networks.encoders import ENCODERS, EncoderEntry
    from pixelwise.networks.segmenter import (
        Segmenter,
        build_boundary_network,
        build_network,
        count_parameters,
    )

__all__ = [
    "BOUNDARY_DESIGNS",
    "DESIGNS",
    "ENCODERS",
    "PRETRAINED_DESIGNS",
    "Design",
    "Encoder",
    "EncoderEntry",
    "Network",
    "Output",
    "Segmenter",
    "build_boundary_network",
    "build_network",
    "count_parameters",
]

_HOMES = {
    **dict.fromkeys(("Encoder", "Network", "Output"), "contract"),
    **dict.fromkeys(("ENCODERS", "EncoderEntry"), "encoders"),
    **dict.fromkeys(
        ("Segmenter", "build_boundary_network", "build_network", "count_parameters"), "segmenter"
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pixelwise.networks' has no attribute {name!r}")
    try:
        return getattr(import_module(f"pixelwise.networks.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pixelwise"):
            raise
        raise missing_extra("a network", error.name, "train") from None
