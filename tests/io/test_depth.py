"""Grey levels of more than 8 bits: the range that is used counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from pixelwise import Predictor, read_image
from pixelwise.io.depth import used_range
from pixelwise.io.image import levels_used
from pixelwise.io.tiff import image_rows
from tests.conftest import case, real, run


def scene(bits: int, brightest: float = 0.4, offset: float = 0.02) -> npt.NDArray[np.uint16]:
    """Return soft bright spots over a dark ground, as a microscope of so many bits counts them."""
    y, x = np.mgrid[:120, :160]
    spots = sum(
        np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 60)
        for cy, cx in ((25, 30), (30, 110), (80, 60), (90, 130))
    )
    levels = np.clip(offset + brightest * spots, 0, 1) * (2**bits - 1)
    return np.asarray(np.round(levels), dtype=np.uint16)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_bits_do_not_matter(tmp_path: Path, suffix: str) -> None:
    seen = []
    for bits in (10, 12, 14, 16):
        path = tmp_path / f"{bits}{suffix}"
        Image.fromarray(scene(bits)).save(path)
        seen.append(read_image(path).astype(int))
    for other in seen[:-1]:
        assert np.abs(other - seen[-1]).max() <= 2
    assert seen[0].min() == 0
    assert seen[0].max() == 255
    assert len(np.unique(seen[1])) > 0.9 * len(np.unique(scene(8, 0.9)))


def test_the_same_nuclei_at_every_depth(tmp_path: Path) -> None:
    predictor = Predictor.load("nuclei")
    areas = []
    for bits in (10, 12, 14, 16):
        path = tmp_path / f"{bits}.png"
        Image.fromarray(scene(bits)).save(path)
        prediction = predictor.predict(read_image(path))
        areas.append((len(prediction.instances or ()), int((prediction.label_map > 0).sum())))
    assert {n for n, _ in areas} == {4}
    assert max(a for _, a in areas) <= 1.02 * min(a for _, a in areas)


def test_a_network_that_stretches_sees_all_bits(tmp_path: Path) -> None:
    predictor = Predictor.load("nuclei")
    predictor = replace(predictor, card=replace(predictor.card, stretch_levels=True))
    levels = scene(16, 0.002, 0.0001)
    Image.fromarray(levels).save(tmp_path / "sound.png")
    # Debris on 0.15 % of the pixels, a hundred times as light: 8 bits would keep two levels.
    levels[:5, :6] = 60000
    Image.fromarray(levels).save(tmp_path / "debris.png")
    assert len(np.unique(read_image(tmp_path / "debris.png")[10:])) <= 2
    seen = [predictor.read(tmp_path / f"{name}.png")[10:] for name in ("sound", "debris")]
    assert len(np.unique(seen[1])) > 50
    assert np.abs(seen[0].astype(int) - seen[1]).max() <= 16
    with image_rows(tmp_path / "debris.png", levels=predictor.levels) as rows:
        assert (np.concatenate(list(rows))[10:] == seen[1]).all()


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_colours_keep_their_bits(tmp_path: Path, bits: int) -> None:
    expected = np.dstack([scene(8), scene(8, 0.9), scene(8, 0.2, 0.5)]).astype(np.uint8)
    expected[0, 0] = 255
    expected[1, :10] = 255
    deep = np.round(expected / 255.0 * (2**bits - 1)).astype(np.uint16)
    white = np.full((*deep.shape[:2], 1), 65535, np.uint16)
    cv2.imwrite(str(tmp_path / "rgb.png"), deep[..., ::-1])
    cv2.imwrite(str(tmp_path / "rgba.png"), np.dstack([deep[..., ::-1], white]))
    tifffile.imwrite(tmp_path / "rgb.tif", deep)
    tifffile.imwrite(
        tmp_path / "planes.tif",
        np.moveaxis(deep, -1, 0),
        planarconfig="separate",
        photometric="rgb",
    )
    for name in ("rgb.png", "rgba.png", "rgb.tif", "planes.tif"):
        assert np.abs(read_image(tmp_path / name).astype(int) - expected).max() <= 1
        assert levels_used(tmp_path / name) == (0, 2**bits - 1)
    with image_rows(tmp_path / "rgb.tif") as rows:
        assert (np.concatenate(list(rows)) == read_image(tmp_path / "rgb.tif")).all()


def test_real_nuclei_at_every_depth(tmp_path: Path) -> None:
    predictor = Predictor.load("nuclei")
    path = sorted((real("nuclei") / "val" / "images").glob("*.png"))[0]
    grey = read_image(path)[..., 0] / 255
    found = []
    for bits in (10, 12, 14, 16):
        deep = ((0.02 + 0.3 * grey) * (2**bits - 1)).astype(np.uint16)
        Image.fromarray(deep).save(tmp_path / "deep.png")
        found.append(predictor.predict(read_image(tmp_path / "deep.png")))
    counts = [len(prediction.instances or ()) for prediction in found]
    assert counts[0] > 5
    assert max(counts) <= 1.02 * min(counts)
    areas = [int((prediction.label_map > 0).sum()) for prediction in found]
    assert max(areas) <= 1.02 * min(areas)


def test_a_hot_pixel_does_not_count(tmp_path: Path) -> None:
    levels = scene(12)
    cold = tmp_path / "cold.png"
    Image.fromarray(levels).save(cold)
    levels[3, 3] = 65535
    hot = tmp_path / "hot.png"
    Image.fromarray(levels).save(hot)
    assert np.abs(read_image(hot).astype(int) - read_image(cold)).mean() < 2


def test_noise_is_not_stretched_to_the_whole_range(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(300, 4, (60, 80)).astype(np.uint16)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert np.ptp(read_image(tmp_path / "noise.png")) < 128


def test_the_whole_range_is_scaled(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 4800).reshape(60, 80).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png")[..., 0] == levels >> 8).all()
    assert levels_used(tmp_path / "a.png") == (0, 65535)


@pytest.mark.parametrize("rows", [16, 50, 120])
def test_bands_are_read_as_the_whole(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, scene(12), rowsperstrip=rows)
    with image_rows(path) as bands:
        assert (np.concatenate(list(bands)) == read_image(path)).all()
    tifffile.imwrite(path, scene(14), tile=(64, 64))
    with image_rows(path) as bands:
        assert np.concatenate(list(bands)).shape == (120, 160, 3)


def test_the_range_is_said(tmp_path: Path) -> None:
    for bits in (10, 12):
        Image.fromarray(scene(bits)).save(tmp_path / f"{bits}.png")
    done = run("predict", tmp_path, "--out", tmp_path / "out", "--weights", "nuclei")
    assert done.returncode == 0, done.stderr
    assert "10.png: levels 20 to 4" in done.stdout
    assert "(and 1 more, each by its own range)" in done.stdout


def test_the_example() -> None:
    path = case("k9_deep/twelve_bit.tif")
    low, high = levels_used(path) or (0, 0)
    assert 1200 < low < high < 4096
    assert read_image(path).min() == 0
    assert read_image(path).max() == 255


def test_one_level_alone() -> None:
    counts = np.zeros(1 << 16, np.int64)
    counts[7] = 10
    low, high = used_range(counts)
    assert low == 7 < high
