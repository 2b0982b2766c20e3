"""Evaluation: figures against other libraries and against loops, pages, saved label maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn import metrics as sklearn_metrics

from pixelwise import ClassMap, confusion_matrix, open_dataset
from pixelwise.datasets import draw_shapes
from pixelwise.errors import DataError, LabelError
from pixelwise.evaluation import evaluate
from pixelwise.io.mask import write_label_map
from pixelwise.metrics import BoundaryScores, SemanticScores, boundary_counts
from pixelwise.samples import Sample
from tests import made
from tests.conftest import run
from tests.toy import write_toy

UInt8Array = npt.NDArray[np.uint8]


def maps(seed: int, size: tuple[int, int] = (24, 30), n: int = 4) -> tuple[UInt8Array, UInt8Array]:
    """Return a blocky truth with some void and a prediction like it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, n, (size[0] // 6 + 1, size[1] // 6 + 1)).astype(np.uint8)
    truth = np.kron(coarse, np.ones((6, 6), np.uint8))[: size[0], : size[1]]
    guess = np.roll(truth, (int(rng.integers(-2, 3)), int(rng.integers(-2, 3))), (0, 1))
    guess[rng.random(size) < 0.05] = rng.integers(0, n)
    truth[rng.random(size) < 0.05] = 255
    return truth, guess


@given(st.integers(0, 10_000))
def test_figures_equal_scikit_learns(seed: int) -> None:
    truth, guess = maps(seed)
    matrix = confusion_matrix(truth, guess, 4)
    scores = SemanticScores(matrix, ClassMap.numbered(4), 1, "toy")
    known = truth != 255
    y, p = truth[known], guess[known]
    present = sorted(set(y.tolist()) | set(p.tolist()))
    ious = sklearn_metrics.jaccard_score(y, p, labels=present, average=None, zero_division=0)
    assert scores.per_class_iou[present] == pytest.approx(ious)
    assert scores.miou == pytest.approx(ious.mean())
    assert scores.pixel_accuracy == pytest.approx(sklearn_metrics.accuracy_score(y, p))
    true = sorted(set(y.tolist()))
    recall = sklearn_metrics.recall_score(y, p, labels=true, average="macro", zero_division=0)
    assert scores.mean_class_accuracy == pytest.approx(recall)
    weighted = sklearn_metrics.jaccard_score(y, p, labels=true, average="weighted", zero_division=0)
    assert scores.frequency_weighted_iou == pytest.approx(weighted)
    assert scores.absent == tuple(str(i) for i in range(4) if i not in true)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_figures_equal_torchmetrics_where_definitions_coincide() -> None:
    torch = pytest.importorskip("torch")
    from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

    pairs = [maps(seed, n=3) for seed in range(5)]
    ours = sum(confusion_matrix(t, g, 3) for t, g in pairs)
    scores = SemanticScores(np.asarray(ours), ClassMap.numbered(3), 5, "toy")
    theirs = MulticlassJaccardIndex(3, ignore_index=255)
    accuracy = MulticlassAccuracy(3, ignore_index=255)  # macro: the mean class accuracy
    for truth, guess in pairs:
        answer = torch.from_numpy(guess.astype(np.int64)), torch.from_numpy(truth.astype(np.int64))
        theirs.update(*answer)
        accuracy.update(*answer)
    assert scores.miou == pytest.approx(float(theirs.compute()), abs=1e-6)
    assert scores.mean_class_accuracy == pytest.approx(float(accuracy.compute()), abs=1e-6)


def by_hand(truth: UInt8Array, guess: UInt8Array, class_id: int) -> list[int]:
    """Count what `boundary_counts` counts for one class, pixel by pixel."""
    height, width = truth.shape
    reach = max(1, round(0.02 * float(np.hypot(height, width))))

    def band(plane: UInt8Array) -> set[tuple[int, int]]:
        found = set()
        for y, x in zip(*np.nonzero(plane == class_id), strict=True):
            around = [
                (y + a, x + b) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1)
            ]
            if any(
                not (0 <= a < height and 0 <= b < width) or plane[a, b] != class_id
                for a, b in around
            ):
                found.add((int(y), int(x)))
        return {p for p in found if truth[p] != 255}

    def border(plane: UInt8Array) -> set[tuple[int, int]]:
        found = set()
        for y, x in zip(*np.nonzero(plane == class_id), strict=True):
            for a, b in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                inside = 0 <= a < height and 0 <= b < width
                if inside and plane[a, b] != class_id and truth[a, b] != 255 and truth[y, x] != 255:
                    found.add((int(y), int(x)))
        return found

    def near(some: set[tuple[int, int]], others: set[tuple[int, int]]) -> int:
        return sum(any((y - a) ** 2 + (x - b) ** 2 <= 4 for a, b in others) for y, x in some)

    # The line along void is no boundary: there the truth may be what is predicted.
    known = np.where(truth == 255, guess, truth)
    bands, borders = [band(p) for p in (known, guess)], [border(p) for p in (truth, guess)]
    return [
        len(bands[0] & bands[1]),
        len(bands[0] | bands[1]),
        near(borders[1], borders[0]),
        len(borders[1]),
        near(borders[0], borders[1]),
        len(borders[0]),
    ]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_boundaries_equal_counting_by_hand(seed: int) -> None:
    truth, guess = maps(seed, (15, 21), 3)
    counts = boundary_counts(truth, guess, 3)
    for class_id in range(3):
        assert counts[class_id].tolist() == by_hand(truth, guess, class_id)


