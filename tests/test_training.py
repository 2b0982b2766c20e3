"""Training: the recipe, the augmentation, the loop, and what it leaves behind."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric
from onnxruntime.quantization import CalibrationDataReader
from PIL import Image

from pixelwise import ClassMap, Predictor, ReadOptions, open_dataset
from pixelwise.datasets import FORMATS, Dataset
from pixelwise.datasets.formats.format import Format
from pixelwise.errors import ArgumentError, DataError, PixelwiseError
from pixelwise.evaluation import Evaluation, evaluate
from pixelwise.inference.session import OnnxSession
from pixelwise.networks import build_network, count_parameters
from pixelwise.networks.blocks import enlarge
from pixelwise.training import Recipe, Settings, Source, quantise, train
from pixelwise.training.augment import Labelled, augment, paste, recolour
from pixelwise.training.batches import Batches
from pixelwise.training.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.training.draws import plan_draws
from pixelwise.training.journal import Journal
from pixelwise.training.optim import learning_rate, pixel_loss
from pixelwise.training.segmentation import LabelledSamples
from tests.conftest import call, real, run
from tests.made import mask
from tests.toy import CARD, write_toy

TINY = {"epochs": 2, "crop": 64, "first_crop": 32, "side": 80, "batch": 4}
CPU = Fabric(accelerator="cpu", devices=1)


def batches_of(datasets: list[Dataset], repeats: list[float], settings: Settings) -> Batches:
    draws = plan_draws(datasets, repeats)
    return Batches(LabelledSamples(datasets, draws, None, settings, (2, 2)), settings, CPU)


RECIPE = Path(__file__).parents[1] / "recipes" / "voc.json"


def test_the_network_is_small_enough_and_takes_any_size() -> None:
    network = build_network(21).eval()
    assert count_parameters(network) <= 1_500_000
    for size in ((1, 1), (33, 70), (64, 64)):
        with torch.inference_mode():
            assert network(torch.zeros(2, 3, *size)).logits.shape == (2, 21, *size)
            half = (size[0] + 1) // 2, (size[1] + 1) // 2
            assert network(torch.zeros(2, 3, *size), 2).logits.shape == (2, 21, *half)


@given(st.integers(1, 9), st.integers(1, 4), st.data())
def test_enlarging_moves_no_pixel_whatever_the_size(
    width: int, power: int, data: st.DataObject
) -> None:
    factor = 2**power
    place = data.draw(st.integers(0, width - 1))
    row = torch.zeros(1, 1, 1, width)
    row[..., place] = 1
    whole = enlarge(row, factor, (1, factor * width))
    cut = data.draw(st.integers(1, factor * width))
    assert torch.equal(enlarge(row, factor, (1, cut)), whole[..., :cut])
    if 0 < place < width - 1:
        positions = torch.arange(factor * width)
        centre = (positions * whole[0, 0, 0]).sum() / whole.sum()
        assert centre.item() == pytest.approx(factor * place + (factor - 1) / 2, abs=1e-4)


def test_void_pixels_have_no_part_in_the_loss() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    label_maps = torch.randint(0, 3, (2, 4, 4))
    label_maps[0] = 255
    expected = torch.nn.functional.cross_entropy(logits[1:], label_maps[1:])
    assert pixel_loss(logits, label_maps).item() == pytest.approx(expected.item(), rel=1e-6)
    loss = pixel_loss(logits, torch.full_like(label_maps, 255))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_the_rate_warms_up_and_decays() -> None:
    rates = [learning_rate(step, 1000, Settings()) for step in range(1000)]
    top = int(np.argmax(rates))
    assert max(rates) == pytest.approx(Settings().learning_rate)
    assert 20 <= top <= 40
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()
    assert rates[-1] < 1e-6


@given(st.integers(0, 10_000))
def test_augmented_labels_stay_with_their_pixels(seed: int) -> None:
    # The photo shows its own label: where both survive the warp they must agree.
    label_map = np.zeros((50, 70), np.uint8)
    label_map[10:40, 20:45] = 1
    image = np.repeat((label_map * 255)[..., None], 3, axis=2)
    plain = replace(Settings(), colour=0.0)
    before = image.copy(), label_map.copy()
    photo, labels, *_ = augment(
        Labelled(image, label_map), 64, (2, 2), plain, np.random.default_rng(seed)
    )
    assert photo.shape == (64, 64, 3)
    assert labels.shape == (32, 32)
    assert set(np.unique(labels)) <= {0, 1, 255}
    small = photo.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3, 4))
    certain = (labels != 255) & ((small < 5) | (small > 250))
    assert ((small > 128) == (labels == 1))[certain].all()
    assert (image == before[0]).all()
    assert (label_map == before[1]).all()


def test_a_pasted_subject_covers_and_is_labelled() -> None:
    image, other = np.full((64, 64, 3), 50, np.uint8), np.full((64, 64, 3), 200, np.uint8)
    labels, other_labels = np.full((32, 32), 3, np.uint8), np.zeros((32, 32), np.uint8)
    other_labels[8:24, 10:20] = 2
    other_labels[:2] = 255  # what is void there is not pasted
    mixed, found, *_ = paste(Labelled(image, labels), Labelled(other, other_labels))
    assert (found[8:24, 10:20] == 2).all()
    assert (np.delete(found, np.s_[8:24], axis=0) == 3).all()
    assert (mixed[22:42, 26:34] == 200).all()
    assert (mixed[:10] == 50).all()
    assert (mixed[:, 50:] == 50).all()
    assert (image == 50).all()


def test_crops_grow_to_the_full_size() -> None:
    settings = Settings(epochs=30, crop=224, first_crop=128)
    crops = [settings.crop_in(epoch) for epoch in range(30)]
    assert crops[0] == 128
    assert crops == sorted(crops)
    assert crops[19:] == [224] * 11
    assert all(crop % 32 == 0 for crop in crops)


def test_batches_depend_on_seed_and_epoch_alone(shapes: Path) -> None:
    dataset = open_dataset(shapes)

    def batch(epoch: int, **changes: int) -> torch.Tensor:
        batches = batches_of([dataset], [1], Settings(**{**TINY, **changes}))  # type: ignore[arg-type]
        batches.ahead = changes.get("epochs", 0) % 3
        return next(iter(batches.epoch(epoch)))[0]

    first = batch(0)
    assert first.shape == (4, 3, 32, 32)
    assert torch.equal(first, batch(0))
    assert torch.equal(first, batch(0, epochs=5))  # prepared ahead by threads
    assert not torch.equal(first, batch(0, seed=1))
    assert batch(1).shape == (4, 3, 64, 64)
    uncached = batches_of([dataset], [1], Settings(**{**TINY, "cache_gb": 0.0}))  # type: ignore[arg-type]
    assert torch.equal(first, next(iter(uncached.epoch(0)))[0])


def test_repeats_and_small_data_sets(shapes: Path) -> None:
    dataset = open_dataset(shapes)
    settings = Settings(**TINY)  # type: ignore[arg-type]
    assert batches_of([dataset, dataset], [1, 3], settings).steps == 8
    few = batches_of([dataset[:2]], [1], settings)
    assert few.steps == 1
    assert next(iter(few.epoch(0)))[0].shape[0] == 2


@pytest.fixture(scope="module")
def trained(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("runs") / "shapes"
    said: list[str] = []
    train([shapes], out, Recipe(settings=TINY, licence="MIT"), said.append)
    return out, said


def test_a_run_leaves_all_its_files(trained: tuple[Path, list[str]]) -> None:
    out, said = trained
    assert {p.name for p in out.iterdir()} == {
        "checkpoint.pt",
        "curves.png",
        "log.csv",
        "model.onnx",
        "plan.json",
        "report.html",
    }
    assert "Confusion" in (out / "report.html").read_text(encoding="utf-8")
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) > 0
    assert float(rows[1]["waiting"]) > 0
    plan = Recipe.read(out / "plan.json")
    assert plan.licence == "MIT"
    assert {name: plan.settings[name] for name in TINY} == TINY
    assert set(plan.settings) == {f.name for f in fields(Settings)}
    assert any("parameters" in line for line in said)
    (parity,) = [line for line in said if "difference between ONNX Runtime and torch" in line]
    assert float(parity.split()[-2]) < 1e-3


@pytest.mark.parametrize(
    ("what", "loss"),
    [
        ("loss became nan", lambda logits, *_: logits.sum() * float("nan")),
        # The root of 0 is 0, its slope is not finite.
        ("gradient became nan", lambda logits, *_: (logits * 0).sum().sqrt()),
    ],
)
def test_a_loss_that_is_no_number_names_the_photos_of_its_batch(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, loss: Any
) -> None:
    settings = {**TINY, "batch": 2}
    monkeypatch.setattr("pixelwise.training.segmentation.pixel_loss", loss)
    batches = batches_of([open_dataset(shapes)], [1], Settings(**settings))  # type: ignore[arg-type]
    first = batches.names(0, 0)
    assert len(set(first)) == 2
    with pytest.raises(
        PixelwiseError, match=f"the {what} in epoch 1, in the batch of {first[0]}, "
    ):
        train([shapes], tmp_path / "run", Recipe(settings=settings), say=str)


def test_the_weights_file_is_complete(trained: tuple[Path, list[str]]) -> None:
    predictor = Predictor.load(trained[0] / "model.onnx")
    card = predictor.card
    assert card.classes.names == ("background", "disc", "square", "triangle")
    assert card.side == 80
    assert card.licence == "MIT"
    assert card.data == "shapes train"
    figures = card.score["shapes val"]
    # One val split: all together is the same.
    ious = figures["per_class_iou"].items()  # type: ignore[index]
    assert card.class_iou == {name: round(iou, 4) for name, iou in ious if iou is not None}
    assert card.class_images["background"] == 8
    assert figures["images"] == 4  # type: ignore[index]
    assert "void excluded" in figures["definition"]  # type: ignore[index]
    assert isinstance(predictor.session, OnnxSession)
    session = predictor.session._giving(False, False)
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    for batch, height, width in ((1, 17, 90), (3, 64, 32)):
        image = np.zeros((batch, 3, height, width), np.float32)
        (logits,) = session.run(None, {"image": image})
        assert logits.shape == (batch, 4, height, width)
    text = (trained[0] / "model.onnx").read_bytes()
    assert b"site-packages" not in text  # no stack traces of the exporting machine


def test_8_bit_weights_say_almost_the_same(
    trained: tuple[Path, list[str]], shapes: Path, tmp_path: Path
) -> None:
    weights, out = trained[0] / "model.onnx", tmp_path / "small.onnx"
    done = run("quantise", weights, shapes, "--out", out, "--images", "8")
    assert done.returncode == 0, done.stderr
    assert "shapes val: mIoU" in done.stdout
    assert out.stat().st_size < 0.5 * weights.stat().st_size
    before, after = Predictor.load(weights), Predictor.load(out)
    assert after.card.design.endswith("8-bit")
    assert set(after.card.score) == {"shapes val"}
    ious = after.card.score["shapes val"]["per_class_iou"].items()  # type: ignore[index]
    assert after.card.class_iou == {name: round(iou, 4) for name, iou in ious if iou is not None}
    agree = [
        (before.predict(s.image).label_map == after.predict(s.image).label_map).mean()
        for s in open_dataset(shapes, "val", say=str)
    ]
    assert min(agree) > 0.9
    assert after.predict(np.zeros((33, 70, 3), np.uint8)).label_map.shape == (33, 70)


def test_8_bit_weights_are_calibrated_and_measured_as_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = replace(CARD, task="instance", instance_classes=(1,), stretch_levels=True)
    weights = write_toy(tmp_path / "model.onnx", card)
    # A few hot pixels, beside which the levels of all others would become one.
    levels = np.linspace(200, 900, 64 * 64).reshape(64, 64).astype(np.uint16)
    levels[0, :6] = 60_000
    mask(tmp_path / "data" / "images" / "a.png", levels)
    mask(tmp_path / "data" / "masks" / "a.png", np.ones((64, 64), np.uint8))
    (tmp_path / "data" / "classes.txt").write_text("\n".join(CARD.classes.names))
    data = open_dataset(tmp_path / "data", say=str)
    seen: list[Any] = []

    def copied(source: str, out: str, batches: CalibrationDataReader, **_: object) -> None:
        while batch := batches.get_next():
            seen.append(batch["image"])
        shutil.copy(source, out)

    def measured(dataset: Dataset, predictor: Predictor) -> Evaluation:
        seen.append(predictor.card.instance_classes)
        return evaluate(dataset, predictor)

    quantisation = "pixelwise.training.export.quantisation"
    monkeypatch.setattr(f"{quantisation}.quantize_static", copied)
    monkeypatch.setattr(f"{quantisation}.evaluate", measured)
    quantise(weights, data, tmp_path / "small.onnx", data)
    assert len(np.unique(seen[0])) > 200
    # Instances change the label map of some designs.
    assert seen[1:] == [(1,), (1,)]


def test_a_stopped_run_continues_to_the_same_weights(
    trained: tuple[Path, list[str]], shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixelwise.training import loop

    class StoppedError(Exception):
        pass

    def killed(path: Path, state: dict[str, object]) -> None:
        keep(path, state)
        raise StoppedError

    keep = save_checkpoint
    recipe, out = Recipe(settings=TINY, licence="MIT"), tmp_path / "shapes"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(StoppedError):
            train([shapes], out, recipe, lambda _: None)
    assert load_checkpoint(out / "checkpoint.pt")["epoch"] == 1
    said: list[str] = []
    train([shapes], out, recipe, said.append)
    assert "continuing after epoch 1 of 2" in said
    one = load_checkpoint(trained[0] / "checkpoint.pt")
    other = load_checkpoint(out / "checkpoint.pt")
    for key in ("network", "average"):
        for name, value in one[key].items():
            assert torch.equal(value, other[key][name]), name
    with pytest.raises(ArgumentError, match="holds a run with another recipe"):
        train([shapes], out, replace(recipe, settings={**TINY, "seed": 1}), lambda _: None)


def test_training_learns(shapes: Path, tmp_path: Path) -> None:
    settings = {**TINY, "epochs": 10, "first_crop": 64, "scale": (0.8, 1.2), "ema": 0.95}
    recipe = Recipe(sources={"shapes": Source(repeat=6)}, settings=settings)
    weights = train([shapes], tmp_path / "run", recipe, lambda _: None)
    figures = Predictor.load(weights).card.score["shapes val"]
    # The best answer without looking at the photo is "all subject": its IoU is their share.
    labels = np.concatenate([s.label_map.ravel() for s in open_dataset(shapes, "val")])
    blind = (labels[labels != 255] > 0).mean()
    assert figures["foreground_iou"] > 2 * blind  # type: ignore[index]


@pytest.mark.parametrize("command", ["train", "train-edges"])
def test_without_torch_training_names_the_extra(command: str, shapes: Path) -> None:
    script = f"""
