"""Quotients and means of scores, in which what does not occur is NaN and is left out."""

from __future__ import annotations

import numpy as np

from pixelwise.samples import Float64Array, Int64Array


def share(
    part: Float64Array | Int64Array, whole: Float64Array | Int64Array, empty: float = np.nan
) -> Float64Array:
    """Divide element by element.

    Parameters
    ----------
    part, whole : (N,) float64 or int64
    empty : float
        The result where ``whole`` is 0.

    Returns
    -------
    (N,) float64

    Examples
    --------
    >>> share(np.array([1, 0]), np.array([4, 0])).tolist()
    [0.25, nan]
    """
    none = whole == 0
    return np.asarray(np.where(none, empty, part / np.where(none, 1, whole)), dtype=np.float64)


def mean(values: Float64Array) -> float:
    """Return the mean of the finite values, (N,) float64; NaN if there are none.

    Examples
    --------
    >>> mean(np.array([0.5, np.nan, 1.0])), mean(np.array([np.nan]))
    (0.75, nan)
    """
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
