"""Region maps: made from a map of edges, measured along their borders, fitted to a photo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import higra
import numpy as np
import numpy.typing as npt
from skimage.measure import label

UInt8Array = npt.NDArray[np.uint8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)
"""A pixel and those it touches by a side: regions are connected in this sense."""


@dataclass(frozen=True, eq=False)
class Arcs:
    """Where regions touch: an arc is the whole border between two of them.

    Parameters
    ----------
    first, second : (A,) int64
        The two regions, the lower id first; ordered by both.
    strength : (A,) float64
        Mean strength of the edge along the arc.
    length : (A,) float64
        Pairs of pixels that touch across it.
    """

    first: Int64Array
    second: Int64Array
    strength: Float64Array
    length: Float64Array


def basins(strength: Float32Array) -> Int32Array:
    """Split a picture into the catchment basins of its edge strength.

    A watershed cut (Cousty et al., 2009) on the graph of pixels that touch.

    Parameters
    ----------
    strength : (H, W) float32
        High on edges.

    Returns
    -------
    (H, W) int32
        A region map: one region around each minimum, each connected.
    """
    if strength.size == 1:
        return np.zeros(strength.shape, dtype=np.int32)
    graph = _grid(strength.shape)
    weights = higra.weight_graph(graph, strength.astype(np.float64), higra.WeightFunction.mean)
    found = higra.labelisation_watershed(graph, weights)
    return np.asarray(found.reshape(strength.shape) - 1, dtype=np.int32)


@lru_cache(2)
def _grid(shape: tuple[int, ...]) -> Any:
    # Making it takes half as long as the watershed itself, and photos often share a size.
    return higra.get_4_adjacency_graph(shape)


def arcs_between(region_map: Int32Array, strength: Float32Array) -> Arcs:
    """Measure the borders between the regions of a map.

    Parameters
    ----------
    region_map : (H, W) int32
    strength : (H, W) float32
        Of edges.

    Returns
    -------
    Arcs
    """
    count = np.int64(region_map.max()) + 1
    keys, values = [], []
    for here, there in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
    ):
        one, other = region_map[here], region_map[there]
        differ = one != other
        keys.append(pair_keys(one[differ], other[differ], count))
        values.append((strength[here][differ] + strength[there][differ]) / 2)
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    length = np.bincount(inverse, minlength=len(key)).astype(np.float64)
    total = np.bincount(inverse, np.concatenate(values), len(key))
    return Arcs(key // count, key % count, total / np.maximum(length, 1), length)


def neighbours(region_map: Int32Array) -> tuple[Int64Array, Int64Array]:
    """Return which regions of an (H, W) int32 map touch: two (A,) int64, the lower id first."""
    count = np.int64(region_map.max()) + 1
    pairs = (region_map[:, :-1], region_map[:, 1:]), (region_map[:-1], region_map[1:])
    keys = [pair_keys(one[one != other], other[one != other], count) for one, other in pairs]
    key = np.unique(np.concatenate(keys))
    return key // count, key % count


def pair_keys(one: Int32Array, other: Int32Array, count: np.int64) -> Int64Array:
    """Give each unordered pair of region ids below ``count`` a number of its own."""
    return np.minimum(one, other) * count + np.maximum(one, other)


def means(region_map: Int32Array, planes: Float32Array) -> tuple[Float64Array, Float64Array]:
    """Return the mean of each plane over each region, (K, C) float64, and the areas, (K,).

    Parameters
    ----------
    region_map : (H, W) int32
    planes : (H, W, C) float32
    """
    flat = region_map.ravel()
    areas = np.bincount(flat).astype(np.float64)
    sums = [np.bincount(flat, planes[..., c].ravel()) for c in range(planes.shape[2])]
    return np.stack(sums, axis=1) / np.maximum(areas, 1)[:, None], areas


def fitted(region_map: Int32Array, image: UInt8Array) -> Int32Array:
    """Enlarge the region map of a shrunk photo, and fit its borders to the photo itself.

    The middle of each region stays; the band around its borders is flooded from both sides in the
    order of the photo's own differences of colour (watershed by flooding; Meyer, 1992).

    Parameters
    ----------
    region_map : (h, w) int32
    image : (H, W, 3) uint8
        RGB, larger or as large.

    Returns
    -------
    (H, W) int32
        The same regions, each connected.
    """
    height, width = image.shape[:2]
    factor = max(height / region_map.shape[0], width / region_map.shape[1])
    if factor <= 1:
        return region_map
    large = cv2.resize(_numbered(region_map), (width, height), interpolation=cv2.INTER_NEAREST)
    box = np.ones((2 * int(np.ceil(factor / 2)) + 1,) * 2, dtype=np.uint8)
    seeds = np.where(cv2.dilate(large, box) == cv2.erode(large, box), large, 0).astype(np.int32)
    # A region that is nowhere wider than the band stays as it is.
    inside = np.bincount(seeds.ravel(), minlength=region_map.max() + 2) > 0
    if not inside[1:].all():
        seeds = np.where(inside[large.astype(np.int32)], seeds, large).astype(np.int32)
    # OpenCV leaves out the picture's own border, and marks every border between regions.
    markers = cv2.copyMakeBorder(seeds, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    padded = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    flooded = cv2.watershed(padded, markers)[1:-1, 1:-1]
    return connected(_filled(np.maximum(flooded, 0) - 1))


def connected(region_map: Int32Array) -> Int32Array:
    """Keep the largest part of each region; the other parts go to a region beside them.

    Parameters
    ----------
    region_map : (H, W) int32

    Returns
    -------
    (H, W) int32
        Each region connected.
    """
    parts = label(region_map, background=-1, connectivity=1) - 1
    owner = np.zeros(parts.max() + 1, dtype=np.int64)
    owner[parts] = region_map
    if len(owner) == len(np.unique(owner)):
        return region_map
    areas = np.bincount(parts.ravel())
    # By owner, then by area: the last part of each owner is its largest.
    order = np.lexsort((areas, owner))
    largest = np.zeros(len(owner), dtype=np.bool_)
    largest[order[np.append(np.diff(owner[order]) > 0, True)]] = True
    return _filled(np.where(largest[parts], region_map, -1))


def _filled(region_map: Int32Array) -> Int32Array:
    """Give pixels without a region (-1) that of a neighbour they touch, inwards."""
    filled = _numbered(region_map)
    missing = filled == 0
    while missing.any():
        np.copyto(filled, cv2.dilate(filled, CROSS), where=missing)
        missing = filled == 0
    return filled.astype(np.int32) - 1


def _numbered(region_map: Int32Array) -> npt.NDArray[Any]:
    """Return ids from 1, -1 as 0, in a kind of array that OpenCV dilates."""
    # float32 holds ids up to 16 million.
    kind = np.uint16 if region_map.max() < 65535 else np.float32
    return (region_map + 1).astype(kind)