def test_boundary_scores_of_known_cases() -> None:
    disc = np.zeros((60, 60), np.uint8)
    disc[20:40, 20:40] = 1
    same = BoundaryScores(boundary_counts(disc, disc, 2), ClassMap.numbered(2))
    assert (same.iou, same.f1) == (1.0, 1.0)
    off = np.roll(disc, 2, axis=1)  # within the tolerance of F1, outside that of the band
    near = BoundaryScores(boundary_counts(disc, off, 2), ClassMap.numbered(2))
    assert near.f1 == 1.0
    assert 0.2 < near.iou < 0.9
    far = BoundaryScores(boundary_counts(disc, np.roll(disc, 15, axis=1), 2), ClassMap.numbered(2))
    assert far.f1 < 0.5
    nothing = BoundaryScores(boundary_counts(disc, disc * 0, 3), ClassMap.numbered(3))
    assert nothing.per_class_f1[1] == 0.0
    assert np.isnan(nothing.per_class_f1[2])
    with pytest.raises(LabelError, match="predict at the image's own size"):
        boundary_counts(disc, disc[:10], 2)


@pytest.fixture
def predictions(shapes: Path, tmp_path: Path) -> Path:
    """Label maps of the val split, as another tool might have written them: all but one right."""
    dataset = open_dataset(shapes, "val", say=str)
    for i, sample in enumerate(dataset):
        label_map = np.where(sample.label_map == 255, np.uint8(0), sample.label_map)
        if i == 2:
            label_map = (label_map > 0).astype(np.uint8) * np.uint8(3)
        write_label_map(tmp_path / "out" / f"{sample.name}.png", label_map, dataset.classes)
    return tmp_path / "out"


def test_an_evaluation_names_the_worst_image(shapes: Path, predictions: Path) -> None:
    dataset = open_dataset(shapes, "val", say=str)
    evaluation = evaluate(dataset, predictions)
    assert evaluation.names[evaluation.worst(1)[0]] == "val_002"
    assert evaluation.image_miou[[0, 1, 3]].tolist() == [1.0, 1.0, 1.0]
    assert evaluation.per_image_miou == pytest.approx(evaluation.image_miou.mean())
    assert evaluation.void_pixels == sum(int((s.label_map == 255).sum()) for s in dataset)
    assert set(evaluation.figures()) == set(evaluation.as_dict()["definitions"])  # type: ignore[call-overload]


def test_per_image_and_data_set_figures_differ(tmp_path: Path) -> None:
    dataset = open_dataset(draw_shapes(tmp_path, train=6, val=1, seed=3), say=str)
    evaluation = evaluate(dataset, lambda sample: ((sample.label_map > 0).astype(np.uint8), None))
    assert evaluation.per_image_miou != pytest.approx(evaluation.scores.miou, abs=0.01)


def test_the_command_evaluates_saved_label_maps(
    shapes: Path, predictions: Path, tmp_path: Path
) -> None:
    figures, page = tmp_path / "f.json", tmp_path / "f.html"
    done = run("evaluate", shapes, "--predictions", predictions, "--json", figures, "--html", page)
    assert done.returncode == 0, done.stderr
    for word in ("per image mIoU", "boundary IoU", "boundary F1", "void pixels left out"):
        assert word in done.stdout
    content = json.loads(figures.read_text())
    assert next(iter(content["worst"])) == "val_002"
    assert np.array(content["confusion"]).shape == (4, 4)
    html = page.read_text(encoding="utf-8")
    assert html.count("<figure") == 4 * 4 + 1  # four photos in four pictures, and the matrix
    assert "within 2 px" in html


