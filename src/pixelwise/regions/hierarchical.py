"""A tree of nested regions: the parts of an image, from the finest to the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import higra
import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.defaults import CUT
from pixelwise.drawing import instance_colours, outline_regions
from pixelwise.drawing.display import png_of
from pixelwise.errors import ArgumentError
from pixelwise.io.image import fit_within, to_rgb
from pixelwise.regions.boundaries import Boundaries, boundaries_between, neighbours, pair_keys
from pixelwise.regions.colour import COLOUR_SCALE, colour_boundaries, weighed_by_colour
from pixelwise.regions.learned import learned_boundaries, weighed_by_model
from pixelwise.regions.partition import basins, fitted
from pixelwise.samples import Float32Array, Float64Array, Int32Array, Int64Array, UInt8Array

WORK = 640
"""Longer side in pixels at which the tree is made; its regions are fitted to larger images."""

COARSE = 400
"""Number of regions below which whole regions are compared too, not only their boundary."""

TINY = 1024
"""Images of no more pixels have one leaf per pixel."""

Weigh = Callable[[Int32Array, Float32Array, UInt8Array], tuple[Boundaries, Float64Array]]


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Nested regions of an image. Make one with `hierarchy`.

    Parameters
    ----------
    leaves : (H, W) int32
        The finest region map, ids 0..K-1.
    parents : (2 K - 1,) int64
        Parent of each node of a binary tree. The first K nodes are the leaves; the others follow
        in the order in which they are merged. The last one, the whole image, is its own parent.
    strengths : (2 K - 1,) float32
        Strength 0..1 of the boundary that vanishes with the merge; rising, 0 for leaves.

    Examples
    --------
    >>> image = np.zeros((30, 40, 3), dtype=np.uint8)
    >>> image[:, 20:] = 255
    >>> tree = hierarchy(image)
    >>> tree.cut(2)[0, [0, 19, 20, 39]].tolist()
    [0, 0, 1, 1]
    >>> float(tree.boundaries[:, 19].min()) > 0.9
    True
    """

    leaves: Int32Array
    parents: Int64Array
    strengths: Float32Array

    def __len__(self) -> int:
        """Return how many regions the finest cut has."""
        return (len(self.parents) + 1) // 2

    def _repr_png_(self) -> bytes:
        """Show the regions of a cut in colours of their own, in a notebook."""
        region_map = self.cut(min(CUT, len(self)))
        colours = instance_colours(int(region_map.max()) + 1)
        return png_of(Image.fromarray(outline_regions(colours[region_map], region_map)))

    def cut(self, n: int | None = None, level: float | None = None) -> Int32Array:
        """Return one of the nested region maps.

        Parameters
        ----------
        n : int, optional
            How many regions; `CUT` if neither is given. At most ``len(self)``: an image may have
            fewer parts that can be distinguished.
        level : float, optional
            Instead: keep the boundaries that are at least this strong, 0..1.

        Returns
        -------
        (H, W) int32
            Regions 0..K-1, each connected. Every region of a coarser cut is a union of regions of
            a finer one.

        Raises
        ------
        ArgumentError
            Both are given, ``n`` is below 1 or above the number of pixels, or ``level`` is
            not in 0..1.
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

        An ultrametric contour map (Arbelaez, 2006): the pixels of at least ``level`` are the
        boundaries of ``cut(level=level)``. A boundary lies on the pixels left of it and above it.
        """
        count = np.int64(len(self))
        boundaries = np.zeros(self.leaves.shape, dtype=np.float32)
        if count == 1:
            return boundaries
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
        meet = _meeting(self.parents, pairs // count, pairs % count)
        for key, (one, other) in zip(keys, sides, strict=True):
            differ = padded[one] != padded[other]
            found = self.strengths[meet[np.searchsorted(pairs, key[differ])]]
            boundaries[differ] = np.maximum(boundaries[differ], found)
        return boundaries


def hierarchy(image: npt.NDArray[np.generic], boundaries: str = "colour") -> Hierarchy:
    """Find the parts of an image at every scale at once, without labels or classes.

    The image is split into the basins of its boundary strength, which are merged, weakest boundary
    first; a boundary is as strong as the mean along it (OWT-UCM; Arbelaez et al., 2011). Below
    `COARSE` regions the two regions are compared as well: by colour and texture, or by a fitted
    `BoundaryModel`.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; or any array that `pixelwise.io.image.to_rgb` takes.
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
        Not an image, or no such boundaries.

    Examples
    --------
    >>> image = np.zeros((30, 40, 3), dtype=np.uint8)
    >>> image[10:20, 10:30] = 255
    >>> int(hierarchy(image).cut(2).max()) + 1
    2
    """
    if boundaries not in BOUNDARIES:
        raise ArgumentError(f"unknown boundaries {boundaries!r}; there is: {', '.join(BOUNDARIES)}")
    kind = BOUNDARIES[boundaries]
    whole = to_rgb(image)
    small = shrunk_within(whole, WORK)
    strength = kind.find(small)
    region_map = basins(strength)
    if region_map.size <= TINY:
        region_map = np.arange(region_map.size, dtype=np.int32).reshape(region_map.shape)
    parents, heights = _tree(region_map, strength, small, kind.weigh)
    strengths = kind.strength_of(heights).astype(np.float32)
    if small is whole:
        return Hierarchy(region_map, parents, strengths)
    leaves = fitted(region_map, whole)
    return Hierarchy(leaves, *_reconnected(leaves, parents, strengths))


def shrunk_within(image: UInt8Array, longest: float) -> UInt8Array:
    """Shrink an (H, W, 3) uint8 image to a longer side of at most so many pixels, by averages."""
    size = fit_within(image.shape, longest)
    if size == image.shape[:2]:
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)


