"""How good weights are on a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from pixelwise.datasets import Dataset
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.metrics import SemanticScores, confusion_matrix
from pixelwise.progress import track
from pixelwise.types import Sample

Answer = TypeVar("Answer")


def translated(
    dataset: Dataset, predictor: Predictor, rules: Mapping[str, str] | None = None
) -> tuple[Dataset, str]:
    """Bring the classes of a data set to those of some weights.

    Parameters
    ----------
    dataset : Dataset
    predictor : Predictor
    rules : mapping of str to str, optional
        As for `ClassMap.remap`. Where not given: none are needed if the classes are the same;
        else those the weights were trained with on a folder of this name; else, if the data set
        has every class of the weights, its other classes count as background.

    Returns
    -------
    dataset : Dataset
        With the predictor's classes.
    how : str
        One line saying what was translated, empty where nothing was.

    Raises
    ------
    ArgumentError
        A class has no clear place; the message says how to give it one.
    """
    target = predictor.classes
    if rules is None:
        if dataset.classes.names == target.names:
            return dataset, ""
        rules = predictor.card.rules.get(dataset.root.resolve().name)
    if rules is None:
        missing = [name for name in target.names if name not in dataset.classes.names]
        if missing:
            raise ArgumentError(
                f"the weights tell apart {', '.join(target.names)}, but the data set has no "
                f"{', '.join(missing)}; say what its classes are, e.g. --map '*={target.names[-1]}'"
            )
        rules = {name: name for name in target.names} | {"*": target.names[0]}
    said = ", ".join(f"{here} -> {there}" for here, there in rules.items() if here != there)
    return dataset.remapped(rules, target), said


def evaluate(predictor: Predictor, dataset: Dataset) -> SemanticScores:
    """Predict every photo at its own size and count one confusion matrix over all.

    Parameters
    ----------
    predictor : Predictor
    dataset : Dataset
        Its classes have the predictor's names, in the same order; `Dataset.remapped` brings
        others there.

    Returns
    -------
    SemanticScores

    Raises
    ------
    ArgumentError
        The classes differ.
    """
    if dataset.classes.names != predictor.classes.names:
        raise ArgumentError(
            f"the weights tell apart {', '.join(predictor.classes.names)}, but the data set has "
            f"{', '.join(dataset.classes.names)}; bring them together with Dataset.remapped"
        )
    n_classes = len(dataset.classes)
    matrix = np.zeros((n_classes, n_classes), dtype=np.int64)
    for sample, guess in pairs(dataset, lambda s: predictor.predict(s.image).label_map):
        matrix += confusion_matrix(sample.label_map, guess, n_classes)
    source = f"{dataset.root.resolve().name} {dataset.split}"
    return SemanticScores(matrix, dataset.classes, len(dataset), source)


def pairs(dataset: Dataset, predict: Callable[[Sample], Answer]) -> Iterator[tuple[Sample, Answer]]:
    """Yield each sample with what ``predict`` gives for it."""
    with ThreadPoolExecutor(1) as pool:
        # One sample is read while the network works on the one before it.
        waiting = pool.submit(dataset.__getitem__, 0)
        for i in track(range(len(dataset)), f"evaluating {dataset.split}", len(dataset)):
            sample = waiting.result()
            if i + 1 < len(dataset):
                waiting = pool.submit(dataset.__getitem__, i + 1)
            yield sample, predict(sample)
