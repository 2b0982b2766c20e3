"""How good label maps are on a data set, whoever made them, with every figure defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.errors import ArgumentError, DataError, LabelError
from pixelwise.inference.evaluate import pairs
from pixelwise.masks import read_label_map
from pixelwise.metrics import BoundaryScores, SemanticScores, boundary_counts, confusion_matrix
from pixelwise.metrics.boundaries import COLUMNS
from pixelwise.metrics.boundaries import DEFINITIONS as BOUNDARY_DEFINITIONS
from pixelwise.metrics.semantic import or_none
from pixelwise.types import Sample

UInt8Array = npt.NDArray[np.uint8]

DEFINITIONS = {
    "miou": "mean over classes of TP/(TP+FP+FN), one confusion matrix over the data set",
    "per_image_miou": (
        "mean over photos of the mean over the classes in that photo's truth or prediction of "
        "TP/(TP+FP+FN) within the photo"
    ),
    "frequency_weighted_iou": "mean of the classes' IoU, weighted by their share of true pixels",
    "pixel_accuracy": "right pixels over all pixels",
    "mean_class_accuracy": "mean over the classes in the truth of TP/(TP+FN)",
    "foreground_iou": "IoU of any class but id 0 against id 0",
    **BOUNDARY_DEFINITIONS,
}
"""What each figure means; void pixels are left out of all of them."""


TITLES = {
    name: name.replace("_", " ").replace("miou", "mIoU").replace("iou", "IoU").replace("f1", "F1")
    for name in DEFINITIONS
}
"""What each figure is called in a table."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """Everything that is said about label maps of one data set.

    Parameters
    ----------
    scores : SemanticScores
        From one confusion matrix over all photos.
    boundaries : BoundaryScores
    names : tuple of str
        Of the photos.
    image_miou : (N,) float64
        Of each photo, 0..1; NaN where all of it is void.
    void_pixels : int
        Pixels that nothing was counted on.
    """

    scores: SemanticScores
    boundaries: BoundaryScores
    names: tuple[str, ...]
    image_miou: npt.NDArray[np.float64]
    void_pixels: int

    @property
    def per_image_miou(self) -> float:
        """Mean of `image_miou` over the photos that have one (0..1)."""
        known = self.image_miou[np.isfinite(self.image_miou)]
        return float(known.mean()) if known.size else float("nan")

    def worst(self, n: int = 10) -> list[int]:
        """Return the places of the photos with the lowest mIoU of their own, lowest first."""
        order = np.argsort(self.image_miou, kind="stable")
        return [int(i) for i in order[:n] if np.isfinite(self.image_miou[i])]

    def figures(self) -> dict[str, float]:
        """Return every average by the name that `DEFINITIONS` has it under."""
        return {
            "miou": self.scores.miou,
            "per_image_miou": self.per_image_miou,
            "frequency_weighted_iou": self.scores.frequency_weighted_iou,
            "pixel_accuracy": self.scores.pixel_accuracy,
            "mean_class_accuracy": self.scores.mean_class_accuracy,
            "foreground_iou": self.scores.foreground_iou,
            "boundary_iou": self.boundaries.iou,
            "boundary_f1": self.boundaries.f1,
        }

    def as_dict(self) -> dict[str, object]:
        """Return the figures as plain values for JSON; a NaN becomes None."""
        names = self.scores.classes.names
        return self.scores.as_dict() | {
            **{name: or_none(value) for name, value in self.figures().items()},
            "per_class_boundary_iou": _by_name(names, self.boundaries.per_class_iou),
            "per_class_boundary_f1": _by_name(names, self.boundaries.per_class_f1),
            "confusion": self.scores.matrix.tolist(),
            "void_pixels": self.void_pixels,
            "worst": {self.names[i]: or_none(float(self.image_miou[i])) for i in self.worst()},
            "definitions": DEFINITIONS,
        }


def judge(dataset: Dataset, predict: Callable[[Sample], UInt8Array]) -> Judgement:
    """Compare label maps with a data set's own, at full size.

    Parameters
    ----------
    dataset : Dataset
    predict : callable
        Takes a sample and gives the (H, W) uint8 label map to judge, in ids of
        ``dataset.classes``. See `Predictor.predict` and `saved_predictions`.

    Returns
    -------
    Judgement

    Raises
    ------
    LabelError
        A label map of another size, or with an id that is no class.
    """
    n = len(dataset.classes)
    matrix = np.zeros((n, n), dtype=np.int64)
    counts = np.zeros((n, COLUMNS), dtype=np.int64)
    names, image_miou, void_pixels = [], [], 0
    for sample, guess in pairs(dataset, predict):
        own = confusion_matrix(sample.label_map, guess, n)
        matrix += own
        counts += boundary_counts(sample.label_map, guess, n)
        names.append(sample.name)
        image_miou.append(SemanticScores(own, dataset.classes, 1, sample.name).miou)
        void_pixels += int(np.count_nonzero(sample.label_map == VOID))
    source = f"{dataset.root.resolve().name} {dataset.split}"
    return Judgement(
        SemanticScores(matrix, dataset.classes, len(dataset), source),
        BoundaryScores(counts, dataset.classes),
        tuple(names),
        np.array(image_miou, dtype=np.float64),
        void_pixels,
    )


def saved_predictions(folder: str | Path) -> Callable[[Sample], UInt8Array]:
    """Return what reads a sample's label map from ``folder/<name>.png``, as any tool may write it.

    Parameters
    ----------
    folder : str or Path
        Palette, grey or VOC-coloured PNGs, in ids of the data set's classes.

    Returns
    -------
    callable
        Takes a sample and gives its (H, W) uint8 label map; raises DataError where there is none,
        and LabelError where it is of another size or has an id that is no class.

    Raises
    ------
    ArgumentError
        No such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ArgumentError(f"{root}: no such folder")

    def read(sample: Sample) -> UInt8Array:
        path = root / f"{sample.name}.png"
        if not path.is_file():
            raise DataError(f"{path}: missing; expected a label map for each of the photos")
        label_map = read_label_map(path)
        if label_map.shape != sample.label_map.shape:
            here, there = label_map.shape, sample.label_map.shape
            raise LabelError(
                f"{path}: {here[0]} x {here[1]}, but the photo is {there[0]} x {there[1]} "
                "(height x width); judge label maps at the photo's own size"
            )
        n = len(sample.classes)
        strange = label_map[(label_map >= n) & (sample.label_map != VOID)]
        if strange.size:
            raise LabelError(
                f"{path}: label {strange[0]}, but the data set has {n} classes (0..{n - 1})"
            )
        return label_map

    return read


def _by_name(names: tuple[str, ...], values: npt.NDArray[np.float64]) -> dict[str, float | None]:
    return {name: or_none(float(value)) for name, value in zip(names, values, strict=True)}
