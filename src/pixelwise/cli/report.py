"""Tables for a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from pixelwise.metrics import SemanticScores


def print_scores(scores: SemanticScores) -> None:
    """Print per-class IoU, the averages, and the definition they come with."""
    table = Table("class", "IoU")
    table.columns[1].justify = "right"
    for name, iou in zip(scores.classes.names, scores.per_class_iou, strict=True):
        table.add_row(name, "absent" if math.isnan(iou) else f"{iou:.4f}")
    table.add_section()
    table.add_row("mIoU", f"{scores.miou:.4f}")
    table.add_row("pixel accuracy", f"{scores.pixel_accuracy:.4f}")
    table.add_row("foreground IoU", f"{scores.foreground_iou:.4f}")
    console = Console()
    console.print(table)
    console.print(scores.definition, highlight=False)
