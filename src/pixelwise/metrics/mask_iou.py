"""Intersection over union of instance masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixelwise.samples import BoolArray, Float64Array, Instance


def mask_ious(
    found: Sequence[Instance],
    truth: Sequence[Instance],
    least: float = 0.0,
    pairs: BoolArray | None = None,
) -> Float64Array:
    """Return the intersection over union of each pair of masks.

    Parameters
    ----------
    found, truth : sequence of Instance
        D and G instances of one image.
    least : float
        Pairs that stay below this by their boxes and areas get 0 without counting pixels.
    pairs : (D, G) bool, optional
        The others get 0.

    Returns
    -------
    (D, G) float64
        0..1. Against a crowd, the share of the found instance that lies in it.

    Examples
    --------
    >>> left = Instance.of(np.array([[True, True, False]]), class_id=1, id=1)
    >>> right = Instance.of(np.array([[False, True, True]]), class_id=1, id=1)
    >>> mask_ious([left], [left, right]).round(2).tolist()
    [[1.0, 0.33]]
    """
    ious = np.zeros((len(found), len(truth)))
    if not found or not truth:
        return ious
    one, other = (np.array([i.box for i in group]) for group in (found, truth))
    sizes, areas = (np.array([i.area for i in group]) for group in (found, truth))
    crowd = np.array([i.crowd for i in truth], dtype=np.bool_)
    # Row by row: thousands of cells in an image would make tables of gigabytes.
    for d in range(len(found)):
        low, high = np.maximum(one[d, :2], other[:, :2]), np.minimum(one[d, 2:], other[:, 2:])
        most = np.minimum((high - low).clip(min=0).prod(axis=1), np.minimum(sizes[d], areas))
        whole = np.where(crowd, sizes[d], sizes[d] + areas)
        near = (most > 0) & (most >= least * (whole - np.where(crowd, 0, most)))
        for g in np.flatnonzero(near if pairs is None else near & pairs[d]).tolist():
            (top, left), (bottom, right) = low[g].tolist(), high[g].tolist()
            (down, across), (there, beside) = found[d].corner, truth[g].corner
            shared = np.count_nonzero(
                found[d].patch[top - down : bottom - down, left - across : right - across]
                & truth[g].patch[top - there : bottom - there, left - beside : right - beside]
            )
            ious[d, g] = shared / (whole[g] - (0 if crowd[g] else shared))
    return ious
