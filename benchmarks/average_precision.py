"""COCO's average precision against pycocotools, on the same objects; both must say the same.

python benchmarks/average_precision.py [--data ../shared/data/coco] [--rounds 5]
"""

from __future__ import annotations

import argparse
import contextlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from timing import VOC, machine, paired

from pixelwise import open_dataset
from pixelwise.metrics.coco_ap import average_precision
from pixelwise.samples import Instance

Photos = list[list[Instance]]
GUESSES = 4
"""Objects found for each that is there, so that a photo has about as many as a detector gives."""


def made_up(truth: Photos, n_classes: int) -> Photos:
    """Return what a detector might find: the objects shifted, scaled, misnamed, with scores."""
    rng = np.random.default_rng(0)
    found: Photos = []
    for there in truth:
        guesses: list[Instance] = []
        for one in there:
            for _ in range(GUESSES):
                shift = rng.integers(-12, 13, 2)
                mask = np.roll(one.mask, shift, (0, 1))
                class_id = one.class_id if rng.random() < 0.8 else int(rng.integers(1, n_classes))
                guess = Instance.of(mask, class_id, len(guesses) + 1)
                guesses.append(replace(guess, score=float(rng.random())))
        found.append(guesses)
    return found


def reference(truth: Photos, found: Photos, class_ids: list[int]) -> COCOeval:
    """Return pycocotools' evaluation with its masks in its own form, run-length codes."""
    content: dict[str, list[object]] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": c} for c in class_ids],
    }
    results = []
    for k, (there, guesses) in enumerate(zip(truth, found, strict=True), start=1):
        height, width = (there or guesses)[0].size if there or guesses else (1, 1)
        content["images"].append({"id": k, "height": height, "width": width})
        for one in there:
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": k,
                    "category_id": one.class_id,
                    "iscrowd": int(one.crowd),
                    "area": one.area if one.stated_area is None else one.stated_area,
                    "segmentation": rle.encode(np.asfortranarray(one.mask.astype(np.uint8))),
                }
            )
        results += [
            {
                "image_id": k,
                "category_id": one.class_id,
                "score": one.score,
                "segmentation": rle.encode(np.asfortranarray(one.mask.astype(np.uint8))),
            }
            for one in guesses
        ]
    truths = COCO()
    truths.dataset = content
    truths.createIndex()
    return COCOeval(truths, truths.loadRes(results), "segm")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=VOC.with_name("coco"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    dataset = open_dataset(options.data, "val", say=str)
    truth = [list(dataset.read_labels(entry)[1] or ()) for entry in dataset.entries]
    class_ids = list(range(1, len(dataset.classes)))
    found = made_up(truth, len(dataset.classes))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluate = reference(truth, found, class_ids)

    def theirs() -> list[float]:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluate.evaluate()
            evaluate.accumulate()
            evaluate.summarize()
        return [float(v) for v in evaluate.stats]

    def ours() -> list[float]:
        return list(average_precision(truth, found, class_ids).as_dict().values())

    assert ours() == theirs(), "the twelve figures differ"
    base, own, ratio = paired(theirs, ours, options.rounds)
    objects, guesses = (sum(map(len, photos)) for photos in (truth, found))
    print(f"{machine()}; {len(truth)} photos, {objects} objects, {guesses} found, one thread")
    print("the twelve figures are equal to the last digit")
    print(f"pycocotools  {1000 * base:7.0f} ms, its masks encoded beforehand")
    print(f"pixelwise    {1000 * own:7.0f} ms: {ratio:.1f} times faster")


if __name__ == "__main__":
    main()
