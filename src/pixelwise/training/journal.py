"""What a run writes after each epoch: its log, the curves, and TensorBoard's files if wanted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pixelwise.drawing import draw_curves
from pixelwise.errors import missing_extra
from pixelwise.io.files import written_whole
from pixelwise.io.image import save_pillow

CURVES = ("loss", "val_loss", "miou", "foreground_iou")
"""Columns of the log that are drawn."""


class Journal:
    """The log of a run, one row per epoch, in ``log.csv``, ``curves.png`` and TensorBoard.

    Parameters
    ----------
    out : Path
        The run's folder.
    tensorboard : bool
        Write its event files into ``out/tensorboard`` as well.

    Raises
    ------
    MissingExtraError
        TensorBoard is wanted but not installed.
    """

    def __init__(self, out: Path, tensorboard: bool) -> None:
        self.out = out
        self._writer = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ModuleNotFoundError:
                raise missing_extra("--tensorboard", "tensorboard", "dev") from None
            self._writer = SummaryWriter(str(out / "tensorboard"))

    def write(self, row: Mapping[str, object]) -> None:
        """Add an epoch; one that was run twice (stopped, continued) has one row, the later."""
        path, rows = self.out / "log.csv", [row]
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                earlier = [r for r in csv.DictReader(file) if int(r["epoch"]) < _epoch(row)]
            rows = [*earlier, row]
        with (
            written_whole(path) as beside,
            beside.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, fieldnames=list(row), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        series = {name: [_number(r.get(name)) for r in rows] for name in CURVES}
        shown = {name: values for name, values in series.items() if not np.isnan(values).all()}
        if shown:
            save_pillow(self.out / "curves.png", draw_curves(shown))
        if self._writer is not None:
            for name, value in row.items():
                if isinstance(value, int | float) and name != "epoch":
                    self._writer.add_scalar(name, value, _epoch(row))
            self._writer.flush()


def _epoch(row: Mapping[str, object]) -> int:
    return int(str(row["epoch"]))


def _number(value: object) -> float:
    """Return what a cell of the log holds; NaN if it is empty, which a loss of 0 is not."""
    return float("nan") if value in ("", None) else float(str(value))
