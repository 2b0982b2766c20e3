"""COCO's average precision of instance masks, equal to pycocotools to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pixelwise.metrics.instances import mask_ious
from pixelwise.types import Instance

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100
"""Objects of a class in a photo that count, best score first."""

AREAS = ((0.0, 1e10), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
"""Of all objects, small, medium and large ones, px; both ends belong to it."""


@dataclass(frozen=True)
class AveragePrecision:
    """The twelve figures of the COCO benchmark for masks, 0..1; -1 where nothing was there to find.

    Precision at 101 recalls, averaged over them, over classes and, but for ``ap50`` and ``ap75``,
    over the IoU from 0.50 to 0.95 in steps of 0.05. A crowd is neither found nor missed.

    Parameters
    ----------
    ap, ap50, ap75 : float
        At all of these IoU, at 0.50, at 0.75.
    ap_small, ap_medium, ap_large : float
        Of objects below 32 x 32 px, up to 96 x 96 px, and above.
    ar1, ar10, ar100 : float
        The highest recall with 1, 10 and 100 objects of a class in a photo, a mean over IoU.
    ar_small, ar_medium, ar_large : float
        The same with 100 objects, by their size.
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
class ClassMatches:
    """What became of the objects of one class in all photos.

    Parameters
    ----------
    scores : (D,) float64
        Of the objects found, photo by photo, best first within each.
    ranks : (D,) int64
        Place of each within its photo.
    matched, ignored : (A, T, D) bool
        Found rightly; and left out of the count. A areas, T IoU.
    truths : (A,) int64
        Objects there to find.
    """

    scores: Float64Array
    ranks: npt.NDArray[np.int64]
    matched: BoolArray
    ignored: BoolArray
    truths: npt.NDArray[np.int64]


def average_precision(
    truth: Sequence[Sequence[Instance]],
    found: Sequence[Sequence[Instance]],
    class_ids: Sequence[int],
    areas: Sequence[Sequence[float]] | None = None,
) -> AveragePrecision:
    """Judge masks with scores as the COCO benchmark does (Lin et al., 2014).

    Parameters
    ----------
    truth : sequence of (sequence of Instance)
        What is there, a photo each.
    found : sequence of (sequence of Instance)
        What was found, with scores, in the same order of photos.
    class_ids : sequence of int
        The classes to average over. One without an object in the truth is left out.
    areas : sequence of (sequence of float), optional
        Of the true objects, px, where a file gives them otherwise: COCO's are those of polygons.

    Returns
    -------
    AveragePrecision
    """
    precisions, recalls, few = [], [], []
    for class_id in class_ids:
        matches = match_class(truth, found, class_id, areas)
        if matches is not None:
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


def match_class(
    truth: Sequence[Sequence[Instance]],
    found: Sequence[Sequence[Instance]],
    class_id: int,
    areas: Sequence[Sequence[float]] | None = None,
) -> ClassMatches | None:
    """Match the objects of one class in all photos; None where no photo has or shows any.

    Takes what `average_precision` takes.
    """
    scores, ranks, matched, ignored = [], [], [], []
    truths = np.zeros(len(AREAS), dtype=np.int64)
    anything = False
    for place, (there, guesses) in enumerate(zip(truth, found, strict=True)):
        kept = [k for k, g in enumerate(there) if g.class_id == class_id]
        objects = [g for g in guesses if g.class_id == class_id]
        if not kept and not objects:
            continue
        anything = True
        own = [there[k] for k in kept]
        sizes = np.array(
            [g.area for g in own] if areas is None else [areas[place][k] for k in kept],
            dtype=np.float64,
        )
        order = np.argsort([-g.score for g in objects], kind="stable")[:MOST]
        objects = [objects[i] for i in order]
        scores.append(np.array([g.score for g in objects], dtype=np.float64))
        ranks.append(np.arange(len(objects)))
        crowd = np.array([g.crowd for g in own], dtype=np.bool_)
        beyond = np.array([_beyond(sizes, area) for area in AREAS]).reshape(len(AREAS), -1)
        left_out = beyond | crowd
        truths += (~left_out).sum(axis=1)
        hit, out = _match(mask_ious(objects, own), crowd, left_out)
        found_sizes = np.array([g.area for g in objects], dtype=np.float64)
        strange = np.array([_beyond(found_sizes, area) for area in AREAS])
        matched.append(hit)
        ignored.append(out | (~hit & strange.reshape(len(AREAS), 1, -1)))
    if not anything:
        return None
    return ClassMatches(
        np.concatenate(scores),
        np.concatenate(ranks),
        np.concatenate(matched, axis=2),
        np.concatenate(ignored, axis=2),
        truths,
    )


