"""EfficientNet-Lite 0, an encoder that was pretrained on ImageNet."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.networks.contract import Encoder

N_IMAGENET_CLASSES = 1000


class Stage(NamedTuple):
    """Blocks of one width: the first has the stride, the others have stride 1."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)
"""Tan and Le, "EfficientNet" (2019), table 1, without squeeze and excitation."""

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280


class InvertedResidual(nn.Module):
    """Expand by a 1 x 1 convolution, filter each channel, project (Sandler et al., 2018).

    The batch norms of the published block are folded into its convolutions.

    Parameters
    ----------
    inside, outside : int
        Channels. Where they are equal and the stride is 1, the input is added to the output.
    kernel : int
        Side of the depthwise kernel, odd.
    stride : int
        1 or 2.
    expansion : int
        Channels of the depthwise convolution, as a multiple of ``inside``. At 1 nothing is
        expanded.
    """

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand = nn.Conv2d(inside, wide, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide)
        self.project = nn.Conv2d(wide, outside, 1)
        self.has_shortcut = stride == 1 and inside == outside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inside, H, W) to (N, outside, H / stride, W / stride), rounded up."""
        wide = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        found: torch.Tensor = self.project(F.relu6(self.depthwise(wide), inplace=True))
        return x + found if self.has_shortcut else found


class EfficientNetLite(Encoder):
    """EfficientNet-Lite 0 as an encoder, with the batch norms folded into the convolutions.

    Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks" (2019),
    in the variant "Lite" of its authors (2020): no squeeze and excitation, ReLU6 instead of
    swish, stem and head of one size for all scales.

    Parameters
    ----------
    from_stride : int
        Stride of the finest feature map that it gives, 2 or 4.

    Notes
    -----
    Kernels are padded by ``kernel // 2`` on both sides. TensorFlow, in which the weights were
    trained, pads one pixel less at the top and left where the stride is 2 and the size even. Both
    compute the same function of a pixel's neighbourhood; they differ in the pixels at which they
    compute it (every second one, from 0 or from 1) and along the sides of the image. With equal
    padding these pixels do not depend on whether a size is odd.

    Random weights are of little use: without batch norms, a network so deep hardly trains from
    them. `pixelwise.networks.efficientnet_weights` loads the pretrained ones.

    Examples
    --------
    >>> encoder = EfficientNetLite()
    >>> encoder.channels, encoder.strides
    ((24, 40, 112, 320), (4, 8, 16, 32))
    """

    mean = (127.0, 127.0, 127.0)
    deviation = (128.0, 128.0, 128.0)

    def __init__(self, from_stride: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM_CHANNELS, 3, 2, 1)
        inside, stride = STEM_CHANNELS, 2
        blocks: list[InvertedResidual] = []
        ends: list[tuple[int, int, int]] = []
        # The last map of a size is before a stage that halves it: blocks so far, channels, stride.
        for stage in STAGES:
            if stage.stride == 2:
                ends.append((len(blocks), inside, stride))
                stride *= 2
            for repeat in range(stage.repeats):
                step = stage.stride if repeat == 0 else 1
                blocks.append(
                    InvertedResidual(inside, stage.channels, stage.kernel, step, stage.expansion)
                )
                inside = stage.channels
        ends.append((len(blocks), inside, stride))
        self.blocks = nn.ModuleList(blocks)
        ends = [end for end in ends if end[2] >= from_stride]
        self._ends = frozenset(end[0] for end in ends)
        self.channels = tuple(end[1] for end in ends)
        self.strides = tuple(end[2] for end in ends)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) to one feature map per stride, finest first; sizes are rounded up."""
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # The backward pass of depthwise convolutions is slow in bfloat16 on processors.
            with torch.autocast("cpu", enabled=False):
                return self._features(x.float())
        return self._features(x)

    def _features(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = F.relu6(self.stem(x))
        features = []
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number in self._ends:
                features.append(x)
        return features

    def freeze(self, blocks: int) -> None:
        """Exclude the stem and the first ``blocks`` blocks from training."""
        for part in (self.stem, *self.blocks[:blocks]):
            part.requires_grad_(False)


class ImageNetClassifier(nn.Module):
    """EfficientNet-Lite 0 with the head of its pretraining, to check that the weights are right.

    Parameters
    ----------
    encoder : EfficientNetLite
    """

    def __init__(self, encoder: EfficientNetLite) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Conv2d(encoder.channels[-1], HEAD_CHANNELS, 1)
        self.classifier = nn.Linear(HEAD_CHANNELS, N_IMAGENET_CLASSES)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Classify whole images by the classes of ImageNet.

        Parameters
        ----------
        image : (N, 3, H, W) float32
            RGB, 0..255; the network was trained at 224 x 224.

        Returns
        -------
        (N, 1000) float32
            Logits, in the order of the ILSVRC 2012 classes.
        """
        mean = image.new_tensor(self.encoder.mean).view(1, 3, 1, 1)
        deviation = image.new_tensor(self.encoder.deviation).view(1, 3, 1, 1)
        x = F.relu6(self.head(self.encoder((image - mean) / deviation)[-1]))
        logits: torch.Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits
