"""Train the small network by which `pixelwise.regions.select` understands clicks.

    python benchmarks/train_clicks.py [DATA_FOLDER] --out src/pixelwise/weights/clicks.npz

Objects of train photos, up to two per photo, each in three situations: a mask to correct and what
the network thinks, what the network thinks alone, and nothing but the image; every third has a box.
Clicks are simulated as in clicks.py. There are three rounds, each with the clicks that the network
of the round before asks for, so that it learns from its own mistakes. The loss is cross-entropy and
1 - IoU over the regions, which weigh by their area.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from clicks import Case, case, click, iou
from timing import ROOT
from torch import Tensor, nn
from torch.nn import functional as F

from pixelwise import Predictor, open_dataset
from pixelwise.datasets import ReadOptions
from pixelwise.instances import components
from pixelwise.regions import clicks, select
from pixelwise.regions.clicks import FEATURES, Known, describe
from pixelwise.samples import BoolArray, Float32Array, Instance, Sample

SETS = {
    "voc2012": 110,
    "cats": 50,
    "pets": 30,
    "coco": 60,
    "coco_extra": 60,
    "coco_person": 30,
    "salient": 60,
}
"""Photos of each data set."""

OPTIONS = {"coco_extra": ReadOptions(format="coco")}

LEAST, MOST = 0.01, 0.7
"""Share of the photo that an object covers."""

OBJECTS = 2
CLICKS = 5
ROUNDS = 3
WIDTH = 32
EPOCHS = 10
BATCH = 8
RATE = 3e-3

USABLE = 0.3
"""IoU below which what was found is no mask that a person would correct."""

Layers = list[tuple[Float32Array, Float32Array]]
Example = tuple[Tensor, Tensor, Tensor]
"""(K, 36) what describes the regions, (K,) how much of each is the object, (K,) its weight."""


@dataclass
class Situation:
    """An object and what is known of it before the first click."""

    case: Case
    known: Known
    has_mask: bool
    has_prior: bool
    share: Float32Array
    weights: Float32Array


def objects(data: Path, predictor: Predictor) -> Iterator[Case]:
    """Yield the objects to click on."""
    for name, count in SETS.items():
        dataset = open_dataset(data / name, "train", OPTIONS.get(name), say=str)
        names = sorted(
            (entry.name for entry in dataset.entries),
            key=lambda n: hashlib.sha1(n.encode()).hexdigest(),
        )
        for entry in names[:count]:
            sample = dataset.only([entry])[0]
            found = [
                i for i in _instances(sample) if LEAST <= i.area / sample.label_map.size <= MOST
            ]
            for instance in sorted(found, key=lambda i: -i.area)[:OBJECTS]:
                yield case(f"{name} {entry}", sample, instance, predictor, predictor)
        print(f"{name}: {min(count, len(names))} photos", flush=True)


def _instances(sample: Sample) -> list[Instance]:
    if sample.instances is not None:
        return [i for i in sample.instances if i.class_id != 255 and not i.crowd]
    return components(sample.label_map, list(range(1, len(sample.classes))), 1)


def situations(cases: Sequence[Case], rng: np.random.Generator) -> Iterator[Situation]:
    """Yield each object with a mask and a prior, with the prior alone, and with neither."""
    for one in cases:
        usable = iou(one.mask, one.truth, one.known) >= USABLE
        for has_mask, has_prior in ((True, True), (False, True), (False, False)):
            if has_mask and not usable:
                continue
            box = box_around(one.truth, rng) if rng.random() < 1 / 3 and not has_mask else None
            known = Known(
                one.tree,
                one.mask if has_mask else np.zeros_like(one.mask),
                one.chance if has_prior else np.full_like(one.chance, 0.5),
                box,
            )
            leaves, count = one.tree.leaves.ravel(), len(one.tree)
            scored = np.bincount(leaves, one.known.ravel(), count)
            inside = np.bincount(leaves, (one.truth & one.known).ravel(), count)
            share = (inside / np.maximum(scored, 1)).astype(np.float32)
            weights = (scored / max(1, inside.sum())).astype(np.float32)
            yield Situation(one, known, has_mask, has_prior, share, weights)


def box_around(truth: BoolArray, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draw a box as a person does: up to a tenth of its side too large or too small."""
    rows, columns = (np.flatnonzero(truth.any(axis=axis)) for axis in (1, 0))
    ends = []
    for line, length in ((rows, truth.shape[0]), (columns, truth.shape[1])):
        low, high = int(line[0]), int(line[-1]) + 1
        error = rng.normal(0, 0.04, 2).clip(-0.1, 0.1) * (high - low)
        first = int(np.clip(low + error[0], 0, length - 2))
        ends.append((first, int(np.clip(high + error[1], first + 1, length))))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


