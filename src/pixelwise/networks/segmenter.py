"""Encoder, decoder, head: the semantic network, with an instance branch if asked."""

from __future__ import annotations

import torch
from torch import nn

from pixelwise.networks.blocks import enlarge
from pixelwise.networks.centre_branch import CentreBranch
from pixelwise.networks.context import Context
from pixelwise.networks.contract import Encoder, Network, Output
from pixelwise.networks.decoder import PyramidDecoder
from pixelwise.networks.designs import BOUNDARY_DESIGNS, NO_ENCODER, Design, design_of
from pixelwise.networks.encoders import ENCODERS
from pixelwise.networks.foreground_branch import STRIDE as FOREGROUND_STRIDE
from pixelwise.networks.foreground_branch import ForegroundBranch
from pixelwise.networks.kernel_branch import KernelBranch


class Segmenter(Network):
    """A semantic FPN on any encoder: a `Network`.

    Kirillov et al., "Panoptic feature pyramid networks" (2019), section 3, with the pyramid read
    at its finest level.

    Parameters
    ----------
    encoder : Encoder
        Its feature maps finer than the design's stride are for the foreground only.
    decoder : PyramidDecoder
    n_classes : int
    branch : CentreBranch or KernelBranch, optional
        Distinguishes instances, too.
    foreground : ForegroundBranch, optional
        Finds what stands out, too.
    design : Design
        What the parts were built by.
    title : str
        What to call the network in a report.

    Examples
    --------
    >>> import torch
    >>> network = build_network(n_classes=3, size="tiny").eval()
    >>> output = network(torch.zeros(1, 3, 33, 70))
    >>> output.logits.shape
    torch.Size([1, 3, 33, 70])
    >>> output.instances
    ()
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self,
        encoder: Encoder,
        decoder: PyramidDecoder,
        n_classes: int,
        branch: CentreBranch | KernelBranch | None = None,
        foreground: ForegroundBranch | None = None,
        *,
        design: Design,
        title: str,
    ) -> None:
        super().__init__()
        self.design, self.encoder_name, self.stride = title, design.encoder, design.stride
        self._finer = encoder.strides.index(design.stride)
        # A map of all classes at the image's size would cost an eighth of the network's time.
        self.logits_stride = self.stride if self.stride > 2 else 1
        self.instance_branch = branch
        if branch is not None:
            self.instance_design = "kernels" if isinstance(branch, KernelBranch) else "centres"
        self.encoder = encoder
        self.context = Context(encoder.channels[-1]) if design.context else None
        self.decoder = decoder
        self.head = nn.Conv2d(decoder.channels, n_classes, 1)
        self.foreground = foreground
        if foreground is not None:
            self.foreground_stride = FOREGROUND_STRIDE
        for name, values in (("mean", encoder.mean), ("deviation", encoder.deviation)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.zeros(n_classes), persistent=False)

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """Return the encoder's parameters if it is a pretrained one."""
        entry = ENCODERS.get(self.encoder_name)
        return list(self.encoder.parameters()) if entry and entry.pretrained else []

    def freeze_classes(self) -> None:
        """Leave only the instance branch to be learnt; call it again after each ``train()``."""
        if self.instance_branch is None:
            super().freeze_classes()
        for part in (self.encoder, self.context, self.decoder, self.head, self.foreground):
            if part is not None:
                part.requires_grad_(False).eval()

    def forward(self, image: torch.Tensor, shrink: int | None = None) -> Output:
        """(N, 3, H, W) float32 in 0..255 to logits and instances; see `Network.forward`."""
        fine_features = self.encoder((image - self.mean) / self.deviation)
        if self.context is not None:
            fine_features[-1] = self.context(fine_features[-1])
        features = fine_features[self._finer :]
        logits = self.head(self.decoder(features)) + self.shift[:, None, None]
        height, width = image.shape[2], image.shape[3]
        shrink = shrink or self.logits_stride
        size = (height + shrink - 1) // shrink, (width + shrink - 1) // shrink
        logits = enlarge(logits, self.stride // shrink, size)
        branch = self.instance_branch
        instances = () if branch is None else branch(features)
        foreground = None if self.foreground is None else self.foreground(fine_features)
        return Output(logits, instances, foreground)


def build_network(
    n_classes: int,
    size: str = "small",
    instances: str = "",
    encoder: str = NO_ENCODER,
    foreground: bool = False,
) -> Segmenter:
    """Build one of our own compact networks.

    Parameters
    ----------
    n_classes : int
        Planes of the logits.
    size : str
        One of `DESIGNS`: ``tiny`` (0.6 M parameters), ``small`` (1.5 M) or ``base`` (7 M).
    instances : str
        Distinguish instances, too: one of `INSTANCE_DESIGNS`, or empty. ``centres`` are those of
        Panoptic-DeepLab (Cheng et al., 2020), for many small instances; ``kernels`` those of
        CondInst (Tian et al., 2020), on a pretrained encoder only.
    encoder : str
        ``none`` for a residual encoder with random weights, or one of `PRETRAINED_DESIGNS`. The
        network on ``efficientnet_lite0`` has one size, 3.1 M parameters.
    foreground : bool
        Find what stands out, too, whatever its class.

    Returns
    -------
    Segmenter
        With random weights from torch's current seed, but for a pretrained encoder.

    Raises
    ------
    ArgumentError
        A name that is not known, or a size or instances that the network on this encoder does not
        have.
    MissingExtraError
        The package with the encoder's weights is not installed.

    Examples
    --------
    >>> network = build_network(n_classes=21, size="small")
    >>> network.design
    'Semantic FPN on a slim ResNet (small)'
    >>> count_parameters(network) < 1_500_000
    True
    """
    return build_design(design_of(size, encoder), n_classes, instances, foreground)


def build_boundary_network(encoder: str = NO_ENCODER) -> Segmenter:
    """Build the network that finds boundaries: the same parts, slimmer.

    Parameters
    ----------
    encoder : str
        An entry of `BOUNDARY_DESIGNS`: ``none`` for one on pixel differences with random weights,
        0.29 M parameters, or a pretrained one.

    Returns
    -------
    Segmenter
        Of one plane, the logit that a pixel lies on a boundary.

    Examples
    --------
    >>> count_parameters(build_boundary_network())
    289401
    """
    network = build_design(BOUNDARY_DESIGNS[encoder], n_classes=1)
    # Few pixels are boundary; to start at a half would cost the first epochs.
    torch.nn.init.constant_(network.head.bias, -3.0)  # type: ignore[arg-type]
    return network


def count_parameters(network: nn.Module) -> int:
    """Return how many numbers of a network are learnt.

    Examples
    --------
    >>> from torch import nn
    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in network.parameters())


def build_design(
    design: Design, n_classes: int, instances: str = "", foreground: bool = False
) -> Segmenter:
    """Build the network of a design.

    Parameters
    ----------
    design : Design
    n_classes, instances, foreground
        As for `build_network`.

    Examples
    --------
    >>> from pixelwise.networks import DESIGNS
    >>> build_design(DESIGNS["tiny"], n_classes=3).stride
    2
    """
    options = dict(design.options)
    if foreground and "from_stride" in options:
        options["from_stride"] = FOREGROUND_STRIDE
    encoder = ENCODERS[design.encoder].build(**options)
    channels = encoder.channels[encoder.strides.index(design.stride) :]
    decoder = PyramidDecoder(channels, design.width, design.fine_width, design.separable)
    branch: CentreBranch | KernelBranch | None = None
    title = design.title
    if instances == "kernels":
        branch = KernelBranch(channels, design.width, design.fine_width, design.separable)
        title += ", kernels of CondInst"
    elif instances == "centres":
        branch = CentreBranch(channels, design.width, design.fine_width, design.instance_blocks)
        title += ", centres and offsets of Panoptic-DeepLab"
    return Segmenter(
        encoder,
        decoder,
        n_classes,
        branch,
        ForegroundBranch(encoder.channels, design.separable) if foreground else None,
        design=design,
        title=title,
    )
