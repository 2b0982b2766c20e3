"""What clicks say of each region of an image: numbers for a small network, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from pixelwise.regions.boundaries import Boundaries, boundaries_between
from pixelwise.regions.hierarchical import Hierarchy
from pixelwise.samples import BoolArray, Float32Array, Float64Array, Int64Array

FAR = 4.0
"""Length of a path, beyond which it makes no difference; also that to a click that is not there."""

LEAST = 0.02
"""Probabilities are held between this and 1 minus this."""

FEATURES = 36
"""Numbers that describe a region."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of each region before the first click.

    Parameters
    ----------
    tree : Hierarchy
    mask : (H, W) bool
        What is to be corrected; all False if there is nothing.
    prior : (H, W) float32
        0..1: how likely each pixel is of the object; 0.5 says nothing.
    box : (top, left, bottom, right), optional
    """

    tree: Hierarchy
    mask: BoolArray
    prior: Float32Array
    box: tuple[int, int, int, int] | None = None

    @cached_property
    def areas(self) -> Float64Array:
        """Pixels of each region, (K,) float64."""
        return np.bincount(self.tree.leaves.ravel(), minlength=len(self.tree)).astype(np.float64)

    def mean(self, plane: BoolArray | Float32Array) -> Float64Array:
        """Return the mean of a plane over each region, (K,) float64."""
        total = np.bincount(self.tree.leaves.ravel(), plane.ravel(), len(self.tree))
        return np.asarray(total / self.areas)

    @cached_property
    def in_mask(self) -> Float64Array:
        """Share of each region that lies in the mask, (K,) float64."""
        return self.mean(self.mask)

    @cached_property
    def chance(self) -> Float64Array:
        """Mean of the prior over each region, (K,) float64."""
        return self.mean(self.prior)

    @cached_property
    def in_box(self) -> Float64Array:
        """Share of each region that lies in the box, (K,) float64; 1 without a box."""
        if self.box is None:
            return np.ones(len(self.tree))
        top, left, bottom, right = self.box
        within = self.tree.leaves[top:bottom, left:right].ravel()
        return np.asarray(np.bincount(within, minlength=len(self.tree)) / self.areas)

    @cached_property
    def boundaries(self) -> Boundaries:
        """Between the regions."""
        return boundaries_between(self.tree.leaves, self.tree.boundaries)

    @cached_property
    def centres(self) -> Float64Array:
        """Mean (row, column) of each region, (K, 2) float64."""
        places: Float32Array = np.indices(self.tree.leaves.shape, dtype=np.float32)
        return np.stack([self.mean(places[0]), self.mean(places[1])], axis=1)

    @cached_property
    def paths(self) -> tuple[csr_array, csr_array, csr_array]:
        """Length of a step between neighbours, by boundary, by prior and by mask; (K, K) each."""
        found = self.boundaries
        first, second, strength = found.first, found.second, found.strength
        by_prior = np.abs(self.chance[first] - self.chance[second]) + 0.3 * strength + 0.01
        by_mask = np.abs(self.in_mask[first] - self.in_mask[second]) + 0.02 * strength + 0.002
        ends = np.concatenate([first, second]), np.concatenate([second, first])
        size = len(self.tree), len(self.tree)
        boundary, prior, mask = (
            coo_array((np.concatenate([step, step]), ends), shape=size).tocsr()
            for step in (strength + 0.02, by_prior, by_mask)
        )
        return boundary, prior, mask


def describe(known: Known, on: Int64Array, off: Int64Array) -> Float32Array:
    """Describe each region by where it lies between the clicks.

    Parameters
    ----------
    known : Known
    on, off : (N,) int64
        The regions that were clicked as the object, and as not the object.

    Returns
    -------
    (K, 36) float32
    """
    count = len(known.tree)
    inside = known.in_mask > 0.5
    # A click that agrees with the mask says little; one against it says what has to change.
    sets = on, off, on[~inside[on]], off[inside[off]]
    ways = [_ways(known, regions) for regions in sets]
    chance = np.clip(known.chance, LEAST, 1 - LEAST)
    unlike = [
        np.abs(known.chance[:, None] - known.chance[None, regions]).min(axis=1)
        if len(regions)
        else np.ones(count)
        for regions in (on, off)
    ]
    diagonal = float(np.hypot(*known.tree.leaves.shape))
    whole = (
        np.sqrt(known.mask.sum()) / diagonal,
        len(on) / 5,
        len(off) / 5,
        float(len(sets[2]) > 0),
        float(len(sets[3]) > 0),
        float(known.mask.any()),
        float(known.box is not None),
    )
    return np.column_stack(
        [
            np.log(chance / (1 - chance)) / 4,
            known.in_mask,
            known.in_box,
            *ways,
            ways[0][:, 0] - ways[1][:, 0],
            ways[0][:, 1] - ways[1][:, 1],
            *unlike,
            np.sqrt(known.areas) / diagonal,
            _at_border(known.tree),
            *(np.full(count, value) for value in whole),
        ]
    ).astype(np.float32)


def _ways(known: Known, regions: Int64Array) -> Float64Array:
    """Return how far each region is from some, (K, 5): three paths, the tree, the image."""
    count = len(known.tree)
    if not len(regions):
        return np.column_stack([np.full((count, 3), FAR), np.ones((count, 2))])
    paths = [
        np.minimum(dijkstra(steps, indices=regions, min_only=True), FAR) for steps in known.paths
    ]
    centres = known.centres
    apart = np.linalg.norm(centres[:, None] - centres[None, regions], axis=2).min(axis=1)
    diagonal = np.hypot(*known.tree.leaves.shape)
    return np.column_stack([*paths, _merged_at(known.tree, regions), apart / diagonal])


def _merged_at(tree: Hierarchy, regions: Int64Array) -> Float64Array:
    """Return the strength at which each region merges with one of some, (K,), 0..1."""
    parents = tree.parents.tolist()
    holds = [False] * len(parents)
    for region in regions.tolist():
        node = region
        while not holds[node]:
            holds[node] = True
            node = parents[node]
    lowest = list(range(len(parents)))
    for node in range(len(parents) - 1, -1, -1):
        if not holds[node]:
            lowest[node] = lowest[parents[node]]
    return tree.strengths[lowest[: len(tree)]].astype(np.float64)


def _at_border(tree: Hierarchy) -> Float64Array:
    """Return 1 for the regions at the image's border, (K,)."""
    found = np.zeros(len(tree))
    for line in (tree.leaves[0], tree.leaves[-1], tree.leaves[:, 0], tree.leaves[:, -1]):
        found[line] = 1
    return found


def log_odds(described: Float32Array) -> Float64Array:
    """Return how much speaks for each region, (K,) float64: above 0 for the object.

    A perceptron of two layers; ``benchmarks/train_clicks.py`` says how it was trained.
    """
    layers = _layers()
    values = described
    for weights, bias in layers[:-1]:
        values = np.maximum(values @ weights + bias, 0)
    weights, bias = layers[-1]
    return np.asarray((values @ weights + bias)[:, 0], dtype=np.float64)


@lru_cache(maxsize=1)
def _layers() -> list[tuple[Float32Array, Float32Array]]:
    with files("pixelwise.weights").joinpath("clicks.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return [(stored[f"weights_{i}"], stored[f"bias_{i}"]) for i in range(len(stored) // 2)]
