"""What every encoder and every network is to the rest: what it takes, gives and knows of itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import nn

from pixelwise.errors import ArgumentError


class Output(NamedTuple):
    """What a network gives for a batch of images.

    Parameters
    ----------
    logits : (N, C, H, W) float
        Of the classes, at 1 / ``shrink`` of the image's size.
    instances : tuple of (N, ...) float
        What the instance branch gives: see `pixelwise.networks.kernel_branch` and
        `pixelwise.networks.centre_branch`. Empty of a network without one.
    foreground : (N, H, W) float, or None
        The logit that a pixel is of what stands out, whatever its class, at 1 /
        ``foreground_stride`` of the image's size, rounded up. None of a network that does not
        learn it.

    Examples
    --------
    >>> len(Output(torch.zeros(1, 2, 8, 8)).tensors())
    1
    """

    logits: torch.Tensor
    instances: tuple[torch.Tensor, ...] = ()
    foreground: torch.Tensor | None = None

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Return what is there, in the order of an exported file's outputs: (N, ...) float each."""
        foreground = () if self.foreground is None else (self.foreground,)
        return (self.logits, *self.instances, *foreground)


class Encoder(nn.Module):
    """From normalised pixels to feature maps. The entries of `ENCODERS` build these.

    Attributes
    ----------
    channels : tuple of int
        Of each feature map, finest first.
    strides : tuple of int
        Pixels of the image under one of each map's; each is twice the one before.
    mean, deviation : tuple of float
        Of the three channels, in 0..255: images come in as (image - mean) / deviation.

    Examples
    --------
    >>> from pixelwise.networks import ENCODERS
    >>> encoder = ENCODERS["residual"].build(stem=8, widths=(8, 16), depths=(1, 1))
    >>> encoder.channels, encoder.strides
    ((8, 8, 16), (2, 4, 8))
    >>> [tuple(f.shape) for f in encoder(torch.zeros(1, 3, 32, 48))]
    [(1, 8, 16, 24), (1, 8, 8, 12), (1, 16, 4, 6)]
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    @abstractmethod
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) float to one feature map per stride, finest first; sizes are rounded up."""


class Network(nn.Module):
    """Takes images of 0..255 at any size. Training, validation and export know nothing else of it.

    Attributes
    ----------
    design : str
        What to call it in a report.
    encoder_name : str
        Its entry of `ENCODERS`; empty if it has none.
    stride : int
        Pixels of the image under one of its finest map's. The loss is taken at this size.
    logits_stride : int
        Pixels of the image under one of the logits that it gives if not asked otherwise: 1, or
        `stride` of a network that leaves it to the prediction to upsample them.
    instance_design : str
        One of `INSTANCE_DESIGNS`; empty without an instance branch.
    foreground_stride : int
        Pixels of the image under one of `Output.foreground`'s; 0 if it gives none.
    shift : (C,) float32
        Added to the logits; 0 until `pixelwise.training` sets it for validation and export.
    takes_any_size : bool
        Whether an export for all sizes is worth a try; if not, `fix_size` comes first.

    Examples
    --------
    >>> from pixelwise.networks import build_network
    >>> network = build_network(n_classes=3, size="tiny").eval()
    >>> network.stride, network.encoder_name
    (2, 'residual')
    >>> tuple(network(torch.zeros(1, 3, 33, 70), shrink=network.stride).logits.shape)
    (1, 3, 17, 35)
    """

    design: str
    encoder_name: str = ""
    instance_design: str = ""
    foreground_stride: int = 0
    logits_stride: int = 1
    stride: int
    shift: torch.Tensor
    takes_any_size: bool = True

    @abstractmethod
    def forward(self, image: torch.Tensor, shrink: int | None = None) -> Output:
        """Segment a batch.

        Parameters
        ----------
        image : (N, 3, H, W) float32
            RGB, 0..255. H and W need not be multiples of anything.
        shrink : int, optional
            1 or `stride`: give logits at 1 / shrink of the image's size, rounded up. By default
            `logits_stride`.

        Returns
        -------
        Output
        """

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that are learnt at a lower rate, since they know ImageNet."""
        return []

    def freeze_classes(self) -> None:
        """Leave only the instance branch to be learnt; call it again after each ``train()``.

        Raises
        ------
        ArgumentError
            The network has no such branch.
        """
        raise ArgumentError(f"{self.design}: no instance branch that could be trained alone")

    def fix_size(self, side: int) -> bool:  # noqa: ARG002
        """Resize every image to one size inside the network, for an export that needs it.

        Parameters
        ----------
        side : int
            Height and width in pixels, if the network itself names none.

        Returns
        -------
        bool
            Whether it does so now; False of a network that takes every size.
        """
        return False
