"""From pixels to features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.networks.blocks import ResidualBlock, conv_norm
from pixelwise.networks.contract import Encoder


class ResidualEncoder(Encoder):
    """A slim residual network (ResNet; He et al., 2016), for random weights.

    Parameters
    ----------
    stem : int
        Channels at 1/2.
    widths : tuple of int
        Channels at 1/4, 1/8, 1/16 and 1/32.
    depths : tuple of int
        Residual blocks at each of them.
    conv : type
        Of the 3 x 3 convolutions.
    """

    # Channel means and the mean deviation of ImageNet's photos, the usual ones.
    mean = (123.7, 116.3, 103.5)
    deviation = (58.0, 58.0, 58.0)

    def __init__(
        self,
        stem: int,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
        conv: type[nn.Conv2d] = nn.Conv2d,
    ) -> None:
        super().__init__()
        self.channels = (stem, *widths)
        self.strides = tuple(2 ** (level + 1) for level in range(len(self.channels)))
        self.stem = conv_norm(3, stem, stride=2, conv=conv)
        self.stages = nn.ModuleList(
            nn.Sequential(
                ResidualBlock(inside, outside, stride=2, conv=conv),
                *(ResidualBlock(outside, outside, conv=conv) for _ in range(depth - 1)),
            )
            for inside, outside, depth in zip((stem, *widths[:-1]), widths, depths, strict=True)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) to one feature map per size, finest first; sizes are rounded up."""
        x = self.stem(x)
        features = [x]
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
