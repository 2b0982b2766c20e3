"""What stands out in an image, whatever its class, at half the image's size."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.networks.decoder import PyramidDecoder

STRIDE = 2
"""Pixels of the image under one of the answer's: outlines are wanted finer than classes are."""

WIDTH, FINE_WIDTH = 48, 16
"""Channels of the levels, and of the finest, which has four times the pixels of the next."""


class ForegroundBranch(nn.Module):
    """A decoder of its own: an object of any kind looks unlike what a class looks like.

    Read from the features of the classes' decoder, it learnt to answer with the known classes, and
    gave nothing for a bowl or a lighthouse.

    Parameters
    ----------
    inside : tuple of int
        Channels of the encoder's features, finest first, from `STRIDE` on.
    separable : bool
        As for `pixelwise.networks.blocks.smoothing`.
    """

    def __init__(self, inside: tuple[int, ...], separable: bool = False) -> None:
        super().__init__()
        self.decoder = PyramidDecoder(inside, WIDTH, FINE_WIDTH, separable)
        self.head = nn.Conv2d(FINE_WIDTH, 1, 1)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Features, finest first, to logits, (N, h, w) float, of the finest one's size."""
        found: torch.Tensor = self.head(self.decoder(features))
        return found[:, 0]
