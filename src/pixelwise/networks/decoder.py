"""From features at four sizes to one map at the finest of them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.networks.blocks import conv_norm, enlarge


class PyramidDecoder(nn.Module):
    """The top-down path of a feature pyramid (Lin et al., 2017), read at its finest level.

    The coarsest level also gets the average of the whole photo, as in ParseNet (Liu et al.,
    2015), so that every pixel knows what scene it is in.

    Parameters
    ----------
    inside : tuple of int
        Channels of the encoder's features, finest first.
    width : int
        Channels of all levels here.
    """

    def __init__(self, inside: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(conv_norm(c, width, kernel=1, active=False) for c in inside)
        self.scene = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(inplace=True))
        self.smooth = nn.ModuleList(conv_norm(width, width) for _ in inside[:-1])

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Features, finest first, to (N, width, h, w) of the finest one's size."""
        top = self.lateral[-1](features[-1])
        x = F.relu(top + self.scene(top.mean(dim=(2, 3), keepdim=True)))
        for level in range(len(features) - 2, -1, -1):
            fine = features[level]
            x = enlarge(x, 2, (fine.shape[2], fine.shape[3]))
            x = self.smooth[level](x + self.lateral[level](fine))
        return x
