"""Where predictions come from: a predictor, a folder of saved files, or any function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.errors import ArgumentError, DataError, LabelError, size_mismatch
from pixelwise.evaluation.translate import translated
from pixelwise.inference.predictor import Predictor
from pixelwise.instances import instances_of
from pixelwise.io.mask import INSTANCES_SUFFIX, read_instance_map, read_label_map
from pixelwise.io.stored_path import locate
from pixelwise.samples import Instance, Sample, UInt8Array

Labels = tuple[UInt8Array, tuple[Instance, ...] | None]
Predict = Callable[[Sample], Labels]
Source = Predictor | str | Path | Predict
"""What may be evaluated."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """A data set and predictions that speak of the same classes.

    Parameters
    ----------
    dataset : Dataset
        With the predictions' classes.
    predict : callable
        Takes a sample and gives its (H, W) uint8 label map and its instances, or None.
    instance_classes : tuple of int
        The classes whose instances are compared.
    translation : str
        How the data set's classes were translated; empty if they were not.
    name : str
        What is evaluated, in words.
    """

    dataset: Dataset
    predict: Predict
    instance_classes: tuple[int, ...]
    translation: str
    name: str

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        source: Source,
        rules: Mapping[str, str] | None = None,
        instance_classes: Sequence[int] | None = None,
    ) -> Comparison:
        """Bring a data set and predictions together; the arguments are those of `evaluate`."""
        how = ""
        if isinstance(source, Predictor):
            dataset, how = translated(dataset, source.card, rules)
            dataset = replace(dataset, levels=source.levels)
            predict, known = predictions_of(source), source.card.instance_classes
            name = f"Weights {source.card.name}"
        elif rules:
            raise ArgumentError("rules (--map) are for weights; predictions have the data's ids")
        elif isinstance(source, (str, Path)):
            predict, name = saved_predictions(source), f"Label maps of {source}"
            known = () if instance_classes is not None else instance_classes_of(dataset, source)
        else:
            predict, known, name = source, (), "Predictions"
        ids = known if instance_classes is None else tuple(instance_classes)
        return cls(dataset if ids else dataset.semantic(), predict, ids, how, name)


def predictions_of(predictor: Predictor) -> Predict:
    """Return what gives a predictor's label map and instances for a sample's image."""

    def predict(sample: Sample) -> Labels:
        prediction = predictor.predict(sample.image)
        return prediction.label_map, prediction.instances

    return predict


def instance_classes_of(dataset: Dataset, folder: str | Path) -> tuple[int, ...]:
    """Return the classes of a data set's instances; none if ``folder`` has no instance maps.

    Parameters
    ----------
    dataset : Dataset
    folder : str or Path
        Of `saved_predictions`.
    """
    root = locate(folder)
    if not any((root / f"{entry.name}{INSTANCES_SUFFIX}").is_file() for entry in dataset.entries):
        return ()
    every = (dataset.read_labels(entry)[1] or () for entry in dataset.entries)
    return tuple(sorted({i.class_id for instances in every for i in instances}))


def saved_predictions(folder: str | Path) -> Predict:
    """Return what reads a sample's label map from ``folder/<name>.png``, as any tool may write it.

    If there is ``folder/<name>_instances.png`` too, its 16-bit ids are the instances; each has the
    class that most of its pixels have, and an unknown score.

    Parameters
    ----------
    folder : str or Path
        Palette, grey or VOC-coloured PNGs, in ids of the data set's classes.

    Returns
    -------
    callable
        Takes a sample and gives its (H, W) uint8 label map and instances, or None; raises
        DataError if there is no label map, and LabelError if it is of another size or has an id
        that is no class.

    Raises
    ------
    ArgumentError
        No such folder.
    """
    root = locate(folder)
    if not root.is_dir():
        raise ArgumentError(f"{root}: no such folder")

    def read(sample: Sample) -> Labels:
        path = root / f"{sample.name}.png"
        if not path.is_file():
            raise DataError(f"{path}: missing; expected a label map for each of the images")
        label_map = read_label_map(path)
        size, n = sample.label_map.shape, len(sample.classes)
        if label_map.shape != size:
            fix = "evaluate label maps at the image's own size"
            raise size_mismatch(str(path), "label map", label_map.shape, size, fix)
        unknown = label_map[(label_map >= n) & (sample.label_map != VOID)]
        if unknown.size:
            raise LabelError(
                f"{path}: label {unknown[0]}, but the data set has {n} classes (0..{n - 1})"
            )
        beside = root / f"{sample.name}{INSTANCES_SUFFIX}"
        if not beside.is_file():
            return label_map, None
        instance_map = read_instance_map(beside)
        if instance_map.shape != size:
            fix = "write both at the image's own size"
            raise size_mismatch(str(beside), "instance map", instance_map.shape, size, fix)
        return label_map, instances_of(instance_map, label_map)

    return read
