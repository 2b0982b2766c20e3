"""TIFF files of many bands or of floating-point pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pixelwise import Predictor, predict_files, read_image, read_label_map
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.image import levels_used
from pixelwise.io.tiff import image_rows
from tests.conftest import run
from tests.toy import write_toy

# Blue, green, red, near infrared and two more; the left half is red.
SCENE = np.full((40, 60, 6), 20, np.uint8)
SCENE[:, :30, 2] = 200
SCENE[..., 3:] = 90


def tiff(path: Path, scene: Any, **how: Any) -> Path:
    tifffile.imwrite(path, scene, **{"photometric": "minisblack", "planarconfig": "contig"} | how)
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("layout", ["contig", "separate", "pages"])
def test_chosen_bands_are_an_image(tmp_path: Path, dtype: str, layout: str) -> None:
    scene = SCENE.astype(dtype) * (1 if dtype == "uint8" else 10)
    if layout == "contig":
        path = tiff(tmp_path / "a.tif", scene, compression="deflate")
    else:
        planes = np.moveaxis(scene, -1, 0)
        planar = "separate" if layout == "separate" else None
        path = tiff(tmp_path / "a.tif", planes, planarconfig=planar)
    image = read_image(path, bands=(3, 2, 1))
    assert image.shape == (40, 60, 3)
    assert (image[:, :30, 0] > image[:, :30, 2] + 100).all()
    assert (image[:, 30:, 0] == image[:, 30:, 2]).all()
    grey = read_image(path, bands=(3,))
    assert (grey[..., 0] == grey[..., 2]).all()
    assert (grey[:, :30] > grey[:, 30:]).all()
    used = levels_used(path, (3, 2, 1))
    assert used is None if dtype == "uint8" else used is not None
    assert dtype != "float32" or used == (200, 2000)


@pytest.mark.parametrize(
    ("scene", "message"),
    [
        (SCENE, "6 bands of uint8"),
        (SCENE.astype(np.uint16), "6 bands of uint16"),
        (SCENE[..., :5].astype(np.float32), "5 bands of float32"),
        (SCENE[..., :3].astype(np.float32), "3 bands of float32"),
        (SCENE[..., :2].astype(np.int16), "2 bands of int16"),
    ],
)
def test_without_them_it_is_refused(tmp_path: Path, scene: Any, message: str) -> None:
    path = tiff(tmp_path / "a.tif", scene)
    with pytest.raises(ImageFileError, match=rf"{message}.*--bands"):
        read_image(path)
    done = run("predict", path, "--out", tmp_path / "out", "--weights", write_toy(tmp_path / "w"))
    assert done.returncode == 2
    assert message in done.stderr
    assert "--bands" in done.stderr


def test_declared_as_rgb_it_is_refused_too(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", SCENE, photometric="rgb")
    with pytest.raises(ImageFileError, match=r"6 bands of uint8.*--bands 3,2,1"):
        read_image(path)


def test_one_band_of_floats(tmp_path: Path) -> None:
    heights = np.linspace(-3, 7, 2400, dtype=np.float32).reshape(40, 60)
    path = tiff(tmp_path / "a.tif", heights, planarconfig=None)
    with pytest.raises(ImageFileError, match="no agreed white; predict --bands 1"):
        read_image(path)
    image = read_image(path, bands=[1])
    assert (image[0, 0, 0], image[-1, -1, 0]) == (0, 255)
    low, high = levels_used(path, (1,)) or (0, 0)
    assert -3 <= low < -2.9
    assert 6.9 < high <= 7


def test_pixels_without_a_value_do_not_count(tmp_path: Path) -> None:
    scene = SCENE.astype(np.float32)
    scene[:5] = np.nan
    scene[5:10] = -9999
    tag = (42113, "s", 0, "-9999", True)
    path = tiff(tmp_path / "a.tif", scene, extratags=[tag])
    assert levels_used(path, (3, 2, 1)) == (20, 200)
    assert not read_image(path, bands=(3, 2, 1))[:10].any()


def test_predict(tmp_path: Path) -> None:
    weights = write_toy(tmp_path / "toy.onnx")
    (tmp_path / "in").mkdir()
    for name in ("a.tif", "b.TIFF"):
        tiff(tmp_path / "in" / name, SCENE.astype(np.uint16) * 9)
    out = tmp_path / "out"
    done = run("predict", tmp_path / "in", "--out", out, "--weights", weights, "--bands", "3,2,1")
    assert done.returncode == 0, done.stderr
    assert "levels 180 to 1800 of more than 8 bits" in done.stdout
    for name in ("a", "b"):
        labels = read_label_map(out / f"{name}.png")
        assert (labels[:, 2:28] == 1).all()
        assert (labels[:, 32:] == 0).all()
    predictor = replace(Predictor.load(weights), bands=(3, 2, 1))
    again = predict_files(predictor, [tmp_path / "in" / "a.tif"], tmp_path / "tiles", tile=32)
    assert not again.failed
    tiles = read_label_map(tmp_path / "tiles" / "a.png")
    assert (tiles == read_label_map(out / "a.png")).mean() > 0.95
    for wrong in ("0,1,2", "3,2", "red"):
        done = run("predict", tmp_path / "in", "--out", out, "--bands", wrong)
        assert done.returncode == 2
        assert "--bands: expected three numbers" in done.stderr


def test_wrong_bands_and_other_files(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", SCENE)
    with pytest.raises(ImageFileError, match=r"no band 7; it has 6"):
        read_image(path, bands=(7, 2, 1))
    for wrong in ((1, 2), (0, 1, 2)):
        with pytest.raises(ArgumentError, match="expected three numbers"):
            read_image(path, bands=wrong)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ImageFileError, match="truncated or damaged"):
        read_image(path, bands=(3, 2, 1))
    # Three bands of 8 bits are red, green and blue as ever, and those of a JPEG are no question.
    plain = tiff(tmp_path / "b.tif", SCENE[..., :3], photometric="rgb")
    assert (read_image(plain) == SCENE[..., :3]).all()
    assert (read_image(plain, bands=(3, 2, 1)) == SCENE[..., 2::-1]).all()
    with image_rows(plain, (1,)) as rows:
        assert (np.concatenate(list(rows)) == SCENE[..., :1]).all()
