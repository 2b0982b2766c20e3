"""What lies around, at the coarsest level, for objects that fill the image."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.networks.blocks import conv_norm

WIDTH = 96
"""Channels in which it works: a third of what EfficientNet-Lite 0 gives there."""

KERNEL = 7
"""Side of its kernels. Two of them reach 6 cells each way, 192 pixels at a stride of 32."""


class Context(nn.Module):
    """Lets each cell of the coarsest features see what lies around it, far and wide.

    Two large kernels, one filter for each channel, as in Peng et al., "Large kernel matters"
    (2017): an animal that fills the photo is then seen whole from any of its parts, and has one
    class. At a stride of 32 it costs next to nothing.

    Its last layer starts at zero, so that weights trained without it give at first what they gave.

    Parameters
    ----------
    channels : int
        Of the features, in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = conv_norm(channels, WIDTH, kernel=1)
        self.around = nn.Sequential(*_large_kernel(), *_large_kernel())
        self.restore = nn.Conv2d(WIDTH, channels, 1)
        nn.init.zeros_(self.restore.weight)
        nn.init.zeros_(self.restore.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, h, w) float to the same, each cell with what it learnt from the others."""
        near = self.reduce(x)
        found: torch.Tensor = x + self.restore(near + self.around(near))
        return found


def _large_kernel() -> list[nn.Module]:
    """Return a depthwise convolution and the mixing of its channels, both with norms."""
    each = nn.Conv2d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2, groups=WIDTH, bias=False)
    return [each, nn.BatchNorm2d(WIDTH), *conv_norm(WIDTH, WIDTH, kernel=1)]
