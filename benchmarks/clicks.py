"""How much a click corrects: IoU of one object after 0, 1, 3 and 5 simulated clicks.

    python benchmarks/clicks.py [DATA_FOLDER] --weights voc

Objects of val photos, one per photo: of each data set the first photos by the SHA-1 of their names,
in each the largest instance of the seven subjects that covers 2 to 60 % of it. Without a click the
object is the mask that the networks find and that overlaps most; the prior is what stands out, by
the weights that the page takes for it. Each click is in the middle of the largest area that is
wrong (the farthest point from its border), on the object if it lacks there, off it if it is too
much there, as papers on interactive segmentation do (Xu et al., "Deep interactive object
selection", 2016). Regions alone start from the first click.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from timing import ROOT, machine

from pixelwise import Predictor, open_dataset
from pixelwise.backgrounds import find_subject
from pixelwise.classes import VOC
from pixelwise.datasets import ReadOptions
from pixelwise.datasets.reader import Entry
from pixelwise.defaults import FOREGROUND_WEIGHTS
from pixelwise.instances import components
from pixelwise.io.mask import resize_ids
from pixelwise.regions import Hierarchy, hierarchy, select
from pixelwise.regions.hierarchical import shrunk_within
from pixelwise.samples import BoolArray, Float32Array, Instance, Sample
from pixelwise.weights.catalogue import SUBJECTS

SETS = {"voc2012": 26, "cats": 12, "pets": 8, "coco_extra": 4}
"""Photos of each data set."""

OPTIONS = {"coco_extra": ReadOptions(format="voc")}

LIVING = [VOC.index(name) for name in SUBJECTS[1:]]
LEAST, MOST = 0.02, 0.6
SIDE = 1024
CLICKS = 5
SHOWN = (0, 1, 3, 5)


@dataclass
class Case:
    """An object, and what is known of its photo before the first click."""

    name: str
    tree: Hierarchy
    truth: BoolArray
    known: BoolArray
    mask: BoolArray
    chance: Float32Array


def chosen(data: Path) -> Iterator[tuple[str, Sample, Instance]]:
    for name, count in SETS.items():
        dataset, taken = open_dataset(data / name, "val", OPTIONS.get(name), say=str), 0
        order: list[Entry] = sorted(
            dataset.entries, key=lambda e: hashlib.sha1(e.name.encode()).hexdigest()
        )
        for entry in order:
            if taken == count:
                break
            sample = dataset.only([entry.name])[0]
            pixels = sample.label_map.size
            largest = max(
                (i for i in _objects(sample) if LEAST <= i.area / pixels <= MOST),
                key=lambda i: i.area,
                default=None,
            )
            if largest is not None:
                taken += 1
                yield f"{name} {entry.name}", sample, largest


def _objects(sample: Sample) -> list[Instance]:
    if sample.instances is not None:
        return [i for i in sample.instances if i.class_id in LIVING and not i.crowd]
    return components(sample.label_map, LIVING, 1)


def case(
    name: str, sample: Sample, instance: Instance, predictor: Predictor, finder: Predictor
) -> Case:
    image = shrunk_within(sample.image, SIDE)
    size = image.shape[0], image.shape[1]
    truth = resize_ids(instance.mask.astype(np.uint8), size) > 0
    known = resize_ids((sample.label_map == 255).astype(np.uint8), size) == 0
    prediction = predictor.predict(image)
    found_there = cv2.resize(find_subject(finder, image).probability, size[::-1])
    chance = np.asarray(found_there, dtype=np.float32)
    found = [i.mask for i in prediction.instances or ()]
    found.append(chance > 0.5)
    best = max(found, key=lambda mask: iou(mask, truth, known))
    return Case(name, hierarchy(image, "learned"), truth, known | truth, best, chance)


def iou(mask: BoolArray, truth: BoolArray, known: BoolArray) -> float:
    union = np.count_nonzero((mask | truth) & known)
    return int(np.count_nonzero(mask & truth & known)) / max(1, int(union))


def click(mask: BoolArray, truth: BoolArray, known: BoolArray) -> tuple[tuple[int, int], bool]:
    """Return where the next click is, and whether it says that the object is there."""
    best, place, on = 0, (0, 0), True
    for lacks in (True, False):
        wrong = (truth & ~mask if lacks else mask & ~truth) & known
        count, areas, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
        if count < 2:
            continue
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        area = int(stats[largest, cv2.CC_STAT_AREA])
        if area > best:
            inside = np.pad((areas == largest).astype(np.uint8), 1)
            depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
            row, column = np.unravel_index(int(depth.argmax()), depth.shape)
            best, place, on = area, (int(row), int(column)), lacks
    return place, on


def simulate(one: Case, with_network: bool) -> tuple[list[float], list[float]]:
    """Return the IoU after each number of clicks, and the seconds that each took."""
    mask = one.mask if with_network else np.zeros_like(one.mask)
    ious, seconds = [iou(mask, one.truth, one.known)], []
    on: list[tuple[int, int]] = []
    off: list[tuple[int, int]] = []
    for _ in range(CLICKS):
        place, is_on = click(mask, one.truth, one.known)
        (on if is_on else off).append(place)
        started = time.perf_counter()
        mask = select(
            one.tree,
            on,
            off,
            mask=one.mask if with_network else None,
            prior=one.chance if with_network else None,
        )
        seconds.append(time.perf_counter() - started)
        ious.append(iou(mask, one.truth, one.known))
    return ious, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--weights", default="voc")
    parser.add_argument("--foreground", default=FOREGROUND_WEIGHTS, help="weights of the prior")
    options = parser.parse_args()
    predictor = Predictor.load(options.weights)
    finder = Predictor.load(options.foreground, instances=False)
    cases = [case(*one, predictor, finder) for one in chosen(options.data)]
    names = f"{predictor.card.name}, what stands out by {finder.card.name}"
    print(f"{len(cases)} objects, {names}; {machine()}")
    for title, with_network in (("regions alone", False), ("regions with the network", True)):
        runs = [simulate(one, with_network) for one in cases]
        ious = np.array([found for found, _ in runs])
        took = np.median([s for _, seconds in runs for s in seconds])
        figures = ", ".join(f"{n} clicks {ious[:, n].mean():.3f}" for n in SHOWN)
        print(f"{title}: mean IoU {figures}; {1000 * took:.0f} ms a click")


if __name__ == "__main__":
    main()
