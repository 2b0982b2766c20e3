"""All that is said about objects of one data set: COCO's figures, panoptic quality, cell counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pixelwise.classes import ClassMap
from pixelwise.metrics.coco_ap import AveragePrecision, Matches, match_photo, summarise
from pixelwise.metrics.mask_iou import (
    CELL_THRESHOLDS,
    CellCounts,
    PanopticQuality,
    cell_counts,
    panoptic_counts,
)
from pixelwise.metrics.semantic import or_none
from pixelwise.samples import Instance

UInt8Array = npt.NDArray[np.uint8]
Labels = tuple[UInt8Array, Sequence[Instance]]

DEFINITIONS = {
    "ap": (
        "COCO mask AP: mean over classes and IoU 0.50 to 0.95 of precision at 101 recalls; the "
        "100 best objects of a class in a photo count"
    ),
    "ap50": "the same at IoU 0.50",
    "ap75": "the same at IoU 0.75",
    "ap_small": "AP of objects up to 32 x 32 px",
    "ap_medium": "AP of objects from 32 x 32 to 96 x 96 px",
    "ap_large": "AP of objects from 96 x 96 px on",
    "ar1": "mean over classes and IoU of the highest recall with 1 object of a class in a photo",
    "ar10": "the same with 10",
    "ar100": "the same with 100",
    "ar_small": "the same with 100, of objects up to 32 x 32 px",
    "ar_medium": "the same with 100, of objects from 32 x 32 to 96 x 96 px",
    "ar_large": "the same with 100, of objects from 96 x 96 px on",
    "pq": "panoptic quality: mean over classes of sum of IoU / (TP+FP/2+FN/2), match: IoU > 0.5",
    "sq": "mean over classes of the mean IoU of matches",
    "rq": "mean over classes of TP/(TP+FP/2+FN/2)",
    **{
        f"cell_ap{round(100 * t)}": f"objects of any class: TP/(TP+FP+FN) at IoU {t:.1f}"
        for t in CELL_THRESHOLDS
    },
    **{
        f"cell_ap{round(100 * t)}_per_image": f"mean over photos of TP/(TP+FP+FN) at IoU {t:.1f}"
        for t in CELL_THRESHOLDS
    },
}
"""What each figure means. Crowds are neither found nor missed; void pixels belong to nothing."""


@dataclass(frozen=True, eq=False)
class InstanceScores:
    """How well the objects of a data set were found.

    Parameters
    ----------
    classes : ClassMap
    things : tuple of int
        The classes that come as objects.
    matches : tuple of Matches
        A photo each.
    cells : CellCounts
    panoptic : PanopticQuality
    """

    classes: ClassMap
    things: tuple[int, ...]
    matches: tuple[Matches, ...]
    cells: CellCounts
    panoptic: PanopticQuality

    def precision(self, class_id: int | None = None) -> AveragePrecision:
        """Return COCO's figures of one class; of all things where not given."""
        return summarise(self.matches, self.things if class_id is None else [class_id])

    def figures(self) -> dict[str, float]:
        """Return every figure by the name that `DEFINITIONS` has it under; NaN: nothing there."""
        found = {k: v if v >= 0 else np.nan for k, v in self.precision().as_dict().items()}
        found |= {name: getattr(self.panoptic, name) for name in ("pq", "sq", "rq")}
        for end, values in (("", self.cells.pooled), ("_per_image", self.cells.per_image)):
            for threshold, value in zip(CELL_THRESHOLDS, values, strict=True):
                found[f"cell_ap{round(100 * threshold)}{end}"] = float(value)
        return found

    def per_class(self) -> dict[str, dict[str, float]]:
        """Return AP, AP50 and panoptic quality of each thing, by its name; NaN: nothing there."""
        rows = {}
        for class_id in self.things:
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
    """Counts photo by photo what `InstanceScores` are made of.

    Parameters
    ----------
    classes : ClassMap
    things : tuple of int
        The classes that come as objects.
    """

    classes: ClassMap
    things: tuple[int, ...]
    _matches: list[Matches] = field(default_factory=list)
    _cells: list[npt.NDArray[np.int64]] = field(default_factory=list)
    _panoptic: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]] = field(
        default_factory=list
    )

    def add(self, truth: Labels, found: Labels) -> None:
        """Count one photo: the (H, W) uint8 label map and the objects of either."""
        there = [i for i in truth[1] if i.class_id in self.things]
        self._matches.append(match_photo(there, found[1]))
        self._cells.append(cell_counts(found[1], there))
        self._panoptic.append(
            panoptic_counts((truth[0], there), found, self.things, len(self.classes))
        )

    @property
    def last(self) -> float:
        """TP / (TP + FP + FN) at IoU 0.5 of the last photo; NaN without an object."""
        right, *wrong = self._cells[-1][0].tolist()
        return right / (right + sum(wrong)) if right + sum(wrong) else float("nan")

    def scores(self) -> InstanceScores | None:
        """Return what was counted; None before the first photo."""
        if not self._matches:
            return None
        counts, ious = (np.sum([p[k] for p in self._panoptic], axis=0) for k in (0, 1))
        return InstanceScores(
            self.classes,
            self.things,
            tuple(self._matches),
            CellCounts(np.stack(self._cells)),
            PanopticQuality(counts, ious),
        )
