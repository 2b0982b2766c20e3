"""How good label maps are on a data set, whoever made them, with every figure defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.concurrency import prefetch
from pixelwise.datasets import Dataset
from pixelwise.errors import ArgumentError, DataError, LabelError
from pixelwise.evaluation.figures import DEFINITIONS
from pixelwise.inference.predictor import Predictor
from pixelwise.instances import instances_of
from pixelwise.io.mask import INSTANCES_SUFFIX, read_instance_map, read_label_map
from pixelwise.metrics import BoundaryScores, SemanticScores, boundary_counts, confusion_matrix
from pixelwise.metrics.boundaries import COLUMNS
from pixelwise.metrics.instance_scores import InstanceCounter, InstanceScores
from pixelwise.metrics.semantic import or_none
from pixelwise.progress import track
from pixelwise.samples import Instance, Sample

UInt8Array = npt.NDArray[np.uint8]
Labels = tuple[UInt8Array, tuple[Instance, ...] | None]
Predict = Callable[[Sample], Labels]


@dataclass(frozen=True, eq=False)
class Evaluation:
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
    objects : InstanceScores, optional
        Where objects were told apart, in the data and in the predictions_of.
    image_cells : (N,) float64, optional
        TP/(TP+FP+FN) at IoU 0.5 of each photo's objects; NaN where it has none to evaluate.
    """

    scores: SemanticScores
    boundaries: BoundaryScores
    names: tuple[str, ...]
    image_miou: npt.NDArray[np.float64]
    void_pixels: int
    objects: InstanceScores | None = None
    image_cells: npt.NDArray[np.float64] | None = None

    @property
    def per_image_miou(self) -> float:
        """Mean of `image_miou` over the photos that have one (0..1)."""
        known = self.image_miou[np.isfinite(self.image_miou)]
        return float(known.mean()) if known.size else float("nan")

    def worst(self, n: int = 10) -> list[int]:
        """Return the places of the photos with the lowest score of their own, lowest first.

        That is the share of objects found, `image_cells`, where there is one, else mIoU.
        """
        scores = self.image_miou if self.image_cells is None else self.image_cells
        order = np.argsort(scores, kind="stable")
        return [int(i) for i in order[:n] if np.isfinite(scores[i])]

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
            **({} if self.objects is None else self.objects.figures()),
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
            **({} if self.objects is None else {"objects": self.objects.as_dict()["per_class"]}),
            "definitions": {name: DEFINITIONS[name] for name in self.figures()},
        }


def evaluate(
    dataset: Dataset, predict: Predictor | Predict, things: tuple[int, ...] = ()
) -> Evaluation:
    """Compare label maps and objects with a data set's own, at full size.

    Parameters
    ----------
    dataset : Dataset
    predict : Predictor or callable
        A callable takes a sample and gives its (H, W) uint8 label map, in ids of
        ``dataset.classes``, and its instances or None. `saved_predictions` makes one of a folder.
    things : tuple of int
        The classes that come as objects; those of photos in which nobody told objects apart are
        not judged.

    Returns
    -------
    Evaluation

    Raises
    ------
    ArgumentError
        The predictor's classes are not the data set's; `Dataset.remapped` brings them together.
    LabelError
        A label map of another size, or with an id that is no class.
    """
    if isinstance(predict, Predictor):
        _check_classes(predict, dataset)
        predict = predictions_of(predict)
    n = len(dataset.classes)
    matrix = np.zeros((n, n), dtype=np.int64)
    counts = np.zeros((n, COLUMNS), dtype=np.int64)
    names, image_miou, image_cells, void_pixels = [], [], [], 0
    counter = InstanceCounter(dataset.classes, things)
    samples = prefetch(dataset.__getitem__, range(len(dataset)))
    for sample in track(samples, f"evaluating {dataset.split}", len(dataset)):
        guess, objects = predict(sample)
        own = confusion_matrix(sample.label_map, guess, n)
        matrix += own
        counts += boundary_counts(sample.label_map, guess, n)
        names.append(sample.name)
        image_miou.append(SemanticScores(own, dataset.classes, 1, sample.name).miou)
        void_pixels += int(np.count_nonzero(sample.label_map == VOID))
        image_cells.append(float("nan"))
        if things and objects is not None and sample.instances is not None:
            counter.add((sample.label_map, sample.instances), (guess, objects))
            image_cells[-1] = counter.last
    source = f"{dataset.root.resolve().name} {dataset.split}"
    return Evaluation(
        SemanticScores(matrix, dataset.classes, len(dataset), source),
        BoundaryScores(counts, dataset.classes),
        tuple(names),
        np.array(image_miou, dtype=np.float64),
        void_pixels,
        counter.scores(),
        None if np.isnan(image_cells).all() else np.array(image_cells),
    )