import sys
from importlib.abc import MetaPathFinder

class Hidden(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
from pixelwise.cli.main import main
sys.argv = ["pixelwise", {command!r}, {str(shapes)!r}, "--out", "run"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert " ".join(done.stderr.split()) == (
        "pixelwise: training needs torch, which is not installed: "
        "pip install -c constraints.txt '.[train]'"
    )
    assert done.stdout == ""


def test_without_a_val_split_there_is_no_score(own_shapes: Path, tmp_path: Path) -> None:
    (own_shapes / "ImageSets" / "Segmentation" / "val.txt").unlink()
    said: list[str] = []
    settings = {**TINY, "epochs": 1}
    weights = train([own_shapes], tmp_path / "run", Recipe(settings=settings), said.append)
    assert Predictor.load(weights).card.score == {}
    assert any("no held-out score" in line for line in said)


def test_a_broken_checkpoint_is_named(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match=r"checkpoint\.pt: not a readable checkpoint"):
        train([shapes], tmp_path, Recipe(settings=TINY), lambda _: None)


def test_recipes_survive_their_file(tmp_path: Path) -> None:
    recipe = Recipe(
        ClassMap(("a", "b")), {"x": Source({"*": "a"}, 2)}, {**TINY, "colour": 0.1}, licence="MIT"
    )
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe.as_dict()))
    assert Recipe.read(path) == recipe


