"""How well two label maps agree along the borders of their classes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID, ClassMap
from pixelwise.metrics.semantic import check_pair

UInt8Array = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]

BAND = 0.02
"""Width of the band of boundary IoU, as a share of the photo's diagonal (the paper's own)."""

TOLERANCE = 2
"""Pixels by which a border may be off and still count for boundary F1."""

COLUMNS = 6


def boundary_counts(truth: UInt8Array, prediction: UInt8Array, n_classes: int) -> Int64Array:
    """Count what boundary IoU and boundary F1 are made of, for one photo.

    Parameters
    ----------
    truth : (H, W) uint8
        Class ids, 255 = void: nothing is counted on those pixels.
    prediction : (H, W) uint8
        Class ids.
    n_classes : int

    Returns
    -------
    (n_classes, 6) int64
        For each class: band pixels of both, band pixels of either; predicted border pixels near
        a true one, predicted border pixels; true border pixels near a predicted one, true border
        pixels. Columns add up over photos.

    Raises
    ------
    LabelError
        The maps differ in size.
    """
    check_pair(truth, prediction, n_classes)
    counts = np.zeros((n_classes, COLUMNS), dtype=np.int64)
    labelled = truth != VOID
    # On void, the prediction has no border of its own, and the truth has none either.
    edges = [_edges(plane, labelled) for plane in (truth, prediction)]
    reach = 2 * max(1, round(BAND * float(np.hypot(*truth.shape)))) + 1
    box = cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach))
    # OpenCV's own ellipse of this size has pixels further away than that.
    span = np.arange(-TOLERANCE, TOLERANCE + 1)
    disc = (span[:, None] ** 2 + span**2 <= TOLERANCE**2).astype(np.uint8)
    shown = np.union1d(np.unique(truth), np.unique(prediction))
    for class_id in shown[shown < n_classes]:
        masks = [(plane == class_id).astype(np.uint8) for plane in (truth, prediction)]
        # Beyond the photo counts as outside, so that a mask cut by the photo has a band there.
        bands = [
            (mask > cv2.erode(mask, box, borderType=cv2.BORDER_CONSTANT, borderValue=0)) & labelled
            for mask in masks
        ]
        borders = [edge & (mask > 0) for edge, mask in zip(edges, masks, strict=True)]
        near = [cv2.dilate(border.astype(np.uint8), disc) > 0 for border in borders]
        counts[class_id] = [
            np.count_nonzero(bands[0] & bands[1]),
            np.count_nonzero(bands[0] | bands[1]),
            np.count_nonzero(borders[1] & near[0]),
            np.count_nonzero(borders[1]),
            np.count_nonzero(borders[0] & near[1]),
            np.count_nonzero(borders[0]),
        ]
    return counts


@dataclass(frozen=True, eq=False)
class BoundaryScores:
    """Boundary IoU and boundary F1 of a data set. Every figure is a fraction in 0..1, or NaN.

    Parameters
    ----------
    counts : (C, 6) int64
        `boundary_counts`, added up over the photos.
    classes : ClassMap
        C names.
    """

    counts: Int64Array
    classes: ClassMap

    @property
    def per_class_iou(self) -> npt.NDArray[np.float64]:
        """(C,) float64: boundary IoU of each class (Cheng et al., 2021); NaN where it is absent."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.counts[:, 0] / self.counts[:, 1])

    @property
    def per_class_f1(self) -> npt.NDArray[np.float64]:
        """(C,) float64: boundary F1 of each class (Csurka et al., 2013); NaN without borders."""
        with np.errstate(invalid="ignore"):
            precision = self.counts[:, 2] / self.counts[:, 3]
            recall = self.counts[:, 4] / self.counts[:, 5]
            score = 2 * precision * recall / (precision + recall)
        one_sided = (self.counts[:, 3] == 0) != (self.counts[:, 5] == 0)
        missed = (precision + recall == 0) | one_sided
        return np.where(missed, 0.0, score)

    @property
    def iou(self) -> float:
        """Mean of `per_class_iou` over the classes that have one."""
        return _mean(self.per_class_iou)

    @property
    def f1(self) -> float:
        """Mean of `per_class_f1` over the classes that have one."""
        return _mean(self.per_class_f1)


DEFINITIONS = {
    "boundary_iou": (
        f"mean over classes of the IoU of the bands that lie within {BAND:.0%} of the photo's "
        "diagonal inside each mask's border, counted over the data set; void excluded"
    ),
    "boundary_f1": (
        f"mean over classes of the harmonic mean of precision and recall of border pixels that "
        f"have one of the other map within {TOLERANCE} px, counted over the data set; borders "
        "along void and along the photo's edge left out"
    ),
}


def _edges(label_map: UInt8Array, labelled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Mark pixels that have one of the 4 neighbours in another class, both of them labelled."""
    edges = np.zeros(label_map.shape, dtype=np.bool_)
    for axis in (0, 1):
        here, there = (np.moveaxis(label_map, axis, 0)[s] for s in (slice(1, None), slice(-1)))
        known = np.moveaxis(labelled, axis, 0)
        differ = (here != there) & known[1:] & known[:-1]
        view = np.moveaxis(edges, axis, 0)
        view[1:] |= differ
        view[:-1] |= differ
    return edges


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
