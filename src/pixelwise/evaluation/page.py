"""The page of a evaluation: its figures, where the confusion is, and the worst photos."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.drawing.confusion import draw_confusion
from pixelwise.drawing.instances import overlay_instances
from pixelwise.drawing.overlays import colourise
from pixelwise.drawing.page import Figure, Section, Table, render_page
from pixelwise.evaluation.figures import DEFINITIONS, TITLES
from pixelwise.evaluation.measure import Evaluation, Labels
from pixelwise.io.image import resize_image
from pixelwise.io.mask import count_ids, resize_ids
from pixelwise.metrics.instance_scores import InstanceScores
from pixelwise.samples import Instance, Sample

UInt8Array = npt.NDArray[np.uint8]

SIDE = 480
"""Longer side of a picture of the worst photos, in pixels."""

WRONG, LEFT_OUT = (220, 20, 20), (150, 150, 150)


def evaluation_page(
    evaluation: Evaluation, dataset: Dataset, predict: Callable[[Sample], Labels], what: str
) -> str:
    """Return the HTML page of a evaluation, with no file beside it.

    Parameters
    ----------
    evaluation : Evaluation
    dataset : Dataset
        What was judged on; the worst photos are read again.
    predict : callable
        As for `evaluate`.
    what : str
        What was judged, in words.
    """
    scores = evaluation.scores
    figures = [
        [TITLES[name], _number(value), DEFINITIONS[name]]
        for name, value in evaluation.figures().items()
    ]
    absent = f" Absent from the truth: {', '.join(scores.absent)}." if scores.absent else ""
    sections = [
        Section(
            "Figures",
            f"Void pixels, {evaluation.void_pixels:,}, are left out of all of them.{absent}",
            [],
            Table(["figure", "value", "definition"], figures),
        ),
        Section("Classes", "Shares are of the labelled pixels.", [], _class_table(evaluation)),
        *([] if evaluation.objects is None else [_objects_section(evaluation.objects)]),
        Section(
            "Confusion",
            "Of the pixels of each true class, in percent.",
            [Figure(draw_confusion(scores.matrix, scores.classes), "Confusion matrix", wide=True)],
        ),
    ]
    for i in evaluation.worst():
        sample = dataset[i]
        title = f"{sample.name}: mIoU {evaluation.image_miou[i]:.3f}"
        if evaluation.image_cells is not None:
            title += f", objects found {evaluation.image_cells[i]:.3f} (TP/(TP+FP+FN) at IoU 0.5)"
        sections.append(Section(title, "One of the ten worst.", _figures(sample, *predict(sample))))
    text = f"{what} on {scores.source}, {scores.images:,} photos at full size."
    return render_page("Evaluation", text, sections)


def _objects_section(objects: InstanceScores) -> Section:
    columns = ("AP", "AP50", "panoptic quality")
    rows = [[name, *map(_number, row.values())] for name, row in objects.per_class().items()]
    return Section("Objects", "Of each class.", [], Table(["class", *columns], rows))


def _class_table(evaluation: Evaluation) -> Table:
    scores = evaluation.scores
    true = scores.matrix.sum(axis=1)
    columns = zip(
        scores.classes.names,
        true / max(1, int(true.sum())),
        scores.per_class_iou,
        evaluation.boundaries.per_class_iou,
        evaluation.boundaries.per_class_f1,
        strict=True,
    )
    rows = [
        [name, f"{100 * share:.3f} %", *map(_number, values)] for name, share, *values in columns
    ]
    return Table(["class", "share", "IoU", "boundary IoU", "boundary F1"], rows)


def _figures(
    sample: Sample, guess: UInt8Array, objects: tuple[Instance, ...] | None
) -> list[Figure]:
    height, width = guess.shape
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    photo = resize_image(sample.image, size)
    truth, answer = (resize_ids(m, size) for m in (sample.label_map, guess))
    difference = photo // 2
    difference[(truth != answer) & (truth != VOID)] = WRONG
    difference[truth == VOID] = LEFT_OUT
    counts = count_ids(truth) + count_ids(answer)
    shown = np.flatnonzero(counts[: len(sample.classes)])
    legend = [(sample.classes.names[i], sample.classes.colours[i]) for i in shown]
    wrong = int(np.count_nonzero((sample.label_map != guess) & (sample.label_map != VOID)))
    labelled = max(1, int(np.count_nonzero(sample.label_map != VOID)))
    told = []
    if objects is not None and sample.instances is not None:
        for group, title in ((sample.instances, "True objects"), (objects, "Objects found")):
            drawn = overlay_instances(sample.image, group)
            told.append(Figure(resize_image(drawn, size), title, f"{len(group)}"))
    return [
        Figure(photo, "Photo"),
        *told,
        Figure(colourise(truth, sample.classes), "Truth", legend=legend),
        Figure(colourise(answer, sample.classes), "Prediction"),
        Figure(
            difference,
            "Difference",
            f"{100 * wrong / labelled:.1f} % of the labelled pixels are wrong",
            [("wrong", WRONG), ("void", LEFT_OUT)],
        ),
    ]


def _number(value: float) -> str:
    return "absent" if np.isnan(value) else f"{value:.4f}"
