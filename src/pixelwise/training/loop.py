"""The training loop: reads top to bottom."""

from __future__ import annotations

import csv
import json
import logging
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import nn

from pixelwise.datasets import Dataset, list_splits
from pixelwise.defaults import JUDGED_SPLIT, TRAIN_SPLIT
from pixelwise.drawing import draw_curves
from pixelwise.errors import ArgumentError, PixelwiseError
from pixelwise.files import written_whole
from pixelwise.images import save_picture
from pixelwise.inference.card import Card
from pixelwise.inference.judge import judge
from pixelwise.inference.judge_page import judge_page
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.preprocess import prepare
from pixelwise.inference.upsample import decide
from pixelwise.metrics import SemanticScores, confusion_matrix
from pixelwise.networks import build_network, count_parameters
from pixelwise.progress import track
from pixelwise.training.augment import LABEL_STRIDE
from pixelwise.training.batches import Batches
from pixelwise.training.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.training.export import export_onnx
from pixelwise.training.metadata import add_score
from pixelwise.training.optimize import learning_rate, parameter_groups, pixel_loss, update_average
from pixelwise.training.recipe import Recipe
from pixelwise.types import Sample

CURVES = ("loss", "miou", "foreground_iou")
"""Columns of the log that are drawn."""


def train(
    paths: list[Path], out: Path, recipe: Recipe | None = None, say: Callable[[str], object] = print
) -> Path:
    """Train a network and write it as ``out/model.onnx``.

    After each epoch ``out/checkpoint.pt`` holds the whole run; the same call again continues
    from it, and on a CPU ends with the same weights as a run that was never stopped.

    Parameters
    ----------
    paths : list of Path
        Data sets; their ``train`` splits are learnt from, their ``val`` splits (where they have
        one) are judged on.
    out : Path
        The folder of the run: ``recipe.json``, ``checkpoint.pt``, ``log.csv``, ``curves.png``, and
        at the end ``model.onnx`` and ``report.html``.
    recipe : Recipe, optional
        Classes, sources and settings; the defaults where not given.
    say : callable
        Takes each line of the report.

    Returns
    -------
    Path
        Of the weights file.

    Raises
    ------
    DataError
        A data set that cannot be read, or whose classes do not fit.
    ArgumentError
        ``out`` holds a run with another recipe.
    PixelwiseError
        The loss is no number any more.
    """
    recipe = recipe or Recipe()
    settings = recipe.settings
    recipe.check(paths)
    training = recipe.open(paths, TRAIN_SPLIT, say)
    with_val = [
        path
        for path in paths
        if JUDGED_SPLIT in list_splits(path, format=recipe.source(path).format)
    ]
    judged = recipe.open(with_val, JUDGED_SPLIT, say)
    classes = training[0].classes
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        raise ArgumentError(f"folders of the same name: {', '.join(names)}; rename one")

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(accelerator="auto", devices=1, precision=_precision())
    fabric.seed_everything(settings.seed, verbose=False)
    on_cpu = fabric.device.type == "cpu"
    batches = Batches(
        training, [recipe.source(path).repeat for path in paths], settings, ahead=0 if on_cpu else 4
    )
    network = build_network(len(classes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = deepcopy(network).eval().to(fabric.device)
    optimizer = torch.optim.AdamW(
        parameter_groups(network, settings.weight_decay), lr=settings.learning_rate
    )
    wrapped, optimizer = fabric.setup(network, optimizer)
    total = settings.epochs * batches.steps
    state: dict[str, Any] = {"epoch": 0, "recipe": recipe.as_dict(), "data": names}
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = load_checkpoint(checkpoint)
        if state["recipe"] != recipe.as_dict() or state["data"] != names:
            raise ArgumentError(
                f"{out}: holds a run with another recipe or other data; "
                "give the same ones to continue it, or another --out"
            )
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])

    say(
        f"{network.design}, {count_parameters(network):,} parameters, {len(classes)} classes; "
        f"{sum(map(len, training)):,} photos in {batches.steps} steps an epoch; "
        f"{fabric.device}, {_precision()}"
    )
    if state["epoch"]:
        say(f"continuing after epoch {state['epoch']} of {settings.epochs}")
    else:
        _write_text(out / "recipe.json", json.dumps(recipe.as_dict(), indent=1))

    for epoch in range(state["epoch"], settings.epochs):
        wrapped.train()
        started, losses = time.perf_counter(), []
        steps = track(batches.epoch(epoch), f"epoch {epoch + 1}", batches.steps)
        for step, (images, label_maps) in enumerate(steps, start=epoch * batches.steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, settings)
            images = fabric.to_device(images.contiguous(memory_format=torch.channels_last))
            label_maps = fabric.to_device(label_maps)
            loss = pixel_loss(wrapped(images, LABEL_STRIDE), label_maps)
            if not torch.isfinite(loss):
                photos = ", ".join(batches.names(epoch, step - epoch * batches.steps))
                raise PixelwiseError(
                    f"the loss became {loss.item()} in epoch {epoch + 1}, in the batch of "
                    f"{photos}; look at these photos, or start again in another --out with a "
                    "lower --learning-rate"
                )
            fabric.backward(loss)
            fabric.clip_gradients(wrapped, optimizer, max_norm=5.0)
            optimizer.step()
            optimizer.zero_grad()
            update_average(average, network, settings.ema, step)
            losses.append(loss.detach())
        seconds = time.perf_counter() - started

        scores = _judge(average, judged, settings.side, fabric) if judged else None
        row = {
            "epoch": epoch + 1,
            "crop": settings.crop_in(epoch),
            "loss": round(float(torch.stack(losses).mean()), 4),
            "miou": round(scores.miou, 4) if scores else "",
            "foreground_iou": round(scores.foreground_iou, 4) if scores else "",
            "photos_per_second": round(settings.batch * len(losses) / seconds, 1),
            "seconds": round(seconds, 1),
        }
        _append_row(out / "log.csv", row)
        _draw_log(out)
        say("  ".join(f"{name} {value}" for name, value in row.items() if value != ""))
        state |= {
            "epoch": epoch + 1,
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        save_checkpoint(checkpoint, state)

    weights = out / "model.onnx"
    card = Card(
        name=out.resolve().name,
        classes=classes,
        side=settings.side,
        network=f"{network.design}, {count_parameters(network):,} parameters",
        data=recipe.data or ", ".join(f"{d.root.name} {d.split}" for d in training),
        licence=recipe.licence,
        rules={name: source.rules for name, source in recipe.sources.items()},
    )
    difference = export_onnx(average, card, weights)
    say(f"{weights}: largest difference between ONNX Runtime and torch {difference:.1e} (logits)")
    if judged:
        predictor = Predictor.load(weights)
        held_out = {}

        def predict(sample: Sample) -> npt.NDArray[np.uint8]:
            return predictor.predict(sample.image).label_map

        for dataset in judged:
            judgement = judge(dataset, predict)
            scores, name = judgement.scores, dataset.root.resolve().name
            held_out[f"{name} {dataset.split}"] = scores.as_dict()
            report = out / ("report.html" if len(judged) == 1 else f"report_{name}.html")
            _write_text(report, judge_page(judgement, dataset, predict, "The run"))
            say(f"{scores.source}: mIoU {scores.miou:.4f}, foreground {scores.foreground_iou:.4f}")
        add_score(weights, card, held_out)
    else:
        say("no val split in the data: the weights carry no held-out score")
    return weights


def _judge(
    network: nn.Module, datasets: list[Dataset], side: int, fabric: Fabric
) -> SemanticScores:
    """Score the averaged network in torch, as `evaluate` will score its exported file."""
    classes = datasets[0].classes
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for dataset in datasets:
        for sample in track(dataset, f"judging {dataset.root.name}"):
            image = fabric.to_device(torch.from_numpy(prepare(sample.image, side)))
            with torch.inference_mode(), fabric.autocast():
                logits = network(image.contiguous(memory_format=torch.channels_last))
            size = sample.image.shape[0], sample.image.shape[1]
            guess = decide(logits[0].float().cpu().numpy(), size)
            matrix += confusion_matrix(sample.label_map, guess, len(classes))
    images = sum(map(len, datasets))
    return SemanticScores(matrix, classes, images, " + ".join(d.root.name for d in datasets))


def _precision() -> Literal["bf16-mixed", "32-true"]:
    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported()
    else:
        # Without the instructions, bf16 is emulated and slower than float32.
        fast = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return "bf16-mixed" if fast else "32-true"


def _append_row(path: Path, row: Mapping[str, object]) -> None:
    """Add a line to the log; an epoch that was run twice (stopped, continued) stands once."""
    rows: list[Mapping[str, object]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [r for r in csv.DictReader(file) if int(r["epoch"]) < int(str(row["epoch"]))]
    with written_whole(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        writer.writeheader()
        writer.writerows([*rows, row])


def _draw_log(out: Path) -> None:
    """Draw the curves of ``log.csv``."""
    with (out / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    series = {name: [float(row[name] or "nan") for row in rows] for name in CURVES}
    shown = {name: values for name, values in series.items() if not np.isnan(values).all()}
    save_picture(out / "curves.png", draw_curves(shown))


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")
