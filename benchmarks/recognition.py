"""How well weights with the classes of VOC know photos: every figure on val splits.

    python benchmarks/recognition.py ../shared/data --weights voc
    python benchmarks/recognition.py ../shared/data --weights subjects --only semantic

One confusion matrix per figure, void excluded. Where a data set does not label all classes
(`Source.labelled` in recipes/voc.json), a pixel labelled background is left out if the prediction
is a class that the set does not label: its label says nothing of that. Instances are scored by
COCO's definition, from the score threshold of the weights on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from instances import _both, photo_pairs
from timing import ROOT, machine, paired

from pixelwise import Predictor
from pixelwise.classes import VOC as CLASSES
from pixelwise.metrics import confusion_matrix
from pixelwise.metrics.coco_ap import Matches, match_image, summarise
from pixelwise.samples import BoolArray, Float64Array, Int64Array, UInt8Array
from pixelwise.training import Recipe

SUBJECTS = ("person", "bird", "cat", "cow", "dog", "horse", "sheep")
ANIMALS = SUBJECTS[1:]
PRESENT = ("background", "person", "cat", "cow", "dog", "horse", "sheep")
"""Of the subjects, those that voc2012 val shows, and the background."""

OTHERS = tuple(n for n in CLASSES.names[1:] if n not in SUBJECTS)
OTHER_SETS = ("voc2012", "msrc", "coco_extra", "things")
PAIRS = 60


@dataclass
class Counted:
    """What is counted of a data set's val split."""

    matrix: Int64Array = field(default_factory=lambda: np.zeros((21, 21), np.int64))
    images: Int64Array = field(default_factory=lambda: np.zeros(21, np.int64))
    matches: list[Matches] = field(default_factory=list)


def count(data: Path, name: str, predictor: Predictor, limit: int | None) -> Counted:
    """Predict the photos of a val split and compare them with their labels."""
    recipe = Recipe.read(ROOT / "recipes" / "voc.json")
    recipe = replace(recipe, settings={"task": "instance"})
    dataset = recipe.open([data / name], lambda _: None)[1][0]
    hidden = np.array(recipe.source(data / name).hidden(CLASSES))
    ids = np.array([CLASSES.index(n) for n in predictor.classes.names], np.uint8)
    found = Counted()
    for sample in dataset[:limit] if limit else dataset:
        prediction = predictor.predict(sample.image)
        labels = ids[prediction.label_map]
        found.matrix += confusion_matrix(told(sample.label_map, labels, hidden), labels, 21)
        shown = np.unique(sample.label_map)
        found.images[shown[shown < 21]] += 1
        if sample.instances is not None:
            given = [replace(i, class_id=int(ids[i.class_id])) for i in prediction.instances or ()]
            found.matches.append(match_image(list(sample.instances), given))
    return found


def told(label_map: UInt8Array, predicted: UInt8Array, hidden: BoolArray) -> UInt8Array:
    """Return the labels without the background pixels that do not speak of what is predicted."""
    silent = (label_map == 0) & hidden[predicted] & (predicted != 0)
    return np.where(silent, np.uint8(255), label_map)


def ious(matrix: Int64Array) -> Float64Array:
    """Return the IoU of each class; NaN if it is neither there nor predicted."""
    hits, union = np.diag(matrix), matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    return np.where(union > 0, hits / np.maximum(union, 1), np.nan)


def against_rest(matrix: Int64Array, names: Sequence[str]) -> float:
    """Return the IoU of some classes together against all others."""
    some = np.isin(CLASSES.names, names)
    hit = matrix[np.ix_(some, some)].sum()
    return float(hit / (matrix.sum() - matrix[np.ix_(~some, ~some)].sum()))


