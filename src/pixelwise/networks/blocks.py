"""The building blocks of the networks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class DifferenceConv(nn.Conv2d):
    """A convolution that sees a pixel's neighbours mostly by how they differ from it.

    The centre of each kernel gets less by `SHARE` of the kernel's sum: central difference
    convolution (Yu et al., 2020), of the kind that PiDiNet (Su et al., 2021) finds boundaries with.
    The kernel is an ordinary one; the export folds it into a constant.
    """

    SHARE = 0.7

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inside, H, W) to (N, outside, H / stride, W / stride), rounded up."""
        middle = self.kernel_size[0] // 2
        centre = self.weight.sum((2, 3), keepdim=True)
        weight = self.weight - self.SHARE * F.pad(centre, (middle,) * 4)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


def conv_norm(
    inside: int,
    outside: int,
    kernel: int = 3,
    stride: int = 1,
    active: bool = True,
    conv: type[nn.Conv2d] = nn.Conv2d,
) -> nn.Sequential:
    """Convolution, batch norm and, where ``active``, ReLU; same size out at stride 1."""
    layers: list[nn.Module] = [
        conv(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
    ]
    if active:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def smoothing(inside: int, outside: int, separable: bool) -> nn.Sequential:
    """Return the 3 x 3 convolution that follows each sum of levels: norm, ReLU, same size out.

    ``separable`` means one filter for each channel and a 1 x 1 convolution after it, as the levels
    of EfficientDet (Tan et al., 2020) have: with 64 channels an eighth of the multiplications.
    """
    if not separable:
        return conv_norm(inside, outside)
    each = nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False)
    return nn.Sequential(each, *conv_norm(inside, outside, kernel=1))


def enlarge(x: torch.Tensor, factor: int, size: tuple[int, int]) -> torch.Tensor:
    """Upsample by exactly ``factor``, then cut to ``size``.

    A stride of 2 rounds odd sizes up. Stretching the small map to the fine map's size instead
    would squeeze its pixels together and shift the levels of a pyramid against each other, by up
    to a whole coarse pixel at the right and lower sides.

    Parameters
    ----------
    x : (N, C, h, w) float
    factor : int
    size : (height, width)
        At most ``factor`` times h and w.

    Returns
    -------
    (N, C, height, width) float
    """
    if factor > 1:
        x = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    # Unlike a slice it has the size that was asked for, also where sizes are symbols (export).
    return x.narrow(2, 0, size[0]).narrow(3, 0, size[1])


class ResidualBlock(nn.Module):
    """The basic block of a residual network (He et al., 2016).

    Plain 3 x 3 convolutions, since on a processor they train about three times as fast as
    inverted residuals of as many parameters: depthwise convolutions wait for memory.

    Parameters
    ----------
    inside, outside : int
        Channels.
    stride : int
        1 or 2.
    conv : type
        Of its two convolutions.
    """

    def __init__(
        self, inside: int, outside: int, stride: int = 1, conv: type[nn.Conv2d] = nn.Conv2d
    ) -> None:
        super().__init__()
        self.first = conv_norm(inside, outside, stride=stride, conv=conv)
        self.second = conv_norm(outside, outside, active=False, conv=conv)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inside == outside
            else conv_norm(inside, outside, kernel=1, stride=stride, active=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inside, H, W) to (N, outside, H / stride, W / stride), rounded up."""
        return F.relu(self.second(self.first(x)) + self.shortcut(x))
