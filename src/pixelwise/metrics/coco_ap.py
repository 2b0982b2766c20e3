"""COCO's average precision of instance masks, equal to pycocotools to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from pixelwise.metrics.mask_iou import mask_ious
from pixelwise.samples import BoolArray, Float64Array, Instance, Int64Array

THRESHOLDS = np.linspace(0.5, 0.95, 10)
LEAST = THRESHOLDS[0]
CAPPED = np.minimum(THRESHOLDS, 1 - 1e-10)
"""The thresholds as pycocotools compares them."""

RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100
"""Instances of a class in an image that count, best score first."""

AREAS = ((0.0, 1e10), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
"""Pixels of all, small, medium and large instances; both ends included."""

EVERY = np.ogrid[: len(AREAS), : len(THRESHOLDS)]


@dataclass(frozen=True)
class AveragePrecision:
    """The twelve figures of the COCO benchmark for masks, 0..1; -1 if nothing occurs.

    Precision at 101 recalls, averaged over them, over classes and, but for ``ap50`` and ``ap75``,
    over the IoU from 0.50 to 0.95 in steps of 0.05. A crowd is neither found nor missed.

    Parameters
    ----------
    ap, ap50, ap75 : float
        At all of these IoU, at 0.50, at 0.75.
    ap_small, ap_medium, ap_large : float
        Of instances below 32 x 32 px, up to 96 x 96 px, and above.
    ar1, ar10, ar100 : float
        The highest recall with 1, 10 and 100 instances of a class in an image, a mean over IoU.
    ar_small, ar_medium, ar_large : float
        The same with 100 instances, by their size.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {f.name: float(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True, eq=False)
class Matches:
    """Which instances were matched, in one image or in several.

    Parameters
    ----------
    classes : (D,) int64
        Of the instances found, image by image, best score first within each.
    scores : (D,) float64
    ranks : (D,) int64
        Place of each among those of its class in its image.
    matched, ignored : (A, T, D) bool
        Matched with a true one; and left out of the count. A areas, T IoU.
    truths : (A, 256) int64
        True instances of each class.
    """

    classes: Int64Array
    scores: Float64Array
    ranks: Int64Array
    matched: BoolArray
    ignored: BoolArray
    truths: Int64Array

    def of(self, class_id: int) -> Matches:
        """Return those of one class; ``truths`` then are (A, 1)."""
        own = np.flatnonzero(self.classes == class_id)
        return Matches(
            self.classes[own],
            self.scores[own],
            self.ranks[own],
            self.matched[:, :, own],
            self.ignored[:, :, own],
            self.truths[:, [class_id]],
        )


def average_precision(
    truth: Sequence[Sequence[Instance]],
    found: Sequence[Sequence[Instance]],
    class_ids: Sequence[int],
) -> AveragePrecision:
    """Evaluate masks with scores as the COCO benchmark does (Lin et al., 2014).

    Parameters
    ----------
    truth : sequence of (sequence of Instance)
        The true instances of each image. Their size is `Instance.stated_area` if they have one,
        else the pixels of the mask.
    found : sequence of (sequence of Instance)
        The found instances, with scores, of the same images.
    class_ids : sequence of int
        The classes to average over. One that neither occurs nor is found is left out.

    Returns
    -------
    AveragePrecision

    Examples
    --------
    >>> true = Instance.of(np.array([[True, True, False]]), class_id=1, id=1)
    >>> found = Instance.of(np.array([[True, True, True]]), class_id=1, id=1)
    >>> average_precision([[true]], [[found]], [1]).ar100
    0.4
    """
    return summarise([match_image(*pair) for pair in zip(truth, found, strict=True)], class_ids)


def summarise(images: Sequence[Matches], class_ids: Sequence[int]) -> AveragePrecision:
    """Return the figures of `average_precision` from what `match_image` gave for each image."""
    everything = _joined(images)
    precisions, recalls, few = [], [], []
    for class_id in class_ids:
        matches = everything.of(class_id)
        if matches.truths.any() or len(matches.scores):
            precision, recall = _curves(matches)
            precisions.append(precision)
            recalls.append(recall)
            few.append([_recall_of(matches, most) for most in (1, 10)])
    n = len(precisions)
    precision = np.stack(precisions) if n else np.full((1, len(AREAS), len(THRESHOLDS), 1), -1.0)
    recall = np.stack(recalls) if n else np.full((1, len(AREAS), len(THRESHOLDS)), -1.0)
    first = np.stack(few) if n else np.full((1, 2, len(THRESHOLDS)), -1.0)
    return AveragePrecision(
        ap=_mean(precision[:, 0]),
        ap50=_mean(precision[:, 0, 0]),
        ap75=_mean(precision[:, 0, 5]),
        ap_small=_mean(precision[:, 1]),
        ap_medium=_mean(precision[:, 2]),
        ap_large=_mean(precision[:, 3]),
        ar1=_mean(first[:, 0]),
        ar10=_mean(first[:, 1]),
        ar100=_mean(recall[:, 0]),
        ar_small=_mean(recall[:, 1]),
        ar_medium=_mean(recall[:, 2]),
        ar_large=_mean(recall[:, 3]),
    )


def match_image(truth: Sequence[Instance], found: Sequence[Instance]) -> Matches:
    """Match the instances of one image within each class; arguments as of `average_precision`."""
    scores = np.array([i.score for i in found], dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    classes = np.array([i.class_id for i in found], dtype=np.int64)[order]
    ranks = _ranks(classes)
    order, classes, ranks = (values[ranks < MOST] for values in (order, classes, ranks))
    best = [found[i] for i in order]

    true_classes = np.array([i.class_id for i in truth], dtype=np.int64)
    crowd = np.array([i.crowd for i in truth], dtype=np.bool_)
    left_out = crowd | _beyond([i.area if i.stated_area is None else i.stated_area for i in truth])
    ious = mask_ious(best, truth, LEAST, classes[:, None] == true_classes)
    matched, ignored = _match(ious, crowd, left_out)
    unsized = _beyond([i.area for i in best])[:, None]
    return Matches(
        classes,
        scores[order],
        ranks,
        matched,
        ignored | (~matched & unsized),
        np.array([np.bincount(true_classes[~out], minlength=256) for out in left_out]),
    )


def _ranks(classes: Int64Array) -> Int64Array:
    """Return for each of some classes how many of the same stand before it."""
    order = np.argsort(classes, kind="stable")
    grouped = classes[order]
    ranks = np.empty_like(classes)
    ranks[order] = np.arange(len(classes)) - np.searchsorted(grouped, grouped)
    return ranks


def _joined(images: Sequence[Matches]) -> Matches:
    return Matches(
        np.concatenate([m.classes for m in images]),
        np.concatenate([m.scores for m in images]),
        np.concatenate([m.ranks for m in images]),
        np.concatenate([m.matched for m in images], axis=2),
        np.concatenate([m.ignored for m in images], axis=2),
        np.sum([m.truths for m in images], axis=0),
    )


def _beyond(sizes: Sequence[float]) -> BoolArray:
    """Return which instances each of `AREAS` leaves out, (A, N)."""
    pixels = np.array(sizes, dtype=np.float64)
    low, high = np.array(AREAS).T[:, :, None]
    return np.asarray((pixels < low) | (pixels > high), dtype=np.bool_)


def _match(
    ious: Float64Array, crowd: BoolArray, left_out: BoolArray
) -> tuple[BoolArray, BoolArray]:
    """Match the found instances of an image to the true ones, best score first.

    Each takes the free one that it overlaps most, those that count before those left out; a crowd
    is always free.

    Parameters
    ----------
    ious : (D, G) float64
    crowd : (G,) bool
    left_out : (A, G) bool

    Returns
    -------
    matched, ignored : (A, T, D) bool
        Whether each has a partner, and whether that partner is left out.
    """
    shape = len(AREAS), len(THRESHOLDS), len(ious)
    matched, ignored = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    if not ious.size:
        return matched, ignored
    near = ious >= LEAST
    wanted, only = near.sum(axis=1), near.argmax(axis=1)
    # Most overlap a single one, and no other overlaps that: for these the order does not matter.
    alone = (wanted == 1) & ((near.sum(axis=0)[only] == 1) | crowd[only])
    simple = np.flatnonzero(alone)
    matched[:, :, simple] = ious[simple, only[simple]] >= CAPPED[:, None]
    ignored[:, :, simple] = matched[:, :, simple] & left_out[:, None, only[simple]]
    taken = np.zeros((*shape[:2], len(crowd)), dtype=np.bool_)
    for d in np.flatnonzero((wanted > 0) & ~alone):
        # Reversed: of equal ones pycocotools takes the last.
        partners = np.flatnonzero(near[d])[::-1]
        values = ious[d, partners]
        worth = values + 2 * ~left_out[:, None, partners]
        free = (values >= CAPPED[:, None]) & (~taken[:, :, partners] | crowd[partners])
        worth = np.where(free, worth, 0)
        best = worth.argmax(axis=2)
        hit = worth[*EVERY, best] > 0
        partner = partners[best]
        taken[*EVERY, partner] |= hit
        matched[:, :, d] = hit
        ignored[:, :, d] = hit & left_out[EVERY[0], partner]
    return matched, ignored


def _curves(matches: Matches) -> tuple[Float64Array, Float64Array]:
    """Return precision at `RECALLS`, (A, T, R), and the highest recall, (A, T); -1 if no truth."""
    order = np.argsort(-matches.scores, kind="stable")
    counted = ~matches.ignored[:, :, order]
    hit = matches.matched[:, :, order]
    right = np.cumsum(hit & counted, axis=2, dtype=np.float64)
    wrong = np.cumsum(~hit & counted, axis=2, dtype=np.float64)
    precision = np.full((*right.shape[:2], len(RECALLS)), -1.0)
    recall = np.full(right.shape[:2], -1.0)
    for a, truths in enumerate(matches.truths[:, 0]):
        if truths == 0:
            continue
        precision[a] = 0
        recall[a] = right[a, :, -1] / truths if right.shape[2] else 0
        reached = right[a] / truths
        exact = right[a] / (right[a] + wrong[a] + np.spacing(1))
        highest = np.maximum.accumulate(exact[:, ::-1], axis=1)[:, ::-1]
        for t in np.flatnonzero(recall[a]):
            places = np.searchsorted(reached[t], RECALLS, side="left")
            there = places < reached.shape[1]
            precision[a, t, there] = highest[t, places[there]]
    return precision, recall


def _recall_of(matches: Matches, most: int) -> Float64Array:
    """Return the recall at each IoU, (T,), with so many instances per image; -1 if no truth."""
    truths = int(matches.truths[0, 0])
    if truths == 0:
        return np.full(len(THRESHOLDS), -1.0)
    first = matches.ranks < most
    right = (matches.matched & ~matches.ignored)[0][:, first].sum(axis=1)
    return np.asarray(right / truths, dtype=np.float64)


def _mean(values: Float64Array) -> float:
    # Classes last, as pycocotools has them: the last digit of a sum depends on the order.
    values = np.moveaxis(values, 0, -1)
    known = values[values > -1]
    return float(np.mean(known)) if known.size else -1.0
