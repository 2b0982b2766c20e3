"""Which images an epoch draws, and how often: data sets by their weight, rare classes more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.io.mask import count_ids
from pixelwise.progress import track
from pixelwise.samples import BoolArray, Float64Array, Int64Array

SHOWN = 0.005
"""Share of an image from which on a class counts as shown."""

WITHOUT_CLASS = 0.35
"""Factor of an image that shows no class but the background, where rare classes are drawn more."""

SOUGHT, RARE = 1.5, 2.0
"""Factors of a class from which on crops are chosen to show it, and from which on it is pasted."""

Shown = dict[str, tuple[list[int], bool]]
"""Of the images of a data set, by name: ids of the classes that one shows, without the background,
and whether any of its instances are known."""


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each image is drawn, numbered through all data sets. Made by `plan_draws`.

    Parameters
    ----------
    weights : (N,) float64
        Of each image; an epoch draws in proportion to them.
    length : int
        Images that an epoch draws.
    factors : (C,) float64
        The repeat factor of each class, 0 for the background.
    shown : (N, C) bool
        Which classes each image shows; all False where rare classes are not drawn more often.
    has_instances : (N,) bool
        Whether its instances are known, or at least some; of no meaning where nothing is shown.
    """

    weights: Float64Array
    length: int
    factors: Float64Array
    shown: BoolArray
    has_instances: BoolArray

    def epoch(self, rng: np.random.Generator) -> Int64Array:
        """Return the images of an epoch, (length,) int64, in a random order.

        Systematic sampling: each image is drawn as often as its weight says, but for less than
        one draw. Equal weights give each image once.

        Examples
        --------
        >>> nothing = np.zeros(1), np.zeros((3, 1), bool), np.zeros(3, bool)
        >>> draws = Draws(np.array([1, 0.5, 0.5]), 4, *nothing)
        >>> np.bincount(draws.epoch(np.random.default_rng(0))).tolist()
        [2, 1, 1]
        """
        # In another order each time, so that any two images may be drawn in the same epoch.
        order = rng.permutation(len(self.weights))
        ends = np.cumsum(self.weights[order])
        # Not from 0 to 1: at a whole number of draws, rounding could take one to the neighbour.
        places = (np.arange(self.length) + rng.uniform(0.001, 0.999)) / self.length
        drawn = order[np.searchsorted(ends / ends[-1], places)]
        return np.asarray(rng.permutation(drawn), dtype=np.int64)

    def one(self, rng: np.random.Generator) -> int:
        """Draw any image, by its weight."""
        return int(np.searchsorted(self._ends, rng.random(), side="right"))

    @cached_property
    def _ends(self) -> Float64Array:
        """(N,): where each image's part of 0..1 ends."""
        ends = np.cumsum(self.weights)
        return np.asarray(ends / ends[-1], dtype=np.float64)

    def sought(self, number: int) -> int | None:
        """Return the rarest class that an image shows, if crops shall be chosen to show it."""
        factors = np.where(self.shown[number], self.factors, 0)
        rarest = int(factors.argmax())
        return rarest if factors[rarest] >= SOUGHT else None

    def one_of_rare(self, rng: np.random.Generator) -> int | None:
        """Draw an image of a rare class, each such class as often as another."""
        classes = np.flatnonzero((self.factors >= RARE) & self.shown.any(axis=0))
        if not len(classes):
            return None
        return int(rng.choice(np.flatnonzero(self.shown[:, rng.choice(classes)])))

    def one_alike(self, number: int, rng: np.random.Generator) -> int | None:
        """Draw an image with instances that shows a class of this one, too."""
        classes = np.flatnonzero(self.shown[number])
        if not len(classes):
            return None
        there = np.flatnonzero(self.has_instances & self.shown[:, rng.choice(classes)])
        return int(rng.choice(there)) if len(there) else None


