"""``pixelwise evaluate``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import DATA, read_options
from pixelwise.defaults import EVALUATION_SPLIT, NAMED_WEIGHTS

if TYPE_CHECKING:
    from pixelwise.datasets import ReadOptions
    from pixelwise.evaluation import Evaluation


@read_options
def evaluate(
    weights: Annotated[
        str,
        typer.Argument(
            metavar="[WEIGHTS]",
            help=f"{NAMED_WEIGHTS} None with --predictions.",
        ),
    ],
    path: Annotated[Path | None, typer.Argument(metavar="DATA", help=DATA)] = None,
    split: Annotated[str, typer.Option(help="Which part of it.")] = EVALUATION_SPLIT,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Judge DIR/<name>.png, as any tool wrote them."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="HERE=THERE",
            help="Count the data's class HERE as the weights' class THERE; * is all the rest.",
        ),
    ] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the ten worst photos there.")
    ] = None,
    *,
    options: ReadOptions,
) -> None:
    """Judge weights, or label maps, on a data set: IoU in its averages, accuracy, boundaries.

    Where both tell objects apart: COCO's AP and AR, panoptic quality, AP as for cells.
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
    if (predictions is None) == (path is None):
        raise ArgumentError("give WEIGHTS and DATA, or --predictions DIR and DATA")
    predictor = Predictor.load(weights) if predictions is None else None
    dataset = open_dataset(path or Path(weights), split, options)
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
        predict, what = predictions_of(predictor), f"Weights {weights}"
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