def _beyond(sizes: Float64Array, area: tuple[float, float]) -> BoolArray:
    return np.asarray((sizes < area[0]) | (sizes > area[1]), dtype=np.bool_)


def _match(
    ious: Float64Array, crowd: BoolArray, left_out: BoolArray
) -> tuple[BoolArray, BoolArray]:
    """Match the objects found in a photo to those there, best score first.

    Parameters
    ----------
    ious : (D, G) float64
    crowd : (G,) bool
    left_out : (A, G) bool

    Returns
    -------
    matched, ignored : (A, T, D) bool
        Whether each has a partner, and whether that one is left out.
    """
    shape = len(AREAS), len(THRESHOLDS), len(ious)
    matched, ignored = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    near = ious >= THRESHOLDS[0]
    claims = near.sum(axis=0)
    for d in np.flatnonzero(near.any(axis=1)):
        partners = np.flatnonzero(near[d])
        if len(partners) == 1 and (claims[partners[0]] == 1 or crowd[partners[0]]):
            # Nobody else wants it: the order does not matter.
            g = partners[0]
            matched[:, :, d] = ious[d, g] >= _capped(THRESHOLDS)
            ignored[:, :, d] = matched[:, :, d] & left_out[:, g, None]
    contested = [
        int(d)
        for d in np.flatnonzero(near.any(axis=1))
        if near[d].sum() > 1 or not all(claims[g] == 1 or crowd[g] for g in np.flatnonzero(near[d]))
    ]
    if contested:
        for a in range(len(AREAS)):
            order = np.argsort(left_out[a], kind="stable")
            for t, threshold in enumerate(THRESHOLDS):
                _match_greedily(
                    ious,
                    crowd,
                    left_out[a],
                    order,
                    contested,
                    threshold,
                    matched[a, t],
                    ignored[a, t],
                )
    return matched, ignored


def _match_greedily(
    ious: Float64Array,
    crowd: BoolArray,
    left_out: BoolArray,
    order: npt.NDArray[np.int64],
    contested: list[int],
    threshold: float,
    matched: BoolArray,
    ignored: BoolArray,
) -> None:
    """Fill in who matches whom at one IoU: the best that is free, those that count first."""
    taken = np.zeros(len(order), dtype=np.bool_)
    for d in contested:
        best, partner = float(_capped(threshold)), -1
        for g in order:
            if taken[g] and not crowd[g]:
                continue
            if partner >= 0 and left_out[g] and not left_out[partner]:
                break
            # Of equals the last one, as in pycocotools.
            if ious[d, g] >= best:
                best, partner = float(ious[d, g]), int(g)
        if partner >= 0:
            taken[partner] = True
            matched[d], ignored[d] = True, left_out[partner]


def _capped(threshold: Float64Array | float) -> Float64Array:
    return np.minimum(threshold, 1 - 1e-10)


def _curves(matches: ClassMatches) -> tuple[Float64Array, Float64Array]:
    """Return precision at `RECALLS`, (A, T, R), and the highest recall, (A, T); -1 if no truth."""
    order = np.argsort(-matches.scores, kind="stable")
    counted = ~matches.ignored[:, :, order]
    hit = matches.matched[:, :, order]
    right = np.cumsum(hit & counted, axis=2, dtype=np.float64)
    wrong = np.cumsum(~hit & counted, axis=2, dtype=np.float64)
    precision = np.full((*right.shape[:2], len(RECALLS)), -1.0)
    recall = np.full(right.shape[:2], -1.0)
    for a, truths in enumerate(matches.truths):
        if truths == 0:
            continue
        precision[a] = 0
        recall[a] = right[a, :, -1] / truths if right.shape[2] else 0
        reached = right[a] / truths
        exact = right[a] / (right[a] + wrong[a] + np.spacing(1))
        highest = np.maximum.accumulate(exact[:, ::-1], axis=1)[:, ::-1]
        for t in range(len(THRESHOLDS)):
            places = np.searchsorted(reached[t], RECALLS, side="left")
            there = places < reached.shape[1]
            precision[a, t, there] = highest[t, places[there]]
    return precision, recall


def _recall_of(matches: ClassMatches, most: int) -> Float64Array:
    """Return the recall at each IoU, (T,), with so many objects a photo; -1 if no truth."""
    truths = matches.truths[0]
    if truths == 0:
        return np.full(len(THRESHOLDS), -1.0)
    first = matches.ranks < most
    right = (matches.matched & ~matches.ignored)[0][:, first].sum(axis=1)
    return np.asarray(right / truths, dtype=np.float64)


def _mean(values: Float64Array) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if known.size else -1.0
