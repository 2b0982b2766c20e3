"""How well two label maps agree along the boundaries of their classes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pixelwise.classes import VOID, ClassMap
from pixelwise.metrics.averages import mean
from pixelwise.metrics.semantic import check_pair
from pixelwise.samples import BoolArray, Float64Array, Int64Array, UInt8Array

BAND = 0.02
"""Width of the band of boundary IoU, as a share of the image's diagonal (the paper's own)."""

TOLERANCE = 2
"""Pixels by which a boundary may be off and still count for boundary F1."""

COLUMNS = 6


def boundary_counts(truth: UInt8Array, prediction: UInt8Array, n_classes: int) -> Int64Array:
    """Count what boundary IoU and boundary F1 are made of, for one image.

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
        For each class: band pixels of both, band pixels of either; predicted boundary pixels near
        a true one, predicted boundary pixels; true boundary pixels near a predicted one, true
        boundary pixels. Counts add up over images.

    Raises
    ------
    LabelError
        The maps differ in size.

    Examples
    --------
    >>> truth = np.array([[0, 0, 1, 1]], dtype=np.uint8)
    >>> boundary_counts(truth, truth, 2).tolist()
    [[2, 2, 1, 1, 1, 1], [2, 2, 1, 1, 1, 1]]
    """
    check_pair(truth, prediction, n_classes)
    counts = np.zeros((n_classes, COLUMNS), dtype=np.int64)
    labelled = truth != VOID
    # On void neither prediction nor truth has a boundary.
    lines = [_boundary(plane, labelled) for plane in (truth, prediction)]
    reach = 2 * max(1, round(BAND * float(np.hypot(*truth.shape)))) + 1
    box = cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach))
    # OpenCV's own ellipse of this size has pixels beyond the tolerance.
    span = np.arange(-TOLERANCE, TOLERANCE + 1)
    disc = (span[:, None] ** 2 + span**2 <= TOLERANCE**2).astype(np.uint8)
    # Where nothing is known, the truth is taken to be what is predicted: the line along void is no
    # boundary of either.
    known = np.where(labelled, truth, prediction)
    shown = np.union1d(np.unique(truth), np.unique(prediction))
    for class_id in shown[shown < n_classes]:
        masks = [(plane == class_id).astype(np.uint8) for plane in (known, prediction)]
        # Outside the image is outside the mask: a mask cut off by the image has a band there.
        bands = [
            (mask > cv2.erode(mask, box, borderType=cv2.BORDER_CONSTANT, borderValue=0)) & labelled
            for mask in masks
        ]
        drawn = [line & (mask > 0) for line, mask in zip(lines, masks, strict=True)]
        near = [cv2.dilate(line.astype(np.uint8), disc) > 0 for line in drawn]
        counts[class_id] = [
            np.count_nonzero(bands[0] & bands[1]),
            np.count_nonzero(bands[0] | bands[1]),
            np.count_nonzero(drawn[1] & near[0]),
            np.count_nonzero(drawn[1]),
            np.count_nonzero(drawn[0] & near[1]),
            np.count_nonzero(drawn[0]),
        ]
    return counts


@dataclass(frozen=True, eq=False)
class BoundaryScores:
    """Boundary IoU and boundary F1 of a data set. Every figure is a fraction in 0..1, or NaN.

    Parameters
    ----------
    counts : (C, 6) int64
        `boundary_counts`, added up over the images.
    classes : ClassMap
        C names.

    Examples
    --------
    >>> counts = np.array([[2, 2, 4, 4, 4, 4], [1, 2, 3, 4, 1, 4]])
    >>> scores = BoundaryScores(counts, ClassMap(("sky", "tree")))
    >>> scores.iou, round(scores.f1, 4)
    (0.75, 0.6875)
    """

    counts: Int64Array
    classes: ClassMap

    @property
    def per_class_iou(self) -> Float64Array:
        """(C,) float64: boundary IoU of each class (Cheng et al., 2021); NaN if it is absent."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.counts[:, 0] / self.counts[:, 1])

    @property
    def per_class_f1(self) -> Float64Array:
        """(C,) float64: boundary F1 of each class; NaN without boundaries.

        Csurka et al. (2013) take it image by image, with a tolerance of 0.75 % of the diagonal.
        """
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
        return mean(self.per_class_iou)

    @property
    def f1(self) -> float:
        """Mean of `per_class_f1` over the classes that have one."""
        return mean(self.per_class_f1)


DEFINITIONS = {
    "boundary_iou": (
        f"mean over classes of the IoU of the bands that lie within {BAND:.0%} of the image's "
        "diagonal inside each mask's boundary, counted over the data set; void excluded"
    ),
    "boundary_f1": (
        f"mean over classes of the harmonic mean of precision and recall of boundary pixels "
        f"that have one of the other map within {TOLERANCE} px, counted over the data set; "
        "boundaries along void and along the image's border left out"
    ),
}


def _boundary(label_map: UInt8Array, labelled: BoolArray) -> BoolArray:
    """Mark pixels that have one of the 4 neighbours in another class, both of them labelled."""
    boundary = np.zeros(label_map.shape, dtype=np.bool_)
    for axis in (0, 1):
        here, there = (np.moveaxis(label_map, axis, 0)[s] for s in (slice(1, None), slice(-1)))
        known = np.moveaxis(labelled, axis, 0)
        differ = (here != there) & known[1:] & known[:-1]
        view = np.moveaxis(boundary, axis, 0)
        view[1:] |= differ
        view[:-1] |= differ
    return boundary
