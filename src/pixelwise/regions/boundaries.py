"""Boundaries between the regions of a map: where two regions touch, measured along the line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.samples import Float32Array, Float64Array, Int32Array, Int64Array


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Where regions touch: one boundary per pair of neighbouring regions.

    Parameters
    ----------
    first, second : (B,) int64
        The two regions, the lower id first; ordered by both.
    strength : (B,) float64
        Mean boundary strength along it.
    length : (B,) float64
        Pairs of pixels that touch across it.
    """

    first: Int64Array
    second: Int64Array
    strength: Float64Array
    length: Float64Array


def boundaries_between(region_map: Int32Array, strength: Float32Array) -> Boundaries:
    """Measure the boundaries between the regions of a map.

    Parameters
    ----------
    region_map : (H, W) int32
    strength : (H, W) float32
        Boundary strength.

    Returns
    -------
    Boundaries

    Examples
    --------
    >>> strength = np.array([[0, 0.5, 0.5, 0]], dtype=np.float32)
    >>> found = boundaries_between(np.array([[0, 0, 1, 1]], dtype=np.int32), strength)
    >>> found.first.tolist(), found.second.tolist(), found.strength.tolist(), found.length.tolist()
    ([0], [1], [0.5], [1.0])
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
    return Boundaries(key // count, key % count, total / np.maximum(length, 1), length)


def neighbours(region_map: Int32Array) -> tuple[Int64Array, Int64Array]:
    """Return which regions of an (H, W) int32 map touch: two (B,) int64, the lower id first."""
    count = np.int64(region_map.max()) + 1
    pairs = (region_map[:, :-1], region_map[:, 1:]), (region_map[:-1], region_map[1:])
    keys = [pair_keys(one[one != other], other[one != other], count) for one, other in pairs]
    key = np.unique(np.concatenate(keys))
    return key // count, key % count


def pair_keys(one: Int32Array, other: Int32Array, count: np.int64) -> Int64Array:
    """Return a unique number for each unordered pair of region ids below ``count``."""
    return np.minimum(one, other) * count + np.maximum(one, other)
