"""AP against pycocotools, cell counts and panoptic quality against answers worked out by hand."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pixelwise import open_dataset
from pixelwise.classes import ClassMap
from pixelwise.metrics.cells import CellCounts, cell_counts
from pixelwise.metrics.coco_ap import average_precision
from pixelwise.metrics.instance_scores import DEFINITIONS, InstanceCounter
from pixelwise.metrics.mask_iou import mask_ious
from pixelwise.metrics.panoptic import PanopticQuality, panoptic_counts
from pixelwise.samples import BoolArray, Instance, paint_label_map
from tests.conftest import real

SIZE = 60, 80
Photos = list[list[Instance]]


def box(top: int, left: int, height: int, width: int, class_id: int = 1, **more: Any) -> Instance:
    mask = np.zeros(SIZE, np.bool_)
    mask[top : top + height, left : left + width] = True
    return replace(Instance.of(mask, class_id, 1), **more)


def drawn(rng: np.random.Generator, class_id: int = 1) -> Instance:
    height, width = rng.integers(2, 45, 2)
    top, left = rng.integers(0, SIZE[0] - 2), rng.integers(0, SIZE[1] - 2)
    crowd = bool(rng.random() < 0.2)
    return box(int(top), int(left), int(height), int(width), class_id, crowd=crowd)


def case(seed: int) -> tuple[Photos, Photos]:
    """Photos with crowds, photos without an object, equal scores, wrong names, overlaps."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(rng.integers(1, 7)):
        there = [drawn(rng, int(rng.integers(1, 4))) for _ in range(rng.integers(0, 6))]
        guesses = [drawn(rng, int(rng.integers(1, 5))) for _ in range(rng.integers(0, 3))]
        for one in there:
            for _ in range(rng.integers(0, 3)):
                mask = np.roll(one.mask, tuple(rng.integers(-4, 5, 2)), (0, 1))
                name = one.class_id if rng.random() < 0.9 else 1
                guesses.append(Instance.of(mask, name, 1))
        guesses = [replace(g, score=float(np.round(rng.random(), 1)), crowd=False) for g in guesses]
        truth.append(there)
        found.append([guesses[i] for i in rng.permutation(len(guesses))])
    return truth, found


def coded(mask: BoolArray) -> dict[str, Any]:
    return dict(rle.encode(np.asfortranarray(mask.astype(np.uint8))))


def reference(content: dict[str, Any], results: list[dict[str, Any]]) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truths = COCO()
        truths.dataset = content
        truths.createIndex()
        evaluate = COCOeval(truths, truths.loadRes(results), "segm")
        evaluate.evaluate()
        evaluate.accumulate()
        evaluate.summarize()
    return [float(v) for v in evaluate.stats]


def as_results(found: Photos, image_ids: list[int], category: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image_id,
            "category_id": category[one.class_id],
            "score": one.score,
            "segmentation": coded(one.mask),
        }
        for image_id, guesses in zip(image_ids, found, strict=True)
        for one in guesses
    ]


@pytest.mark.parametrize("seed", range(60))
def test_ap_equals_pycocotools_on_random_cases(seed: int) -> None:
    truth, found = case(seed)
    if not any(found):
        found[0] = [box(0, 0, 5, 5)]
    ids = list(range(1, len(truth) + 1))
    annotations = [
        {
            "image_id": image_id,
            "category_id": one.class_id,
            "iscrowd": int(one.crowd),
            "area": one.area,
            "segmentation": coded(one.mask),
        }
        for image_id, there in zip(ids, truth, strict=True)
        for one in there
    ]
    content = {
        "images": [{"id": i, "height": SIZE[0], "width": SIZE[1]} for i in ids],
        "annotations": [{"id": k, **a} for k, a in enumerate(annotations, start=1)],
        "categories": [{"id": c} for c in range(1, 5)],
    }
    expected = reference(content, as_results(found, ids, list(range(5))))
    figures = average_precision(truth, found, range(1, 5)).as_dict()
    assert list(figures.values()) == expected


def test_ap_equals_pycocotools_on_real_data() -> None:
    root = real("coco")
    dataset = open_dataset(root, "val", say=str)
    content = json.loads((root / "annotations" / "instances_val2017.json").read_text())
    ids = {Path(image["file_name"]).stem: image["id"] for image in content["images"]}
    rng = np.random.default_rng(0)
    truth: Photos = []
    found: Photos = []
    for entry in dataset.entries:
        there = list(dataset.read_labels(entry)[1] or ())
        truth.append(there)
        shifted = [
            Instance.of(np.roll(one.mask, tuple(rng.integers(-9, 10, 2)), (0, 1)), one.class_id, 1)
            for one in there
            for _ in range(2)
        ]
        found.append([replace(one, score=float(rng.random())) for one in shifted])
    image_ids = [ids[entry.name] for entry in dataset.entries]
    category = list(dataset.file_ids or ())
    expected = reference(content, as_results(found, image_ids, category))
    figures = average_precision(truth, found, range(1, len(dataset.classes)))
    assert list(figures.as_dict().values()) == expected
    assert 0.1 < figures.ap < 0.9


def test_ap_of_nothing_is_minus_one_and_of_truth_itself_one() -> None:
    assert set(average_precision([[]], [[]], [1]).as_dict().values()) == {-1.0}
    assert average_precision([[box(0, 0, 5, 5)]], [[]], [1]).ap == 0
    found = [box(0, 0, 40, 40), box(5, 50, 20, 20)]
    figures = average_precision([found], [found], [1, 2])
    assert figures.ap == figures.ar100 == pytest.approx(1)
    assert figures.ap_large == -1


