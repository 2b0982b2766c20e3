"""All scores of a data set's instances: COCO's figures, panoptic quality, cell counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pixelwise.classes import ClassMap
from pixelwise.metrics.cells import CELL_THRESHOLDS, CellCounts, cell_counts
from pixelwise.metrics.coco_ap import AveragePrecision, Matches, match_image, summarise
from pixelwise.metrics.panoptic import PanopticQuality, panoptic_counts
from pixelwise.metrics.semantic import or_none
from pixelwise.samples import Float64Array, Instance, Int64Array, UInt8Array

Labels = tuple[UInt8Array, Sequence[Instance]]

DEFINITIONS = {
    "ap": (
        "COCO mask AP: mean over classes and IoU 0.50 to 0.95 of precision at 101 recalls; the "
        "100 best instances of a class in an image count"
    ),
    "ap50": "the same at IoU 0.50",
    "ap75": "the same at IoU 0.75",
    "ap_small": "AP of instances up to 32 x 32 px",
    "ap_medium": "AP of instances from 32 x 32 to 96 x 96 px",
    "ap_large": "AP of instances from 96 x 96 px on",
    "ar1": (
        "mean over classes and IoU of the highest recall with 1 instance of a class in an image"
    ),
    "ar10": "the same with 10",
    "ar100": "the same with 100",
    "ar_small": "the same with 100, of instances up to 32 x 32 px",
    "ar_medium": "the same with 100, of instances from 32 x 32 to 96 x 96 px",
    "ar_large": "the same with 100, of instances from 96 x 96 px on",
    "pq": "panoptic quality: mean over classes of sum of IoU / (TP+FP/2+FN/2), match: IoU > 0.5",
    "sq": "mean over classes of the mean IoU of matches",
    "rq": "mean over classes of TP/(TP+FP/2+FN/2)",
    **{
        f"cell_ap{round(100 * t)}": f"instances of any class: TP/(TP+FP+FN) at IoU {t:.1f}"
        for t in CELL_THRESHOLDS
    },
    **{
        f"cell_ap{round(100 * t)}_per_image": f"mean over images of TP/(TP+FP+FN) at IoU {t:.1f}"
        for t in CELL_THRESHOLDS
    },
}
"""What each figure means. Crowds are neither found nor missed.

In PQ, SQ and RQ void pixels belong to nothing. AP, AR and the cell figures compare whole masks, as
COCO does, which has no void: pixels that are found beyond an instance count against it there, too.
"""


@dataclass(frozen=True, eq=False)
class InstanceScores:
    """How well the instances of a data set were found. See `InstanceCounter` for an example.

    Parameters
    ----------
    classes : ClassMap
    instance_classes : tuple of int
        The classes that consist of instances.
    matches : tuple of Matches
        One per image.
    cells : CellCounts
    panoptic : PanopticQuality
    """

    classes: ClassMap
    instance_classes: tuple[int, ...]
    matches: tuple[Matches, ...]
    cells: CellCounts
    panoptic: PanopticQuality

    def precision(self, class_id: int | None = None) -> AveragePrecision:
        """Return COCO's figures of one class, or of all that consist of instances."""
        return summarise(self.matches, self.instance_classes if class_id is None else [class_id])

    def figures(self) -> dict[str, float]:
        """Return every figure by its name in `DEFINITIONS`; NaN if nothing occurs."""
        found = {k: v if v >= 0 else np.nan for k, v in self.precision().as_dict().items()}
        found |= {name: getattr(self.panoptic, name) for name in ("pq", "sq", "rq")}
        for end, values in (("", self.cells.pooled), ("_per_image", self.cells.per_image)):
            for threshold, value in zip(CELL_THRESHOLDS, values, strict=True):
                found[f"cell_ap{round(100 * threshold)}{end}"] = float(value)
        return found

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return AP, AP50 and panoptic quality of each class; NaN if it does not occur."""
        rows = {}
        for class_id in self.instance_classes:
            ap = self.precision(class_id)
            values = {"ap": ap.ap, "ap50": ap.ap50}
            rows[self.classes.names[class_id]] = {
                **{name: value if value >= 0 else float("nan") for name, value in values.items()},
                "pq": float(self.panoptic.per_class[class_id]),
            }
        return rows

    def as_dict(self) -> dict[str, object]:
        """Return the figures as plain values for JSON; a NaN becomes None."""
        return {name: or_none(value) for name, value in self.figures().items()} | {
            "per_class": {
                name: {k: or_none(v) for k, v in row.items()}
                for name, row in self.per_class().items()
            },
            "definitions": DEFINITIONS,
        }


@dataclass
class InstanceCounter:
    """Counts image by image what `InstanceScores` are made of.

    Parameters
    ----------
    classes : ClassMap
    instance_classes : tuple of int
        The classes that consist of instances.

    Examples
    --------
    >>> label_map = np.array([[0, 1, 1, 0]], dtype=np.uint8)
    >>> cell = Instance.of(label_map == 1, class_id=1, id=1)
    >>> counter = InstanceCounter(ClassMap(("background", "cell")), (1,))
    >>> counter.add((label_map, [cell]), (label_map, [cell]))
    >>> figures = counter.scores().figures()
    >>> round(figures["ap"], 6), figures["pq"], figures["cell_ap50"]
    (1.0, 1.0, 1.0)
    """

    classes: ClassMap
    instance_classes: tuple[int, ...]
    _matches: list[Matches] = field(default_factory=list)
    _cells: list[Int64Array] = field(default_factory=list)
    _panoptic: list[tuple[Int64Array, Float64Array]] = field(default_factory=list)

    def add(self, truth: Labels, found: Labels) -> None:
        """Count one image: the (H, W) uint8 label map and the instances, true and found."""
        true, kept = (
            [i for i in labels[1] if i.class_id in self.instance_classes]
            for labels in (truth, found)
        )
        self._matches.append(match_image(true, kept))
        self._cells.append(cell_counts(kept, true))
        self._panoptic.append(
            panoptic_counts(
                (truth[0], true), (found[0], kept), self.instance_classes, len(self.classes)
            )
        )

    @property
    def last(self) -> float:
        """TP / (TP + FP + FN) at IoU 0.5 of the last image; NaN without an instance."""
        right, *wrong = self._cells[-1][0].tolist()
        return right / (right + sum(wrong)) if right + sum(wrong) else float("nan")

    def scores(self) -> InstanceScores | None:
        """Return the scores of all images; None before the first."""
        if not self._matches:
            return None
        counts, ious = (np.sum([p[k] for p in self._panoptic], axis=0) for k in (0, 1))
        return InstanceScores(
            self.classes,
            self.instance_classes,
            tuple(self._matches),
            CellCounts(np.stack(self._cells)),
            PanopticQuality(counts, ious),
        )