def test_saved_label_maps_that_do_not_fit_are_named(shapes: Path, predictions: Path) -> None:
    dataset = open_dataset(shapes, "val", say=str)
    path = predictions / "val_001.png"
    write_label_map(path, np.full((64, 80), 9, np.uint8), dataset.classes)
    with pytest.raises(LabelError, match=r"val_001\.png: label 9, but the data set has 4 classes"):
        evaluate(dataset, predictions)
    write_label_map(path, np.zeros((9, 9), np.uint8), dataset.classes)
    with pytest.raises(LabelError, match=r"val_001\.png: the image is 64 x 80 but its label"):
        evaluate(dataset, predictions)
    path.unlink()
    with pytest.raises(DataError, match=r"val_001\.png: missing"):
        evaluate(dataset, predictions)


def test_the_command_takes_weights_or_predictions(shapes: Path, tmp_path: Path) -> None:
    toy = write_toy(tmp_path / "toy.onnx")
    done = run("evaluate", shapes, "--weights", toy, "--predictions", tmp_path)
    assert done.returncode == 2
    assert "give --weights or --predictions, not both" in done.stderr
    done = run("evaluate", "--weights", toy)
    assert done.returncode == 2
    assert "Missing argument 'DATA'" in done.stderr
    done = run("evaluate", shapes, "--predictions", tmp_path, "--map", "disc=square")
    assert done.returncode == 2
    assert "rules (--map) are for weights" in done.stderr


def test_the_command_translates_classes(shapes: Path, tmp_path: Path) -> None:
    weights, page = write_toy(tmp_path / "toy.onnx"), tmp_path / "p.html"
    rules = ("--map", "disc=red", "--map", "*=background")
    done = run("evaluate", shapes, "--weights", weights, *rules, "--html", page)
    assert done.returncode == 0, done.stderr
    assert "classes translated: disc -> red, * -> background" in done.stdout
    assert "Weights toy on shapes val" in page.read_text(encoding="utf-8")


def test_functions_are_evaluated_as_far_as_asked(shapes: Path) -> None:
    dataset = open_dataset(shapes, "val", say=str)

    def predict(sample: Sample) -> tuple[UInt8Array, None]:
        return np.minimum(sample.label_map, 3), None

    whole, without = evaluate(dataset, predict), evaluate(dataset, predict, boundaries=False)
    assert (whole.scores.matrix == without.scores.matrix).all()
    assert without.boundaries is None
    assert without.instances is None
    assert "boundary_iou" not in without.as_dict()
    assert set(whole.figures()) - set(without.figures()) == {"boundary_iou", "boundary_f1"}


@given(st.integers(0, 10_000))
def test_what_is_right_wherever_it_is_known_has_whole_boundaries(seed: int) -> None:
    truth, _ = maps(seed)
    guess = truth.copy()
    rng = np.random.default_rng(seed)
    guess[truth == 255] = rng.integers(0, 4)
    scores = BoundaryScores(boundary_counts(truth, guess, 4), ClassMap.numbered(4))
    known = scores.per_class_iou[np.isfinite(scores.per_class_iou)]
    assert known == pytest.approx(1)


def test_instance_maps_in_folders_are_compared(tmp_path: Path) -> None:
    dog = {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)]}
    root = made.coco(tmp_path / "coco", [dog])
    annotations = root / "annotations" / "instances_train.json"
    content = json.loads(annotations.read_text())
    content["images"].append({"id": 11, "file_name": "day2/0.jpg", "height": 40, "width": 60})
    made.photo(root / "train" / "day2" / "0.jpg", 5)
    content["images"][0]["file_name"] = "day1/0.jpg"
    made.photo(root / "train" / "day1" / "0.jpg", 6)
    made.write(annotations, content)
    dataset = open_dataset(root, say=str)
    for sample in dataset:
        path = tmp_path / "found" / f"{sample.name}.png"
        write_label_map(path, sample.label_map, dataset.classes)
        numbers = np.zeros(sample.label_map.shape, np.uint16)
        for instance in sample.instances or ():
            instance.within(numbers)[instance.patch] = instance.id
        Image.fromarray(numbers).save(path.with_name(f"{path.stem}_instances.png"))
    found = evaluate(dataset, tmp_path / "found")
    assert found.instances is not None
    assert found.instances.figures()["ap50"] == pytest.approx(1)