def test_ious_are_those_of_whole_masks() -> None:
    rng = np.random.default_rng(1)
    found, truth = ([drawn(rng) for _ in range(12)] for _ in range(2))
    exact = mask_ious(found, truth)
    for (d, one), (g, other) in itertools.product(enumerate(found), enumerate(truth)):
        shared = np.count_nonzero(one.mask & other.mask)
        whole = one.area if other.crowd else np.count_nonzero(one.mask | other.mask)
        assert exact[d, g] == shared / whole
    enough = mask_ious(found, truth, 0.4)
    assert (enough[exact >= 0.4] == exact[exact >= 0.4]).all()
    assert mask_ious([], truth).shape == (0, 12)


def test_cells_are_counted_by_the_most_pairs() -> None:
    # The first found overlaps both by more than half; a greedy match would lose one.
    truth = [box(0, 0, 10, 10), box(0, 10, 10, 4)]
    found = [box(0, 0, 10, 9), box(0, 9, 10, 5), box(30, 30, 5, 5)]
    counts = cell_counts(found, truth)
    assert counts[0].tolist() == [2, 1, 0]  # IoU 0.9 and 0.8
    assert counts[-1].tolist() == [1, 2, 1]
    cells = CellCounts(np.stack([counts, cell_counts([], [])]))
    assert cells.pooled[0] == pytest.approx(2 / 3)
    assert cells.per_image[0] == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize("seed", range(20))
def test_cell_counts_against_all_assignments(seed: int) -> None:
    truth, found = ([replace(i, crowd=False) for i in p[0][:5]] for p in case(seed))
    ious = mask_ious(found, truth)
    small, large = sorted(ious.shape)
    best = 0
    for order in itertools.permutations(range(large), small):
        rows, columns = np.arange(small), np.array(order, dtype=int)
        picked = ious[rows, columns] if len(found) <= len(truth) else ious[columns, rows]
        best = max(best, int(np.count_nonzero(picked >= 0.5)))
    assert cell_counts(found, truth)[0].tolist() == [best, len(found) - best, len(truth) - best]


def test_what_lies_in_a_crowd_is_no_false_alarm() -> None:
    truth = [box(0, 0, 20, 20, crowd=True), box(40, 40, 10, 10)]
    found = [box(2, 2, 5, 5), box(18, 18, 10, 10), box(40, 40, 10, 10)]
    assert cell_counts(found, truth)[0].tolist() == [1, 1, 0]


def test_panoptic_quality_by_hand() -> None:
    sky = np.zeros(SIZE, np.uint8)
    sky[:20] = 2
    there = [box(30, 0, 10, 10), box(30, 20, 10, 10), box(50, 0, 5, 5)]
    truth = np.where(paint_label_map(there, SIZE) > 0, 1, sky).astype(np.uint8)
    truth[:, 70:] = 255
    # Found: one with IoU 0.8, one missed, one made up, one in void; the sky 10 rows too low.
    here = [box(30, 0, 10, 8), box(50, 0, 5, 5), box(45, 40, 6, 6), box(30, 72, 6, 6)]
    found = np.where(paint_label_map(here, SIZE) > 0, 1, 0).astype(np.uint8)
    found[:20] = 2
    found[20:30] = 2
    counts, ious = panoptic_counts((truth, there), (found, here), (1,), 3)
    assert counts.tolist() == [[0, 0, 0], [2, 1, 1], [1, 0, 0]]
    assert ious.tolist() == pytest.approx([0, 0.8 + 1, 20 / 30])
    quality = PanopticQuality(counts, ious)
    assert quality.per_class[1:].tolist() == pytest.approx([1.8 / 3, 20 / 30])
    assert np.isnan(quality.per_class[0])
    assert quality.pq == pytest.approx((1.8 / 3 + 20 / 30) / 2)
    assert quality.sq == pytest.approx((0.9 + 20 / 30) / 2)
    assert quality.rq == pytest.approx((2 / 3 + 1) / 2)


def test_a_crowd_is_no_miss_and_excuses_what_lies_in_it() -> None:
    crowd, one = box(0, 0, 20, 20, crowd=True), box(5, 5, 8, 8)
    label_map = paint_label_map([crowd], SIZE)
    counts, _ = panoptic_counts((label_map, [crowd]), (label_map, [one]), (1,), 2)
    assert counts.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_every_figure_has_its_definition() -> None:
    counter = InstanceCounter(ClassMap(("background", "cell")), (1,))
    assert counter.scores() is None
    one = box(3, 3, 9, 9)
    label_map = paint_label_map([one], SIZE)
    counter.add((label_map, [one]), (label_map, [one]))
    scores = counter.scores()
    assert scores is not None
    assert set(scores.figures()) == set(DEFINITIONS)
    assert scores.figures()["pq"] == scores.figures()["cell_ap90"] == 1
    assert scores.per_class()["cell"]["ap50"] == pytest.approx(1)
    assert json.loads(json.dumps(scores.as_dict()))["ap_large"] is None
    assert counter.last == 1


def test_only_the_classes_that_are_asked_for_count() -> None:
    one, two, half = box(3, 3, 9, 9), box(12, 12, 18, 18, 2), box(32, 32, 9, 18, 2)
    counter = InstanceCounter(ClassMap(("background", "person", "dog")), (1,))
    label_map = paint_label_map([one, two], SIZE)
    counter.add((label_map, [one, two]), (label_map, [one, two, half]))
    scores = counter.scores()
    assert scores is not None
    figures = scores.figures()
    assert figures["ap"] == pytest.approx(1)
    assert figures["pq"] == figures["cell_ap50"] == 1
