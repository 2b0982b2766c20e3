"""The boundary network: reading BSDS500, crops, training that stops and goes on, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from pixelwise.datasets.bsds import read_bsds
from pixelwise.errors import ArgumentError, DataError
from pixelwise.inference import Predictor
from pixelwise.networks import build_boundary_network, count_parameters
from pixelwise.training.checkpoint import load_checkpoint
from pixelwise.training.edges.task import (
    BoundarySettings,
    crop,
    people_share,
    train_boundaries,
)
from tests.conftest import run

QUICK = BoundarySettings(epochs=2, batch=2, crop=64)


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
    share = people_share(list(photos[0].region_maps))
    assert share.shape == (24, 35)
    assert (share[:15, 14] == 1).all()
    assert share[14, 20] == 0.5
    assert share[5, 5] == 0


def test_bad_data_is_named(bsds: Path) -> None:
    with pytest.raises(DataError, match=r"test: no photos"):
        read_bsds(bsds, "test")
    truth = bsds / "groundTruth" / "val" / "0.mat"
    truth.write_bytes(b"no matlab file")
    with pytest.raises(DataError, match=r"0\.mat: no ground truth"):
        read_bsds(bsds, "val")
    truth.unlink()
    with pytest.raises(DataError, match=r"0\.mat: missing"):
        read_bsds(bsds, "val")
    Image.new("RGB", (5, 5)).save(bsds / "images" / "train" / "0.png")
    with pytest.raises(DataError, match=r"0\.png: its ground truth is of another size"):
        read_bsds(bsds, "train")


def test_the_border_of_a_crop_is_where_its_colours_change(bsds: Path) -> None:
    photo = read_bsds(bsds, "train")[0]
    for seed in range(20):
        image, target = crop(photo, BoundarySettings(crop=64), np.random.default_rng(seed))
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


def test_a_stopped_run_ends_as_one_that_was_not(bsds: Path, tmp_path: Path) -> None:
    def stop(line: object) -> None:
        if str(line).startswith("epoch 2"):
            raise KeyboardInterrupt

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_boundaries(bsds, whole, QUICK, str, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train_boundaries(bsds, parts, QUICK, stop, device="cpu")
    lines: list[object] = []
    train_boundaries(bsds, parts, QUICK, lines.append, device="cpu")
    assert "continuing after epoch 1 of 2" in lines
    one, other = (load_checkpoint(run_ / "checkpoint.pt")["average"] for run_ in (whole, parts))
    assert all((one[name] == other[name]).all() for name in one)
    assert (whole / "log.csv").read_text().count("\n") == 3
    with pytest.raises(ArgumentError, match="other settings"):
        train_boundaries(bsds, whole, BoundarySettings(epochs=3), str)


def test_the_command_trains(bsds: Path, tmp_path: Path) -> None:
    done = run("train-edges", bsds, "--out", tmp_path / "run", "--epochs", "1", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "289,401 parameters" in done.stdout
    weights = Predictor.load(tmp_path / "run" / "model.onnx")
    assert weights.card.name == "edges"
    done = run("train-edges", tmp_path, "--out", tmp_path / "other")
    assert done.returncode == 2
    assert "expected BSDS500" in done.stderr


def test_the_bundled_network_is_as_small_as_promised() -> None:
    assert count_parameters(build_boundary_network()) < 300_000
    predictor = Predictor.load("edges")
    assert predictor.card.licence == "MIT"
    import pixelwise.weights as weights

    size = (Path(str(weights.__file__)).parent / "edges.onnx").stat().st_size
    assert size < 2e6
    image = np.zeros((1, 3, 41, 67), np.float32)
    assert predictor.session.run(image)[0].shape == (1, 1, 41, 67)
