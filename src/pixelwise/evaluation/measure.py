"""How good predictions are on a data set, whoever made them, with every figure defined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise.classes import VOID
from pixelwise.concurrency import prefetch
from pixelwise.datasets import Dataset
from pixelwise.evaluation.figures import DEFINITIONS
from pixelwise.evaluation.predictions import Comparison, Source
from pixelwise.evaluation.unlabelled import leave_out_instances, leave_out_pixels
from pixelwise.io.stored_path import StoredPath
from pixelwise.metrics import BoundaryScores, SemanticScores, boundary_counts, confusion_matrix
from pixelwise.metrics.boundaries import COLUMNS
from pixelwise.metrics.instance_scores import InstanceCounter, InstanceScores
from pixelwise.metrics.semantic import or_none
from pixelwise.progress import track
from pixelwise.samples import Float64Array

AHEAD = 8
"""Samples of remote storage that are read while one is compared."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All figures of predictions on one data set. Made by `evaluate`.

    Parameters
    ----------
    scores : SemanticScores
        From one confusion matrix over all images.
    names : tuple of str
        Of the images.
    image_miou : (N,) float64
        Of each image, 0..1; NaN if all of it is void.
    image_cells : (N,) float64
        TP/(TP+FP+FN) at IoU 0.5 of each image's instances; NaN if it has none to evaluate.
    void_pixels : int
        Pixels that are left out.
    boundaries : BoundaryScores, optional
        If they were asked for.
    instances : InstanceScores, optional
        If the data and the predictions have instances.
    translation : str
        How the data set's classes were translated to the weights'; empty if they were not.
    unlabelled : tuple of int
        As given to `evaluate`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import evaluate, open_dataset
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     shapes = open_dataset(draw_shapes(folder, train=1, val=1), "val", say=str)
    ...     evaluation = evaluate(shapes, lambda sample: (sample.label_map, None))
    >>> evaluation.figures()["boundary_iou"]
    1.0
    >>> evaluation.as_dict()["definitions"]["pixel_accuracy"]
    'right pixels over all pixels'
    """

    scores: SemanticScores
    names: tuple[str, ...]
    image_miou: Float64Array
    image_cells: Float64Array
    void_pixels: int
    boundaries: BoundaryScores | None = None
    instances: InstanceScores | None = None
    translation: str = ""
    unlabelled: tuple[int, ...] = ()

    @property
    def per_image_miou(self) -> float:
        """Mean of `image_miou` over the images that have one (0..1)."""
        known = self.image_miou[np.isfinite(self.image_miou)]
        return float(known.mean()) if known.size else float("nan")

    def worst(self, n: int = 10) -> list[int]:
        """Return the places of the images with the lowest score of their own, lowest first.

        That is the share of instances found, `image_cells`, if any image has one, else mIoU.
        """
        with_cells = np.isfinite(self.image_cells).any()
        scores = self.image_cells if with_cells else self.image_miou
        order = np.argsort(scores, kind="stable")
        return [int(i) for i in order[:n] if np.isfinite(scores[i])]

    def figures(self) -> dict[str, float]:
        """Return every average by its name in `pixelwise.evaluation.figures.DEFINITIONS`."""
        found = {
            "miou": self.scores.miou,
            "per_image_miou": self.per_image_miou,
            "frequency_weighted_iou": self.scores.frequency_weighted_iou,
            "pixel_accuracy": self.scores.pixel_accuracy,
            "mean_class_accuracy": self.scores.mean_class_accuracy,
            "foreground_iou": self.scores.foreground_iou,
        }
        if self.boundaries is not None:
            found |= {"boundary_iou": self.boundaries.iou, "boundary_f1": self.boundaries.f1}
        return found | ({} if self.instances is None else self.instances.figures())

    def as_dict(self) -> dict[str, object]:
        """Return the figures as plain values for JSON; a NaN becomes None."""
        found = self.scores.as_dict() | {n: or_none(v) for n, v in self.figures().items()}
        if self.boundaries is not None:
            found["per_class_boundary_iou"] = self._by_name(self.boundaries.per_class_iou)
            found["per_class_boundary_f1"] = self._by_name(self.boundaries.per_class_f1)
        if self.instances is not None:
            found["instances"] = self.instances.as_dict()["per_class"]
        return found | {
            "confusion": self.scores.matrix.tolist(),
            "void_pixels": self.void_pixels,
            "worst": {self.names[i]: or_none(float(self.image_miou[i])) for i in self.worst()},
            "definitions": {name: DEFINITIONS[name] for name in self.figures()},
        }

    def _by_name(self, values: Float64Array) -> dict[str, float | None]:
        named = zip(self.scores.classes.names, values, strict=True)
        return {name: or_none(float(value)) for name, value in named}


def evaluate(
    dataset: Dataset,
    predict: Source,
    rules: Mapping[str, str] | None = None,
    *,
    instance_classes: Sequence[int] | None = None,
    unlabelled: Sequence[int] = (),
    boundaries: bool = True,
) -> Evaluation:
    """Compare predictions with a data set's label maps and instances, at full size.

    Parameters
    ----------
    dataset : Dataset
    predict : Predictor, str, Path or callable
        Weights; or a folder of label maps ``<name>.png``, in ids of the data set's classes, with
        instance maps ``<name>_instances.png`` if there are instances; or a function that takes a
        `Sample` and gives its (H, W) uint8 label map and its instances, or None.
    rules : mapping of str to str, optional
        How the data set's classes are translated to the weights', as for
        `pixelwise.evaluation.translated`. For weights only.
    instance_classes : sequence of int, optional
        The classes whose instances are compared, in images where the data set has any. If not
        given: the weights'; those of the data set if the folder has instance maps; none for a
        function.
    unlabelled : sequence of int
        Classes that the data set does not label, or not completely: where its label is class 0
        and the prediction one of these, the label says nothing, and the pixel is left out as void;
        so are found instances of these classes of which more than half lies there.
    boundaries : bool
        Compare boundaries too: about 10 ms for an image of 500 x 375.

    Returns
    -------
    Evaluation

    Raises
    ------
    ArgumentError
        Classes that cannot be brought together, rules where there is nothing to translate, or no
        such folder.
    DataError
        An image or a label map cannot be read.
    LabelError
        A label map of another size, or with an id that is no class.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import open_dataset
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     shapes = open_dataset(draw_shapes(folder, train=1, val=2), "val", say=str)
    ...     evaluation = evaluate(shapes, lambda sample: (0 * sample.label_map, None))
    >>> evaluation.scores.foreground_iou
    0.0
    """
    compared = Comparison.of(dataset, predict, rules, instance_classes)
    dataset, n = compared.dataset, len(compared.dataset.classes)
    matrix = np.zeros((n, n), dtype=np.int64)
    counts = np.zeros((n, COLUMNS), dtype=np.int64)
    counter = InstanceCounter(dataset.classes, compared.instance_classes)
    names, image_miou, image_cells, void_pixels = [], [], [], 0
    # Those of remote storage are waited for, several at once.
    ahead = AHEAD if isinstance(dataset.root, StoredPath) else 1
    samples = prefetch(dataset.__getitem__, range(len(dataset)), ahead, ahead)
    for sample in track(samples, f"evaluating {dataset.split}", len(dataset)):
        label_map, instances = compared.predict(sample)
        truth = leave_out_pixels(sample.label_map, label_map, unlabelled)
        own = confusion_matrix(truth, label_map, n)
        matrix += own
        if boundaries:
            counts += boundary_counts(truth, label_map, n)
        names.append(sample.name)
        image_miou.append(SemanticScores(own, dataset.classes, 1, sample.name).miou)
        void_pixels += int(np.count_nonzero(truth == VOID))
        image_cells.append(float("nan"))
        if compared.instance_classes and instances is not None and sample.instances is not None:
            instances = leave_out_instances(sample.label_map, instances, unlabelled)
            counter.add((truth, sample.instances), (label_map, instances))
            image_cells[-1] = counter.last
    source = f"{dataset.root.resolve().name} {dataset.split}"
    return Evaluation(
        SemanticScores(matrix, dataset.classes, len(dataset), source),
        tuple(names),
        np.array(image_miou, dtype=np.float64),
        np.array(image_cells, dtype=np.float64),
        void_pixels,
        BoundaryScores(counts, dataset.classes) if boundaries else None,
        counter.scores(),
        compared.translation,
        tuple(unlabelled),
    )
