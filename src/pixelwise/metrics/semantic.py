"""Scores of label maps, all from one confusion matrix over a whole data set."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import ArgumentError, LabelError
from pixelwise.metrics.averages import mean
from pixelwise.samples import Float64Array, Int64Array, UInt8Array, check_label_map

# cv2.calcHist returns float32 counts, exact up to 2^24; larger maps are counted in bands.
EXACT_PIXELS = 1 << 24


def confusion_matrix(truth: UInt8Array, prediction: UInt8Array, n_classes: int) -> Int64Array:
    """Count the pixels of each (true class, predicted class) pair, void left out.

    Parameters
    ----------
    truth : (H, W) uint8
        Class ids, 255 = void: those pixels are not counted.
    prediction : (H, W) uint8
        Class ids. Void, or an id without a class, is only allowed where the truth is void.
    n_classes : int
        1 to 255.

    Returns
    -------
    (n_classes, n_classes) int64
        Row: true class; column: predicted class.

    Raises
    ------
    LabelError
        The maps differ in size, or an id is out of range where it would count.

    Examples
    --------
    >>> truth = np.array([[0, 1, 1], [0, 1, 255]], dtype=np.uint8)
    >>> prediction = np.array([[0, 1, 0], [1, 1, 1]], dtype=np.uint8)
    >>> confusion_matrix(truth, prediction, 2).tolist()
    [[1, 1], [1, 2]]
    """
    check_pair(truth, prediction, n_classes)
    matrix = np.zeros((n_classes, n_classes), dtype=np.int64)
    rows = max(1, EXACT_PIXELS // truth.shape[1])
    for top in range(0, truth.shape[0], rows):
        planes = [np.ascontiguousarray(plane[top : top + rows]) for plane in (truth, prediction)]
        bins, ranges = [n_classes, n_classes], [0, n_classes, 0, n_classes]
        matrix += cv2.calcHist(planes, [0, 1], None, bins, ranges).astype(np.int64)
    void = np.count_nonzero(truth == VOID)
    if matrix.sum() + void != truth.size:
        _raise_unknown_id(truth, prediction, n_classes)
    return matrix


def check_pair(truth: UInt8Array, prediction: UInt8Array, n_classes: int) -> None:
    """Raise unless two maps, (H, W) uint8 each, can be compared pixel by pixel."""
    check_label_map(truth, "truth")
    check_label_map(prediction, "prediction")
    if not 1 <= n_classes <= VOID:
        raise ArgumentError(f"expected 1 to {VOID} classes, got {n_classes}")
    if truth.shape != prediction.shape:
        raise LabelError(
            f"truth is {truth.shape[0]} x {truth.shape[1]}, prediction {prediction.shape[0]} x "
            f"{prediction.shape[1]} (height x width); predict at the image's own size"
        )


@dataclass(frozen=True, eq=False)
class SemanticScores:
    """Scores of one confusion matrix. Every figure is a fraction in 0..1, or NaN.

    Parameters
    ----------
    matrix : (C, C) int64
        Row: true class; column: predicted class; void pixels left out.
    classes : ClassMap
        C names.
    images : int
        How many images were counted.
    source : str
        What they are, e.g. ``"voc2012 val"``.

    Examples
    --------
    >>> scores = SemanticScores(np.array([[1, 1], [1, 2]]), ClassMap(("sky", "tree")), 1, "toy")
    >>> scores.per_class_iou.round(3).tolist(), round(scores.miou, 3), scores.pixel_accuracy
    ([0.333, 0.5], 0.417, 0.6)
    """

    matrix: Int64Array
    classes: ClassMap
    images: int
    source: str

    def __post_init__(self) -> None:
        size = (len(self.classes), len(self.classes))
        if self.matrix.shape != size:
            raise ArgumentError(f"expected a {size} matrix, got {self.matrix.shape}")

    @property
    def per_class_iou(self) -> Float64Array:
        """(C,) float64: TP / (TP + FP + FN) of each class.

        NaN for a class in neither truth nor prediction; 0 for one predicted that never occurs.
        """
        right = np.diag(self.matrix).astype(np.float64)
        union = self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - right
        with np.errstate(invalid="ignore"):
            return np.asarray(right / union)

    @property
    def miou(self) -> float:
        """Mean of `per_class_iou` over the classes that have one (0..1, NaN if none has)."""
        return mean(self.per_class_iou)

    @property
    def pixel_accuracy(self) -> float:
        """Right pixels over all pixels that are not void (0..1, NaN if all are)."""
        total = int(self.matrix.sum())
        return float(np.trace(self.matrix) / total) if total else float("nan")

    @property
    def mean_class_accuracy(self) -> float:
        """Mean over the classes in the truth of their right pixels over all their pixels."""
        total = self.matrix.sum(axis=1)
        shown = total > 0
        share = np.diag(self.matrix)[shown] / total[shown]
        return float(share.mean()) if shown.any() else float("nan")

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean of `per_class_iou`, each weighted by its class's share of the true pixels."""
        total = self.matrix.sum(axis=1)
        shown = total > 0
        if not shown.any():
            return float("nan")
        return float((self.per_class_iou[shown] * total[shown]).sum() / total.sum())

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the classes that do not occur in the truth."""
        shown = self.matrix.sum(axis=1) > 0
        return tuple(n for n, occurs in zip(self.classes.names, shown, strict=True) if not occurs)

    @property
    def foreground_iou(self) -> float:
        """IoU of "any class but id 0" against id 0, 0..1: how well subjects are cut out."""
        background = self.matrix[0, 0]
        right = self.matrix[1:, 1:].sum()
        union = self.matrix.sum() - background
        return float(right / union) if union else float("nan")

    @property
    def definition(self) -> str:
        """The sentence to print beside the figures."""
        counted = int(np.isfinite(self.per_class_iou).sum())
        return (
            f"mIoU = mean over classes of TP/(TP+FP+FN) from one confusion matrix over the data "
            f"set; void excluded; {counted} of {len(self.classes)} classes occur, the others are "
            f"left out of the mean; {self.source}, {self.images:,} images, at full size"
        )

    def as_dict(self) -> dict[str, object]:
        """Return the figures as plain values for JSON; a NaN becomes None."""
        return {
            "miou": or_none(self.miou),
            "pixel_accuracy": or_none(self.pixel_accuracy),
            "mean_class_accuracy": or_none(self.mean_class_accuracy),
            "frequency_weighted_iou": or_none(self.frequency_weighted_iou),
            "foreground_iou": or_none(self.foreground_iou),
            "per_class_iou": {
                name: or_none(float(iou))
                for name, iou in zip(self.classes.names, self.per_class_iou, strict=True)
            },
            "absent_classes": list(self.absent),
            "images": self.images,
            "source": self.source,
            "definition": self.definition,
        }


def or_none(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return None if np.isnan(value) else value


def _raise_unknown_id(truth: UInt8Array, prediction: UInt8Array, n_classes: int) -> None:
    counted = truth != VOID
    for name, plane in (("truth", truth), ("prediction", prediction)):
        unknown = plane[counted & (plane >= n_classes)]
        if unknown.size:
            raise LabelError(
                f"{name}: label {unknown[0]} in {np.count_nonzero(unknown == unknown[0])} pixels, "
                f"but there are {n_classes} classes (0..{n_classes - 1})"
            )
