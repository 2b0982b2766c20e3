"""Objects: time of the grouping, pairs that touch, and what connected areas alone would find.

python benchmarks/instances.py time [--weights nuclei]
python benchmarks/instances.py touching [--weights nuclei] [--photos FOLDER --classes person dog]
python benchmarks/instances.py areas FOLDER [--weights subjects] [--classes person]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from timing import VOC, machine, paired

from pixelwise import Predictor, open_dataset
from pixelwise.datasets import Dataset
from pixelwise.evaluation import translated
from pixelwise.inference.grouping import find_instances
from pixelwise.inference.preprocess import prepare
from pixelwise.instances import components
from pixelwise.io.image import resize_image
from pixelwise.io.mask import resize_ids
from pixelwise.metrics.cells import CellCounts, cell_counts
from pixelwise.metrics.coco_ap import AveragePrecision, match_image, summarise
from pixelwise.metrics.mask_iou import mask_ious
from pixelwise.samples import BoolArray, Instance, UInt8Array

Pair = tuple[UInt8Array, tuple[Instance, Instance]]


def draw_nuclei(
    places: list[tuple[float, float]], size: int, rng: np.random.Generator
) -> tuple[UInt8Array, list[BoolArray]]:
    """Draw bright ellipses of 11 to 17 px radius, as a microscope shows nuclei."""
    image, masks = np.zeros((size, size), np.float32), []
    for y, x in places:
        one = np.zeros((size, size), np.uint8)
        axes = rng.uniform(13, 17), rng.uniform(11, 14)
        box = (x, y), (2 * axes[0], 2 * axes[1]), float(rng.uniform(0, 180))
        cv2.ellipse(one, box, 1, thickness=cv2.FILLED)
        masks.append(one > 0)
        np.maximum(image, one * np.float32(rng.uniform(0.4, 1)), out=image)
    soft = cv2.GaussianBlur(image, (0, 0), 1.2)
    noisy = 200 * soft + rng.normal(8, 4, image.shape)
    return np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2), masks


def measure_time(weights: str, rounds: int) -> None:
    """Group 529 nuclei of an image of 1024 x 1024, against the network's own time."""
    predictor = Predictor.load(weights)
    grid = np.linspace(22, 1002, 23)
    photo, masks = draw_nuclei([(y, x) for y in grid for x in grid], 1024, np.random.default_rng(0))
    card = predictor.card
    seen = prepare(photo, card.side_of(photo.shape), card.stretch_levels)
    batch, branch, _ = predictor.session.run(seen, instances=True)
    logits, objects = batch[0], tuple(plane[0] for plane in branch)
    label_map = predictor.predict(photo).label_map

    def group() -> tuple[Instance, ...]:
        return find_instances(objects, logits, label_map, card)[1]

    found = group()
    network, grouping, ratio = paired(
        lambda: predictor.logits(photo),
        lambda: find_instances(objects, logits, label_map, card),
        rounds,
    )
    print(f"{machine()}; 1024 x 1024, {len(masks)} nuclei drawn, {len(found)} found")
    print(f"network   {1000 * network:7.0f} ms")
    print(f"grouping  {1000 * grouping:7.0f} ms: a {ratio:.0f}th of the network's time")


def drawn_pairs(n: int) -> Iterator[Pair]:
    """Yield images of two drawn nuclei that touch or overlap by up to 2 px."""
    rng = np.random.default_rng(0)
    while n:
        turn = rng.uniform(0, 2 * np.pi)
        middle, away = np.array([64, 64]), np.array([np.sin(turn), np.cos(turn)])
        state = rng.bit_generator.state
        for apart in np.arange(20, 40, 0.5):
            rng.bit_generator.state = state
            places = [tuple(middle - away * apart / 2), tuple(middle + away * apart / 2)]
            photo, masks = draw_nuclei(places, 128, rng)
            if np.count_nonzero(masks[0] & masks[1]) <= 20:
                break
        joined = cv2.connectedComponents((masks[0] | masks[1]).astype(np.uint8))[0]
        if joined == 2:  # the background is one
            n -= 1
            masks[0] &= ~masks[1]
            yield photo, (Instance.of(masks[0], 1, 1), Instance.of(masks[1], 1, 2))


def photo_pairs(dataset: Dataset, class_id: int, n: int) -> Iterator[Pair]:
    """Yield images of two subjects of one class, cut out of photos and set side by side.

    The second stands beside the first so that their outlines just meet, on the first one's photo
    continued by its mirror image.
    """
    rng = np.random.default_rng(0)
    cut: list[tuple[UInt8Array, Instance]] = []
    for sample in dataset:
        areas = [
            i
            for i in components(sample.label_map, [class_id], 1)
            if i.area > 0.03 * sample.label_map.size
        ]
        if len(areas) == 1 and areas[0].area > 0.9 * np.count_nonzero(sample.label_map == class_id):
            cut.append((sample.image, areas[0]))
    for _ in range(n if len(cut) > 1 else 0):
        (photo, one), (other_photo, other) = (cut[i] for i in rng.permutation(len(cut))[:2])
        top, left, bottom, right = other.box
        height = round((one.box[2] - one.box[0]) * rng.uniform(0.85, 1.15))
        width = max(1, round((right - left) * height / (bottom - top)))
        patch = resize_image(other_photo[top:bottom, left:right], (height, width))
        shape = resize_ids(other.patch.astype(np.uint8), (height, width)) > 0
        wide = cv2.copyMakeBorder(photo, 0, 0, width, width, cv2.BORDER_REFLECT_101)
        tall = max(0, height - one.box[2])
        wide = np.asarray(cv2.copyMakeBorder(wide, tall, 0, 0, 0, cv2.BORDER_REFLECT_101), np.uint8)
        first = np.zeros(wide.shape[:2], np.bool_)
        first[tall:, width : width + photo.shape[1]] = one.mask
        low = min(wide.shape[0], tall + one.box[2])
        rows = slice(low - height, low)
        for x in range(width + one.box[1], wide.shape[1] - width):
            # From within the first one to the right, until hardly any pixel is shared.
            if np.count_nonzero(first[rows, x : x + width] & shape) <= 0.02 * shape.sum():
                break
        second = np.zeros_like(first)
        second[rows, x : x + width] = shape
        alpha = cv2.GaussianBlur(second.astype(np.float32), (0, 0), 1)[..., None]
        pasted = np.zeros_like(wide)
        pasted[rows, x : x + width] = patch
        mixed = (wide * (1 - alpha) + pasted * alpha).round().astype(np.uint8)
        first &= ~second
        # Of the mirror images, only what lies under the second subject.
        kept = np.s_[:, width : max(width + photo.shape[1], x + width)]
        first, second = first[kept], second[kept]
        if first.any():
            pair = Instance.of(first, class_id, 1), Instance.of(second, class_id, 2)
            yield np.ascontiguousarray(mixed[kept]), pair


