"""How well objects were told apart: overlap of masks, counts as for cells, panoptic quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from pixelwise.classes import VOID
from pixelwise.samples import Instance, UInt8Array

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

CELL_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


def mask_ious(
    found: Sequence[Instance],
    truth: Sequence[Instance],
    least: float = 0.0,
    pairs: npt.NDArray[np.bool_] | None = None,
) -> Float64Array:
    """Return the intersection over union of each pair of masks.

    Parameters
    ----------
    found, truth : sequence of Instance
        D and G of one photo.
    least : float
        Pairs whose boxes and areas show that they stay below this get 0: they need not be counted.
    pairs : (D, G) bool, optional
        The others get 0.

    Returns
    -------
    (D, G) float64
        0..1. Against a crowd, the share of the found object that lies in it.
    """
    ious = np.zeros((len(found), len(truth)))
    if not found or not truth:
        return ious
    one, other = (np.array([i.box for i in group]) for group in (found, truth))
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    sizes, areas = (np.array([i.area for i in group]) for group in (found, truth))
    crowd = np.array([i.crowd for i in truth], dtype=np.bool_)
    most = np.minimum((high - low).clip(min=0).prod(axis=2), sizes[:, None])
    most = np.minimum(most, areas)
    whole = np.where(crowd, sizes[:, None], sizes[:, None] + areas)
    near = (most > 0) & (most >= least * (whole - np.where(crowd, 0, most)))
    for d, g in np.argwhere(near if pairs is None else near & pairs):
        (top, left), (bottom, right) = low[d, g].tolist(), high[d, g].tolist()
        (down, across), (there, beside) = found[d].corner, truth[g].corner
        shared = np.count_nonzero(
            found[d].patch[top - down : bottom - down, left - across : right - across]
            & truth[g].patch[top - there : bottom - there, left - beside : right - beside]
        )
        ious[d, g] = shared / (whole[d, g] - (0 if crowd[g] else shared))
    return ious


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Objects found, missed and made up, as those are counted who segment cells.

    Parameters
    ----------
    counts : (N, T, 3) int64
        Of each photo, at each of `CELL_THRESHOLDS`: true positives, false positives, false
        negatives.
    """

    counts: Int64Array

    @property
    def pooled(self) -> Float64Array:
        """(T,): TP / (TP + FP + FN), counted over all photos; NaN without an object."""
        total = self.counts.sum(axis=0)
        return _share(total[:, 0], total.sum(axis=1))

    @property
    def per_image(self) -> Float64Array:
        """(T,): the mean over photos of TP / (TP + FP + FN); 1 where a photo has no object."""
        every = self.counts.sum(axis=2)
        return np.asarray(np.where(every, self.counts[:, :, 0] / np.maximum(every, 1), 1).mean(0))


