"""``pixelwise evaluate``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import NAMED_WEIGHTS, Data, Json, read_options
from pixelwise.defaults import EVALUATION_SPLIT, WEIGHTS

if TYPE_CHECKING:
    from pixelwise.datasets import ReadOptions
    from pixelwise.evaluation import Evaluation


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
    split: Annotated[str, typer.Option(help="Which split.")] = EVALUATION_SPLIT,
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
    from pixelwise.datasets import open_dataset
    from pixelwise.errors import ArgumentError
    from pixelwise.evaluation import (
        evaluate,
        predictions_of,
        saved_predictions,
        things_of,
        translated,
    )
    from pixelwise.inference import Predictor
    from pixelwise.io.files import write_json, write_text

    rules = None
    if map_:
        pairs = [rule.partition("=") for rule in map_]
        if not all(here and sign and there for here, sign, there in pairs):
            raise ArgumentError("--map takes HERE=THERE, e.g. --map 'bus=background'")
        rules = {here: there for here, _, there in pairs}
    if predictions is not None and weights is not None:
        raise ArgumentError("give --weights or --predictions, not both")
    predictor = Predictor.load(weights or WEIGHTS) if predictions is None else None
    dataset = open_dataset(path, split, options)
    things = predictor.card.instance_classes if predictor else things_of(dataset, str(predictions))
    if not things:
        dataset = dataset.semantic()
    if predictor is None:
        if rules:
            raise ArgumentError("--map translates for weights; predictions have the data's ids")
        predict, what = saved_predictions(str(predictions)), f"Label maps of {predictions}"
    else:
        dataset, how = translated(dataset, predictor, rules)
        if how:
            print(f"classes translated: {how}")
        predict, what = predictions_of(predictor), f"Weights {weights or WEIGHTS}"
    evaluation = evaluate(dataset, predict, things)
    print_evaluation(evaluation)
    if json_ is not None:
        write_json(json_, evaluation.as_dict())
    if html is not None:
        from pixelwise.evaluation.page import evaluation_page

        write_text(html, evaluation_page(evaluation, dataset, predict, what))
        print(f"wrote {html}")


def print_evaluation(evaluation: Evaluation) -> None:
    """Print per-class figures, the averages with their definitions, and what was left out."""
    from rich.console import Console
    from rich.table import Table

    from pixelwise.evaluation.figures import DEFINITIONS, TITLES

    scores, edges = evaluation.scores, evaluation.boundaries
    table = Table("class", "IoU", "boundary IoU", "boundary F1")
    for column in table.columns[1:]:
        column.justify = "right"
    columns = (scores.per_class_iou, edges.per_class_iou, edges.per_class_f1)
    for name, *values in zip(scores.classes.names, *columns, strict=True):
        table.add_row(name, *(_number(value) for value in values))
    console = Console()
    console.print(table)
    if evaluation.objects is not None:
        found = Table("objects of class", "AP", "AP50", "PQ")
        for column in found.columns[1:]:
            column.justify = "right"
        for name, row in evaluation.objects.per_class().items():
            found.add_row(name, *(_number(value) for value in row.values()))
        console.print(found)
    averages = Table("average", "value", "definition")
    for key, value in evaluation.figures().items():
        averages.add_row(TITLES[key], _number(value), DEFINITIONS[key])
    console.print(averages)
    console.print(scores.definition, highlight=False)
    absent = f"; absent from the truth: {', '.join(scores.absent)}" if scores.absent else ""
    console.print(f"{evaluation.void_pixels:,} void pixels left out{absent}", highlight=False)


def _number(value: float) -> str:
    return "absent" if math.isnan(value) else f"{value:.4f}"