def check_count(n: int, pixels: int) -> None:
    """Raise unless an image of so many pixels can have n regions.

    Raises
    ------
    ArgumentError
        Below 1, or more than pixels.
    """
    if not 1 <= n <= pixels:
        raise ArgumentError(f"n: expected 1 to {pixels} regions, the image's pixels; got {n}")


@dataclass(frozen=True)
class BoundaryKind:
    """One way to find boundaries.

    Parameters
    ----------
    find : callable
        From an (H, W, 3) uint8 image to its boundary strength, (H, W) float32.
    weigh : callable
        From a region map, that strength and the image to the boundaries between its regions and
        their weights, (B,) float64.
    strength_of : callable
        From weights, (N,) float64, to strengths in 0..1.
    """

    find: Callable[[UInt8Array], Float32Array]
    weigh: Weigh
    strength_of: Callable[[Float64Array], Float64Array]


BOUNDARIES = {
    "colour": BoundaryKind(
        colour_boundaries, weighed_by_colour, lambda weights: -np.expm1(-weights / COLOUR_SCALE)
    ),
    "learned": BoundaryKind(learned_boundaries, weighed_by_model, lambda weights: weights),
}


@dataclass(frozen=True, eq=False)
class _Lower:
    """The tree from the finest regions to `COARSE` of them, by boundary strength alone."""

    parents: Int64Array
    heights: Float64Array
    node_of: Int64Array
    """The node that each coarse region is."""
    region_map: Int32Array


def _lower(region_map: Int32Array, strength: Float32Array) -> _Lower:
    count = int(region_map.max()) + 1
    boundaries = boundaries_between(region_map, strength)
    parents, heights = merged(count, boundaries, boundaries.strength)
    tops = _tops(parents, 2 * count - min(count, COARSE))[:count]
    node_of, ids = np.unique(tops, return_inverse=True)
    return _Lower(parents, heights, node_of, np.asarray(ids, dtype=np.int32)[region_map])


def coarsened(strength: Float32Array) -> Int32Array:
    """Return the at most `COARSE` regions that boundary strength alone leads to.

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
    """Merge regions, first by the strength between them, then by comparing whole regions too.

    Returns
    -------
    parents : (2 K - 1,) int64
    heights : (2 K - 1,) float64
        0 for leaves, then rising.
    """
    count = int(region_map.max()) + 1
    lower = _lower(region_map, strength)
    few = len(lower.node_of)
    upper, upper_heights = merged(few, *weigh(lower.region_map, strength, image))
    if few == count:
        return upper, upper_heights
    # The upper tree's leaves are the lower one's topmost nodes.
    known = 2 * count - few
    node_of = np.concatenate([lower.node_of, known + np.arange(few - 1)])
    whole = np.concatenate([lower.parents[:known], node_of[upper[few:]]])
    whole[lower.node_of] = node_of[upper[:few]]
    # The merges of the lower tree stay below those of the upper one, in their own order.
    highest = max(float(lower.heights[known - 1]), 1e-12)
    below = lower.heights[:known] * (upper_heights[few] / highest)
    return whole, np.concatenate([below, upper_heights[few:]])


def _reconnected(
    leaves: Int32Array, parents: Int64Array, strengths: Float32Array
) -> tuple[Int64Array, Float32Array]:
    """Return the tree of the connected parts of a tree's nodes, and its strengths.

    Fitted to a larger image, two leaves may touch no more. Single linkage of those that do, by
    where they meet in the tree, merges each of its nodes as far as it is connected; a tree whose
    nodes all are is returned as it was, and boundaries keep their strength.
    """
    first, second = neighbours(leaves)
    if not len(first):
        return parents, strengths
    met = _meeting(parents, first, second)
    tree, met_at = higra.bpt_canonical((first, second, (len(parents) + 1) // 2), met)
    return np.asarray(tree.parents(), np.int64), strengths[met_at]


def _meeting(parents: Int64Array, first: Int64Array, second: Int64Array) -> Int64Array:
    """Return the lowest node of a tree that holds both of each pair of its nodes, (B,)."""
    tree = higra.Tree(parents)
    tree.lowest_common_ancestor_preprocess()
    return np.asarray(tree.lowest_common_ancestor(first, second), np.int64)


def _tops(parents: Int64Array, known: int) -> Int64Array:
    """Return the highest ancestor of each node that is below ``known``, or the node itself."""
    # Pointer doubling: twice as far up each time.
    top = np.where(parents < known, parents, np.arange(len(parents)))
    while not np.array_equal(top, top[top]):
        top = top[top]
    return top


def merged(
    count: int, boundaries: Boundaries, weights: Float64Array
) -> tuple[Int64Array, Float64Array]:
    """Merge the two regions with the weakest boundary until one is left.

    The weight of a boundary between merged regions is the mean over its length.

    Parameters
    ----------
    count : int
        Regions.
    boundaries : Boundaries
    weights : (B,) float64

    Returns
    -------
    parents : (2 count - 1,) int64
    heights : (2 count - 1,) float64
        Weight of the boundary that vanishes; 0 for leaves, then rising.
    """
    if count == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(1)
    graph = higra.UndirectedGraph(count)
    graph.add_edges(boundaries.first, boundaries.second)
    tree, heights = higra.binary_partition_tree_average_linkage(graph, weights, boundaries.length)
    return np.asarray(tree.parents(), np.int64), np.maximum.accumulate(np.asarray(heights))