def played(one: Situation) -> tuple[list[Example], list[float]]:
    """Simulate clicks; return what the network saw, and the IoU after each click."""
    truth, valued = one.case.truth, one.case.known
    mask = one.known.mask
    if one.known.box is not None:
        mask = asked(one, [], [])
    ious = [iou(mask, truth, valued)]
    examples: list[Example] = []
    on: list[tuple[int, int]] = []
    off: list[tuple[int, int]] = []
    for _ in range(CLICKS):
        place, is_on = click(mask, truth, valued)
        (on if is_on else off).append(place)
        leaves = one.known.tree.leaves
        regions = [
            np.unique(np.array([leaves[point] for point in points], dtype=np.int64))
            for points in (on, off)
        ]
        described = describe(one.known, regions[0], np.setdiff1d(regions[1], regions[0]))
        seen, share, weights = map(torch.from_numpy, (described, one.share, one.weights))
        examples.append((seen, share, weights))
        mask = asked(one, on, off)
        ious.append(iou(mask, truth, valued))
    return examples, ious


def asked(
    one: Situation, on: Sequence[tuple[int, int]], off: Sequence[tuple[int, int]]
) -> BoolArray:
    known = one.known
    if not on and known.box is None and not one.has_mask:
        return np.zeros_like(known.mask)
    return select(
        known.tree,
        on,
        off,
        known.box,
        known.mask if one.has_mask else None,
        known.prior if one.has_prior else None,
    )


def fitted(examples: Sequence[Example], generator: torch.Generator) -> Layers:
    """Fit the network."""
    every = torch.cat([described for described, _, _ in examples])
    mean, deviation = every.mean(dim=0), every.std(dim=0) + 1e-3
    network = nn.Sequential(
        nn.Linear(FEATURES, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, 1),
    )
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
    steps = EPOCHS * (len(examples) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps + 1)
    for _ in range(EPOCHS):
        order = torch.randperm(len(examples), generator=generator).tolist()
        for start in range(0, len(order) - BATCH + 1, BATCH):
            losses = []
            for described, share, weights in (examples[i] for i in order[start : start + BATCH]):
                logits = network((described - mean) / deviation)[:, 0]
                entropy = F.binary_cross_entropy_with_logits(
                    logits, share, weights, reduction="sum"
                )
                chance = torch.sigmoid(logits)
                both = (weights * chance * share).sum()
                either = (weights * (chance + share - chance * share)).sum()
                losses.append(entropy + 1 - both / either)
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return _folded(network, mean, deviation)


def _folded(network: nn.Sequential, mean: Tensor, deviation: Tensor) -> Layers:
    """Return the layers; the first takes what it is given as it is."""
    layers: Layers = []
    with torch.no_grad():
        for linear in (layer for layer in network if isinstance(layer, nn.Linear)):
            weights, bias = linear.weight.T.clone(), linear.bias.clone()
            if not layers:
                weights = weights / deviation[:, None]
                bias = bias - mean @ weights
            layers.append((weights.numpy().astype(np.float32), bias.numpy().astype(np.float32)))
    return layers


def first_guess() -> Layers:
    """Return a network that keeps the mask, but for the regions that are clicked."""
    weights = np.zeros((FEATURES, 1), dtype=np.float32)
    weights[1] = 8
    return [(weights, np.full(1, -4, dtype=np.float32))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--weights", default="voc")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    started = time.perf_counter()
    torch.manual_seed(0)
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    all_of = list(situations(list(objects(options.data, Predictor.load(options.weights))), rng))
    layers, examples = first_guess(), list[Example]()
    for number in range(ROUNDS):
        with patch.object(clicks, "_layers", return_value=layers):
            games = [played(one) for one in all_of]
        examples += [example for seen, _ in games for example in seen]
        for what, has_mask, has_prior in (
            ("mask", True, True),
            ("prior", False, True),
            ("", False, False),
        ):
            rows = [
                ious
                for one, (_, ious) in zip(all_of, games, strict=True)
                if (one.has_mask, one.has_prior) == (has_mask, has_prior)
            ]
            print(
                f"round {number}, {len(rows)} objects, {what or 'nothing'} known: "
                "IoU after 0, 1, ... clicks " + " ".join(f"{v:.3f}" for v in np.mean(rows, axis=0)),
                flush=True,
            )
        layers = fitted(examples, generator)
        stored = {
            f"{kind}_{i}": array
            for i, pair in enumerate(layers)
            for kind, array in zip(("weights", "bias"), pair, strict=True)
        }
        np.savez(options.out, **stored)  # type: ignore[arg-type]
        print(f"round {number} learnt, {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
