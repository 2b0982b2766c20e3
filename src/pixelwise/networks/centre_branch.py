"""Where instances have their centres, and which centre each pixel belongs to."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.networks.blocks import ResidualBlock, conv_norm
from pixelwise.networks.decoder import PyramidDecoder

REACH = 32.0
"""Pixels that an offset of 1 in the last layer stands for: its outputs stay near 1."""


class CentreBranch(nn.Module):
    """A decoder of its own for instances, without boxes.

    Cheng et al., "Panoptic-DeepLab" (2020), section 3: a heat map of centres, and from each pixel
    the way to the centre of its instance. The branch shares the encoder with the classes but not
    the decoder: it needs features that distinguish two dogs, which those for classes must not.

    Parameters
    ----------
    inside : tuple of int
        Channels of the encoder's features, finest first.
    width, fine_width : int
        Channels, as for `PyramidDecoder`.
    blocks : int
        Residual blocks of its own on the coarsest features, where an instance as large as the
        image has its whole outline within reach. 0 for a network whose instances are small.
    """

    def __init__(
        self, inside: tuple[int, ...], width: int, fine_width: int, blocks: int = 0
    ) -> None:
        super().__init__()
        *finer, coarsest = inside
        wide = 2 * width if blocks else coarsest
        self.outline = nn.Sequential(
            *([conv_norm(coarsest, wide, kernel=1)] if blocks else []),
            *(ResidualBlock(wide, wide) for _ in range(blocks)),
        )
        self.decoder = PyramidDecoder((*finer, wide), width, fine_width)
        self.mix = conv_norm(fine_width, fine_width)
        self.head = nn.Conv2d(fine_width, 3, 1)
        # Few pixels are centres; to start at a half would cost the first epochs.
        nn.init.constant_(self.head.bias[:1], -3.0)  # type: ignore[index]

    def forward(self, features: list[torch.Tensor]) -> tuple[torch.Tensor]:
        """Features, finest first, to one (N, 3, h, w) of the finest one's size.

        Plane 0 is the logit that an instance has its centre there; 1 and 2 are the way there from
        each pixel, down and right, in pixels of the image that the network sees.
        """
        *finer, coarsest = features
        found = self.head(self.mix(self.decoder([*finer, self.outline(coarsest)])))
        return (torch.cat([found[:, :1], REACH * found[:, 1:]], dim=1),)
