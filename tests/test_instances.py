"""Objects: targets and grouping, the commands that write and evaluate them, training them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelwise import ClassMap, Predictor, open_dataset
from pixelwise.classes import VOID
from pixelwise.datasets import draw_shapes
from pixelwise.drawing import instance_colours, overlay_instances
from pixelwise.errors import ArgumentError, DataError, WeightsError
from pixelwise.inference.grouping import find_instances
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.preprocess import prepare, stretch_levels
from pixelwise.instances import components, instances_of
from pixelwise.io.mask import read_instance_map, read_label_map, write_instance_map
from pixelwise.metrics.mask_iou import mask_ious
from pixelwise.networks import build_network
from pixelwise.samples import Instance, UInt8Array
from pixelwise.training import Recipe, train
from pixelwise.training.augment import UNKNOWN, Labelled, augment, paste
from pixelwise.training.calibrate import choose_threshold
from pixelwise.training.instance_targets import instance_loss, instance_map_of, instance_targets
from pixelwise.training.pretrained import keep_classes
from pixelwise.training.settings import Settings
from tests.conftest import call, real, run
from tests.toy import CARD, write_toy

UInt16Array = npt.NDArray[np.uint16]

DISCS = replace(
    CARD, task="instance", classes=ClassMap(("background", "disc")), instance_classes=(1,)
)


def discs(centres: list[tuple[int, int, int]], size: tuple[int, int] = (64, 96)) -> UInt16Array:
    """Draw discs (x, y, radius), later ones over earlier ones, numbered from 1."""
    numbers = np.zeros(size, np.uint16)
    for number, (x, y, radius) in enumerate(centres, start=1):
        cv2.circle(numbers, (x, y), radius, number, thickness=cv2.FILLED)
    return numbers


def told(
    numbers: UInt16Array, stride: int = 2
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What a perfect network says: logits at the photo's size, instances at 1 / stride of it."""
    first = (stride - 1) // 2
    small = numbers[first::stride, first::stride]
    (targets,) = instance_targets(small, (small > 0).astype(np.uint8), 0.1, stride)
    heat = np.log(np.clip(targets[0], 1e-4, 0.99) / (1 - np.clip(targets[0], 1e-4, 0.99)))
    inside = (numbers > 0).astype(np.float32)
    logits = np.stack([8 - 16 * inside, 16 * inside - 8])
    return logits, np.concatenate([heat[None], targets[1:3]])


