"""The networks, in torch. Only training imports this; prediction runs the exported file."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.networks.blocks import DifferenceConv
from pixelwise.networks.decoder import PyramidDecoder
from pixelwise.networks.encoder import ResidualEncoder
from pixelwise.networks.hub import HubSegmenter
from pixelwise.networks.instance_branch import ObjectBranch
from pixelwise.networks.segmenter import Segmenter

__all__ = ["Network", "Segmenter", "build_boundary_network", "build_network", "count_parameters"]

Network = Segmenter | HubSegmenter
"""Takes photos as they are, (N, 3, H, W) float32 RGB 0..255; gives logits of their size."""

_SHAPES = {
    "tiny": (16, (32, 48, 80, 112), (2, 2, 2, 1), 40, 24, 0),
    "small": (16, (24, 48, 96, 160), (1, 2, 3, 2), 48, 16, 2),
    "base": (32, (48, 96, 192, 320), (2, 2, 4, 2), 96, 32, 2),
}
"""Channels at 1/2 and at 1/4 to 1/32, residual blocks there, channels of the decoder
and of its level at 1/2, residual blocks of the object branch at 1/32 (none in ``tiny``, for
objects that are small in the picture)."""


def build_network(n_classes: int, size: str = "small", objects: bool = False) -> Segmenter:
    """Build a compact network: a semantic FPN on a slim residual encoder.

    Kirillov et al., "Panoptic feature pyramid networks" (2019), section 3, with the pyramid read
    at its finest level.

    Parameters
    ----------
    n_classes : int
        Planes of the logits.
    size : str
        ``tiny`` (0.6 M parameters), ``small`` (1.5 M) or ``base`` (7 M).
    objects : bool
        Tell objects apart, too.

    Returns
    -------
    Segmenter
        With random weights from torch's current seed.
    """
    stem, widths, depths, width, fine_width, blocks = _SHAPES[size]
    encoder = ResidualEncoder(stem, widths, depths)
    decoder = PyramidDecoder(encoder.channels, width, fine_width)
    design = f"Semantic FPN on a slim ResNet ({size})"
    if not objects:
        return Segmenter(encoder, decoder, fine_width, n_classes, design)
    branch = ObjectBranch(encoder.channels, width, fine_width, blocks)
    design += ", centres and offsets of Panoptic-DeepLab"
    return Segmenter(encoder, decoder, fine_width, n_classes, design, branch)


def build_boundary_network() -> Segmenter:
    """Build the network that finds boundaries: the same design, slimmer, on pixel differences.

    Returns
    -------
    Segmenter
        Of one plane, the logit that a pixel lies on a boundary; 0.29 M parameters, with random
        weights from torch's current seed.
    """
    encoder = ResidualEncoder(24, (32, 40, 48, 56), (2, 2, 2, 1), conv=DifferenceConv)
    decoder = PyramidDecoder(encoder.channels, 40, 24)
    network = Segmenter(encoder, decoder, 24, 1, "Feature pyramid on pixel differences")
    # Few pixels are boundary; to start at a half would cost the first epochs.
    torch.nn.init.constant_(network.head.bias, -3.0)  # type: ignore[arg-type]
    return network


def count_parameters(network: nn.Module) -> int:
    """Return how many learnt numbers a network has."""
    return sum(p.numel() for p in network.parameters())