def test_older_recipes_with_loose_reading_options_load(tmp_path: Path) -> None:
    older = {"void": 11, "labels": "masks", "names": ["a", "b"], "repeat": 2}
    source = Recipe.from_dict({"sources": {"x": older}}).sources["x"]
    options = ReadOptions(void=11, labels="masks", classes=ClassMap(("a", "b")))
    assert source == Source(repeat=2, options=options)
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(Recipe(sources={"x": source}).as_dict()))
    assert Recipe.read(path).sources["x"] == source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a recipe"),
        ("[]", "not a recipe"),
        ('{"epoch": 3}', "unknown key 'epoch'; known: classes, sources, settings"),
        ('{"settings": {"lr": 1}}', "unknown key 'lr'; known: task, size, epochs, crop"),
        ('{"settings": {"epochs": 0}}', "epochs: expected at least 1, got 0"),
        ('{"settings": {"crop": 7}}', "crop: expected 32"),
        ('{"settings": {"ema": 1}}', "ema"),
        ('{"settings": {"learning_rate": 0}}', "learning_rate"),
        ('{"settings": {"scale": [2, 1]}}', "scale"),
        ('{"settings": {"scale": [0.6]}}', "scale: expected two numbers"),
        ('{"settings": {"scale": 5}}', "scale: expected two numbers, got 5"),
        ('{"settings": {"epochs": 2.5}}', "epochs: expected a whole number, got 2.5"),
        ('{"settings": {"half_size": "no"}}', "half_size: expected true or false, got 'no'"),
        ('{"settings": {"batch": true}}', "batch: expected a whole number, got True"),
        ('{"settings": {"rotate": "x"}}', "rotate: expected a number, got 'x'"),
        ('{"settings": {"seed": -1}}', "seed: expected at least 0, got -1"),
        ('{"settings": {"weight_decay": -1}}', "weight_decay: expected at least 0"),
        ('{"settings": {"flip": 2}}', "flip: expected 0..1, got 2"),
        ('{"settings": {"epochs": 3}, "minutes": 9}', "give --minutes or --epochs, not both"),
        ('{"settings": {"size": "base"}, "model": "hf:a/b"}', "leave out --size"),
        ('{"classes": {"names": ["a", "a"]}}', "'a' is given twice"),
    ],
)
def test_bad_recipes_are_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises((DataError, ArgumentError), match=message):
        Recipe.read(path)
    with pytest.raises(DataError, match="cannot be read"):
        Recipe.read(tmp_path / "gone.json")


