"""One object of an image, from points on and off it or a box: a cut of its regions' graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from pixelwise.errors import ArgumentError
from pixelwise.regions.clicks import Known, describe, log_odds
from pixelwise.regions.hierarchical import Hierarchy
from pixelwise.samples import BoolArray, Float32Array, Float64Array, Int64Array

SHARPNESS = 12.0
"""How fast it becomes cheap to cut along a boundary as its strength 0..1 grows."""

WEIGHT = 0.05
"""Of a region's log odds, per pixel, against 1 for each pixel of a cut where no boundary is."""

BOX_WEIGHT = 0.15
"""The same of the prior's log odds, where there is a box and no point: the network learnt from
points, and with a box alone the prior is better (IoU 0.88 against 0.84, benchmarks/clicks.py)."""

BELIEVED = (0.05, 0.95)
"""Bounds of a prior that has no point beside it."""

IN_BOX = 0.55
"""How likely a pixel in a box is of the object, where there is no prior."""

SCALE = 1000
"""Capacities are whole numbers: this is 1."""

Point = tuple[int, int]


def select(
    tree: Hierarchy,
    on: Sequence[Point],
    off: Sequence[Point] = (),
    box: tuple[int, int, int, int] | None = None,
    mask: BoolArray | None = None,
    prior: Float32Array | None = None,
) -> BoolArray:
    """Select an object by points and strokes.

    A small network says of each of the finest regions how likely it is of the object: from where
    it lies between the points, along paths that cross few boundaries and in the tree, and from
    the mask and the prior. The regions are then divided by the cheapest cut of their graph (Boykov
    and Jolly, "Interactive graph cuts", 2001): to part two neighbours costs the length of what
    they share, less where their boundary is strong; each region costs what speaks against its side.

    Parameters
    ----------
    tree : Hierarchy
        Of the image.
    on, off : sequence of (row, column)
        Pixels of the object, and others.
    box : (top, left, bottom, right), optional
        Nothing outside of it is selected, in pixels.
    mask : (H, W) bool, optional
        What is to be corrected.
    prior : (H, W) float32, optional
        0..1: how likely each pixel is of the object before the points are known, for example a
        network's probability; 0.5 says nothing.

    Returns
    -------
    (H, W) bool
        All points of ``on`` are in it with their regions, and no point of ``off`` is; a region with
        both belongs to the kind that has more points there, but for the points of the other. Of
        ``mask`` only whole regions are changed.

    Raises
    ------
    ArgumentError
        No point on, no box and no mask; a point or a box outside of the image; a mask or prior of
        another size, a mask that is not bool, or values outside of 0..1.

    Examples
    --------
    >>> from pixelwise.regions import hierarchy
    >>> image = np.zeros((30, 40, 3), np.uint8)
    >>> image[10:20, 10:30] = 255
    >>> mask = select(hierarchy(image), on=[(15, 20)], off=[(2, 2)])
    >>> bool(mask[12:18, 12:28].all()), bool(mask[:8].any())
    (True, False)
    """
    size = tree.leaves.shape
    _check(size, on, off, box, mask, prior)
    known = Known(
        tree,
        np.zeros(size, dtype=np.bool_) if mask is None else mask,
        np.full(size, 0.5 if on or off else IN_BOX, np.float32) if prior is None else prior,
        box,
    )
    sure_on, sure_off = _sure(_votes(tree, on), _votes(tree, off))
    if on or off:
        described = describe(known, np.flatnonzero(sure_on), np.flatnonzero(sure_off))
        favour = WEIGHT * log_odds(described)
    else:
        chance = np.clip(known.chance, *BELIEVED)
        favour = BOX_WEIGHT * np.log(chance / (1 - chance))
    sure_off |= (known.in_box < 0.5) & ~sure_on
    inside = _cut(known, favour * known.areas, sure_on, sure_off)
    found = np.asarray(inside[tree.leaves], dtype=np.bool_)
    if mask is not None:
        # Where the points change nothing, the mask may be finer than the regions.
        found = np.where((inside == (known.in_mask > 0.5))[tree.leaves], mask, found)
    if box is not None:
        within = np.zeros_like(found)
        within[box[0] : box[2], box[1] : box[3]] = True
        found &= within
    for points, value in ((on, True), (off, False)):
        for row, column in points:
            found[row, column] = value
    return found


def _check(
    size: tuple[int, ...],
    on: Sequence[Point],
    off: Sequence[Point],
    box: tuple[int, int, int, int] | None,
    mask: BoolArray | None,
    prior: Float32Array | None,
) -> None:
    """Raise ArgumentError for what does not fit an image of a size."""
    if not on and box is None and mask is None:
        raise ArgumentError("select: expected a point on the object, a box, or a mask to correct")
    for row, column in (*on, *off):
        if not (0 <= row < size[0] and 0 <= column < size[1]):
            raise ArgumentError(f"select: ({row}, {column}) is outside of the image of {size}")
    if box is not None:
        top, left, bottom, right = box
        if not (0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]):
            raise ArgumentError(
                f"select: expected a box (top, left, bottom, right) inside of {size}, got {box}"
            )
        for row, column in on:
            if not (top <= row < bottom and left <= column < right):
                raise ArgumentError(f"select: ({row}, {column}) is outside of the box {box}")
    for name, plane in (("mask", mask), ("prior", prior)):
        if plane is not None and plane.shape != size:
            raise ArgumentError(f"select: {name}: expected shape {size}, got {plane.shape}")
    if mask is not None and mask.dtype != np.bool_:
        raise ArgumentError(f"select: mask: expected bool, got {mask.dtype}")
    if prior is not None and not (prior.min() >= 0 and prior.max() <= 1):
        raise ArgumentError("select: prior: expected values in 0..1")


def _votes(tree: Hierarchy, points: Sequence[Point]) -> Int64Array:
    """Return how many points each region has."""
    if not points:
        return np.zeros(len(tree), dtype=np.int64)
    rows, columns = np.array(points).T
    return np.bincount(tree.leaves[rows, columns], minlength=len(tree))


def _sure(on: Int64Array, off: Int64Array) -> tuple[BoolArray, BoolArray]:
    """Return which regions have more points of one kind, and which of the other."""
    return np.asarray((on > 0) & (on >= off)), np.asarray(off > on)


def _cut(known: Known, favour: Float64Array, sure_on: BoolArray, sure_off: BoolArray) -> BoolArray:
    """Return which regions are on the object's side of the cheapest cut, (K,) bool."""
    count = len(favour)
    found = known.boundaries
    cost = found.length * np.exp(-SHARPNESS * found.strength)
    source, sink = count, count + 1
    forced = 1e6
    to_source = np.where(sure_on, forced, np.maximum(favour, 0) * ~sure_off)
    to_sink = np.where(sure_off, forced, np.maximum(-favour, 0) * ~sure_on)
    regions = np.arange(count)
    tails = np.concatenate([found.first, found.second, np.full(count, source), regions])
    heads = np.concatenate([found.second, found.first, regions, np.full(count, sink)])
    weights = np.concatenate([cost, cost, to_source, to_sink])
    capacities = np.minimum(np.ceil(SCALE * weights), 2**30).astype(np.int32)
    graph = coo_array((capacities, (tails, heads)), shape=(count + 2, count + 2)).tocsr()
    flow = maximum_flow(graph, source, sink).flow
    left = graph - flow
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    inside = np.zeros(count + 2, dtype=np.bool_)
    inside[reached] = True
    return inside[:count]