@pytest.mark.parametrize(("stride", "size"), [(2, (64, 96)), (4, (64, 96)), (4, (66, 94))])
@given(seed=st.integers(0, 10_000))
def test_what_targets_say_is_found_again(stride: int, size: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = [(x, y) for x in range(12, 90, 24) for y in range(12, 60, 20)]
    picked = rng.permutation(len(places))[: rng.integers(1, 8)]
    numbers = discs([(*places[i], int(rng.integers(4, 10))) for i in picked], size)
    logits, objects = told(numbers, stride)
    label_map = (numbers > 0).astype(np.uint8)
    _, found = find_instances((objects,), logits, label_map, replace(DISCS, stride=stride))
    truth = instances_of(numbers)
    assert len(found) == len(truth)
    # A size that the stride does not divide costs a pixel of an outline: the offsets are 0 beyond.
    least = 0.9 if size[0] % stride else 1
    assert mask_ious(found, truth).max(axis=0).min() >= least
    assert [i.id for i in found] == list(range(1, len(found) + 1))
    assert [i.score for i in found] == sorted((i.score for i in found), reverse=True)
    assert all(0 < i.score <= 1 and i.class_id == 1 for i in found)


@pytest.mark.parametrize("apart", [9, 12, 15])
def test_objects_that_touch_come_apart(apart: int) -> None:
    numbers = discs([(30, 30, 8), (30 + apart, 32, 8)])
    logits, objects = told(numbers)
    _, found = find_instances((objects,), logits, (numbers > 0).astype(np.uint8), DISCS)
    assert len(found) == 2
    assert mask_ious(found, instances_of(numbers)).max(axis=0).min() > 0.85
    assert sum(i.area for i in found) == np.count_nonzero(numbers)  # each pixel belongs to one


def test_no_thing_no_object() -> None:
    logits, objects = told(discs([(30, 30, 8)]))
    nothing = np.zeros((64, 96), np.uint8)
    assert find_instances((objects,), logits, nothing, DISCS)[1] == ()
    everywhere = np.full((64, 96), 1, np.uint8)
    assert find_instances((np.full_like(objects, -9),), logits, everywhere, DISCS)[1] == ()
    assert find_instances((objects,), logits, everywhere, CARD)[1] == ()


def test_offsets_lead_to_the_centre_and_heat_peaks_there() -> None:
    numbers = discs([(20, 20, 9), (60, 40, 6)])
    (targets,) = instance_targets(numbers, (numbers > 0).astype(np.uint8), 0.1, 2)
    for number, (x, y) in ((1, (20, 20)), (2, (60, 40))):
        rows, columns = np.nonzero(numbers == number)
        # Offsets are in pixels of the crop, twice as large as the map.
        assert np.allclose(rows + targets[1, rows, columns] / 2, y, atol=1e-3)
        assert np.allclose(columns + targets[2, rows, columns] / 2, x, atol=1e-3)
        assert targets[0, y, x] == 1
    assert (targets[0] == 1).sum() == 2
    assert (targets[1:, numbers == 0] == 0).all()


def test_where_nobody_says_nothing_is_learnt() -> None:
    numbers = discs([(20, 20, 9), (60, 40, 6)])
    numbers[numbers == 2] = UNKNOWN
    label_map = (numbers > 0).astype(np.uint8)
    label_map[:5] = 255
    (targets,) = instance_targets(numbers, label_map, 0.1, 2)
    assert (targets[0, numbers == UNKNOWN] == -1).all()
    assert (targets[3, numbers == UNKNOWN] == 0).all()
    assert (targets[0, :5] == -1).all()
    nothing = torch.from_numpy(instance_targets(None, label_map, 0.1, 2)[0])[None]
    scores = torch.randn(1, 3, *label_map.shape, requires_grad=True)
    loss = instance_loss((scores,), nothing)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def test_the_loss_is_least_at_the_truth() -> None:
    numbers = discs([(20, 20, 9), (60, 40, 6)])
    (drawn,) = instance_targets(numbers, (numbers > 0).astype(np.uint8), 0.1, 2)
    targets = torch.from_numpy(drawn)[None]
    heat = targets[:, :1].clamp(1e-4, 1 - 1e-4)
    right = torch.cat([torch.logit(heat), targets[:, 1:3]], dim=1)
    wrong = right.clone()
    wrong[:, 1:] += 4
    silent = right.clone()
    silent[:, 0] = -6
    best = instance_loss((right,), targets).item()
    assert best < 0.1
    assert instance_loss((wrong,), targets).item() > best + 0.2
    assert instance_loss((silent,), targets).item() > best + 0.2


def test_kinds_of_objects() -> None:
    label_map = np.zeros((40, 60), np.uint8)
    label_map[5:20, 5:20] = 1
    label_map[5:20, 21:30] = 1
    label_map[5:20, 20] = 255  # void between two that touch
    areas = instance_map_of(label_map, None, "areas")
    assert areas is not None
    assert areas[10, 10] != areas[10, 25]
    assert areas.max() == 2
    one = instance_map_of(label_map, None, "one")
    assert one is not None
    assert set(np.unique(one)) == {0, 1, UNKNOWN}
    assert (one[5:20, 5:30][label_map[5:20, 5:30] == 1] == 1).all()
    assert (one[25:] == UNKNOWN).all()
    assert instance_map_of(label_map, None, "") is None
    crowd = Instance.of(label_map == 1, 1, 7, crowd=True)
    told_map = instance_map_of(label_map, (crowd,), "")
    assert told_map is not None
    assert set(np.unique(told_map)) == {0, UNKNOWN}


@given(st.integers(0, 10_000))
def test_augmented_objects_stay_with_their_pixels(seed: int) -> None:
    numbers = discs([(25, 30, 12), (60, 35, 15)])
    # Each object in a colour of its own, so that no mixture of two looks like a third.
    image = np.stack([np.where(numbers == k, 200, 0) for k in range(3)], axis=2).astype(np.uint8)
    photo = Labelled(image, (numbers > 0).astype(np.uint8), numbers)
    plain = replace(Settings(), colour=0.0)
    crop, labels, objects, *_ = augment(photo, 64, (2, 2), plain, np.random.default_rng(seed))
    assert objects is not None
    assert ((objects == UNKNOWN) == (labels == 255)).all()
    small = crop.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    for number in (0, 1, 2):
        certain = (labels != 255) & (small[..., number] > 195)
        assert (objects[certain] == number).all()


def test_pasted_objects_are_new_objects() -> None:
    photo = np.zeros((64, 64, 3), np.uint8)
    numbers = discs([(10, 16, 8)], (32, 32))
    below = Labelled(photo, (numbers > 0).astype(np.uint8), numbers)
    other = discs([(16, 16, 8)], (32, 32))
    above = Labelled(photo, (other > 0).astype(np.uint8) * 2, other)
    objects = paste(below, above).instance_map
    assert objects is not None
    assert set(np.unique(objects)) == {0, 1, 2}
    assert (objects[other > 0] == 2).all()
    bare = Labelled(photo, below.label_map)
    over_bare = paste(bare, above).instance_map
    assert over_bare is not None
    assert set(np.unique(over_bare)) == {1, UNKNOWN}
    under_bare = paste(below, bare).instance_map
    assert under_bare is not None
    assert (under_bare[numbers > 0] == UNKNOWN).all()
    assert paste(bare, bare).instance_map is None


def test_the_branch_is_optional_and_sees_any_size() -> None:
    plain = build_network(3, "tiny")
    with_objects = build_network(3, "tiny", instances="centres").eval()
    names = set(plain.state_dict())
    assert names < set(with_objects.state_dict())
    with torch.inference_mode():
        for height, width in ((64, 96), (33, 70)):
            logits, (objects,), foreground = with_objects(torch.zeros(2, 3, height, width))
            assert foreground is None
            assert logits.shape == (2, 3, height, width)
            assert objects.shape == (2, 3, -(-height // 2), -(-width // 2))


def test_colours_of_objects_differ() -> None:
    colours = instance_colours(40).astype(int)
    distances = np.abs(colours[:, None] - colours).sum(axis=2)
    assert distances[~np.eye(40, dtype=bool)].min() > 10
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 100
    assert instance_colours(0).shape == (0, 3)


def test_an_overlay_of_objects() -> None:
    image = np.full((64, 96, 3), 100, np.uint8)
    instances = instances_of(discs([(20, 30, 12), (70, 30, 12)]))
    drawn = overlay_instances(image, instances)
    outside = ~(instances[0].mask | instances[1].mask)
    assert (drawn[outside] == 100).all()
    first, second = drawn[30, 12], drawn[30, 62]
    assert (first != second).any()
    with pytest.raises(ArgumentError, match="made for 64 x 96, the image is 50 x 96"):
        overlay_instances(image[:50], instances)


def test_specks_are_left_out() -> None:
    numbers = discs([(20, 30, 12), (70, 30, 2)])
    label_map = (numbers > 0).astype(np.uint8)
    logits = np.zeros((3, 4, 6), np.float32)
    prediction = Prediction(label_map, CARD.classes, logits, instances_of(numbers))
    cleaned = prediction.without_specks(50)
    assert cleaned.instances is not None
    assert [i.id for i in cleaned.instances] == [1]
    assert cleaned.instance_map is not None
    assert (cleaned.instance_map == np.where(numbers == 1, 1, 0)).all()
    assert (cleaned.label_map == (numbers == 1)).all()


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that call what is redder than blue red, and bright blue-green pixels centres."""
    return write_toy(
        tmp_path_factory.mktemp("toy") / "finder.onnx",
        replace(CARD, task="instance", instance_classes=(1,)),
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of two red areas that touch, a centre in each."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[20:40, 10:50, 0] = 200
    for x in (19, 40):
        image[29:32, x : x + 3] = (250, 250, 0)
    path = tmp_path_factory.mktemp("photos") / "pair.png"
    Image.fromarray(image).save(path)
    return path


def test_predict_writes_objects(finder: Path, pair: Path, tmp_path: Path) -> None:
    done = run("predict", pair, "--weights", finder, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {
        "pair.png",
        "pair_instances.png",
        "pair_instances_overlay.jpg",
        "pair_overlay.jpg",
    }
    label_map = read_label_map(tmp_path / "pair.png")
    instance_map = read_instance_map(tmp_path / "pair_instances.png")
    with Image.open(tmp_path / "pair_instances.png") as file:
        assert file.mode == "I;16"
    assert set(np.unique(instance_map)) == {0, 1, 2}
    assert ((instance_map > 0) == (label_map == 1)).all()
    assert instance_map[30, 12] != instance_map[30, 48]


def test_objects_in_other_tools_files(finder: Path, pair: Path, tmp_path: Path) -> None:
    formats = [part for name in ("coco", "labelme", "yolo", "npz") for part in ("--save", name)]
    done = run("predict", pair, "--weights", finder, "--out", tmp_path, *formats)
    assert done.returncode == 0, done.stderr
    expected = read_instance_map(tmp_path / "pair_instances.png")
    content = json.loads((tmp_path / "annotations.json").read_text())
    assert [a["category_id"] for a in content["annotations"]] == [1, 1]
    labelme = json.loads((tmp_path / "pair.json").read_text())
    assert len({(s["label"], s["group_id"]) for s in labelme["shapes"]}) == 2
    lines = (tmp_path / "pair.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "0"]
    assert "red" in (tmp_path / "data.yaml").read_text()
    saved = np.load(tmp_path / "pair.npz")
    assert (saved["instance_map"] == expected).all()
    assert saved["scores"].shape == saved["class_ids"].shape == (2,)


def test_semantic_weights_find_no_objects(pair: Path, tmp_path: Path) -> None:
    toy = write_toy(tmp_path / "toy.onnx")
    assert Predictor.load(toy).predict(np.zeros((9, 9, 3), np.uint8)).instances is None
    done = run("predict", pair, "--weights", toy, "--out", tmp_path, "--save", "instances")
    assert done.returncode == 2
    assert "find no instances" in done.stderr


def test_evaluate_judges_objects(finder: Path, pair: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "data" / split / "images").mkdir(parents=True)
        (tmp_path / "data" / split / "instances").mkdir()
        shutil.copy(pair, tmp_path / "data" / split / "images")
        truth = np.zeros((64, 64), np.uint16)
        truth[20:40, 10:31], truth[20:40, 31:50] = 4, 9
        write_instance_map(tmp_path / "data" / split / "instances" / "pair.png", truth)
    told = ("--map", "object=red", "--json", tmp_path / "j.json", "--html", tmp_path / "j.html")
    done = run("evaluate", tmp_path / "data", "--weights", finder, *told)
    assert done.returncode == 0, done.stderr
    assert "cell AP50" in done.stdout
    figures = json.loads((tmp_path / "j.json").read_text())
    assert figures["cell_ap50"] == figures["rq"] == 1
    assert 0.9 < figures["pq"] <= 1
    assert figures["instances"]["red"]["ap50"] == pytest.approx(1)
    assert "panoptic quality" in figures["definitions"]["pq"]
    assert "Instances found" in (tmp_path / "j.html").read_text(encoding="utf-8")

    # The same, from files that any tool may have written.
    predicted = run("predict", pair, "--weights", finder, "--out", tmp_path / "saved")
    assert predicted.returncode == 0, predicted.stderr
    again = run("evaluate", tmp_path / "data", "--predictions", tmp_path / "saved", *told[2:4])
    assert again.returncode == 0, again.stderr
    saved = json.loads((tmp_path / "j.json").read_text())
    assert saved["cell_ap50"] == 1
    assert saved["pq"] == pytest.approx(figures["pq"])


TINY = {
    "task": "instance",
    "size": "tiny",
    "epochs": 2,
    "crop": 64,
    "first_crop": 64,
    "batch": 4,
    "side": 80,
}


def test_train_for_objects(tmp_path: Path) -> None:
    root = draw_shapes(tmp_path / "shapes", train=8, val=4, size=(64, 80))
    said: list[str] = []
    areas = Recipe.from_dict({"settings": TINY, "sources": {"shapes": {"instances": "areas"}}})
    model = train([root], tmp_path / "run", areas, said.append)
    predictor = Predictor.load(model)
    assert predictor.card.instance_classes == (1, 2, 3)
    prediction = predictor.predict(open_dataset(root, "val", say=str)[0].image)
    assert prediction.instances is not None
    assert "cell_ap50" in (tmp_path / "run" / "log.csv").read_text().splitlines()[0]
    (parity,) = [line for line in said if "difference between ONNX Runtime and torch" in line]
    assert float(parity.split()[-2]) < 1e-3
    # Areas are no labelled instances, by which a least score could be chosen.
    default = "instances count from a score of 0.3 on, the default: "
    assert any(line.startswith(default) for line in said)
    with pytest.raises(DataError, match="no instances in it"):
        train([root], tmp_path / "other", Recipe(settings=TINY), said.append)
    model_of_hub = {name: value for name, value in TINY.items() if name != "size"}
    hub = replace(areas, model="hf:some/model", settings=model_of_hub)
    with pytest.raises(ArgumentError, match="hub models learn classes only"):
        train([root], tmp_path / "hub", hub, said.append)


def test_frozen_classes_stay_as_they_are(tmp_path: Path) -> None:
    root = draw_shapes(tmp_path / "shapes", train=8, val=4, size=(64, 80))
    semantic = TINY | {"task": "semantic"}
    start = train([root], tmp_path / "classes", Recipe(settings=semantic), str)
    frozen = Recipe.from_dict(
        {
            "settings": TINY | {"freeze_classes": True},
            "sources": {"shapes": {"instances": "areas"}},
            "weights": str(start),
        }
    )
    before = Predictor.load(start)
    after = Predictor.load(train([root], tmp_path / "objects", frozen, str))
    for sample in open_dataset(root, "val", say=str):
        was, is_ = before.predict(sample.image), after.predict(sample.image)
        np.testing.assert_allclose(was.logits, is_.logits, atol=2e-3)
        assert was.instances is None
        assert is_.instances is not None
    with pytest.raises(WeightsError, match="another --size or design"):
        train([root], tmp_path / "other", replace(frozen, weights="street"), str)
    with pytest.raises(WeightsError, match="not the classes of this network"):
        keep_classes(
            build_network(len(before.classes), "tiny"), str(start), torch.rand(1, 3, 64, 64)
        )
    with pytest.raises(ArgumentError, match="needs weights to start from"):
        replace(frozen, weights="")
    with pytest.raises(ArgumentError, match="expected task=instance and balance=0"):
        Settings(freeze_classes=True)


def test_the_least_score_is_the_one_that_tells_most_right(
    finder: Path, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = np.zeros((64, 64), np.uint16)
    truth[20:40, 10:31], truth[20:40, 31:50] = 4, 9
    for folder in ("images", "instances"):
        (tmp_path / "train" / folder).mkdir(parents=True)
    shutil.copy(pair, tmp_path / "train" / "images")
    write_instance_map(tmp_path / "train" / "instances" / "pair.png", truth)
    right = instances_of(truth)
    wrong = instances_of(np.roll(truth, 24, axis=0))
    told = tuple(
        replace(instance, score=score)
        for instance, score in zip((*right, *wrong), (0.9, 0.5, 0.31, 0.1), strict=True)
    )
    predictor = Predictor.load(finder)
    black = np.zeros((64, 64, 3), np.uint8)
    answer = replace(predictor.predict(black), instances=told)
    lures = replace(answer, instances=tuple(replace(i, score=0.4) for i in wrong))
    predicted: list[object] = []

    def predict(_: Predictor, image: UInt8Array) -> Prediction:
        predicted.append(image)
        return answer if image.any() else lures

    monkeypatch.setattr(Predictor, "predict", predict)
    data = [open_dataset(tmp_path, "train", say=str)]
    assert choose_threshold(predictor, data) == 0.32
    # Labels that say nothing of classes, as where a source says only what stands out.
    other = tmp_path / "other" / "train"
    (other / "images").mkdir(parents=True)
    shutil.copytree(tmp_path / "train" / "instances", other / "instances")
    Image.fromarray(black).save(other / "images" / "pair.png")
    silent = open_dataset(other.parent, "train", say=str)
    assert choose_threshold(predictor, [*data, silent]) == 0.42
    silent = replace(silent, table=np.full(256, VOID, np.uint8))
    assert choose_threshold(predictor, [*data, silent]) == 0.32
    predicted.clear()
    monkeypatch.setattr("pixelwise.training.calibrate.IMAGES", 2)
    choose_threshold(predictor, [replace(data[0], entries=3 * data[0].entries)])
    assert len(predicted) == 2
    # If the data set does not label all of them, the two on its background are not wrong.
    assert choose_threshold(predictor, data, [(1,)]) == 0
    shapes = draw_shapes(tmp_path / "shapes", train=2, val=1, size=(64, 80))
    semantic = [open_dataset(shapes, "train", say=str)]
    assert choose_threshold(predictor, semantic) is None


def test_the_command_learns_objects_and_continues(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split, n in (("train", 6), ("val", 2)):
        for kind in ("images", "instances"):
            (tmp_path / "cells" / split / kind).mkdir(parents=True)
        for k in range(n):
            places = [(int(x), int(y), 5) for x in range(8, 90, 14) for y in range(8, 60, 14)]
            numbers = discs([p for p in places if rng.random() < 0.5] or places[:1])
            image = np.where(numbers > 0, 200, 30) + rng.integers(-20, 20, numbers.shape)
            Image.fromarray(image.astype(np.uint8)).save(
                tmp_path / "cells" / split / "images" / f"{k}.png"
            )
            write_instance_map(tmp_path / "cells" / split / "instances" / f"{k}.png", numbers)
    command = ("train", tmp_path / "cells", "--task", "instance", "--out", tmp_path / "run")
    tiny = ("--size", "tiny", "--epochs", "1", "--batch", "2", "--crop", "64")
    done = run(*command, *tiny)
    assert done.returncode == 0, done.stderr
    assert "centre_sigma" in done.stdout
    assert "image_scale" in done.stdout
    again = call(*command, *tiny)
    assert "finished before" in again.stdout, again.stderr
    predictor = Predictor.load(tmp_path / "run" / "model.onnx")
    assert predictor.card.instance_classes == (1,)
    assert predictor.card.image_scale > 0


def test_nuclei_on_real_data() -> None:
    dataset = open_dataset(real("nuclei"), "val", say=str)
    sample = dataset[0]
    assert sample.instances
    assert sample.instance_map is not None
    rebuilt = instances_of(sample.instance_map)
    assert len(rebuilt) == len(sample.instances)
    merged = components(sample.label_map, [1], 1)
    assert len(merged) <= len(rebuilt)


def test_kinds_side_by_side(finder: Path, pair: Path, tmp_path: Path) -> None:
    out = tmp_path / "kinds.png"
    told = ("--weights", finder, "--out", out)
    done = run("show", "--kinds", "semantic,instance,regions", pair, *told)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as whole:
        assert whole.width > 4 * 250
        assert whole.height > 300
    done = run("show", "--kinds", "regions", pair, "--out", out)
    assert done.returncode == 0, done.stderr
    for kinds, path, weights, message in (
        ("semantic,depth", pair, finder, "unknown kind 'depth'; there is: semantic, instance"),
        ("semantic", pair.parent, finder, "--kinds takes one image file"),
        ("instance", pair, write_toy(tmp_path / "toy.onnx"), "find no instances"),
    ):
        failed = run("show", "--kinds", kinds, path, "--weights", weights, "--out", out)
        assert failed.returncode == 2
        assert message in " ".join(failed.stderr.split())


def test_levels_are_stretched_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(20, 60, (50, 70, 3)).astype(np.uint8)
    bright = stretch_levels(photo)
    assert bright.min() == 0
    assert bright.max() == 255
    order = np.argsort(photo, axis=None, kind="stable")
    assert (np.diff(bright.ravel()[order].astype(int)) >= 0).all()
    assert (stretch_levels(bright) == bright).mean() > 0.9
    dark = rng.integers(3, 6, (50, 70, 3)).astype(np.uint8)
    assert stretch_levels(dark).max() < 60
    seen = prepare(photo, 70, stretch=True)
    assert (seen[0].transpose(1, 2, 0) == bright).all()
    assert (prepare(photo, 70)[0].transpose(1, 2, 0) == photo).all()


def test_a_zoomed_photo_is_seen_at_its_own_scale(tmp_path: Path) -> None:
    card = replace(CARD, task="instance", instance_classes=(1,), image_scale=2.0)
    predictor = Predictor.load(write_toy(tmp_path / "zoom.onnx", card))
    for size in ((20, 30), (90, 50)):
        image = np.zeros((*size, 3), np.uint8)
        assert predictor.logits(image).shape[1:] == (2 * size[0], 2 * size[1])
        assert predictor.predict(image).label_map.shape == size
    tall = np.zeros((300, 40, 3), np.uint8)
    tall[40:260, 10:30, 0] = 200
    Image.fromarray(tall).save(tmp_path / "tall.png")
    told = ("--weights", tmp_path / "zoom.onnx", "--out", tmp_path / "out")
    done = run("predict", tmp_path / "tall.png", *told, "--tile", "200")
    assert done.returncode == 0, done.stderr
    assert "1 of them in tiles, without instances" in done.stdout
    whole = predictor.predict(tall).label_map
    assert (read_label_map(tmp_path / "out" / "tall.png") == whole).mean() > 0.99
