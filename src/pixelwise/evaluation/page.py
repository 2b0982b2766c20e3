"""The page of an evaluation: its figures, where the confusion is, and the worst images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.datasets.splits import HELD_OUT
from pixelwise.drawing.confusion import draw_confusion
from pixelwise.drawing.instances import overlay_instances
from pixelwise.drawing.overlays import colourise
from pixelwise.drawing.page import Figure, Section, Table, render_page
from pixelwise.evaluation.figures import DEFINITIONS, TITLES
from pixelwise.evaluation.measure import Evaluation
from pixelwise.evaluation.predictions import Comparison, Source
from pixelwise.evaluation.unlabelled import leave_out_instances, leave_out_pixels
from pixelwise.io.image import fit_within, resize_image
from pixelwise.io.mask import count_ids, resize_ids
from pixelwise.metrics.instance_scores import InstanceScores
from pixelwise.samples import Instance, Sample, UInt8Array

SIDE = 480
"""Longer side of the drawings of the worst images, in pixels."""

WRONG, LEFT_OUT = (220, 20, 20), (150, 150, 150)


def evaluation_page(
    evaluation: Evaluation,
    dataset: Dataset,
    predict: Source,
    rules: Mapping[str, str] | None = None,
) -> str:
    """Return the HTML page of an evaluation, with no file beside it.

    Parameters
    ----------
    evaluation : Evaluation
        What `evaluate` gave for the other arguments; the worst images are predicted again.
    dataset, predict, rules
        As for `evaluate`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import evaluate, open_dataset
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     shapes = open_dataset(draw_shapes(folder, train=1, val=1), "val", say=str)
    ...     predict = lambda sample: (sample.label_map, None)
    ...     page = evaluation_page(evaluate(shapes, predict), shapes, predict)
    >>> page.count("<figure")  # image, truth, prediction and difference, and the matrix
    5
    """
    ids = evaluation.instances.instance_classes if evaluation.instances else ()
    compared = Comparison.of(dataset, predict, rules, ids)
    scores = evaluation.scores
    figures = [
        [TITLES[name], _number(value), DEFINITIONS[name]]
        for name, value in evaluation.figures().items()
    ]
    whole = " but AP, AR and cell AP, which compare whole masks" if evaluation.instances else ""
    absent = f" Absent from the truth: {', '.join(scores.absent)}." if scores.absent else ""
    sections = [
        Section(
            "Figures",
            f"Void pixels, {evaluation.void_pixels:,}, are left out of all of them{whole}.{absent}",
            [],
            Table(["figure", "value", "definition"], figures),
        ),
        Section("Classes", "Shares are of the labelled pixels.", [], _class_table(evaluation)),
        *([] if evaluation.instances is None else [_instances_section(evaluation.instances)]),
        Section(
            "Confusion",
            "Of the pixels of each true class, in percent.",
            [Figure(draw_confusion(scores.matrix, scores.classes), "Confusion matrix", wide=True)],
        ),
    ]
    for i in evaluation.worst():
        sample = compared.dataset[i]
        title = f"{sample.name}: mIoU {evaluation.image_miou[i]:.3f}"
        if np.isfinite(evaluation.image_cells[i]):
            title += f", instances found {evaluation.image_cells[i]:.3f} (TP/(TP+FP+FN) at IoU 0.5)"
        label_map, found = compared.predict(sample)
        truth = leave_out_pixels(sample.label_map, label_map, evaluation.unlabelled)
        if found is not None:
            found = leave_out_instances(sample.label_map, found, evaluation.unlabelled)
        figures_of = _figures(replace(sample, label_map=truth), label_map, found)
        sections.append(Section(title, "One of the ten worst.", figures_of))
    if dataset.split == HELD_OUT:
        own = zip(evaluation.names, evaluation.image_miou, strict=True)
        rows = Table(["image", "mIoU"], [[name, _number(miou)] for name, miou in own])
        text = "Of the training data, but the weights did not learn from them."
        sections.append(Section("Images held out", text, [], rows))
    text = f"{compared.name} on {scores.source}, {scores.images:,} images at full size."
    return render_page("Evaluation", text, sections)


def _instances_section(instances: InstanceScores) -> Section:
    columns = ("AP", "AP50", "panoptic quality")
    rows = [[name, *map(_number, row.values())] for name, row in instances.per_class().items()]
    return Section("Instances", "Of each class.", [], Table(["class", *columns], rows))


def _class_table(evaluation: Evaluation) -> Table:
    scores, boundaries = evaluation.scores, evaluation.boundaries
    true = scores.matrix.sum(axis=1)
    columns = {"IoU": scores.per_class_iou}
    if boundaries is not None:
        columns["boundary IoU"] = boundaries.per_class_iou
        columns["boundary F1"] = boundaries.per_class_f1
    shares = true / max(1, int(true.sum()))
    rows = [
        [name, f"{100 * share:.3f} %", *map(_number, values)]
        for name, share, *values in zip(
            scores.classes.names, shares, *columns.values(), strict=True
        )
    ]
    return Table(["class", "share", *columns], rows)


def _figures(
    sample: Sample, label_map: UInt8Array, found: tuple[Instance, ...] | None
) -> list[Figure]:
    height, width = label_map.shape
    size = fit_within((height, width), SIDE)
    image = resize_image(sample.image, size)
    truth, answer = (resize_ids(m, size) for m in (sample.label_map, label_map))
    difference = image // 2
    difference[(truth != answer) & (truth != VOID)] = WRONG
    difference[truth == VOID] = LEFT_OUT
    counts = count_ids(truth) + count_ids(answer)
    shown = np.flatnonzero(counts[: len(sample.classes)])
    legend = [(sample.classes.names[i], sample.classes.colours[i]) for i in shown]
    wrong = int(np.count_nonzero((sample.label_map != label_map) & (sample.label_map != VOID)))
    labelled = max(1, int(np.count_nonzero(sample.label_map != VOID)))
    drawings = []
    if found is not None and sample.instances is not None:
        for group, title in ((sample.instances, "True instances"), (found, "Instances found")):
            drawn = overlay_instances(sample.image, group)
            drawings.append(Figure(resize_image(drawn, size), title, f"{len(group)}"))
    return [
        Figure(image, "Image"),
        *drawings,
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