def measure_touching(
    predictor: Predictor, pairs: Iterator[Pair], what: str, out: Path | None
) -> None:
    """Count the pairs whose two instances are found separately, see `come_apart`."""
    apart, joined, seen, n = 0, 0, 0, 0
    for photo, truth in pairs:
        prediction = predictor.predict(photo)
        found = prediction.instances or ()
        areas = components(prediction.label_map, list(predictor.card.instance_classes), 1)
        seen += covered(prediction.label_map, predictor.card.instance_classes, truth)
        apart += come_apart(found, truth)
        joined += come_apart(areas, truth)
        if out is not None and n < 8:
            from PIL import Image

            from pixelwise.drawing import overlay_instances

            out.mkdir(parents=True, exist_ok=True)
            Image.fromarray(overlay_instances(photo, found)).save(out / f"{what}_{n}.png")
        n += 1
    if n:
        print(f"{what}: {n} pairs, {100 * apart / n:.1f} % come apart; ", end="")
        print(f"as connected areas {100 * joined / n:.1f} %; both are labelled in {seen} pairs, ")
        print(f"of which {100 * apart / max(1, seen):.1f} % come apart")


def covered(label_map: UInt8Array, class_ids: Sequence[int], truth: tuple[Instance, ...]) -> bool:
    """Tell whether the classes cover half of each of two; if not, no grouping can find both."""
    labelled = np.isin(label_map, class_ids)
    return all(2 * np.count_nonzero(labelled & one.mask) >= one.area for one in truth)


def come_apart(found: Sequence[Instance], truth: tuple[Instance, ...]) -> bool:
    """Tell whether two instances are found separately, each with an IoU of 0.5 or more."""
    ious = mask_ious(found, truth)
    good = (ious >= 0.5).any(axis=0) if len(found) else np.zeros(2, np.bool_)
    return bool(good.all() and len(set(ious.argmax(axis=0))) == 2)


def measure_areas(predictor: Predictor, folder: Path, names: list[str]) -> None:
    """Evaluate the instances, and the connected areas of the same label maps, on a val split."""
    dataset, _ = translated(open_dataset(folder, "val", say=str), predictor.card)
    ids = [predictor.classes.index(name) for name in names] or list(predictor.card.instance_classes)
    ways: dict[str, Callable[..., list[Instance]]] = {
        "objects": lambda p: [i for i in p.instances or () if i.class_id in ids],
        "connected areas": lambda p: components(p.label_map, ids, 1),
    }
    matches: dict[str, list[object]] = {way: [] for way in ways}
    cells: dict[str, list[object]] = {way: [] for way in ways}
    started = time.perf_counter()
    for sample in dataset:
        truth = [i for i in sample.instances or () if i.class_id in ids]
        prediction = predictor.predict(sample.image)
        for way, objects in ways.items():
            found = objects(prediction)
            matches[way].append(match_image(truth, found))
            cells[way].append(cell_counts(found, truth))
    took = time.perf_counter() - started
    print(f"{folder.name} val, {len(dataset)} photos, {took:.0f} s; {', '.join(names) or 'all'}")
    for way in ways:
        ap: AveragePrecision = summarise(matches[way], ids)  # type: ignore[arg-type]
        pooled = CellCounts(np.stack(cells[way])).pooled  # type: ignore[arg-type]
        print(
            f"{way:16} AP {ap.ap:.3f}  AP50 {ap.ap50:.3f}  "
            f"TP/(TP+FP+FN) at 0.5 {pooled[0]:.3f}, at 0.7 {pooled[2]:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("time", "touching", "areas"))
    parser.add_argument("data", nargs="?", type=Path, default=VOC.with_name("nuclei"))
    parser.add_argument("--weights", default="nuclei")
    parser.add_argument("--classes", nargs="*", default=[])
    parser.add_argument("--photos", type=Path, help="cut the pairs out of this data set's val")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, help="draw the first pairs there")
    options = parser.parse_args()
    if options.what == "time":
        measure_time(options.weights, options.rounds)
        return
    predictor = Predictor.load(options.weights)
    if options.what == "areas":
        measure_areas(predictor, options.data, options.classes)
    elif options.photos is None:
        measure_touching(predictor, drawn_pairs(options.pairs), "drawn", options.out)
    else:
        dataset, _ = translated(open_dataset(options.photos, "val", say=str), predictor.card)
        for name in options.classes or predictor.classes.names[1:]:
            pairs = photo_pairs(dataset, predictor.classes.index(name), options.pairs)
            measure_touching(predictor, pairs, name, options.out)


if __name__ == "__main__":
    main()
