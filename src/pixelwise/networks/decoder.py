"""From features at five sizes to one map at the finest of them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.networks.blocks import conv_norm, enlarge, smoothing


class PyramidDecoder(nn.Module):
    """The top-down path of a feature pyramid (Lin et al., 2017), read at its finest level.

    The coarsest level also gets the average of the whole image, as in ParseNet (Liu et al.,
    2015), so that every pixel knows what scene it is in. The finest level has four times the pixels
    of the next: it works in fewer channels.

    Parameters
    ----------
    inside : tuple of int
        Channels of the encoder's features, finest first.
    width, fine_width : int
        Channels of all levels here, and of the finest one.
    separable : bool
        As for `pixelwise.networks.blocks.smoothing`.

    Attributes
    ----------
    channels : int
        That it gives.
    """

    def __init__(
        self, inside: tuple[int, ...], width: int, fine_width: int, separable: bool = False
    ) -> None:
        super().__init__()
        self.channels = fine_width
        finest, *coarser = inside
        self.lateral = nn.ModuleList(conv_norm(c, width, kernel=1, active=False) for c in coarser)
        self.scene = nn.Sequential(nn.Conv2d(width, width, 1), nn.ReLU(inplace=True))
        self.smooth = nn.ModuleList(smoothing(width, width, separable) for _ in coarser[:-1])
        self.narrow = conv_norm(width, fine_width, kernel=1, active=False)
        self.fine_lateral = conv_norm(finest, fine_width, kernel=1, active=False)
        self.fine_smooth = smoothing(fine_width, fine_width, separable)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Features, finest first, to (N, fine_width, h, w) of the finest one's size."""
        finest, *coarser = features
        top = self.lateral[-1](coarser[-1])
        x = F.relu(top + self.scene(top.mean(dim=(2, 3), keepdim=True)))
        for level in range(len(coarser) - 2, -1, -1):
            fine = coarser[level]
            x = enlarge(x, 2, (fine.shape[2], fine.shape[3]))
            x = self.smooth[level](x + self.lateral[level](fine))
        x = enlarge(self.narrow(x), 2, (finest.shape[2], finest.shape[3]))
        found: torch.Tensor = self.fine_smooth(F.relu(x + self.fine_lateral(finest)))
        return found
