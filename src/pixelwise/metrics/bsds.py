"""One-to-one matching of boundary pixels and the scores made of it (Berkeley benchmark)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from pixelwise.errors import LabelError
from pixelwise.metrics.thinning import thin
from pixelwise.samples import BoolArray, Float32Array, Float64Array, Int64Array

REACH = 0.0075
"""How far matched pixels may lie apart, as a share of the image's diagonal (the benchmark's)."""


def match_boundaries(
    found: BoolArray, truth: BoolArray, reach: float | None = None
) -> tuple[BoolArray, BoolArray]:
    """Match as many boundary pixels as possible, each with one of the other map that is near.

    A maximum matching of the pairs within ``reach``, found as a maximum flow (Dinitz, 1970).
    The Berkeley benchmark (Martin et al., 2004) looks for the matching of least total distance in
    which an unmatched pixel costs a hundred times the reach: that is a maximum matching too.

    Parameters
    ----------
    found, truth : (H, W) bool
    reach : float, optional
        Pixels; `REACH` of the diagonal if not given.

    Returns
    -------
    found, truth : (H, W) bool
        The pixels of each that have a partner.

    Raises
    ------
    LabelError
        The maps differ in size.

    Examples
    --------
    >>> found, truth = np.array([[True, False, True]]), np.array([[False, True, False]])
    >>> [int(matched.sum()) for matched in match_boundaries(found, truth, reach=1)]
    [1, 1]
    """
    if found.shape != truth.shape or found.ndim != 2:
        raise LabelError(f"boundary maps of {found.shape} and {truth.shape}: expected one size")
    if reach is None:
        reach = REACH * float(np.hypot(*truth.shape))
    matched = np.zeros_like(found), np.zeros_like(truth)
    rows, columns = np.nonzero(truth)
    places = np.nonzero(found)
    if not len(rows) or not len(places[0]):
        return matched
    far = int(reach)
    index = np.full((found.shape[0] + 2 * far, found.shape[1] + 2 * far), -1, dtype=np.int32)
    index[places[0] + far, places[1] + far] = np.arange(len(places[0]), dtype=np.int32)
    span = np.arange(-far, far + 1)
    y, x = (plane.ravel() for plane in np.meshgrid(span, span, indexing="ij"))
    near_by = y**2 + x**2 <= reach**2
    near = index[rows[:, None] + far + y[near_by], columns[:, None] + far + x[near_by]]
    one, which = np.nonzero(near >= 0)
    other = near[one, which]
    # From a source to every true pixel, to each found one near it, and to a sink, each with
    # capacity one, so that a flow is a matching.
    source, sink = len(rows) + len(places[0]), len(rows) + len(places[0]) + 1
    starts = np.concatenate([np.full(len(rows), source), one, np.arange(len(rows), source)])
    ends = np.concatenate([np.arange(len(rows)), len(rows) + other, np.full(len(places[0]), sink)])
    pipes = csr_array((np.ones(len(starts), dtype=np.int32), (starts, ends)), shape=(sink + 1,) * 2)
    # scipy's Hopcroft-Karp matching takes minutes if many true pixels stay unmatched.
    flow = maximum_flow(pipes, source, sink, method="dinic").flow.tocoo()
    used = (flow.data > 0) & (flow.row < len(rows))
    taken = flow.col[used] - len(rows)
    matched[0][places[0][taken], places[1][taken]] = True
    matched[1][rows[flow.row[used]], columns[flow.row[used]]] = True
    return matched


def match_counts(
    strength: Float32Array, truths: list[BoolArray], thresholds: npt.NDArray[np.floating]
) -> Int64Array:
    """Count matched boundary pixels of one image at each threshold, against each person's map.

    Parameters
    ----------
    strength : (H, W) float32
        Pixels that reach a threshold are boundary, thinned to lines one pixel wide.
    truths : list of (H, W) bool
        The boundaries that each person drew.
    thresholds : (T,) float

    Returns
    -------
    (T, 4) int64
        Found pixels with a partner in any person's map, found pixels; true pixels with a
        partner, true pixels, both added up over the people. Counts add up over images.

    Examples
    --------
    >>> strength = np.array([[0, 0.9, 0, 0.2]], dtype=np.float32)
    >>> truth = np.array([[False, True, False, False]])
    >>> match_counts(strength, [truth], np.array([0.1, 0.5])).tolist()
    [[1, 2, 1, 1], [1, 1, 1, 1]]
    """
    counts = np.zeros((len(thresholds), 4), dtype=np.int64)
    counts[:, 3] = sum(int(truth.sum()) for truth in truths)
    before: BoolArray | None = None
    for i, threshold in enumerate(thresholds):
        boundary = strength >= threshold
        if before is not None and np.array_equal(boundary, before):
            counts[i] = counts[i - 1]
            continue
        before = boundary
        found = thin(boundary)
        pairs = [match_boundaries(found, truth) for truth in truths]
        any_person = np.any([mine for mine, _ in pairs], axis=0)
        counts[i, :3] = any_person.sum(), found.sum(), sum(int(theirs.sum()) for _, theirs in pairs)
    return counts


@dataclass(frozen=True, eq=False)
class BoundaryCurve:
    """Precision and recall of boundaries over thresholds, in the Berkeley benchmark's way.

    Parameters
    ----------
    counts : (N, T, 4) int64
        `match_counts` of N images at the same T thresholds.

    Examples
    --------
    >>> curve = BoundaryCurve(np.array([[[1, 2, 1, 1], [1, 1, 1, 1]]]))
    >>> curve.ods, curve.best
    (1.0, 1)
    """

    counts: Int64Array

    @property
    def precision(self) -> Float64Array:
        """(T,) float64, counted over all images; 0 if nothing was found, as in the benchmark."""
        found = self.counts.sum(axis=0)
        return np.asarray(found[:, 0] / np.maximum(found[:, 1], 1))

    @property
    def recall(self) -> Float64Array:
        """(T,) float64, counted over all images and people."""
        found = self.counts.sum(axis=0)
        return np.asarray(found[:, 2] / np.maximum(found[:, 3], 1))

    @property
    def ods(self) -> float:
        """Best F1 with one threshold for the whole data set (optimal dataset scale).

        Of the thresholds themselves: the benchmark also looks between them, where it finds a
        thousandth more at most.
        """
        return float(_f1(self.precision, self.recall).max())

    @property
    def best(self) -> int:
        """Index of that threshold."""
        return int(_f1(self.precision, self.recall).argmax())

    @property
    def ois(self) -> float:
        """F1 of the counts at each image's own best threshold (optimal image scale)."""
        own = self.counts.astype(np.float64)
        scores = _f1(
            own[..., 0] / np.maximum(own[..., 1], 1), own[..., 2] / np.maximum(own[..., 3], 1)
        )
        chosen = self.counts[np.arange(len(own)), scores.argmax(axis=1)].sum(axis=0)
        return float(_f1(chosen[0] / max(1, chosen[1]), chosen[2] / max(1, chosen[3])))

    @property
    def average_precision(self) -> float:
        """Area under precision over recall within the range of the curve.

        Sampled at every hundredth of recall, as in the benchmark.
        """
        recall, first = np.unique(self.recall, return_index=True)
        if len(recall) < 2:
            return 0.0
        steps = np.linspace(0, 1, 101)
        height = np.interp(steps, recall, self.precision[first], left=0, right=0)
        return float(height.sum() / 100)


def _f1(precision: Float64Array, recall: Float64Array) -> Float64Array:
    return np.asarray(2 * precision * recall / np.maximum(precision + recall, 1e-12))