def test_older_recipes_keep_their_meaning(tmp_path: Path) -> None:
    older = {
        "start": "street",
        "sources": {"x": {"objects": "areas"}},
        "settings": {
            **{"task": "instance", "spread": 0.2, "zoom": 2.0, "edges": True, "paste": 0.3},
            **{"apart": 9, "normalised": True, "frozen": True, "judge_every": 4},
        },
    }
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(older))
    recipe = Recipe.read(path)
    assert recipe.weights == "street"
    assert recipe.sources["x"].instances == "areas"
    assert Settings.of(recipe.settings) == Settings(
        task="instance",
        centre_sigma=0.2,
        image_scale=2.0,
        refine_edges=True,
        copy_paste=0.3,
        nms_window=9,
        stretch_levels=True,
        freeze_classes=True,
        validate_every=4,
    )
    # Under its new names, so that the plan knows what is decided.
    assert "zoom" not in recipe.settings
    assert Recipe.from_dict(recipe.as_dict()) == recipe


@pytest.mark.parametrize("path", sorted(RECIPE.parent.glob("*.json")), ids=lambda p: p.stem)
def test_the_recipes_of_the_repository_load(path: Path) -> None:
    assert Recipe.read(path).settings


def test_a_folder_is_recognised_and_each_split_opened_once(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str | None] = []
    probed: dict[str, int] = {}

    def counted(name: str, format_: Format) -> Format:
        def is_here(path: Path) -> bool:
            probed[name] = probed.get(name, 0) + 1
            return format_.is_here(path)

        def open_(root: Path, split: str | None, reading: Any) -> Dataset:
            opened.append(split)
            return format_.open(root, split, reading)

        return replace(format_, is_here=is_here, open=open_)

    for name, format_ in list(FORMATS.items()):
        monkeypatch.setitem(FORMATS, name, counted(name, format_))
    training, held_out = Recipe().open([shapes], str)
    assert (len(training[0]), len(held_out[0])) == (8, 4)
    assert opened == ["train", "val"]
    # The check is told the format, and asks only that one again.
    assert probed == {name: 1 + (name == "voc") for name in FORMATS}


