"""Tables for a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from pixelwise.evaluation.measure import DEFINITIONS, TITLES, Evaluation


def print_evaluation(evaluation: Evaluation) -> None:
    """Print per-class figures, the averages with their definitions, and what was left out."""
    scores, edges = evaluation.scores, evaluation.boundaries
    table = Table("class", "IoU", "boundary IoU", "boundary F1")
    for column in table.columns[1:]:
        column.justify = "right"
    columns = (scores.per_class_iou, edges.per_class_iou, edges.per_class_f1)
    for name, *values in zip(scores.classes.names, *columns, strict=True):
        table.add_row(name, *(_number(value) for value in values))
    console = Console()
    console.print(table)
    if evaluation.objects is not None:
        found = Table("objects of class", "AP", "AP50", "PQ")
        for column in found.columns[1:]:
            column.justify = "right"
        for name, row in evaluation.objects.per_class().items():
            found.add_row(name, *(_number(value) for value in row.values()))
        console.print(found)
    averages = Table("average", "value", "definition")
    for key, value in evaluation.figures().items():
        averages.add_row(TITLES[key], _number(value), DEFINITIONS[key])
    console.print(averages)
    console.print(scores.definition, highlight=False)
    absent = f"; absent from the truth: {', '.join(scores.absent)}" if scores.absent else ""
    console.print(f"{evaluation.void_pixels:,} void pixels left out{absent}", highlight=False)


def _number(value: float) -> str:
    return "absent" if math.isnan(value) else f"{value:.4f}"
