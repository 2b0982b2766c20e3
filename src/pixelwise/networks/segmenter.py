"""Encoder, decoder, head: the semantic network."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.networks.blocks import enlarge
from pixelwise.networks.decoder import PyramidDecoder
from pixelwise.networks.encoder import ResidualEncoder
from pixelwise.networks.instance_branch import ObjectBranch

# Channel means and the mean deviation of ImageNet's photos, the usual ones, in 0..255.
MEAN = (123.7, 116.3, 103.5)
DEVIATION = 58.0

STRIDE = 2
"""Pixels of the photo under one of the decoder's."""


class Segmenter(nn.Module):
    """A semantic network whose input is a photo as it is, at any size.

    Parameters
    ----------
    encoder : ResidualEncoder
    decoder : PyramidDecoder
    width : int
        Channels the decoder gives.
    n_classes : int
    design : str
        What to call the network in a report.
    objects : ObjectBranch, optional
        Tells objects apart as well.

    Attributes
    ----------
    shift : (C,) float32
        Added to the logits; 0 until `pixelwise.training` sets it for judging and export.
    """

    mean: torch.Tensor
    shift: torch.Tensor

    def __init__(
        self,
        encoder: ResidualEncoder,
        decoder: PyramidDecoder,
        width: int,
        n_classes: int,
        design: str,
        objects: ObjectBranch | None = None,
    ) -> None:
        super().__init__()
        self.design = design
        self.objects = objects
        self.encoder = encoder
        self.decoder = decoder
        self.head = nn.Conv2d(width, n_classes, 1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.zeros(n_classes), persistent=False)

    def freeze_classes(self) -> None:
        """Leave only the object branch to be learnt; call it again after each ``train()``."""
        for part in (self.encoder, self.decoder, self.head):
            part.requires_grad_(False).eval()

    def forward(
        self, image: torch.Tensor, shrink: int = 1
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Score each pixel.

        Parameters
        ----------
        image : (N, 3, H, W) float32
            RGB, 0..255. H and W need not be multiples of anything.
        shrink : int
            1 or 2: answer at 1 / shrink of the image's size.

        Returns
        -------
        logits : (N, C, H / shrink, W / shrink) float
            Sizes are rounded up.
        objects : (N, 3, H / 2, W / 2) float
            Only of a network that tells objects apart; see `ObjectBranch`.
        """
        features = self.encoder((image - self.mean) / DEVIATION)
        logits = self.head(self.decoder(features)) + self.shift[:, None, None]
        height, width = image.shape[2], image.shape[3]
        size = (height + shrink - 1) // shrink, (width + shrink - 1) // shrink
        logits = enlarge(logits, STRIDE // shrink, size)
        if self.objects is None:
            return logits
        return logits, self.objects(features)