def test_classes_that_do_not_fit_are_refused(shapes: Path) -> None:
    recipe = Recipe(classes=ClassMap(("background", "thing")))
    with pytest.raises(DataError, match="'disc' has no place among: background, thing"):
        recipe.open([shapes], str)


def test_the_recipe_of_voc_says_its_translations_as_data() -> None:
    recipe = Recipe.read(RECIPE)
    _, (people, coco) = recipe.open([real("people"), real("coco")], str)
    person = people.classes.index("person")
    assert set(np.unique(people[0].label_map)) == {0, person}
    assert coco.classes.names == people.classes.names
    raw, rules = open_dataset(real("coco"), "val"), recipe.sources["coco"].rules
    for before, after in zip(raw[:10], coco[:10], strict=True):
        for id_ in np.unique(before.label_map).tolist():
            if id_ == 255:
                expected = 255
            else:
                name = raw.classes.names[id_]
                expected = coco.classes.index(rules.get(name, rules["*"]))
            assert (after.label_map[before.label_map == id_] == expected).all()


def test_a_loss_of_zero_is_drawn(tmp_path: Path) -> None:
    journal = Journal(tmp_path, tensorboard=False)
    journal.write({"epoch": 1, "loss": 0.0, "miou": ""})
    with Image.open(tmp_path / "curves.png") as curves:
        assert min(curves.size) > 0


