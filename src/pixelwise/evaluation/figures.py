"""What each figure of an evaluation means, and what it is called in a table."""

from __future__ import annotations

from pixelwise.metrics.boundaries import DEFINITIONS as BOUNDARY_DEFINITIONS
from pixelwise.metrics.instance_scores import DEFINITIONS as INSTANCE_DEFINITIONS

DEFINITIONS = {
    "miou": "mean over classes of TP/(TP+FP+FN), one confusion matrix over the data set",
    "per_image_miou": (
        "mean over images of the mean over the classes in that image's truth or prediction of "
        "TP/(TP+FP+FN) within the image"
    ),
    "frequency_weighted_iou": "mean of the classes' IoU, weighted by their share of true pixels",
    "pixel_accuracy": "right pixels over all pixels",
    "mean_class_accuracy": "mean over the classes in the truth of TP/(TP+FN)",
    "foreground_iou": "IoU of any class but id 0 against id 0",
    **BOUNDARY_DEFINITIONS,
    **INSTANCE_DEFINITIONS,
    "boundary_loss": (
        "mean cross-entropy against the share of people who drew a boundary there, times 4; "
        "pixels with a boundary count up to four times"
    ),
}
"""What each figure means.

Void pixels are left out of all of them but AP, AR and the cell figures, which compare whole masks.
"""


def _title(name: str) -> str:
    words = {"miou": "mIoU", "iou": "IoU", "f1": "F1", "pq": "PQ", "sq": "SQ", "rq": "RQ"}
    spelt = [words.get(w, w.upper() if w[:2] in ("ap", "ar") else w) for w in name.split("_")]
    return " ".join(spelt)


TITLES = {name: _title(name) for name in DEFINITIONS}
"""What each figure is called in a table."""
