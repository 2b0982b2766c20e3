"""``pixelwise train-edges``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_edges(
    data: Annotated[Path, typer.Argument(help="BSDS500: a folder with images and groundTruth.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; the same one continues it.")],
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the photos.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of all randomness.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Train the network behind --boundaries learned, from random weights, on BSDS500 train.

    A checkpoint is kept after each epoch: the same command again continues.
    """
    from dataclasses import replace

    from pixelwise.training.edges.task import BoundarySettings, train_boundaries

    settings = BoundarySettings()
    settings = settings if epochs is None else replace(settings, epochs=epochs)
    settings = settings if seed is None else replace(settings, seed=seed)
    print(f"wrote {train_boundaries(data, out, settings, device=device)}")
