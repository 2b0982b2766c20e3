"""Data without a val split: what is held out of it, and what a cross-validation leaves behind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric
from PIL import Image

from pixelwise import Predictor, open_dataset
from pixelwise.datasets import draw_shapes
from pixelwise.datasets.checks.near_duplicates import group_near_duplicates
from pixelwise.errors import ArgumentError, DataError
from pixelwise.training import Recipe, Settings, Source, train
from pixelwise.training.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.training.held_out import choose_held_out, choose_images, divide_images
from pixelwise.training.segmentation import Segmentation
from tests.conftest import real, run
from tests.toy import CARD

TINY = {"size": "tiny", "epochs": 1, "crop": 32, "first_crop": 32, "side": 64, "batch": 4}
AS_TOY = Recipe(
    CARD.classes, {"mine": Source({"disc": "red", "square": "green", "*": "background"})}, TINY
)
"""With the classes of the toy network."""
CPU = Fabric(accelerator="cpu", devices=1)


def without_val(root: Path, train: int) -> Path:
    """Draw a data set that has a train split and no other."""
    draw_shapes(root, train=train, val=1, size=(48, 64))
    (root / "ImageSets" / "Segmentation" / "val.txt").unlink()
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    folder = tmp_path_factory.mktemp("held_out")
    data, said = without_val(folder / "mine", 20), list[str]()
    train([data], folder / "run", Recipe(settings=TINY), said.append, device="cpu")
    return data, folder / "run", said


@st.composite
def grouped_names(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    names = draw(st.lists(st.text(min_size=1, max_size=6), max_size=60, unique=True))
    most = draw(st.integers(0, 60))
    return names, [draw(st.integers(0, most)) for _ in names]


@given(grouped_names(), st.floats(0, 0.5), st.randoms())
def test_what_is_held_out_keeps_groups_whole_and_depends_on_no_order(
    data: tuple[list[str], list[int]], share: float, random: Any
) -> None:
    names, groups = data
    chosen = choose_images(names, groups, share)
    pairs = list(zip(names, groups, strict=True))
    random.shuffle(pairs)
    assert choose_images([n for n, _ in pairs], [g for _, g in pairs], share) == chosen
    assert not chosen or 3 <= len(chosen) <= len(names) / 2
    aside = {group for name, group in pairs if name in chosen}
    assert sorted(name for name, group in pairs if group in aside) == chosen
    if len(names) >= 10 and len(set(groups)) == len(names) and share:  # no near-duplicates
        assert len(chosen) == max(3, round(share * len(names)))


def test_more_images_change_little_of_what_is_held_out() -> None:
    names = [f"IMG_{i:04d}" for i in range(200)]
    before = set(choose_images(names[:160], range(160), 0.2))
    after = set(choose_images(names, range(200), 0.2))
    assert (len(before), len(after)) == (32, 40)
    assert len(before & after) >= 26


@pytest.mark.parametrize(
    ("sizes", "held_out"),
    [
        ([40, 40, 40], 40),  # three clips: one of them
        ([90, *[1] * 10], 5),  # a clip and ten photos: half of the photos
        ([98, 2], 0),
        ([12], 0),
        ([1] * 9, 0),
        ([1] * 10, 3),
    ],
)
def test_clips_stay_whole(sizes: list[int], held_out: int) -> None:
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    names = [f"clip{group}_{i:04d}" for i, group in enumerate(groups)]
    assert len(choose_images(names, groups, 0.2)) == held_out


@given(grouped_names(), st.integers(2, 8))
def test_folds_are_disjoint_and_hold_all(data: tuple[list[str], list[int]], folds: int) -> None:
    names, groups = data
    try:
        parts = divide_images(names, groups, folds)
    except ArgumentError:
        sizes = np.bincount(groups) if names else np.zeros(1)
        assert len(names) < 10 or len(set(groups)) < folds or 2 * sizes.max() > len(names)
        return
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert all(parts)
    of = dict(zip(names, groups, strict=True))
    assert sum(len({of[name] for name in part}) for part in parts) == len(set(groups))


def test_neighbouring_frames_are_one_group(tmp_path: Path) -> None:
    root, rng = tmp_path / "clips", np.random.default_rng(0)
    (root / "masks").mkdir(parents=True)
    (root / "images").mkdir()
    for clip in "ab":
        coarse = Image.fromarray(rng.integers(0, 256, (6, 16, 3), dtype=np.uint8))
        wide = np.asarray(coarse.resize((320, 128), Image.Resampling.BICUBIC))
        for i in range(12):  # the camera pans by 2 px
            frame = Image.fromarray(wide[:, 2 * i : 2 * i + 160])
            frame.save(root / "images" / f"{clip}_{i:04d}.png")
    for i in range(2):
        Image.new("RGB", (160, 128), (i, 0, 0)).save(root / "images" / f"plain_{i}.png")
    for image in (root / "images").iterdir():
        Image.fromarray(np.eye(128, 160, dtype=np.uint8)).save(root / "masks" / image.name)
    dataset = open_dataset(root, say=str)
    groups = group_near_duplicates(dataset).tolist()
    assert groups == [0] * 12 + [1] * 12 + [2] * 2
    said: list[str] = []
    one = {"clip": dataset.only(f"a_{i:04d}" for i in range(12))}
    assert choose_held_out(one, Settings(), said.append) == {}
    assert "none of 12 images that are all nearly the same can be held out" in said[0]


def test_a_real_clip_is_one_group_and_real_photos_are_none() -> None:
    options = Recipe.from_dict({"sources": {"davis": {"options": {"encoding": "binary"}}}})
    dataset = open_dataset(real("davis"), "dog", options.source(Path("davis")).options, say=str)
    assert set(group_near_duplicates(dataset).tolist()) == {0}
    cats = open_dataset(real("cats"), say=str)
    assert len(set(group_near_duplicates(cats).tolist())) == len(cats)


def test_a_fifth_is_held_out_and_written_down(trained: tuple[Path, Path, list[str]]) -> None:
    _, out, said = trained
    names = (out / "held_out.txt").read_text(encoding="utf-8").splitlines()
    assert len(names) == 4
    assert "mine: no val split; 4 of 20 images are held out to score on" in said
    assert any("16 images in 4 steps" in line for line in said)
    assert load_checkpoint(out / "checkpoint.pt")["facts"]["held_out"] == {"mine": names}
    card = Predictor.load(out / "model.onnx").card
    assert card.data == "mine train but for 4 images held out"
    assert card.score["mine held out"]["images"] == 4  # type: ignore[index]
    report = (out / "report.html").read_text(encoding="utf-8")
    assert all(name in report for name in names)


def test_evaluate_finds_the_held_out_images_again(
    trained: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    data, out, _ = trained
    weights = ("--weights", out / "model.onnx")
    found = tmp_path / "scores.json"
    done = run("evaluate", data, *weights, "--only", out / "held_out.txt", "--json", found)
    assert done.returncode == 0, done.stderr
    figures = Predictor.load(out / "model.onnx").card.score["mine held out"]
    assert json.loads(found.read_text())["confusion"]
    assert json.loads(found.read_text())["miou"] == figures["miou"]  # type: ignore[index]
    done = run("evaluate", data, *weights)
    assert done.returncode == 2
    assert "no split 'val'" in done.stderr
    assert "--only RUN/held_out.txt" in " ".join(done.stderr.split())
    done = run("evaluate", data, *weights, "--split", "train")
    assert "learnt from images of mine" in done.stdout


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Recipe]:
    """Train one of two epochs in ``tmp_path / "run"``; return the data and the recipe."""
    from pixelwise.training import loop

    class StoppedError(Exception):
        pass

    def killed(path: Path, state: dict[str, object]) -> None:
        save_checkpoint(path, state)
        raise StoppedError

    data = without_val(tmp_path / "mine", 12)
    recipe = replace(AS_TOY, settings={**TINY, "epochs": 2})
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(StoppedError):
            train([data], tmp_path / "run", recipe, str, device="cpu")
    return data, recipe


@pytest.mark.usefixtures("quick_export")
def test_a_continued_run_holds_out_the_same_images(
    stopped: tuple[Path, Recipe], tmp_path: Path
) -> None:
    data, recipe = stopped
    names = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["facts"]["held_out"]["mine"]
    # With half of the images as copies of one, another list would be chosen now.
    first = (data / "JPEGImages" / f"{names[0]}.jpg").read_bytes()
    for i in range(6):
        (data / "JPEGImages" / f"train_{i:03d}.jpg").write_bytes(first)
    assert choose_held_out({"mine": open_dataset(data, say=str)}, Settings(), str)["mine"] != names
    weights = train([data], tmp_path / "run", recipe, str, device="cpu")
    card = Predictor.load(weights).card
    assert card.score["mine held out"]["images"] == len(names)  # type: ignore[index]
    assert (tmp_path / "run" / "held_out.txt").read_text().splitlines() == names


@pytest.mark.usefixtures("quick_export")
def test_a_run_of_an_earlier_version_goes_on_with_all_images(
    stopped: tuple[Path, Recipe], tmp_path: Path
) -> None:
    data, recipe = stopped
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    del state["facts"]["held_out"]
    for name in ("val", "folds", "fold"):
        del state["plan"]["settings"][name]
    save_checkpoint(tmp_path / "run" / "checkpoint.pt", state)
    said: list[str] = []
    weights = train([data], tmp_path / "run", recipe, said.append, device="cpu")
    assert any("12 images in 3 steps" in line for line in said)
    assert Predictor.load(weights).card.score == {}


def test_each_data_set_without_val_holds_out_its_own(shapes: Path, tmp_path: Path) -> None:
    said: list[str] = []
    own = [without_val(tmp_path / "a", 10), shapes, without_val(tmp_path / "b", 3)]
    recipe = Recipe(settings={**TINY, "val": 0.3})
    task = Segmentation(own, recipe, said.append)
    plan = task.plan(CPU)
    assert set(plan.facts["held_out"]) == {"a"}
    assert [len(d) for d in task.training] == [7, 8, 3]
    assert [(d.root.name, d.split, len(d)) for d in task.held_out] == [
        ("shapes", "val", 4),
        ("a", "held out", 3),
    ]
    assert not {e.name for e in task.training[0].entries} & set(plan.facts["held_out"]["a"])
    assert any("b: no val split, and 3 images are too few" in line for line in said)
    assert any("shapes: scored on its own val split" in line for line in said)
    # Nothing is held out if that is asked for.
    task = Segmentation(own, replace(recipe, settings={**TINY, "val": 0}), str)
    assert task.plan(CPU).facts["held_out"] == {}
    # What another process has chosen is what this one holds out.
    task.hold_out({"a": ["train_001"]})
    assert [len(d) for d in task.training] == [9, 8, 3]
    with pytest.raises(DataError, match=r"b: no image 'gone' in 'train' \(1 of 1 names"):
        task.hold_out({"b": ["gone"]})


@pytest.mark.usefixtures("quick_export")
def test_folds_are_scored_in_turn_and_the_last_run_learns_from_all(tmp_path: Path) -> None:
    data, out, said = without_val(tmp_path / "mine", 10), tmp_path / "run", list[str]()
    recipe = replace(AS_TOY, settings={**TINY, "folds": 2})
    weights = train([data], out, recipe, said.append, device="cpu")
    summary = json.loads((out / "folds.json").read_text(encoding="utf-8"))
    each = summary["scores"]["mine held out"]["each"]
    mean = summary["scores"]["mine held out"]["mean"]
    assert mean["miou"] == pytest.approx(np.mean([one["miou"] for one in each]))
    assert mean["deviation"]["miou"] == pytest.approx(np.std([o["miou"] for o in each], ddof=1))
    one, other = (set(part["mine"]) for part in summary["held_out"])
    assert (len(one), len(other), one & other) == (5, 5, set())
    plans = [Recipe.read(out / f"fold_{i}" / "plan.json").settings for i in (1, 2)]
    assert {**plans[0], "fold": 2} == plans[1]
    assert "10 images in" in next(s for s in said[said.index("all images:") :] if "steps" in s)
    card = Predictor.load(weights).card
    assert card.data == "mine train"
    assert card.score["mine held out, 2 folds"]["images"] == 10  # type: ignore[index]
    assert f"mIoU {mean['miou']:.4f} ± {mean['deviation']['miou']:.4f}" in said[-1]
    # The same again finds all of it finished, and a run without folds is another.
    train([data], out, recipe, said.append, device="cpu")
    assert said[-2].endswith("for another run give another --out")
    with pytest.raises(ArgumentError, match="holds a run with another recipe"):
        train([data], out, AS_TOY, str, device="cpu")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val": 0.6}, r"val: expected 0\.\.0\.5"),
        ({"folds": 1}, r"folds: expected 0 or 2\.\.20"),
        ({"folds": 3, "fold": 4}, r"fold: expected 0\.\.3"),
        ({"folds": 3, "task": "boundary"}, "has a val split"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Settings.of(settings)


def test_folds_need_data_that_can_be_divided(shapes: Path, tmp_path: Path) -> None:
    recipe = Recipe(settings={**TINY, "folds": 2})
    with pytest.raises(ArgumentError, match="all data sets have a val split"):
        train([shapes], tmp_path / "run", recipe, str, device="cpu")
    few = without_val(tmp_path / "few", 6)
    with pytest.raises(ArgumentError, match="cannot divide 6 images"):
        train([few], tmp_path / "run", recipe, str, device="cpu")
    done = run("train", few, "--out", tmp_path / "run", "--val", "0.2", "--folds", "2")
    assert done.returncode == 2
    assert "--val or --folds, not both" in done.stderr


def test_what_is_held_out_of_one_folder_is_not_learnt_from_another(tmp_path: Path) -> None:
    one = without_val(tmp_path / "one", 20)
    both = tmp_path / "both"
    shutil.copytree(one, both)
    for place in (both / "JPEGImages", both / "SegmentationClass"):
        for path in list(place.iterdir()):
            path.rename(path.with_name(f"copy_{path.name}"))
    names = [path.stem for path in sorted((both / "SegmentationClass").glob("copy_train*"))]
    (both / "ImageSets" / "Segmentation" / "train.txt").write_text("\n".join(names))
    data = {path.name: open_dataset(path, say=str) for path in (one, both)}
    said: list[str] = []
    chosen = choose_held_out(data, Settings(), said.append)
    assert set(chosen["both"]) == {f"copy_{name}" for name in chosen["one"]} | set(chosen["both"])
    assert {name.removeprefix("copy_") for name in chosen["both"]} == set(chosen["one"])
    assert any("nearly those of another folder" in line for line in said)
