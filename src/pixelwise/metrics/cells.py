"""Instances counted as for cells: found, missed and false ones at a few thresholds of IoU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from pixelwise.metrics.averages import share
from pixelwise.metrics.mask_iou import mask_ious
from pixelwise.samples import Float64Array, Instance, Int64Array

CELL_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Instances found, missed and false, as work on cell segmentation counts them.

    Parameters
    ----------
    counts : (N, T, 3) int64
        Of each image, at each of `CELL_THRESHOLDS`: true positives, false positives, false
        negatives.

    Examples
    --------
    >>> counts = np.array([[[1, 1, 0]] * 5, [[0, 0, 2]] * 5])
    >>> CellCounts(counts).pooled.tolist()
    [0.25, 0.25, 0.25, 0.25, 0.25]
    """

    counts: Int64Array

    @property
    def pooled(self) -> Float64Array:
        """(T,): TP / (TP + FP + FN), counted over all images; NaN without an instance."""
        total = self.counts.sum(axis=0)
        return share(total[:, 0], total.sum(axis=1))

    @property
    def per_image(self) -> Float64Array:
        """(T,): the mean over images of TP / (TP + FP + FN); 1 for an image without instances."""
        every = self.counts.sum(axis=2)
        return np.asarray(np.where(every, self.counts[:, :, 0] / np.maximum(every, 1), 1).mean(0))


def cell_counts(found: Sequence[Instance], truth: Sequence[Instance]) -> Int64Array:
    """Count the instances of one image, whatever their class, at each of `CELL_THRESHOLDS`.

    Instances are matched one to one, as many as possible, each pair of at least that IoU. A found
    instance of which more than half lies in a crowd does not count.

    Parameters
    ----------
    found, truth : sequence of Instance

    Returns
    -------
    (T, 3) int64
        True positives, false positives, false negatives.

    Examples
    --------
    >>> one = Instance.of(np.array([[True, False]]), class_id=1, id=1)
    >>> other = Instance.of(np.array([[False, True]]), class_id=1, id=2)
    >>> cell_counts([one], [one, other])[0].tolist()
    [1, 0, 1]
    """
    single = [t for t in truth if not t.crowd]
    ious = mask_ious(found, single, CELL_THRESHOLDS[0])
    excused = (mask_ious(found, [t for t in truth if t.crowd]) > 0.5).any(axis=1)
    rows = []
    for threshold in CELL_THRESHOLDS:
        partner = maximum_bipartite_matching(csr_matrix(ious >= threshold), perm_type="column")
        right = partner >= 0
        hits = int(np.count_nonzero(right))
        rows.append((hits, int(np.count_nonzero(~right & ~excused)), len(single) - hits))
    return np.array(rows, dtype=np.int64)
