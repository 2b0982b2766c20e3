"""One tree of nested regions: a picture's parts, from the finest to the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import higra
import numpy as np
import numpy.typing as npt

from pixelwise.defaults import CUT
from pixelwise.errors import ArgumentError
from pixelwise.io.image import to_rgb
from pixelwise.regions.colour import COLOUR_SCALE, by_looks, colour_edges
from pixelwise.regions.learned import by_model, learned_boundaries
from pixelwise.regions.partition import (
    Arcs,
    Float32Array,
    Float64Array,
    Int32Array,
    Int64Array,
    UInt8Array,
    arcs_between,
    basins,
    fitted,
    pair_keys,
)

WORK = 640
"""Longer side in pixels on which the tree is made; its regions are fitted to larger photos."""

COARSE = 400
"""Regions from which on the looks of whole regions count too, beside the edge between them."""

TINY = 1024
"""Pictures of no more pixels have a leaf a pixel."""

Weigh = Callable[[Int32Array, Float32Array, UInt8Array], tuple[Arcs, Float64Array]]


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Nested regions of a picture. Make one with `hierarchy`.

    Parameters
    ----------
    leaves : (H, W) int32
        The finest region map, ids 0..K-1.
    parents : (2 K - 1,) int64
        Of each node of a binary tree, whose first K are the leaves; they follow in the order in
        which they are merged. The last one, the whole picture, is its own parent.
    strengths : (2 K - 1,) float32
        Strength 0..1 of the boundary that vanishes with the merge; rising, 0 for leaves.
    """

    leaves: Int32Array
    parents: Int64Array
    strengths: Float32Array

    def __len__(self) -> int:
        """Return how many regions the finest cut has."""
        return (len(self.parents) + 1) // 2

    def cut(self, n: int | None = None, level: float | None = None) -> Int32Array:
        """Return one of the nested region maps.

        Parameters
        ----------
        n : int, optional
            How many regions; `CUT` where neither is given. Fewer where the picture has no more
            parts that can be told apart: at most ``len(self)``.
        level : float, optional
            Instead: keep the boundaries at least this strong, 0..1.

        Returns
        -------
        (H, W) int32
            Regions 0..K-1, each connected. Every region of a coarser cut is a union of regions of
            a finer one.

        Raises
        ------
        ArgumentError
            Both are given, ``n`` is below 1 or above the number of pixels, or ``level`` leaves
            0..1.
        """
        leaves = len(self)
        if n is not None and level is not None:
            raise ArgumentError("cut: give n or level, not both")
        if level is not None:
            if not 0 <= level <= 1:
                raise ArgumentError(f"level: expected 0..1, got {level}")
            known = leaves + int(np.searchsorted(self.strengths[leaves:], level))
        else:
            n = min(CUT, self.leaves.size) if n is None else n
            check_count(n, self.leaves.size)
            known = 2 * leaves - min(n, leaves)
        _, ids = np.unique(_tops(self.parents, known)[:leaves], return_inverse=True)
        return np.asarray(ids, dtype=np.int32)[self.leaves]

    @cached_property
    def boundaries(self) -> Float32Array:
        """(H, W) float32: strength 0..1 of the boundary at each pixel, 0 inside regions.

        An ultrametric boundary map (Arbelaez, 2006): where it is at least ``level`` are the borders
        of ``cut(level=level)``. A boundary stands on the pixels left of it and above it.
        """
        count = np.int64(len(self))
        boundaries = np.zeros(self.leaves.shape, dtype=np.float32)
        if count == 1:
            return boundaries
        tree = higra.Tree(self.parents)
        tree.lowest_common_ancestor_preprocess()
        here, right, below, across = np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, :-1], np.s_[1:, 1:]
        padded = np.pad(self.leaves, ((0, 1), (0, 1)), mode="edge")
        # The four sides that meet at the pixel's lower right corner.
        sides = ((here, right), (here, below), (right, across), (below, across))
        keys = [pair_keys(padded[one], padded[other], count) for one, other in sides]
        pairs = np.unique(
            np.concatenate(
                [key[padded[o] != padded[a]] for key, (o, a) in zip(keys, sides, strict=True)]
            )
        )
        meet = tree.lowest_common_ancestor(pairs // count, pairs % count)
        for key, (one, other) in zip(keys, sides, strict=True):
            differ = padded[one] != padded[other]
            found = self.strengths[meet[np.searchsorted(pairs, key[differ])]]
            boundaries[differ] = np.maximum(boundaries[differ], found)
        return boundaries


def hierarchy(image: npt.NDArray[np.generic], boundaries: str = "colour") -> Hierarchy:
    """Find the parts of a picture at every scale at once, without labels or classes.

    The picture falls into the basins of its edge strength, which are merged, weakest border first:
    the strength of a border is the mean of the edge along it (OWT-UCM; Arbelaez et al., 2011).
    From `COARSE` regions on, the looks of the two regions count as well: by how much they differ in
    colour and texture, or by what a `BorderModel` has learnt.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; or what else `pixelwise.io.image.to_rgb` takes.
    boundaries : str
        ``"colour"``: differences of colour between the two sides of each pixel. ``"learned"``: a
        small network trained on boundaries that people drew; the strength of a boundary is then
        the share of people who would draw it.

    Returns
    -------
    Hierarchy

    Raises
    ------
    ArgumentError
        No picture, or no such boundaries.
    """
    if boundaries not in BOUNDARIES:
        raise ArgumentError(f"unknown boundaries {boundaries!r}; there is: {', '.join(BOUNDARIES)}")
    find, weigh, as_strength = BOUNDARIES[boundaries]
    photo = to_rgb(image)
    small = shrunk_to(photo, WORK)
    strength = find(small)
    region_map = basins(strength)
    if region_map.size <= TINY:
        region_map = np.arange(region_map.size, dtype=np.int32).reshape(region_map.shape)
    parents, heights = _tree(region_map, strength, small, weigh)
    return Hierarchy(fitted(region_map, photo), parents, as_strength(heights).astype(np.float32))


def shrunk_to(image: UInt8Array, longer: float) -> UInt8Array:
    """Shrink a photo so that its longer side has at most so many pixels."""
    factor = longer / max(image.shape[:2])
    if factor >= 1:
        return image
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def check_count(n: int, pixels: int) -> None:
    """Stop at a number of regions that a picture cannot have.

    Raises
    ------
    ArgumentError
        Below 1, or more than pixels.
    """
    if not 1 <= n <= pixels:
        raise ArgumentError(f"n: expected 1 to {pixels} regions, the picture's pixels; got {n}")


BOUNDARIES: dict[
    str,
    tuple[Callable[[UInt8Array], Float32Array], Weigh, Callable[[Float64Array], Float64Array]],
] = {
    "colour": (colour_edges, by_looks, lambda heights: -np.expm1(-heights / COLOUR_SCALE)),
    "learned": (learned_boundaries, by_model, lambda heights: heights),
}
"""Where edges come from, how the borders between regions are weighed, and what strength, 0..1, a
weight stands for."""


@dataclass(frozen=True, eq=False)
class _Lower:
    """The tree from the finest regions to `COARSE` of them, by the edges alone."""

    parents: Int64Array
    heights: Float64Array
    node_of: Int64Array
    """The node that each coarse region is."""
    region_map: Int32Array


def _lower(region_map: Int32Array, strength: Float32Array) -> _Lower:
    count = int(region_map.max()) + 1
    arcs = arcs_between(region_map, strength)
    parents, heights = merged(count, arcs, arcs.strength)
    tops = _tops(parents, 2 * count - min(count, COARSE))[:count]
    node_of, ids = np.unique(tops, return_inverse=True)
    return _Lower(parents, heights, node_of, np.asarray(ids, dtype=np.int32)[region_map])


def coarsened(strength: Float32Array) -> Int32Array:
    """Return the at most `COARSE` regions that edges alone lead to; borders are judged there.

    Parameters
    ----------
    strength : (H, W) float32

    Returns
    -------
    (H, W) int32
    """
    return _lower(basins(strength), strength).region_map


def _tree(
    region_map: Int32Array, strength: Float32Array, image: UInt8Array, weigh: Weigh
) -> tuple[Int64Array, Float64Array]:
    """Merge regions, first by the edges between them, then by their looks as well.

    Returns
    -------
    parents : (2 K - 1,) int64
    heights : (2 K - 1,) float64
        0 for leaves, then rising.
    """
    count = int(region_map.max()) + 1
    lower = _lower(region_map, strength)
    few = len(lower.node_of)
    arcs, weights = weigh(lower.region_map, strength, image)
    upper, upper_heights = merged(few, arcs, weights)
    if few == count:
        return upper, upper_heights
    # The upper tree's leaves are the lower one's topmost nodes.
    known = 2 * count - few
    node_of = np.concatenate([lower.node_of, known + np.arange(few - 1)])
    whole = np.concatenate([lower.parents[:known], node_of[upper[few:]]])
    whole[lower.node_of] = node_of[upper[:few]]
    # What was merged first stays below all that came later, in its own order.
    lowest = upper_heights[few] if few > 1 else 1.0
    highest = max(float(lower.heights[known - 1]), 1e-12)
    below = lower.heights[:known] * (lowest / highest)
    return whole, np.concatenate([below, upper_heights[few:]])


def _tops(parents: Int64Array, known: int) -> Int64Array:
    """Return the highest ancestor of each node that is below ``known``, or the node itself."""
    # Twice as far up each time.
    top = np.where(parents < known, parents, np.arange(len(parents)))
    while not np.array_equal(top, top[top]):
        top = top[top]
    return top


def merged(count: int, arcs: Arcs, weights: Float64Array) -> tuple[Int64Array, Float64Array]:
    """Merge the two regions with the weakest border until one is left.

    The weight of a border between merged regions is the mean over its length.

    Parameters
    ----------
    count : int
        Regions.
    arcs : Arcs
    weights : (A,) float64

    Returns
    -------
    parents : (2 count - 1,) int64
    heights : (2 count - 1,) float64
        Weight of the border that vanishes; 0 for leaves, then rising.
    """
    if count == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(1)
    graph = higra.UndirectedGraph(count)
    graph.add_edges(arcs.first, arcs.second)
    tree, heights = higra.binary_partition_tree_average_linkage(graph, weights, arcs.length)
    return np.asarray(tree.parents(), np.int64), np.maximum.accumulate(np.asarray(heights))
