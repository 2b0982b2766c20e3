"""``pixelwise evaluate``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import NAMED_WEIGHTS, Data, Json, read_options
from pixelwise.defaults import EVALUATION_SPLIT, WEIGHTS

if TYPE_CHECKING:
    from pixelwise.datasets import Dataset, ReadOptions
    from pixelwise.evaluation import Evaluation
    from pixelwise.inference import Predictor


@read_options
def evaluate(
    path: Data,
    weights: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", show_default=WEIGHTS, help=NAMED_WEIGHTS),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Instead of weights: label maps FOLDER/NAME.png of any tool."
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(show_default=EVALUATION_SPLIT, help="Which split.")
    ] = None,
    only: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Only the images named there, one per line, e.g. the held_out.txt of a run.",
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="HERE=THERE",
            help="Count class HERE of the data as class THERE of the weights; * is all the rest.",
        ),
    ] = None,
    json_: Json = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the ten worst images there.")
    ] = None,
    *,
    options: ReadOptions,
) -> None:
    """Measure weights or saved predictions on a data set: IoU, accuracy, boundaries.

    If both have instances: AP and AR of COCO, panoptic quality, AP as used for cells.
    """
    from pixelwise.errors import ArgumentError
    from pixelwise.evaluation import evaluate, evaluation_page
    from pixelwise.inference import Predictor
    from pixelwise.io.files import write_json, write_text
    from pixelwise.progress import waiting

    if predictions is not None and weights is not None:
        raise ArgumentError("give --weights or --predictions, not both")
    rules = _rules(map_)
    predict = Predictor.load(weights or WEIGHTS) if predictions is None else predictions
    dataset = _opened(path, split, only, options)
    evaluation = evaluate(dataset, predict, rules)
    print_evaluation(evaluation)
    if isinstance(predict, Predictor) and only is None:
        _warn_of_training_images(predict, dataset)
    if json_ is not None:
        write_json(json_, evaluation.as_dict())
    if html is not None:
        with waiting("drawing the page"):
            write_text(html, evaluation_page(evaluation, dataset, predict, rules))
        print(f"wrote {html}")


def _opened(path: Path, split: str | None, only: Path | None, options: ReadOptions) -> Dataset:
    """Open the split to evaluate on, or the images that a file names."""
    from pixelwise.datasets import list_splits, open_dataset
    from pixelwise.errors import DataError
    from pixelwise.io.text import read_text

    if only is None:
        wanted = split or EVALUATION_SPLIT
        if split is None and wanted not in (splits := list_splits(path, options)):
            raise DataError(
                f"{path}: no split {wanted!r}; there is: {', '.join(splits)} (--split); the images "
                "that a run of 'pixelwise train' held out of it: --only RUN/held_out.txt"
            )
        return open_dataset(path, wanted, options)
    names = [line for line in read_text(only).splitlines() if line.strip()]
    if not names:
        raise DataError(f"{only}: names no image")
    return replace(open_dataset(path, split, options).only(names), split=only.name)


def _warn_of_training_images(predictor: Predictor, dataset: Dataset) -> None:
    from pixelwise.datasets.splits import HELD_OUT
    from pixelwise.training.recipe import HELD_OUT_SPLITS

    name = dataset.root.resolve().name
    held_out = any(key.startswith(f"{name} {HELD_OUT}") for key in predictor.card.score)
    if held_out and dataset.split not in HELD_OUT_SPLITS:
        print(
            f"these weights learnt from images of {name}, so the figures are too high; "
            "'pixelwise weights FILE' has the score on images held out, --only RUN/held_out.txt "
            "evaluates on these"
        )


def _rules(pairs: list[str] | None) -> dict[str, str] | None:
    """Read what stands after ``--map``."""
    from pixelwise.errors import ArgumentError

    if not pairs:
        return None
    parts = [pair.partition("=") for pair in pairs]
    if not all(here and sign and there for here, sign, there in parts):
        raise ArgumentError("--map takes HERE=THERE, e.g. --map 'bus=background'")
    return {here: there for here, _, there in parts}


def print_evaluation(evaluation: Evaluation) -> None:
    """Print per-class figures, the averages with their definitions, and what was left out."""
    from rich.console import Console
    from rich.table import Table

    from pixelwise.evaluation.figures import DEFINITIONS, TITLES

    scores, boundaries = evaluation.scores, evaluation.boundaries
    columns = {"IoU": scores.per_class_iou}
    if boundaries is not None:
        columns["boundary IoU"] = boundaries.per_class_iou
        columns["boundary F1"] = boundaries.per_class_f1
    table = Table("class", *columns)
    for name, *values in zip(scores.classes.names, *columns.values(), strict=True):
        table.add_row(name, *(_number(value) for value in values))
    tables = [table]
    if evaluation.instances is not None:
        tables.append(Table("instances of class", "AP", "AP50", "PQ"))
        for name, row in evaluation.instances.per_class().items():
            tables[-1].add_row(name, *(_number(value) for value in row.values()))
    console = Console()
    if evaluation.translation:
        console.print(f"classes translated: {evaluation.translation}", highlight=False)
    for each in tables:
        for column in each.columns[1:]:
            column.justify = "right"
        console.print(each)
    averages = Table("average", "value", "definition")
    for key, value in evaluation.figures().items():
        averages.add_row(TITLES[key], _number(value), DEFINITIONS[key])
    console.print(averages)
    console.print(scores.definition, highlight=False)
    absent = f"; absent from the truth: {', '.join(scores.absent)}" if scores.absent else ""
    console.print(f"{evaluation.void_pixels:,} void pixels left out{absent}", highlight=False)


def _number(value: float) -> str:
    return "absent" if math.isnan(value) else f"{value:.4f}"