def cell_counts(found: Sequence[Instance], truth: Sequence[Instance]) -> Int64Array:
    """Count the objects of one photo, whatever their class, at each of `CELL_THRESHOLDS`.

    As many pairs are made as can be, each of at least that IoU, no object in two. What lies for
    more than half in a crowd does not count.

    Returns
    -------
    (T, 3) int64
        True positives, false positives, false negatives.
    """
    objects = [t for t in truth if not t.crowd]
    ious = mask_ious(found, objects, CELL_THRESHOLDS[0])
    excused = (mask_ious(found, [t for t in truth if t.crowd]) > 0.5).any(axis=1)
    rows = []
    for threshold in CELL_THRESHOLDS:
        partner = maximum_bipartite_matching(csr_matrix(ious >= threshold), perm_type="column")
        right = partner >= 0
        hits = int(np.count_nonzero(right))
        rows.append((hits, int(np.count_nonzero(~right & ~excused)), len(objects) - hits))
    return np.array(rows, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class PanopticQuality:
    """Panoptic quality (Kirillov et al., 2019), the mean over classes that occur.

    Parameters
    ----------
    counts : (C, 3) int64
        Of each class: true positives, false positives, false negatives.
    ious : (C,) float64
        Sum of the IoU of the true positives.
    """

    counts: Int64Array
    ious: Float64Array

    @property
    def per_class(self) -> Float64Array:
        """(C,): PQ = sum of IoU / (TP + FP / 2 + FN / 2); NaN for a class that does not occur."""
        return _share(self.ious, self.counts @ np.array([1, 0.5, 0.5]))

    @property
    def pq(self) -> float:
        """Mean of `per_class`, 0..1; NaN where no class occurs."""
        return _mean(self.per_class)

    @property
    def sq(self) -> float:
        """Segmentation quality: mean over classes of the mean IoU of the true positives."""
        return _mean(_share(self.ious, self.counts[:, 0], empty=0.0)[self._occur])

    @property
    def rq(self) -> float:
        """Recognition quality: mean over classes of TP / (TP + FP / 2 + FN / 2)."""
        return _mean(_share(self.counts[:, 0], self.counts @ np.array([1, 0.5, 0.5])))

    @property
    def _occur(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.counts.sum(axis=1) > 0)


def panoptic_counts(
    truth: tuple[UInt8Array, Sequence[Instance]],
    found: tuple[UInt8Array, Sequence[Instance]],
    things: Sequence[int],
    n_classes: int,
) -> tuple[Int64Array, Float64Array]:
    """Match the segments of one photo: each thing, and each other class as a whole.

    A pair matches above an IoU of 0.5, which can be true of one partner only. Void pixels of the
    truth belong to nothing; a found segment that lies for more than half in them, or in a crowd
    of its class, does not count. Class 0 is the rest and no segment where ``things`` leave it out.

    Parameters
    ----------
    truth, found : (H, W) uint8 and sequence of Instance
        Label map, 255 = void, and objects, later ones over earlier ones.
    things : sequence of int
        Classes that come as objects.
    n_classes : int

    Returns
    -------
    counts : (C, 3) int64
    ious : (C,) float64
        As for `PanopticQuality`.
    """
    void = truth[0] == VOID
    there, true_classes, crowds = _segments(*truth, things, n_classes)
    here, found_classes, _ = _segments(*found, things, n_classes)
    here = np.where(void & (here == 0), 0, here)
    n = len(true_classes)
    both = np.bincount((here * n + there).ravel(), minlength=len(found_classes) * n)
    both = both.reshape(len(found_classes), n)
    lost = np.bincount(here[void], minlength=len(found_classes))
    true_sizes = np.bincount(there[~void], minlength=n)
    found_sizes = both.sum(axis=1)
    counts, ious = np.zeros((n_classes, 3), np.int64), np.zeros(n_classes)
    partnered = np.zeros(len(found_classes), dtype=np.bool_)
    missed = np.ones(n, dtype=np.bool_)
    for p, g in np.argwhere(both > 0):
        if p == 0 or g == 0 or found_classes[p] != true_classes[g] or crowds[g]:
            continue
        iou = both[p, g] / (found_sizes[p] - lost[p] + true_sizes[g] - both[p, g])
        if iou > 0.5:
            counts[true_classes[g], 0] += 1
            ious[true_classes[g]] += iou
            partnered[p], missed[g] = True, False
    for g in range(1, n):
        if missed[g] and not crowds[g] and true_sizes[g]:
            counts[true_classes[g], 2] += 1
    for p in range(1, len(found_classes)):
        alike = crowds & (true_classes == found_classes[p])
        if (
            not partnered[p]
            and found_sizes[p]
            and (lost[p] + both[p][alike].sum() <= 0.5 * found_sizes[p])
        ):
            counts[found_classes[p], 1] += 1
    return counts, ious


def _segments(
    label_map: UInt8Array, instances: Sequence[Instance], things: Sequence[int], n_classes: int
) -> tuple[Int64Array, Int64Array, npt.NDArray[np.bool_]]:
    """Return a map of segments 1, 2, ..., their classes, and which are crowds."""
    is_stuff = np.zeros(256, dtype=np.bool_)
    is_stuff[1:n_classes] = True
    is_stuff[list(things)] = False
    stuff = np.where(is_stuff[label_map], label_map, 0).astype(np.int64)
    classes, crowds = [*range(n_classes)], [False] * n_classes
    for instance in instances:
        if instance.class_id < n_classes:
            instance.within(stuff)[instance.patch] = len(classes)
            classes.append(instance.class_id)
            crowds.append(instance.crowd)
    stuff[label_map == VOID] = 0
    return stuff, np.array(classes), np.array(crowds)


def _share(
    part: Float64Array | Int64Array, whole: Float64Array | Int64Array, empty: float = np.nan
) -> Float64Array:
    none = whole == 0
    return np.asarray(np.where(none, empty, part / np.where(none, 1, whole)), dtype=np.float64)


def _mean(values: Float64Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
