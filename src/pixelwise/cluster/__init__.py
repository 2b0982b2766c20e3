"""Many images, here or on a cluster: rows of tables in, one part after another, nothing lost."""

from __future__ import annotations

from pixelwise.cluster.job import Job, Summary, predict_table
from pixelwise.cluster.redraw import draw_row

__all__ = ["Job", "Summary", "draw_row", "predict_table"]
