"""Region maps: made from boundary strength, kept connected, fitted to a larger image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import higra
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pixelwise.samples import Float32Array, Float64Array, Int32Array, UInt8Array

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)
"""A pixel and its 4 neighbours: regions are connected in this sense."""


def basins(strength: Float32Array) -> Int32Array:
    """Split an image into the catchment basins of its boundary strength.

    A watershed cut (Cousty et al., 2009) on the graph of pixels that touch.

    Parameters
    ----------
    strength : (H, W) float32
        High on boundaries.

    Returns
    -------
    (H, W) int32
        A region map: one region around each minimum, each connected.

    Examples
    --------
    >>> int(basins(np.array([[0, 0, 9, 0, 0]], dtype=np.float32)).max()) + 1
    2
    """
    if strength.size == 1:
        return np.zeros(strength.shape, dtype=np.int32)
    graph = _pixel_graph(strength.shape)
    weights = higra.weight_graph(graph, strength.astype(np.float64), higra.WeightFunction.mean)
    found = higra.labelisation_watershed(graph, weights)
    return np.asarray(found.reshape(strength.shape) - 1, dtype=np.int32)


@lru_cache(2)
def _pixel_graph(shape: tuple[int, ...]) -> Any:
    # Making it takes half as long as the watershed itself, and images often share a size.
    return higra.get_4_adjacency_graph(shape)


def means(region_map: Int32Array, planes: Float32Array) -> tuple[Float64Array, Float64Array]:
    """Return the mean of each plane over each region, (K, C) float64, and the areas, (K,).

    Parameters
    ----------
    region_map : (H, W) int32
    planes : (H, W, C) float32

    Examples
    --------
    >>> planes = np.array([[[2], [4], [9]]], dtype=np.float32)
    >>> [found.tolist() for found in means(np.array([[0, 0, 1]], dtype=np.int32), planes)]
    [[[3.0], [9.0]], [2.0, 1.0]]
    """
    flat = region_map.ravel()
    areas = np.bincount(flat).astype(np.float64)
    sums = [np.bincount(flat, planes[..., c].ravel()) for c in range(planes.shape[2])]
    return np.stack(sums, axis=1) / np.maximum(areas, 1)[:, None], areas


def fitted(region_map: Int32Array, image: UInt8Array) -> Int32Array:
    """Enlarge the region map of a shrunk image and fit its boundaries to the image itself.

    The middle of each region stays; the band around its boundary is flooded from both sides in the
    order of the image's own differences of colour (watershed by flooding; Meyer, 1992).

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
    # A region that is nowhere wider than the band stays unchanged.
    inside = np.bincount(seeds.ravel(), minlength=region_map.max() + 2) > 0
    if not inside[1:].all():
        seeds = np.where(inside[large.astype(np.int32)], seeds, large).astype(np.int32)
    # OpenCV leaves out the outermost pixels, and marks every boundary between regions.
    markers = cv2.copyMakeBorder(seeds, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    padded = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    flooded = cv2.watershed(padded, markers)[1:-1, 1:-1]
    return connected(_filled(np.maximum(flooded, 0) - 1))


def label_parts(region_map: npt.NDArray[np.integer[Any]]) -> Int32Array:
    """Give each connected part of a map a number: neighbours beside, above and below are equal.

    Parameters
    ----------
    region_map : (H, W) int

    Returns
    -------
    (H, W) int32
        0, 1, ... in the order of their first pixels.

    Examples
    --------
    >>> label_parts(np.array([[7, 7, 2, 7]])).tolist()
    [[0, 0, 1, 2]]
    """
    # Runs of equal pixels in a row are joined where they touch those of the next row.
    starts = np.ones(region_map.shape, dtype=np.bool_)
    starts[:, 1:] = region_map[:, 1:] != region_map[:, :-1]
    runs = np.cumsum(starts.ravel(), dtype=np.int32).reshape(starts.shape) - 1
    touch = (region_map[1:] == region_map[:-1]) & (starts[1:] | starts[:-1])
    ends = runs[:-1][touch], runs[1:][touch]
    count = int(runs[-1, -1]) + 1
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(count, count))
    _, parts = connected_components(graph, directed=False)
    return np.asarray(parts[runs], dtype=np.int32)


def connected(region_map: Int32Array) -> Int32Array:
    """Keep the largest part of each region; the other parts join a neighbouring region.

    Parameters
    ----------
    region_map : (H, W) int32

    Returns
    -------
    (H, W) int32
        Each region connected.

    Examples
    --------
    >>> connected(np.array([[0, 1, 1, 0, 0]], dtype=np.int32)).tolist()
    [[1, 1, 1, 0, 0]]
    """
    parts = label_parts(region_map)
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
    """Give pixels without a region (-1) that of a neighbour, from the outside inwards."""
    filled = _numbered(region_map)
    missing = filled == 0
    while missing.any():
        np.copyto(filled, cv2.dilate(filled, CROSS), where=missing)
        missing = filled == 0
    return filled.astype(np.int32) - 1


def _numbered(region_map: Int32Array) -> npt.NDArray[Any]:
    """Return ids from 1, -1 as 0, in a dtype that OpenCV dilates."""
    # float32 holds ids up to 16 million.
    kind = np.uint16 if region_map.max() < 65535 else np.float32
    return (region_map + 1).astype(kind)
