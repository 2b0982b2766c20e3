"""Many photos at once: resumed, in every format, and not stopped by one that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise import Predictor, ReadOptions, open_dataset, read_label_map, write_image
from pixelwise.errors import ArgumentError
from pixelwise.inference import predict_files
from pixelwise.instances import without_specks
from tests.conftest import run
from tests.toy import write_toy


@pytest.fixture
def toy(tmp_path: Path) -> Predictor:
    return Predictor.load(write_toy(tmp_path / "toy.onnx"))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three photos: a red square on blue, at another place in each."""
    paths = []
    for i in range(3):
        image = np.full((60, 80, 3), (20, 40, 200), np.uint8)
        image[10 : 30 + i, 10 * i : 10 * i + 30] = (220, 30, 20)
        paths.append(tmp_path / "photos" / f"{i}.png")
        write_image(paths[-1], image)
    return paths


def test_a_damaged_photo_does_not_stop_the_rest(
    toy: Predictor, photos: list[Path], tmp_path: Path
) -> None:
    photos[1].write_bytes(photos[1].read_bytes()[:50])
    outcome = predict_files(toy, photos, tmp_path / "out")
    assert outcome.written == (photos[0], photos[2])
    assert list(outcome.failed) == [photos[1]]
    assert "truncated" in outcome.failed[photos[1]]
    assert not (tmp_path / "out" / "1.png").exists()


def test_what_is_done_is_skipped(toy: Predictor, photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_files(toy, photos[:2], out)
    stamps = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    outcome = predict_files(toy, photos, out)
    assert outcome.skipped == tuple(photos[:2])
    assert outcome.written == (photos[2],)
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in stamps.items())
    (out / "0_overlay.jpg").unlink()  # half a result is none
    assert predict_files(toy, photos, out).written == (photos[0],)
    assert len(predict_files(toy, photos, out, overwrite=True).written) == 3


def test_every_format_says_the_same(toy: Predictor, photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_files(toy, photos, out, ("png", "npz", "labelme", "coco"))
    truth = [read_label_map(out / f"{i}.png") for i in range(3)]
    assert truth[0].any()
    for i, label_map in enumerate(truth):
        stored = np.load(out / f"{i}.npz")
        assert (stored["label_map"] == label_map).all()
        assert stored["classes"].tolist() == list(toy.classes.names)
        assert stored["logits"].shape[0] == 3
    coco = json.loads((out / "annotations.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["0.png", "1.png", "2.png"]
    # Both can be opened again, labelme's beside photos in another folder.
    for path in out.glob("*.npz"):
        path.unlink()
    (out / "annotations.json").rename(photos[0].parent / "annotations.json")
    from_coco = open_dataset(photos[0].parent, say=str)
    from_labelme = open_dataset(
        out, options=ReadOptions(format="labelme", classes=toy.classes), say=str
    )
    for label_map, a, b in zip(truth, from_coco, from_labelme, strict=True):
        assert (a.label_map == label_map).all()
        assert (b.label_map == label_map).all()


def test_unknown_formats_list_the_known_ones(
    toy: Predictor, photos: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(
        ArgumentError, match="unknown kind 'pdf'; there is: png, overlay, instances"
    ):
        predict_files(toy, photos, tmp_path / "out", ("pdf",))
    with pytest.raises(ArgumentError, match="unknown tta 'spin'; there is: flip, scales"):
        predict_files(toy, photos, tmp_path / "out", tta=("spin",))
    with pytest.raises(ArgumentError, match="unknown device 'tpu'; there is: auto, cpu, cuda"):
        Predictor.load(device="tpu")


def test_looking_again_changes_little_and_flips_back(toy: Predictor, photos: list[Path]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    plain, flipped = toy.predict(image), toy.predict(image, ("flip",))
    # The toy network looks at single pixels, so a mirrored look must come back the same.
    assert np.abs(plain.logits - flipped.logits).max() < 1e-3
    scaled = toy.predict(image, ("flip", "scales"))
    assert scaled.label_map.shape == (40, 60)
    assert photos


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_specks_go_to_the_class_around_them(seed: int, min_area: int) -> None:
    rng = np.random.default_rng(seed)
    label_map = np.kron(rng.integers(0, 3, (4, 5)), np.ones((6, 6), int)).astype(np.uint8)
    specks = rng.random(label_map.shape) < 0.02
    label_map[specks] = rng.integers(0, 4, int(specks.sum()))
    cleaned = without_specks(label_map, min_area)
    assert cleaned.shape == label_map.shape
    assert set(np.unique(cleaned)) <= set(np.unique(label_map))
    large = _large(label_map, min_area)
    assert (cleaned[large] == label_map[large]).all()


def _large(label_map: npt.NDArray[np.uint8], min_area: int) -> npt.NDArray[np.bool_]:
    from scipy import ndimage

    kept = np.zeros(label_map.shape, bool)
    for class_id in np.unique(label_map):
        areas, n = ndimage.label(label_map == class_id, np.ones((3, 3)))
        for i in range(1, n + 1):
            if (areas == i).sum() >= min_area:
                kept |= areas == i
    return kept


def test_the_command_reads_globs_and_tells_at_the_end(photos: list[Path], tmp_path: Path) -> None:
    weights = write_toy(tmp_path / "toy.onnx")
    photos[0].write_text("no photo")
    pattern = str(photos[0].parent / "*.png")
    arguments = ("predict", pattern, "--weights", weights, "--out", tmp_path / "out")
    done = run(*arguments, "--save", "png", "--min-area", "9")
    assert done.returncode == 2
    assert "predicted 2 images" in done.stdout
    assert "0.png: not an image" in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1.png", "2.png"]
    photos[0].unlink()
    done = run(*arguments, "--save", "png")
    assert done.returncode == 0
    assert "predicted 0 images" in done.stdout
    assert "2 had results already" in done.stdout


def test_bench_prints_a_row_a_size_and_thread_count(tmp_path: Path) -> None:
    weights = write_toy(tmp_path / "toy.onnx")
    done = run("bench", weights, "--sizes", "32x24,64x48", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "32 x 24" in done.stdout
    assert "64 x 48" in done.stdout
    assert "decoding is not counted" in done.stdout
    done = run("bench", weights, "--sizes", "big")
    assert done.returncode == 2
    assert "--sizes takes WIDTHxHEIGHT" in done.stderr
