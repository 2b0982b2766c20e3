"""Semantic models of the Hugging Face hub, as networks of the one contract."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.errors import WeightsError, missing_extra
from pixelwise.networks.contract import Network, Output

PREFIX = "hf:"

PREPROCESSING = "preprocessor_config.json"

MASK_MODELS = ("mask2former", "maskformer")
"""Kinds of model that give one class and one mask per query instead of logits per pixel."""


@dataclass(frozen=True)
class HubPreprocessing:
    """What a model's ``preprocessor_config.json`` asks for.

    Parameters
    ----------
    size : (height, width) or None
        What images are resized to; None if the file does not say.
    scale : float
        Factor on the pixels.
    mean, deviation : tuple of float
        Of the three channels, after scaling.
    """

    size: tuple[int, int] | None
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, values: dict[str, Any]) -> HubPreprocessing:
        """Read the values of a ``preprocessor_config.json``."""
        size = (
            values.get("size", values.get("crop_size")) if values.get("do_resize", True) else None
        )
        if isinstance(size, int):
            size = [size, size]
        elif isinstance(size, dict):
            edge = size.get("shortest_edge", size.get("longest_edge"))
            size = [size.get("height", edge), size.get("width", edge)]
        normalised = values.get("do_normalize", True)
        return cls(
            (int(size[0]), int(size[1])) if size else None,
            float(values.get("rescale_factor", 1 / 255)) if values.get("do_rescale", True) else 1.0,
            tuple(values.get("image_mean", (0.485, 0.456, 0.406))) if normalised else (0.0,) * 3,
            tuple(values.get("image_std", (0.229, 0.224, 0.225))) if normalised else (1.0,) * 3,
        )


class HubSegmenter(Network):
    """A hub model behind the contract of `Network`, with its preprocessing inside.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        For semantic segmentation.
    preprocessing : HubPreprocessing
    design : str
        What to call the network in a report.
    n_classes : int
        Planes of its logits.

    Attributes
    ----------
    fixed : (height, width) or None
        Set by `fix_size`: images are resized to this inside the network.
    """

    stride = 2
    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(
        self,
        model: nn.Module,
        preprocessing: HubPreprocessing,
        design: str,
        n_classes: int,
    ) -> None:
        super().__init__()
        self.design, self.preprocessing = design, preprocessing
        self.fixed: tuple[int, int] | None = None
        # Swin divides images into windows, whose number depends on the size.
        self.takes_any_size = not any("Swin" in type(m).__name__ for m in model.modules())
        self.model = model
        deviation = torch.tensor(preprocessing.deviation).view(1, 3, 1, 1)
        mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1)
        self.register_buffer("scale", preprocessing.scale / deviation, persistent=False)
        self.register_buffer("offset", mean / deviation, persistent=False)
        self.register_buffer("shift", torch.zeros(n_classes), persistent=False)

    def fix_size(self, side: int) -> bool:
        """Resize images to the size that the preprocessing names, else to ``side`` x ``side``."""
        self.fixed = self.fixed or self.preprocessing.size or (side, side)
        return True

    def forward(self, image: torch.Tensor, shrink: int | None = None) -> Output:
        """(N, 3, H, W) float32 in 0..255 to logits; see `Network.forward`."""
        height, width = image.shape[2], image.shape[3]
        x = image * self.scale - self.offset
        if self.fixed is not None:
            x = F.interpolate(x, size=self.fixed, mode="bilinear", align_corners=False)
        found = self.model(pixel_values=x)
        logits = found.logits if hasattr(found, "logits") else _logits_of_queries(found)
        shrink = shrink or self.logits_stride
        size = (height + shrink - 1) // shrink, (width + shrink - 1) // shrink
        logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        return Output(logits + self.shift[:, None, None])


def load_hub_model(name: str, n_classes: int | None = None) -> tuple[HubSegmenter, tuple[str, ...]]:
    """Load a semantic model from the hub or from a folder.

    Parameters
    ----------
    name : str
        ``hf:<owner>/<model>``, or a folder that ``save_pretrained`` wrote.
    n_classes : int, optional
        Give it a new head for so many classes; by default it keeps its own.

    Returns
    -------
    network : HubSegmenter
    names : tuple of str
        What its own classes are called; a name that is not the first of its kind gets its number.

    Raises
    ------
    MissingExtraError
        transformers is not installed.
    WeightsError
        There is no such model, or it is not one for semantic segmentation.
    """
    try:
        import transformers
        from transformers.utils.hub import cached_file
    except ModuleNotFoundError as error:
        raise missing_extra(
            "a model of the Hugging Face hub", error.name or "transformers", "hub"
        ) from None
    where = name.removeprefix(PREFIX)
    # A new head is what was asked for, and not worth a warning.
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    head = {} if n_classes is None else {"num_labels": n_classes, "ignore_mismatched_sizes": True}
    try:
        config = transformers.AutoConfig.from_pretrained(where)
        kind: Any = transformers.AutoModelForSemanticSegmentation
        if config.model_type in MASK_MODELS:
            kind = transformers.AutoModelForUniversalSegmentation
        # The faster ways to attend cannot be exported.
        model = kind.from_pretrained(where, attn_implementation="eager", **head)
        file = cached_file(where, PREPROCESSING)
        values = json.loads(Path(str(file)).read_text(encoding="utf-8"))
        preprocessing = HubPreprocessing.of(values)
    # The hub's errors, a missing file's and a wrong architecture's share no base class.
    except Exception as error:
        said = str(error).strip() or type(error).__name__
        raise WeightsError(f"{name}: {said.splitlines()[0]}") from None
    names = [str(config.id2label[i]) for i in range(len(config.id2label))]
    unique = tuple(n if names.index(n) == i else f"{n} {i}" for i, n in enumerate(names))
    design = f"{type(model).__name__} of {name}"
    return HubSegmenter(model, preprocessing, design, n_classes or len(names)), unique


def _logits_of_queries(found: Any) -> torch.Tensor:
    """Add up the masks of the queries by class (Cheng et al., "MaskFormer", 2021, section 3.4)."""
    classes = found.class_queries_logits.softmax(dim=-1)[..., :-1]  # the last is "no object"
    masks = found.masks_queries_logits.sigmoid()
    return torch.einsum("nqc,nqhw->nchw", classes, masks).clamp(min=1e-6).log()
