"""``pixelwise train-edges``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.options import TrainingDevice, choice, share_the_cores


def train_edges(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="BSDS500: a folder with images and groundTruth."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted one is resumed.")],
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.")] = None,
    encoder: Annotated[
        str | None,
        choice("training.settings:ENCODER_CHOICES", help="Pretrained, or random weights: none."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Start from these: the checkpoint.pt or model.onnx of such a run."
        ),
    ] = None,
    device: TrainingDevice = "auto",
) -> None:
    """Train the boundary network that `regions` uses on BSDS500 train.

    A checkpoint is written after each epoch; the same command resumes an interrupted run.
    """
    from pixelwise.progress import waiting
    from pixelwise.training import Recipe

    share_the_cores()
    with waiting("loading PyTorch"):
        from pixelwise.training import train
    given = {"task": "boundary", "epochs": epochs, "encoder": encoder, "seed": seed}
    settings = {name: value for name, value in given.items() if value is not None}
    recipe = Recipe(settings=settings, weights=weights or "", licence="MIT")
    train([data], out, recipe, device=device)
