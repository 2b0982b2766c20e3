"""pixelwise turns pictures into pixel-accurate masks and does something useful with them.

Importing it does nothing but this: each name below is loaded when it is first used, so
``import pixelwise`` costs neither numpy nor OpenCV nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelwise.blur import blur_video, find_subject
    from pixelwise.classes import VOC, VOID, ClassMap
    from pixelwise.datasets import (
        Dataset,
        ReadOptions,
        check,
        convert,
        download,
        list_splits,
        open_dataset,
    )
    from pixelwise.drawing import overlay, show
    from pixelwise.effects import blur_background, cut_out, replace_background, soft_alpha
    from pixelwise.errors import PixelwiseError
    from pixelwise.evaluation import evaluate
    from pixelwise.inference import Prediction, Predictor
    from pixelwise.io.image import read_image, write_image
    from pixelwise.io.mask import read_label_map, write_label_map
    from pixelwise.metrics import SemanticScores, confusion_matrix
    from pixelwise.regions import Hierarchy, hierarchy, refine, superpixels
    from pixelwise.samples import Instance, Sample

__version__ = "0.1.0"

_HOMES = {
    "ClassMap": "classes",
    "VOC": "classes",
    "VOID": "classes",
    "Dataset": "datasets",
    "ReadOptions": "datasets",
    "check": "datasets",
    "convert": "datasets",
    "download": "datasets",
    "list_splits": "datasets",
    "open_dataset": "datasets",
    "overlay": "drawing",
    "show": "drawing",
    "blur_background": "effects",
    "cut_out": "effects",
    "replace_background": "effects",
    "soft_alpha": "effects",
    "PixelwiseError": "errors",
    "read_image": "io.image",
    "write_image": "io.image",
    "Prediction": "inference",
    "Predictor": "inference",
    "blur_video": "blur",
    "evaluate": "evaluation",
    "find_subject": "blur",
    "read_label_map": "io.mask",
    "write_label_map": "io.mask",
    "SemanticScores": "metrics",
    "confusion_matrix": "metrics",
    "Hierarchy": "regions",
    "hierarchy": "regions",
    "refine": "regions",
    "superpixels": "regions",
    "Instance": "samples",
    "Sample": "samples",
}

__all__ = [
    "VOC",
    "VOID",
    "ClassMap",
    "Dataset",
    "Hierarchy",
    "Instance",
    "PixelwiseError",
    "Prediction",
    "Predictor",
    "ReadOptions",
    "Sample",
    "SemanticScores",
    "__version__",
    "blur_background",
    "blur_video",
    "check",
    "confusion_matrix",
    "convert",
    "cut_out",
    "download",
    "evaluate",
    "find_subject",
    "hierarchy",
    "list_splits",
    "open_dataset",
    "overlay",
    "read_image",
    "read_label_map",
    "refine",
    "replace_background",
    "show",
    "soft_alpha",
    "superpixels",
    "write_image",
    "write_label_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pixelwise' has no attribute {name!r}")
    return getattr(import_module(f"pixelwise.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
