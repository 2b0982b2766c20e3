"""``pixelwise train`` and ``pixelwise evaluate``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pixelwise.cli.reading import DATA, Classes, Encoding, Format, Labels, Void, class_map
from pixelwise.defaults import JUDGED_SPLIT


def train(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=f"Data sets. {DATA}")],
    out: Annotated[Path, typer.Option(help="Folder of the run; the same one continues it.")],
    recipe: Annotated[
        Path | None, typer.Option(help="JSON with classes, sources and settings.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the photos.")] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the training crops, px.")] = None,
    batch: Annotated[int | None, typer.Option(help="Photos a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its highest.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of all randomness.")] = None,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Train a network on data sets and write it as RUN/model.onnx.

    What is not given comes from the recipe, else from the defaults.

    A checkpoint is kept after each epoch: the same command again continues.
    """
    from pixelwise.training import Recipe, train

    plan = Recipe() if recipe is None else Recipe.read(recipe)
    given: dict[str, Any] = {
        "epochs": epochs,
        "crop": crop,
        "batch": batch,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    settings = replace(plan.settings, **{k: v for k, v in given.items() if v is not None})
    given_names = class_map(classes)
    told: dict[str, Any] = {
        "format": format,
        "encoding": encoding,
        "void": void,
        "labels": labels,
        "names": given_names.names if given_names else None,
    }
    told = {k: v for k, v in told.items() if v is not None}
    # resolve(), so that "." and ".." find their folder's name
    sources = {p.resolve().name: replace(plan.source(p), **told) for p in paths} if told else {}
    plan = replace(plan, settings=settings, sources={**plan.sources, **sources})
    train(paths, out, plan)


def evaluate(
    weights: Annotated[str, typer.Argument(help="A name (subjects) or a model.onnx.")],
    path: Annotated[Path, typer.Argument(help=DATA)],
    split: Annotated[str, typer.Option(help="Which part of it.")] = JUDGED_SPLIT,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="HERE=THERE",
            help="Count the data's class HERE as the weights' class THERE; * is all the rest.",
        ),
    ] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Judge weights on a data set: per-class IoU, mIoU, pixel accuracy."""
    from pixelwise.cli.report import print_scores
    from pixelwise.datasets import open_dataset
    from pixelwise.errors import ArgumentError
    from pixelwise.files import written_whole
    from pixelwise.inference import Predictor, evaluate, translated

    rules = None
    if map_:
        pairs = [rule.partition("=") for rule in map_]
        if not all(here and sign and there for here, sign, there in pairs):
            raise ArgumentError("--map takes HERE=THERE, e.g. --map 'bus=background'")
        rules = {here: there for here, _, there in pairs}
    predictor = Predictor.load(weights)
    dataset = open_dataset(
        path,
        split,
        class_map(classes),
        format=format,
        encoding=encoding,
        void=void,
        labels=labels,
    )
    dataset, how = translated(dataset, predictor, rules)
    if how:
        print(f"classes translated: {how}")
    scores = evaluate(predictor, dataset)
    print_scores(scores)
    if json_ is not None:
        with written_whole(json_) as beside:
            beside.write_text(json.dumps(scores.as_dict(), indent=1) + "\n", encoding="utf-8")
