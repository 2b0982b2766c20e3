"""Many images, here or on a cluster: rows of tables in, one part after another, nothing lost."""

from __future__ import annotations

from pixelwise.cluster.job import Job
from pixelwise.cluster.redraw import draw_row
from pixelwise.cluster.table import Summary, predict_table

__all__ = ["Job", "Summary", "draw_row", "predict_table"]
