"""``pixelwise train-edges``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.options import TrainingDevice


def train_edges(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="BSDS500: a folder with images and groundTruth."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted one is resumed.")],
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    device: TrainingDevice = "auto",
) -> None:
    """Train the boundary network that `regions` uses, from random weights, on BSDS500 train.

    A checkpoint is written after each epoch; the same command resumes an interrupted run.
    """
    from dataclasses import replace

    from pixelwise.training.edges.task import BoundarySettings, train_boundaries

    settings = BoundarySettings()
    settings = settings if epochs is None else replace(settings, epochs=epochs)
    settings = settings if seed is None else replace(settings, seed=seed)
    print(f"wrote {train_boundaries(data, out, settings, device=device)}")