def read_shown(
    datasets: list[Dataset], sources: list[str] | None, known: list[Shown] | None = None
) -> list[Shown]:
    """Read which classes each image shows.

    Parameters
    ----------
    datasets : list of Dataset
        With the same classes.
    sources : list of str, optional
        Where each one's instances come from, of `settings.INSTANCE_SOURCES`.
    known : list of dict, optional
        What was read before, of the same data sets; only images that are new are read.

    Returns
    -------
    list of dict
        Of each data set.

    Raises
    ------
    LabelError
        A mask cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import open_dataset
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     shapes = open_dataset(draw_shapes(folder, train=2), say=str)
    ...     read_shown([shapes], None)
    [{'train_000': ([1], False), 'train_001': ([1, 2], False)}]
    """
    known = known or [{} for _ in datasets]
    sources = sources or [""] * len(datasets)
    shown: list[Shown] = [
        {entry.name: before[entry.name] for entry in dataset.entries if entry.name in before}
        for dataset, before in zip(datasets, known, strict=True)
    ]
    new = [
        (place, entry)
        for place, dataset in enumerate(datasets)
        for entry in dataset.entries
        if entry.name not in shown[place]
    ]
    for place, entry in track(new, "looking for rare classes", len(new)):
        dataset = datasets[place]
        label_map, instances = dataset.read_labels(entry, dataset.reader.size(entry))
        counts = count_ids(label_map)[:VOID]
        ids = np.flatnonzero(counts > SHOWN * max(1, counts.sum())).tolist()
        has_instances = bool(sources[place] or instances)
        shown[place][entry.name] = [id_ for id_ in ids if id_], has_instances
    return shown


def plan_draws(
    datasets: list[Dataset],
    repeats: list[float],
    rare_share: float = 0.0,
    shown: list[Shown] | None = None,
) -> Draws:
    """Decide how often images are drawn.

    The repeat factors of Gupta et al., "LVIS: a dataset for large vocabulary instance
    segmentation" (2019): a class that a share f of the images shows has the factor
    max(1, sqrt(``rare_share`` / f)), and an image the largest factor of its classes; one that
    shows none has `WITHOUT_CLASS`. f counts each image as often as its data set repeats.

    Parameters
    ----------
    datasets : list of Dataset
        With the same classes.
    repeats : list of float
        How often an epoch goes through each, where no class is rare.
    rare_share : float
        Share of the images below which a class is drawn more often; 0 for none.
    shown : list of dict, optional
        Of `read_shown`; needed if ``rare_share`` is above 0.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import open_dataset
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     shapes = open_dataset(draw_shapes(folder, train=2), say=str)
    >>> shown = {"train_000": ([1], False), "train_001": ([1, 2], False)}
    >>> draws = plan_draws([shapes], [1], 0.9, [shown])
    >>> draws.factors.round(2).tolist()[:3]  # of the background, discs and squares
    [0.0, 1.0, 1.34]
    >>> draws.weights.round(2).tolist()
    [1.0, 1.34]
    """
    base = np.repeat(np.array(repeats, dtype=np.float64), [len(dataset) for dataset in datasets])
    length, n_classes = max(1, round(float(base.sum()))), len(datasets[0].classes)
    shows = np.zeros((len(base), n_classes), dtype=np.bool_)
    has_instances = np.zeros(len(base), dtype=np.bool_)
    if not rare_share or shown is None:
        return Draws(base, length, np.zeros(n_classes), shows, has_instances)
    names = [(place, entry.name) for place, d in enumerate(datasets) for entry in d.entries]
    for number, (place, name) in enumerate(names):
        ids, has_instances[number] = shown[place][name]
        shows[number, ids] = True
    share = base @ shows / base.sum()
    factors = np.maximum(1.0, np.sqrt(rare_share / np.maximum(share, 1e-9)))
    factors[0] = 0.0
    weights = base * np.where(shows, factors, WITHOUT_CLASS).max(axis=1)
    return Draws(weights, length, factors, shows, has_instances)