def semantic(data: Path, predictor: Predictor, limit: int | None) -> dict[str, Any]:
    """Return the figures of the label maps."""
    sets = {name: count(data, name, predictor, limit) for name in (*OTHER_SETS, "people")}
    voc = ious(sets["voc2012"].matrix)
    together = np.sum([sets[n].matrix for n in OTHER_SETS], axis=0)
    images = np.sum([sets[n].images for n in OTHER_SETS], axis=0)
    known = [n for n in OTHERS if n in predictor.classes.names]
    # A class that is not in the truth has no score there.
    rest = {n: float(ious(together)[CLASSES.index(n)]) for n in known if images[CLASSES.index(n)]}
    return {
        "voc2012, mIoU of background and the subjects present": float(
            np.nanmean([voc[CLASSES.index(n)] for n in PRESENT])
        ),
        "voc2012, by class": {n: float(voc[CLASSES.index(n)]) for n in PRESENT},
        "other classes, mean IoU": float(np.mean(list(rest.values()))) if rest else float("nan"),
        "other classes, by class": rest,
        "other classes, images": {n: float(images[CLASSES.index(n)]) for n in rest},
        "voc2012, foreground IoU of the seven subjects": against_rest(
            sets["voc2012"].matrix, SUBJECTS
        ),
        "people, foreground IoU": against_rest(sets["people"].matrix, ("person",)),
    }


def instances(data: Path, predictor: Predictor, limit: int | None) -> dict[str, Any]:
    """Return the figures of the instances."""
    coco, extra = (count(data, name, predictor, limit).matches for name in ("coco", "coco_extra"))
    both = [*coco, *extra]
    animals = {n: float(summarise(both, [CLASSES.index(n)]).ap50) for n in ANIMALS}
    animals = {n: ap for n, ap in animals.items() if ap >= 0}  # -1: none in the truth
    found: dict[str, Any] = {
        "coco, persons AP50": summarise(coco, [CLASSES.index("person")]).ap50,
        "coco and coco_extra, animals AP50": float(np.mean(list(animals.values()))),
        "animals, by class": animals,
    }
    apart = {}
    for name in ("cat", "cow", "dog", "horse", "sheep"):
        number = min(PAIRS, limit or PAIRS)
        pairs = list(photo_pairs(data / "voc2012", predictor, name, number))
        split = sum(_both(predictor.predict(p).instances or (), truth) for p, truth in pairs)
        apart[name] = split / max(1, len(pairs))
    return found | {"pairs that come apart": apart}


def speed(predictor: Predictor, rounds: int = 20) -> dict[str, Any]:
    """Return the times of the network alone at 512 x 512, and of `subjects`' beside it, ms."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 512, 512)).astype(np.float32)
    usual = Predictor.load("subjects")
    found = {}
    for what, instances_too in (("classes", False), ("with instances", True)):
        one, other, ratio = paired(
            partial(predictor.session.run, image, instances_too),
            partial(usual.session.run, image, instances_too),
            rounds,
        )
        found[what] = {"ms": 1000 * one, "subjects, ms": 1000 * other, "ratio": ratio}
    return found


FIGURES = {"semantic": semantic, "instances": instances}


def shown(found: dict[str, Any], indent: str = "") -> None:
    """Print figures, one per line."""
    for name, value in found.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            shown(value, indent + "  ")
        else:
            print(f"{indent}{name:<60} {value:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--weights", default="voc")
    parser.add_argument("--side", type=int, help="another longer side than the card's, px")
    parser.add_argument("--threshold", type=float, help="another score threshold than the card's")
    parser.add_argument("--only", choices=(*FIGURES, "speed"))
    parser.add_argument("--limit", type=int, help="photos of each set, for a try")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        cv2.setNumThreads(options.threads)
    predictor = Predictor.load(options.weights, threads=options.threads)
    card = predictor.card
    card = replace(card, side=options.side or card.side)
    if options.threshold is not None:
        card = replace(card, score_threshold=options.threshold)
    predictor = replace(predictor, card=card)
    print(f"{card.name}, seen at {card.side} px; {machine()}", flush=True)
    found: dict[str, Any] = {}
    for name, figures in FIGURES.items():
        if options.only in (None, name):
            found |= figures(options.data, predictor, options.limit)
    if options.only in (None, "speed"):
        found["512 x 512"] = speed(predictor)
    shown(found)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
