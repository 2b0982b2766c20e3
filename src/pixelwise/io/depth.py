"""Levels of more than 8 bits, as 8: the range that is used, not the range that could be."""

from __future__ import annotations

import numpy as np

from pixelwise.samples import Int64Array, UInt8Array

DEPTHS = (1023, 4095, 16383, 65535)
"""White of 10, 12, 14 and 16 bits."""

SHARES = (0.001, 0.999)
"""Shares of the pixels between which the range without hot pixels lies."""

HOT = 0.5
"""Part of that range by which the darkest or the lightest may exceed it, and not be hot."""

LEAST = 16
"""Part of the depth that is taken for signal at least, so that noise does not look like it."""


def used_range(counts: Int64Array) -> tuple[int, int]:
    """Return the darkest and the lightest level that are used, of an image of more than 8 bits.

    Hot and dead pixels are left out: one in a thousand that lie far beyond all others.

    Parameters
    ----------
    counts : (65536,) int64
        Pixels of each level.

    Returns
    -------
    low, high : int

    Examples
    --------
    >>> counts = np.zeros(65536, np.int64)
    >>> counts[[1000, 3000]] = 5000
    >>> counts[65535] = 1
    >>> used_range(counts)
    (1000, 3000)
    """
    total = counts.cumsum()
    low, high = (int(np.searchsorted(total, share * total[-1])) for share in SHARES)
    shown = np.flatnonzero(counts)
    least, most = int(shown[0]), int(shown[-1])
    margin = HOT * (high - low)
    low, high = (least if least >= low - margin else low), (most if most <= high + margin else high)
    depth = next(white for white in DEPTHS if white >= high)
    return low, min(max(high, low + depth // LEAST), DEPTHS[-1])


def to_eight_bits(counts: Int64Array) -> UInt8Array:
    """Return the table that makes levels of more than 8 bits into 8, (65536,) uint8.

    Parameters
    ----------
    counts : (65536,) int64
        Pixels of each level.
    """
    low, high = used_range(counts)
    scaled = (np.arange(1 << 16) - low) * 256 // max(1, high - low + 1)
    return np.asarray(scaled.clip(0, 255), dtype=np.uint8)
