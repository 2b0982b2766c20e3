"""Panoptic quality: instances, and the other classes as one segment each, in one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise.classes import VOID
from pixelwise.metrics.averages import mean, share
from pixelwise.samples import BoolArray, Float64Array, Instance, Int64Array, UInt8Array


@dataclass(frozen=True, eq=False)
class PanopticQuality:
    """Panoptic quality (Kirillov et al., 2019), the mean over classes that occur.

    Parameters
    ----------
    counts : (C, 3) int64
        Of each class: true positives, false positives, false negatives.
    ious : (C,) float64
        Sum of the IoU of the true positives.

    Examples
    --------
    >>> found = PanopticQuality(np.array([[1, 0, 0], [2, 1, 1]]), np.array([0.9, 1.6]))
    >>> found.per_class.round(2).tolist(), round(found.sq, 2)
    ([0.9, 0.53], 0.85)
    """

    counts: Int64Array
    ious: Float64Array

    @property
    def per_class(self) -> Float64Array:
        """(C,): PQ = sum of IoU / (TP + FP / 2 + FN / 2); NaN for a class that does not occur."""
        return share(self.ious, self.counts @ np.array([1, 0.5, 0.5]))

    @property
    def pq(self) -> float:
        """Mean of `per_class`, 0..1; NaN if no class occurs."""
        return mean(self.per_class)

    @property
    def sq(self) -> float:
        """Segmentation quality: mean over classes of the mean IoU of the true positives."""
        return mean(share(self.ious, self.counts[:, 0], empty=0.0)[self._occur])

    @property
    def rq(self) -> float:
        """Recognition quality: mean over classes of TP / (TP + FP / 2 + FN / 2)."""
        return mean(share(self.counts[:, 0], self.counts @ np.array([1, 0.5, 0.5])))

    @property
    def _occur(self) -> BoolArray:
        return np.asarray(self.counts.sum(axis=1) > 0)


def panoptic_counts(
    truth: tuple[UInt8Array, Sequence[Instance]],
    found: tuple[UInt8Array, Sequence[Instance]],
    instance_classes: Sequence[int],
    n_classes: int,
) -> tuple[Int64Array, Float64Array]:
    """Match the segments of one image: each instance, and each other class as a whole.

    A pair matches above an IoU of 0.5, which only one partner can reach. Void pixels of the truth
    belong to nothing; a found segment of which more than half lies in them, or in a crowd of its
    class, does not count. Class 0 is the rest, and no segment unless it is in
    ``instance_classes``.

    Parameters
    ----------
    truth, found : (H, W) uint8 and sequence of Instance
        Label map, 255 = void, and instances, later ones over earlier ones.
    instance_classes : sequence of int
        Classes that consist of instances.
    n_classes : int

    Returns
    -------
    counts : (C, 3) int64
    ious : (C,) float64
        As for `PanopticQuality`.

    Examples
    --------
    >>> label_map = np.array([[0, 1, 1, 2]], dtype=np.uint8)
    >>> one = Instance.of(label_map == 1, class_id=1, id=1)
    >>> counts, ious = panoptic_counts((label_map, [one]), (label_map, [one]), (1,), 3)
    >>> counts.tolist(), ious.tolist()
    ([[0, 0, 0], [1, 0, 0], [1, 0, 0]], [0.0, 1.0, 1.0])
    """
    void = truth[0] == VOID
    there, true_classes, crowds = _segments(*truth, instance_classes, n_classes)
    here, found_classes, _ = _segments(*found, instance_classes, n_classes)
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
    label_map: UInt8Array,
    instances: Sequence[Instance],
    instance_classes: Sequence[int],
    n_classes: int,
) -> tuple[Int64Array, Int64Array, BoolArray]:
    """Return a map of segments 1, 2, ..., their classes, and which are crowds."""
    is_stuff = np.zeros(256, dtype=np.bool_)
    is_stuff[1:n_classes] = True
    is_stuff[list(instance_classes)] = False
    stuff = np.where(is_stuff[label_map], label_map, 0).astype(np.int64)
    classes, crowds = [*range(n_classes)], [False] * n_classes
    for instance in instances:
        if instance.class_id < n_classes:
            instance.within(stuff)[instance.patch] = len(classes)
            classes.append(instance.class_id)
            crowds.append(instance.crowd)
    stuff[label_map == VOID] = 0
    return stuff, np.array(classes), np.array(crowds)
