"""The networks, in torch. Only training imports this; prediction runs the exported file."""

from __future__ import annotations

from torch import nn

from pixelwise.networks.decoder import PyramidDecoder
from pixelwise.networks.encoder import ResidualEncoder
from pixelwise.networks.segmenter import Segmenter

__all__ = ["Segmenter", "build_network", "count_parameters"]


def build_network(n_classes: int) -> Segmenter:
    """Build the compact network: a semantic FPN on a slim residual encoder.

    Kirillov et al., "Panoptic feature pyramid networks" (2019), section 3, with the pyramid read
    at its finest level.

    Parameters
    ----------
    n_classes : int
        Planes of the logits.

    Returns
    -------
    Segmenter
        With random weights from torch's current seed.
    """
    encoder = ResidualEncoder(stem=16, widths=(24, 48, 96, 160), depths=(1, 2, 3, 2))
    decoder = PyramidDecoder(encoder.widths, width=48)
    return Segmenter(encoder, decoder, 48, n_classes, "Semantic FPN on a slim ResNet")


def count_parameters(network: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