@pytest.mark.parametrize(
    ("aside", "message"),
    [
        (("train_000.png", "train_001"), r"set_aside names 'train_000\.png', which is no image"),
        (tuple(f"train_{i:03d}" for i in range(8)), "set_aside names all its images"),
    ],
)
def test_what_is_set_aside_must_be_there(
    shapes: Path, aside: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Recipe(sources={"shapes": Source(set_aside=aside)}).open([shapes], str)


def test_sources_without_a_folder_are_said(shapes: Path) -> None:
    said: list[str] = []
    Recipe(sources={"Shapes": Source(), "other": Source()}).open([shapes], said.append)
    assert said[-1] == "in the recipe's sources, but no folder given: Shapes, other"


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_mirroring_can_be_turned_off(flip: float) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    label_map = np.zeros((64, 64), np.uint8)
    label_map[:, :20] = 1
    still = {"rotate": 0.0, "stretch": 0.0, "colour": 0.0, "scale": (1.0, 1.0), "flip": flip}
    settings = Settings(crop=64, first_crop=64, **still)  # type: ignore[arg-type]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cut = augment(Labelled(image, label_map), 64, (1, 1), settings, rng)
        assert (cut.label_map[32, 10], cut.label_map[32, 53]) == ((0, 1) if flip else (1, 0))
        assert not cut.image.any()


def test_colours_stay_where_nothing_is_to_change() -> None:
    expected = np.hstack([np.eye(3), np.zeros((3, 1))])
    for seed in range(40):
        assert recolour(0.0, np.random.default_rng(seed)) == pytest.approx(expected)


def test_a_batch_of_one_small_crop_is_refused(shapes: Path, tmp_path: Path) -> None:
    settings = {**TINY, "batch": 1, "crop": 32, "first_crop": 32}
    with pytest.raises(ArgumentError, match="first_crop: expected at least 64 px"):
        train([shapes], tmp_path, Recipe(settings=settings), str, device="cpu")


@pytest.mark.usefixtures("quick_export")
def test_minutes_take_the_place_of_a_recipes_epochs(shapes: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(Recipe(settings={**TINY, "epochs": 500}).as_dict()))
    args = ("train", shapes, "--out", tmp_path / "run", "--recipe", path)
    done = call(*args, "--minutes", "3", "--epochs", "2")
    assert done.returncode == 2
    assert "give --minutes or --epochs, not both" in done.stderr
    done = call(*args, "--minutes", "0.0001", "--set", "half_size=False")
    assert done.returncode == 0, done.stderr
    plan = Recipe.read(tmp_path / "run" / "plan.json").settings
    assert (plan["epochs"], plan["half_size"]) == (1, False)


def test_a_run_of_a_network_that_has_changed_is_named(shapes: Path, tmp_path: Path) -> None:
    state = {"epoch": 1, "data": ["shapes"], "network": {"gone.weight": torch.zeros(1)}}
    recipe = Recipe(settings=TINY)
    state |= {name: recipe.as_dict() for name in ("asked", "plan")}
    state["facts"] = {"instance_classes": (), "held_out": {}}
    save_checkpoint(tmp_path / "checkpoint.pt", state)
    with pytest.raises(ArgumentError, match="holds a run of an earlier pixelwise"):
        train([shapes], tmp_path, recipe, str, device="cpu")
