"""Snap label maps to the boundaries of regions."""

from __future__ import annotations

import numpy as np

from pixelwise.classes import VOID
from pixelwise.errors import ArgumentError
from pixelwise.samples import Int32Array, UInt8Array, check_label_map


def refine(label_map: UInt8Array, region_map: Int32Array) -> UInt8Array:
    """Give each region the class that most of its pixels have.

    Parameters
    ----------
    label_map : (H, W) uint8
        Class ids, 255 = void.
    region_map : (H, W) int32
        Regions 0..K-1 of the same image.

    Returns
    -------
    (H, W) uint8
        Void only if a whole region is; of two equally common classes the lower id.

    Raises
    ------
    ArgumentError
        The maps differ in size, or are not a label map and a region map.

    Examples
    --------
    >>> refine(np.array([[1, 1, 2, 0]], dtype=np.uint8), np.array([[0, 0, 0, 1]]))
    array([[1, 1, 1, 0]], dtype=uint8)
    """
    check_label_map(label_map)
    if region_map.shape != label_map.shape:
        raise ArgumentError(f"expected a region map of {label_map.shape}, got {region_map.shape}")
    if not np.issubdtype(region_map.dtype, np.integer):
        raise ArgumentError(f"expected a region map of whole ids, got {region_map.dtype}")
    if region_map.min() < 0:
        raise ArgumentError(f"expected a region map with ids from 0, got {region_map.min()}")
    labelled = label_map != VOID
    regions = int(region_map.max()) + 1
    pairs = region_map[labelled].astype(np.int64) * 256 + label_map[labelled]
    counts = np.bincount(pairs, minlength=regions * 256).reshape(regions, 256)
    commonest = np.where(counts.any(axis=1), counts.argmax(axis=1), VOID)
    return commonest.astype(np.uint8)[region_map]
