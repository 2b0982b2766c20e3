"""``pixelwise train``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.options import DATA, TrainingDevice, choice, read_options, share_the_cores

if TYPE_CHECKING:
    from pixelwise.datasets import ReadOptions


@read_options
def train(
    paths: Annotated[list[Path], typer.Argument(metavar="DATA", help=f"One or more. {DATA}")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted one is resumed.")],
    minutes: Annotated[
        float | None, typer.Option(help="Time it may take; decides the epochs.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the images.")] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="semantic | instance", help="Classes alone, or instances as well."),
    ] = None,
    size: Annotated[str | None, choice("networks:DESIGNS", help="Of the network.")] = None,
    encoder: Annotated[
        str | None,
        choice("training.settings:ENCODER_CHOICES", help="Pretrained, or random weights: none."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Start from these: a name, a model.onnx or a checkpoint.pt."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="hf:OWNER/MODEL", help="Fine-tune this model of the Hugging Face hub instead."
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="JSON of classes, sources and settings, e.g. the plan.json of a run."),
    ] = None,
    device: TrainingDevice = "auto",
    side: Annotated[
        int | None, typer.Option(help="Longer side that images are scaled to, px.")
    ] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the training crops, px.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest value.")] = None,
    balance: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="How much more rare classes count.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all random numbers.")] = None,
    val: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=0.5,
            help="Share of the images to hold out and score on, if there is no val split.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Cross-validate: hold out each of so many parts in turn."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of the plan."),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard's files too.")
    ] = False,
    *,
    options: ReadOptions,
) -> None:
    """Train a network on data sets and write it as model.onnx.

    Scored on the val split; a fifth of the images is held out if there is none.

    A plan is made from the data and printed; it keeps every option that is given here.

    A checkpoint is written after each epoch; the same command resumes an interrupted run.
    """
    from pixelwise.errors import ArgumentError
    from pixelwise.progress import waiting
    from pixelwise.training import Recipe

    if val is not None and folds is not None:
        raise ArgumentError("give --val or --folds, not both: each fold is held out once")
    asked = Recipe() if recipe is None else Recipe.read(recipe)
    given: dict[str, Any] = {
        "task": task,
        "size": size,
        "encoder": encoder,
        "epochs": epochs,
        "side": side,
        "crop": crop,
        "batch": batch,
        "learning_rate": learning_rate,
        "balance": balance,
        "seed": seed,
        "val": val,
        "folds": folds,
    }
    if minutes is not None:  # instead of a recipe's epochs
        asked = replace(asked, settings={k: v for k, v in asked.settings.items() if k != "epochs"})
    settings = {
        **asked.settings,
        **{name: value for name, value in given.items() if value is not None},
        **_named_values(set_ or []),
    }
    sources = {}
    if any(value is not None for value in vars(options).values()):
        # resolve(), so that "." and ".." find their folder's name
        own = {path.resolve().name: asked.source(path) for path in paths}
        sources = {k: replace(s, options=options.or_else(s.options)) for k, s in own.items()}
    if minutes is None and epochs is None:
        minutes = asked.minutes
    asked = replace(
        asked,
        settings=settings,
        sources={**asked.sources, **sources},
        minutes=minutes,
        weights=asked.weights if weights is None else weights,
        model=asked.model if model is None else model,
    )
    share_the_cores()
    with waiting("loading PyTorch"):  # after all that may be wrong, since it takes seconds
        from pixelwise.training import train

    train(paths, out, asked, device=device, tensorboard=tensorboard)


def _named_values(pairs: list[str]) -> dict[str, Any]:
    """Read what stands after ``--set``: as JSON or Python write it, the rest as text."""
    from pixelwise.errors import ArgumentError

    values: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise ArgumentError(f"--set takes NAME=VALUE, e.g. --set rotate=5, got {pair!r}")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = {"True": True, "False": False}.get(text, text)
    return values
