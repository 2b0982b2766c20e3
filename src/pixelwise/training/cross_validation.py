"""Cross-validation: as many runs as folds, each scored on its part, and one on everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.datasets.splits import HELD_OUT
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.files import write_json
from pixelwise.training.checkpoint import load_checkpoint
from pixelwise.training.export.onnx import write_card
from pixelwise.training.held_out import HeldOut
from pixelwise.training.recipe import Recipe
from pixelwise.training.settings import Settings
from pixelwise.training.task import Say
from pixelwise.weights import read_card

SUMMARY = "folds.json"

SHOWN = {"miou": "mIoU", "foreground_iou": "foreground", "ap": "AP", "ap50": "AP50", "pq": "PQ"}


def cross_validate(
    recipe: Recipe, out: Path, run: Callable[[Recipe, Path], Path], say: Say, writes: bool
) -> Path:
    """Train once per fold with the same settings, then on all images.

    The first fold makes the plan; the others, and the last run on all images, take it over. A
    fold holds a share of (K - 1) / K of the images, so that K folds and the last run take as long
    as K runs on everything: that is how ``minutes`` is divided.

    Parameters
    ----------
    recipe : Recipe
        With the setting ``folds``.
    out : Path
        Of the run on all images; the folds are in ``fold_1``, ``fold_2``, ... in it.
    run : callable
        Trains by a recipe into a folder, or continues what is there; returns the weights file.
    say : callable
        Takes each line of the report.
    writes : bool
        Whether this process is the one that writes files.

    Returns
    -------
    Path
        The weights file of the run on all images. Its card has the mean of the folds' scores.

    Raises
    ------
    ArgumentError
        ``out`` holds another run.
    DataError
        The data changed between two folds.
    """
    folds = Settings.of(recipe.settings).folds
    parts = [out / f"fold_{number}" for number in range(1, folds + 1)]
    if (out / "checkpoint.pt").exists() and not (out / SUMMARY).exists():
        raise ArgumentError(f"{out}: holds a run without --folds; give another --out")
    if recipe.minutes is not None:
        recipe = replace(recipe, minutes=recipe.minutes * (folds - 1) / folds**2)
    say(f"cross-validation: {folds} runs, each with another part held out, then one on all images")
    decided = recipe
    for number, part in enumerate(parts, start=1):
        say(f"fold {number} of {folds}:")
        run(replace(decided, settings={**decided.settings, "fold": number}), part)
        if number == 1:
            decided = Recipe.read(part / "plan.json")
    summary = _summary(parts) if writes else {}
    if writes:
        write_json(out / SUMMARY, summary)
    say("all images:")
    alone = {"val": 0.0, "folds": 0, "fold": 0}
    weights = run(replace(decided, settings={**decided.settings, **alone}), out)
    if writes:
        card = read_card(weights)
        means = {f"{name}, {folds} folds": s["mean"] for name, s in summary["scores"].items()}
        write_card(weights, replace(card, score={**card.score, **means}))
    for line in _lines(summary):
        say(line)
    return weights


def _summary(parts: list[Path]) -> dict[str, Any]:
    """Return what the folds scored, and which images each held out, as plain values."""
    held_out: list[HeldOut] = [
        load_checkpoint(part / "checkpoint.pt")["facts"]["held_out"] for part in parts
    ]
    for name in held_out[0]:
        names = [each for lists in held_out for each in lists[name]]
        if len(set(names)) < len(names):
            raise DataError(
                f"{name}: {min(n for n in names if names.count(n) > 1)!r} was held out by two "
                "folds, so the data changed between them; start again in another --out"
            )
    cards = [read_card(part / "model.onnx").score for part in parts]
    scores = {
        name: _spread([card[name] for card in cards], name)
        for name in cards[0]
        if name.endswith(HELD_OUT)  # the val split of another data set is the same for all
    }
    return {"folds": len(parts), "scores": scores, "held_out": held_out}


def _spread(each: list[Any], name: str) -> dict[str, Any]:
    """Return the mean of the folds' figures and their standard deviation."""
    numbers = [_numbers(figures) for figures in each]
    known = [key for key in numbers[0] if all(key in one for one in numbers)]
    table = {key: np.array([one[key] for one in numbers]) for key in known}
    ious = [one["per_class_iou"] for one in each]
    images = [figures["images"] for figures in each]
    definition = (
        f"mean over {len(each)} runs with the same settings, each scored on images that it did "
        f"not learn from ({name}, {sum(images):,} images in all); these "
        "weights learnt from all of the images that were held out in turn; mIoU = mean over "
        "classes of TP/(TP+FP+FN) from one confusion matrix per run; void excluded; at full size"
    )
    mean = {
        **{key: float(values.mean()) for key, values in table.items()},
        "per_class_iou": {name: _mean([one[name] for one in ious]) for name in ious[0]},
        "images": sum(images),
        "deviation": {key: float(values.std(ddof=1)) for key, values in table.items()},
        "definition": definition,
    }
    return {"mean": mean, "each": each}


def _numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    return {k: v for k, v in figures.items() if isinstance(v, float)}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _lines(summary: Mapping[str, Any]) -> list[str]:
    """Return one line per data set: means, and standard deviations between the folds."""
    lines = []
    for name, spread in summary.get("scores", {}).items():
        mean, deviation = spread["mean"], spread["mean"]["deviation"]
        shown = ", ".join(
            f"{title} {mean[key]:.4f} ± {deviation[key]:.4f}"
            for key, title in SHOWN.items()
            if key in deviation
        )
        lines.append(
            f"{name}, {summary['folds']} folds: {shown} (mean and standard deviation of "
            "the runs; the card of the weights has the means)"
        )
    return lines
