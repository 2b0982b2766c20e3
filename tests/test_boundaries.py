"""The boundary network: reading BSDS500, crops, training that stops and goes on, its file."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from pixelwise.datasets.bsds import read_bsds
from pixelwise.errors import ArgumentError, DataError, PixelwiseError
from pixelwise.inference import Predictor
from pixelwise.networks import build_boundary_network, count_parameters
from pixelwise.training import Recipe, Settings, train
from pixelwise.training.checkpoint import load_checkpoint
from pixelwise.training.edges.samples import BoundarySamples, people_share
from pixelwise.training.edges.task import DEFAULTS, boundary_loss
from tests.conftest import call, export_as, run

QUICK = Recipe(
    settings={"task": "boundary", "encoder": "none", "epochs": 2, "batch": 2, "crop": 64}
)


@pytest.fixture
def bsds(tmp_path: Path) -> Path:
    """Two photos of two halves in each split; two people, one of whom drew a third part."""
    root = tmp_path / "bsds"
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "groundTruth" / split).mkdir(parents=True)
        for i in range(2):
            image = np.full((48, 70, 3), 60 * i, np.uint8)
            image[:, 30:] = (200, 120, 90)
            region_map = np.ones((48, 70), np.uint16)
            region_map[:, 30:] = 2
            finer = region_map.copy()
            finer[30:, 30:] = 3
            people = np.empty((1, 2), dtype=object)
            for k, drawn in enumerate((region_map, finer)):
                people[0, k] = {"Segmentation": drawn}
            Image.fromarray(image).save(root / "images" / split / f"{i}.png")
            savemat(root / "groundTruth" / split / f"{i}.mat", {"groundTruth": people})
    return root


def test_people_and_their_regions_are_read(bsds: Path) -> None:
    photos = read_bsds(bsds, "val")
    assert [photo.name for photo in photos] == ["0", "1"]
    assert [int(m.max()) for m in photos[0].region_maps] == [1, 2]
    share = people_share(photos[0].region_maps, 2)
    assert share.shape == (24, 35)
    assert (share[:15, 14] == 1).all()
    assert share[14, 20] == 0.5
    assert share[5, 5] == 0


def test_bad_data_is_named(bsds: Path) -> None:
    with pytest.raises(DataError, match=r"test: no images"):
        read_bsds(bsds, "test")
    truth = bsds / "groundTruth" / "val" / "0.mat"
    truth.write_bytes(b"no matlab file")
    with pytest.raises(DataError, match=r"0\.mat: not ground truth"):
        read_bsds(bsds, "val")
    truth.unlink()
    with pytest.raises(DataError, match=r"0\.mat: missing"):
        read_bsds(bsds, "val")
    Image.new("RGB", (5, 5)).save(bsds / "images" / "train" / "0.png")
    with pytest.raises(DataError, match=r"0\.png: its ground truth is of another size"):
        read_bsds(bsds, "train")


def test_the_border_of_a_crop_is_where_its_colours_change(bsds: Path) -> None:
    settings = Settings.of(DEFAULTS)
    samples = BoundarySamples(read_bsds(bsds, "train"), settings, 2)
    for seed in range(20):
        image, (target,) = samples.crop(0, 64, np.random.default_rng(seed))
        assert target is not None
        assert image.shape == (64, 64, 3)
        assert target.shape == (32, 32)
        grey = image.astype(int).sum(axis=2)
        step = grey.max() - grey.min()
        change = np.zeros((64, 64), bool)
        change[:, 1:] |= np.abs(np.diff(grey, axis=1)) > step / 3
        change[1:] |= np.abs(np.diff(grey, axis=0)) > step / 3
        near = np.pad(target == 1, 1)
        near = np.any([near[y : y + 32, x : x + 32] for y in range(3) for x in range(3)], axis=0)
        assert near[change.reshape(32, 2, 32, 2).any(axis=(1, 3))].mean() > 0.95, seed


def test_a_stopped_run_ends_as_one_that_was_not(
    bsds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_as(monkeypatch, "edges")

    def stop(line: object) -> None:
        if str(line).startswith("epoch 2"):
            raise KeyboardInterrupt

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train([bsds], whole, QUICK, str, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train([bsds], parts, QUICK, stop, device="cpu")
    lines: list[object] = []
    train([bsds], parts, QUICK, lines.append, device="cpu")
    assert "continuing after epoch 1 of 2" in lines
    one, other = (load_checkpoint(run_ / "checkpoint.pt")["average"] for run_ in (whole, parts))
    assert all((one[name] == other[name]).all() for name in one)
    assert {path.name for path in whole.iterdir()} == {
        "checkpoint.pt",
        "curves.png",
        "log.csv",
        "model.onnx",
        "plan.json",
    }
    rows = list(csv.DictReader((whole / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    # Validated every tenth epoch, and at the end.
    assert rows[0]["val_loss"] == ""
    assert float(rows[1]["val_loss"]) > 0
    card = Predictor.load(whole / "model.onnx").card
    assert (card.task, card.stride) == ("boundary", 2)
    assert card.encoder.startswith("residual-differences (He et al., 2016")
    assert card.score == {"bsds val": {"boundary_loss": float(rows[1]["val_loss"])}}
    assert len(card.boundary_model) == 9
    # The plan that was made is the same run; other settings are another one.
    plan = Recipe.read(whole / "plan.json")
    assert {name: plan.settings[name] for name in ("epochs", "crop")} == {"epochs": 2, "crop": 64}
    assert Settings.of(plan.settings).learning_rate == Settings.learning_rate
    lines = []
    train([bsds], whole, plan, lines.append, device="cpu")
    assert any("finished before" in str(line) for line in lines)
    with pytest.raises(ArgumentError, match="holds a run with another recipe"):
        train([bsds], whole, Recipe(settings={**QUICK.settings, "epochs": 3}), str)
    # Its weights are a start for another run.
    lines = []
    again = Recipe(settings={**QUICK.settings, "epochs": 1}, weights=str(whole / "checkpoint.pt"))
    train([bsds], tmp_path / "again", again, lines.append, device="cpu")
    assert any("checkpoint.pt: 100.0% of the weights" in str(line) for line in lines)


def test_a_loss_that_became_nan_names_the_images(
    bsds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pixelwise.training.edges.task.boundary_loss",
        lambda logits, share: boundary_loss(logits, share) * float("nan"),
    )
    with pytest.raises(PixelwiseError, match=r"the loss became nan .* in the batch of [01], [01];"):
        train([bsds], tmp_path / "run", QUICK, str, device="cpu")


def test_one_folder_is_asked_for(bsds: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="expected one folder of BSDS500, got 2"):
        train([bsds, bsds], tmp_path / "run", QUICK, str)
    with pytest.raises(ArgumentError, match="hub models learn classes only"):
        train([bsds], tmp_path / "run", replace(QUICK, model="hf:some/model"), str)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--minutes", "5"), "--minutes: the task 'boundary' takes --epochs"),
        (("--set", "balance=0.5", "--val", "0.1"), "balance, val: without effect for the task"),
    ],
)
def test_what_would_have_no_effect_is_refused(
    bsds: Path, tmp_path: Path, given: tuple[str, ...], message: str
) -> None:
    done = call("train", bsds, "--out", tmp_path / "run", "--task", "boundary", *given)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_crops_are_mirrored_as_the_settings_say(bsds: Path, flip: float) -> None:
    still = {"rotate": 0.0, "stretch": 0.0, "colour": 0.0, "scale": (1.0, 1.0)}
    settings = Settings(flip=flip, **still)  # type: ignore[arg-type]
    (sample, _) = read_bsds(bsds, "train")
    # Three quarters that differ: turned by any quarter, they follow each other as here, or back.
    sample = replace(sample, image=np.zeros((64, 64, 3), np.uint8))
    sample.image[:32, 32:], sample.image[32:, 32:], sample.image[32:, :32] = 80, 160, 240
    for seed in range(20):
        image, _ = BoundarySamples([sample], settings, 2).crop(0, 64, np.random.default_rng(seed))
        corners = [int(image[y, x, 0]) for y, x in ((16, 16), (16, 48), (48, 48), (48, 16))]
        first = corners.index(0)
        assert corners[first:] + corners[:first] == (
            [0, 240, 160, 80] if flip else [0, 80, 160, 240]
        )


def test_two_processes_share_a_run(
    bsds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_as(monkeypatch, "edges")
    settings = {**QUICK.settings, "precision": "float32"}
    train([bsds], tmp_path / "one", Recipe(settings=settings), str, device="cpu")
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"settings": settings}))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "pixelwise", "train", str(bsds), "--device", "cpu"]
    command += ["--out", str(tmp_path / "two"), "--recipe", str(recipe)]
    both = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert both.returncode == 0, both.stderr
    assert "2 processes" in both.stdout
    assert both.stdout.count("epoch 1 ") == 1  # one of them speaks and writes
    one, two = (
        list(csv.DictReader((tmp_path / name / "log.csv").read_text().splitlines()))
        for name in ("one", "two")
    )
    for ours, theirs in zip(one, two, strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=2e-3)
    assert float(one[1]["val_loss"]) == pytest.approx(float(two[1]["val_loss"]), abs=2e-3)
    assert Predictor.load(tmp_path / "two" / "model.onnx").card.boundary_model


def test_the_command_trains(bsds: Path, tmp_path: Path) -> None:
    done = run("train-edges", bsds, "--out", tmp_path / "run", "--epochs", "1", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "on EfficientNet-Lite 0, pretrained on ImageNet" in done.stdout
    weights = Predictor.load(tmp_path / "run" / "model.onnx")
    assert weights.card.name == "edges"
    assert weights.card.encoder.endswith("Apache-2.0")
    done = call("train-edges", tmp_path, "--out", tmp_path / "other")
    assert done.returncode == 2
    assert "expected BSDS500" in done.stderr


def test_the_bundled_network_is_as_small_as_promised() -> None:
    assert count_parameters(build_boundary_network()) < 300_000
    predictor = Predictor.load("edges")
    assert predictor.card.licence == "MIT"
    import pixelwise.weights as weights

    size = (Path(str(weights.__file__)).parent / "edges.onnx").stat().st_size
    assert size < 7e6
    image = np.zeros((1, 3, 41, 67), np.float32)
    assert predictor.session.run(image)[0].shape == (1, 1, 41, 67)