def _check_classes(predictor: Predictor, dataset: Dataset) -> None:
    if dataset.classes.names != predictor.classes.names:
        raise ArgumentError(
            f"the weights have the classes {', '.join(predictor.classes.names)}, but the data set "
            f"has {', '.join(dataset.classes.names)}; bring them together with Dataset.remapped"
        )


def predictions_of(predictor: Predictor) -> Callable[[Sample], Labels]:
    """Return what gives a predictor's label map and objects for a sample's photo."""

    def predict(sample: Sample) -> Labels:
        prediction = predictor.predict(sample.image)
        return prediction.label_map, prediction.instances

    return predict


def things_of(dataset: Dataset, folder: str | Path) -> tuple[int, ...]:
    """Return the classes that come as objects in a data set; none where ``folder`` has no objects.

    Parameters
    ----------
    dataset : Dataset
    folder : str or Path
        Of `saved_predictions`.
    """
    if not any(Path(folder).glob(f"*{INSTANCES_SUFFIX}")):
        return ()
    every = (dataset.read_labels(entry)[1] or () for entry in dataset.entries)
    return tuple(sorted({i.class_id for instances in every for i in instances}))


def saved_predictions(folder: str | Path) -> Callable[[Sample], Labels]:
    """Return what reads a sample's label map from ``folder/<name>.png``, as any tool may write it.

    Where there is ``folder/<name>_instances.png`` too, its 16-bit ids are the objects; each has the
    class that most of its pixels have, and nobody knows how sure it is.

    Parameters
    ----------
    folder : str or Path
        Palette, grey or VOC-coloured PNGs, in ids of the data set's classes.

    Returns
    -------
    callable
        Takes a sample and gives its (H, W) uint8 label map and objects, or None; raises DataError
        where there is no label map, and LabelError where it is of another size or has an id that
        is no class.

    Raises
    ------
    ArgumentError
        No such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ArgumentError(f"{root}: no such folder")

    def read(sample: Sample) -> Labels:
        path = root / f"{sample.name}.png"
        if not path.is_file():
            raise DataError(f"{path}: missing; expected a label map for each of the photos")
        label_map = read_label_map(path)
        if label_map.shape != sample.label_map.shape:
            here, there = label_map.shape, sample.label_map.shape
            raise LabelError(
                f"{path}: {here[0]} x {here[1]}, but the photo is {there[0]} x {there[1]} "
                "(height x width); evaluate label maps at the photo's own size"
            )
        n = len(sample.classes)
        strange = label_map[(label_map >= n) & (sample.label_map != VOID)]
        if strange.size:
            raise LabelError(
                f"{path}: label {strange[0]}, but the data set has {n} classes (0..{n - 1})"
            )
        beside = root / f"{sample.name}{INSTANCES_SUFFIX}"
        if not beside.is_file():
            return label_map, None
        instance_map = read_instance_map(beside)
        if instance_map.shape != label_map.shape:
            raise LabelError(f"{beside}: of another size than {path.name}")
        return label_map, instances_of(instance_map, label_map)

    return read


def _by_name(names: tuple[str, ...], values: npt.NDArray[np.float64]) -> dict[str, float | None]:
    return {name: or_none(float(value)) for name, value in zip(names, values, strict=True)}
