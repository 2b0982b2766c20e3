"""Thick lines made one pixel wide."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from pixelwise.samples import BoolArray, UInt8Array

AROUND = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
"""The neighbours x1 to x8 of the paper, (down, right): from the right one counterclockwise."""


def thin(mask: BoolArray) -> BoolArray:
    """Thin the areas of a mask to lines that are connected as the areas were.

    Guo and Hall, "Parallel thinning with two-subiteration algorithms" (1989), the first of the two
    algorithms, until nothing changes.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    (H, W) bool

    Examples
    --------
    >>> thin(np.ones((3, 5), dtype=bool)).astype(int).tolist()
    [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    """
    kernel = np.zeros((3, 3), dtype=np.float32)
    for bit, (down, right) in enumerate(AROUND):
        kernel[1 + down, 1 + right] = 1 << bit
    found: UInt8Array = mask.astype(np.uint8)
    while True:
        before = int(np.count_nonzero(found))
        for removed in _tables():
            code = cv2.filter2D(found, cv2.CV_8U, kernel, borderType=cv2.BORDER_CONSTANT)
            found = found & ~removed[code] & 1
        if np.count_nonzero(found) == before:
            return found.astype(np.bool_)


@lru_cache(maxsize=1)
def _tables() -> tuple[UInt8Array, UInt8Array]:
    """Return for each set of neighbours whether the pixel goes, (256,) of 0 and 1, twice."""
    x = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    after = np.roll(x, -1, axis=1)
    further = np.roll(x, -2, axis=1)
    crossings = (~x[:, 0::2] & (after[:, 0::2] | further[:, 0::2])).sum(axis=1)
    first = (x[:, 0::2] | after[:, 0::2]).sum(axis=1)
    second = (after[:, 0::2] | further[:, 0::2]).sum(axis=1)
    fewer = np.minimum(first, second)
    goes = (crossings == 1) & (fewer >= 2) & (fewer <= 3)
    one = goes & ~((x[:, 1] | x[:, 2] | ~x[:, 7]) & x[:, 0])
    other = goes & ~((x[:, 5] | x[:, 6] | ~x[:, 3]) & x[:, 4])
    return one.astype(np.uint8), other.astype(np.uint8)
