"""``pixelwise train`` and ``pixelwise evaluate``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pixelwise.cli.options import DATA, Classes, Encoding, Format, Labels, Void, class_map, opened
from pixelwise.defaults import EVALUATION_SPLIT, NAMED_WEIGHTS


def train(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=f"Data sets. {DATA}")],
    out: Annotated[Path, typer.Option(help="Folder of the run; the same one continues it.")],
    minutes: Annotated[
        float | None, typer.Option(help="How long it may take; decides the epochs.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the photos.")] = None,
    task: Annotated[
        str | None, typer.Option(help="semantic: classes alone; instance: objects as well.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="Of the network: tiny, small or base.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Start from these: a name, a model.onnx or a checkpoint.pt."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Fine-tune this instead: hf:OWNER/MODEL of the Hugging Face hub."),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="JSON with classes, sources and settings; the plan.json of a run too."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    side: Annotated[
        int | None, typer.Option(help="Photos are seen with this longer side, px.")
    ] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the training crops, px.")] = None,
    batch: Annotated[int | None, typer.Option(help="Photos a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its highest.")] = None,
    balance: Annotated[
        float | None, typer.Option(help="0..1, how much more rare classes count.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all randomness.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of the plan."),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard's files too.")
    ] = False,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Train a network on data sets and write it as RUN/model.onnx.

    It looks at the data, makes a plan and prints it; what you set stays as you set it.

    A checkpoint is kept after each epoch: the same command again continues.
    """
    from pixelwise.training import Recipe

    asked = Recipe() if recipe is None else Recipe.read(recipe)
    given: dict[str, Any] = {
        "task": task,
        "size": size,
        "epochs": epochs,
        "side": side,
        "crop": crop,
        "batch": batch,
        "learning_rate": learning_rate,
        "balance": balance,
        "seed": seed,
    }
    settings = {
        **asked.settings,
        **{name: value for name, value in given.items() if value is not None},
        **_named_values(set_ or []),
    }
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
    sources = {p.resolve().name: replace(asked.source(p), **told) for p in paths} if told else {}
    asked = replace(
        asked,
        settings=settings,
        sources={**asked.sources, **sources},
        minutes=asked.minutes if minutes is None else minutes,
        start=asked.start if weights is None else weights,
        model=asked.model if model is None else model,
    )
    from pixelwise.training import train  # after all that may be wrong: torch takes seconds

    train(paths, out, asked, device=device, tensorboard=tensorboard)


def _named_values(pairs: list[str]) -> dict[str, Any]:
    """Read what stands after ``--set``: numbers as numbers, the rest as it is."""
    from pixelwise.errors import ArgumentError

    values: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise ArgumentError(f"--set takes NAME=VALUE, e.g. --set rotate=5, got {pair!r}")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def export(
    model: Annotated[
        str, typer.Argument(help="hf:OWNER/MODEL of the Hugging Face hub, or a folder of one.")
    ],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
) -> None:
    """Write a semantic model of the Hugging Face hub as a file for predict, evaluate and blur."""
    from pixelwise.training import export_hub

    export_hub(model, out)


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
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Judge weights, or label maps, on a data set: IoU in its averages, accuracy, boundaries.

    Where both tell objects apart: COCO's AP and AR, panoptic quality, AP as for cells.
    """
    from pixelwise.cli.evaluate import print_evaluation
    from pixelwise.errors import ArgumentError
    from pixelwise.evaluation import (
        evaluate,
        predictions_of,
        saved_predictions,
        things_of,
        translated,
    )
    from pixelwise.inference import Predictor
    from pixelwise.io.files import written_whole

    rules = None
    if map_:
        pairs = [rule.partition("=") for rule in map_]
        if not all(here and sign and there for here, sign, there in pairs):
            raise ArgumentError("--map takes HERE=THERE, e.g. --map 'bus=background'")
        rules = {here: there for here, _, there in pairs}
    if (predictions is None) == (path is None):
        raise ArgumentError("give WEIGHTS and DATA, or --predictions DIR and DATA")
    predictor = Predictor.load(weights) if predictions is None else None
    dataset = opened(path or Path(weights), split, format, encoding, void, labels, classes)
    things = predictor.card.things if predictor else things_of(dataset, str(predictions))
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
        with written_whole(json_) as beside:
            beside.write_text(json.dumps(evaluation.as_dict(), indent=1) + "\n", encoding="utf-8")
    if html is not None:
        from pixelwise.evaluation.page import evaluation_page

        with written_whole(html) as beside:
            beside.write_text(evaluation_page(evaluation, dataset, predict, what), encoding="utf-8")
        print(f"wrote {html}")


def quantise(
    weights: Annotated[str, typer.Argument(help=NAMED_WEIGHTS)],
    path: Annotated[Path, typer.Argument(metavar="DATA", help=DATA)],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    photos: Annotated[
        int, typer.Option(min=1, help="How many train photos measure the ranges.")
    ] = 100,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Write 8-bit weights: smaller, often faster; says what they lose on the val split."""
    from pixelwise.datasets import list_splits
    from pixelwise.training import quantise
    from pixelwise.weights import read_weights

    told = (format, encoding, void, labels, classes)
    has_val = EVALUATION_SPLIT in list_splits(path, format=format)
    judged = opened(path, EVALUATION_SPLIT, *told).semantic() if has_val else None
    scores = quantise(weights, opened(path, None, *told), out, judged, photos)
    before, after = len(read_weights(weights)), out.stat().st_size
    print(f"wrote {out}: {after / 1e6:.2f} MB, before {before / 1e6:.2f} MB")
    if scores is None:
        print("no val split in the data: what they lose is not known")
    else:
        print(f"{scores[1].source}: mIoU {scores[1].miou:.4f}, before {scores[0].miou:.4f}")
        print(f"time both with: pixelwise bench {weights}; pixelwise bench {out}")
