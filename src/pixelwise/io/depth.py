"""Levels of more than 8 bits, as 8: the range that is used, not the range that could be."""

from __future__ import annotations

from collections.abc import Callable

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

STRETCHED = (0.01, 0.998)
"""Shares of the pixels whose levels become 0 and 255 for networks that see levels stretched."""

Range = Callable[[Int64Array], tuple[int, int]]
"""Takes the pixels of each level, (65536,) int64; returns the levels that become 0 and 255."""


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
    return low, min(max(high, low + _white(high) // LEAST), DEPTHS[-1])


def stretched_range(counts: Int64Array) -> tuple[int, int]:
    """Return the levels between which a network sees an image whose levels it has stretched.

    The bits beyond 8 so count where one bright spot would leave few levels to all else.

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
    >>> counts[[100, 400, 65535]] = 9000, 985, 15
    >>> stretched_range(counts), used_range(counts)
    ((100, 400), (100, 65535))
    """
    total = counts.cumsum()
    low, high = (int(np.searchsorted(total, share * total[-1])) for share in STRETCHED)
    return low, min(max(high, low + _white(high) // LEAST), DEPTHS[-1])


def depth_range(counts: Int64Array) -> tuple[int, int]:
    """Return 0 and the white of the least depth that holds the levels, hot pixels left out.

    For colours: stretched by the range that it uses, a dark photo would no longer look like it.

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
    >>> counts[[700, 3000]] = 5000
    >>> depth_range(counts)
    (0, 4095)
    """
    total = counts.cumsum()
    return 0, _white(int(np.searchsorted(total, SHARES[1] * total[-1])))


def _white(level: int) -> int:
    return next(white for white in DEPTHS if white >= level)


def to_eight_bits(counts: Int64Array, levels: Range = used_range) -> UInt8Array:
    """Return the table that makes levels of more than 8 bits into 8, (65536,) uint8.

    Parameters
    ----------
    counts : (65536,) int64
        Pixels of each level.
    levels : callable
        Which levels become 0 and 255.
    """
    low, high = levels(counts)
    scaled = (np.arange(1 << 16) - low) * 256 // max(1, high - low + 1)
    return np.asarray(scaled.clip(0, 255), dtype=np.uint8)
