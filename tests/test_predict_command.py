"""``pixelwise predict`` as people use it: a table, pipes, filters, files for other tools."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from pixelwise import read_label_map
from tests import made
from tests.conftest import call, run
from tests.toy import write_toy


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "cat.png"
    Image.fromarray(skimage.data.cat()).save(path)
    return path


def piped(data: bytes, *args: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "pixelwise", *map(str, args)]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_without_out_a_table_is_printed_and_nothing_written(photo: Path) -> None:
    done = run("predict", photo)
    assert done.returncode == 0, done.stderr
    first, heads, row, last = done.stdout.splitlines()
    assert first == f"{photo}: 451 x 300 px"
    assert heads.split() == ["class", "score", "area", "left", "top", "right", "bottom"]
    assert re.fullmatch(r" *1 +cat +0\.\d\d +\d+\.\d% +\d+ +\d+ +\d+ +\d+", row)
    assert last.startswith("nothing written")
    assert list(photo.parent.iterdir()) == [photo]
    semantic = run("predict", photo, "--weights", "street").stdout
    assert re.search(r"\n  class +area\n", semantic)


def test_filters(photo: Path) -> None:
    assert "nothing of dog, person" in run("predict", photo, "--classes", "dog,person").stdout
    unsure = run("predict", photo, "--least-score", "0.999").stdout
    assert re.search(r"\n  no instances; cat \d+\.\d%\n", unsure)
    for args, saying in (
        (("--classes", "wolf"), "unknown class 'wolf'; the classes are: background"),
        (("--least-score", "50"), "least score: expected 0..1, got 50"),
        (("--weights", "yolo"), "yolo"),
    ):
        done = run("predict", photo, *args)
        assert done.returncode == 2
        assert saying in done.stderr
        assert done.stderr.count("\n") == 1


def test_what_would_change_nothing_is_refused(photo: Path, tmp_path: Path) -> None:
    command = ("predict", photo, "--weights", write_toy(tmp_path / "toy.onnx"))
    for args, saying in (
        (("--least-score", "0.9"), "least score: the weights 'toy' find no instances"),
        (("--overwrite",), "--overwrite: only with --save, or a folder as --out"),
        (("--overwrite", "--out", "-"), "--overwrite: only with --save, or a folder as --out"),
        (("--tile", "3"), "cat.png: predicted in tiles, which are only written"),
    ):
        done = call(*command, *args)
        assert done.returncode == 2
        assert saying in done.stderr
    assert call(*command, "--tile", "451").returncode == 0


def test_save_without_out_writes_beside_the_photo(photo: Path, tmp_path: Path) -> None:
    own = tmp_path / "cat.png"
    own.write_bytes(photo.read_bytes())
    kinds = ("geojson", "json", "crops", "overlay")
    done = run("predict", own, *(word for kind in kinds for word in ("--save", kind)))
    assert done.returncode == 0, done.stderr
    names = {"cat.png", "cat.geojson", "cat_found.json", "cat_crops", "cat_overlay.jpg"}
    assert {path.name for path in tmp_path.iterdir()} == names
    (feature,) = json.loads((tmp_path / "cat.geojson").read_text())["features"]
    found = json.loads((tmp_path / "cat_found.json").read_text())
    (instance,) = found["instances"]
    assert feature["properties"]["classification"]["name"] == instance["class"] == "cat"
    assert found["size"] == [300, 451]
    (crop,) = (tmp_path / "cat_crops").iterdir()
    assert crop.name == "001_cat.png"
    top, left, bottom, right = instance["box"]
    with Image.open(crop) as picture:
        assert np.array_equal(np.asarray(picture), skimage.data.cat()[top:bottom, left:right])
    again = run("predict", own, "--save", "png")
    assert again.returncode == 2
    assert "would overwrite this image" in again.stderr
    assert own.read_bytes() == photo.read_bytes()


def test_results_beside_the_photos_are_not_predicted_in_turn(photo: Path, tmp_path: Path) -> None:
    for suffix in (".jpg", ".webp"):
        Image.open(photo).save(tmp_path / f"cat{suffix}")
    Image.open(photo).save(tmp_path / "own.png")
    kinds = [word for kind in ("overlay", "png", "crops") for word in ("--save", kind)]
    for _ in range(2):
        done = call("predict", tmp_path, *kinds[:2])
        assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 6
    # The label map of own.png would be own.png.
    (tmp_path / "own.png").rename(tmp_path / "own.tif")
    Image.open(photo).save(tmp_path / "own.tif")
    (tmp_path / "own_overlay.jpg").unlink()
    for _ in range(2):
        done = call("predict", tmp_path, *kinds)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"cat{suffix}{end}" for suffix in (".jpg", ".webp") for end in ("", "_overlay.jpg")),
        *(f"cat{suffix}{end}" for suffix in (".jpg", ".webp") for end in (".png", "_crops")),
        *("own.tif", "own.png", "own_overlay.jpg", "own_crops"),
    }
    assert "3 had results already" in done.stdout


def test_the_folder_of_the_photos_as_out(tmp_path: Path) -> None:
    toy, photos = write_toy(tmp_path / "toy.onnx"), tmp_path / "photos"
    for name in ("a.jpg", "day1/a.jpg", "day1/b.jpg", "day1/b.webp"):
        made.photo(photos / name)
    command = ("predict", photos, "--out", photos, "--weights", toy)
    assert "predicted 4 images" in call(*command).stdout
    names = {path.relative_to(photos).as_posix() for path in photos.rglob("*.*")}
    assert {"a.png", "a_overlay.jpg", "day1/b.jpg.png", "day1/b.webp_overlay.jpg"} < names
    again = call(*command)
    assert again.returncode == 0, again.stderr
    assert "predicted 0 images" in again.stdout
    assert "4 had results already" in again.stdout
    assert names == {path.relative_to(photos).as_posix() for path in photos.rglob("*.*")}


def test_clips_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs pixelwise[video]")
    from tests.test_video import write_clip

    toy, out = write_toy(tmp_path / "toy.onnx"), tmp_path / "out"
    names = ("a/x.mp4", "b/x.mp4", "b/y.mp4", "b/y.mkv", "b/z.mp4")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    clips = [write_clip(tmp_path / name, 2, sound=False) for name in names]
    done = call("predict", *clips, "--weights", toy, "--out", out)
    assert done.returncode == 0, done.stderr
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.m*") if path.is_file()}
    assert written == {
        *("a/x_overlay.mp4", "b/x_overlay.mp4", "z_overlay.mp4"),
        *("y.mp4/y_overlay.mp4", "y.mkv/y_overlay.mkv"),
    }
    assert all(f"wrote {out / name}" in done.stdout for name in written)


def test_pipes(photo: Path, tmp_path: Path) -> None:
    data = photo.read_bytes()
    mask = piped(data, "predict", "-", "--out", "-")
    assert mask.returncode == 0, mask.stderr
    (tmp_path / "mask.png").write_bytes(mask.stdout)
    assert set(np.unique(read_label_map(tmp_path / "mask.png"))) == {0, 8}
    found = json.loads(piped(data, "predict", "-", "--save", "json", "--out", "-").stdout)
    assert found["instances"][0]["class"] == "cat"
    overlay = piped(data, "predict", "-", "--save", "overlay", "--out", "-").stdout
    with Image.open(io.BytesIO(overlay)) as picture:
        assert picture.width == 451
    assert piped(data, "predict", "-").stdout.startswith(b"stdin: 451 x 300 px")
    for given, args, saying in (
        (b"", ("predict", "-"), b"standard input is empty"),
        (data, ("predict", "-", str(photo)), b"one image; leave the other inputs out"),
        (data, ("predict", "-", "--save", "crops", "--out", "-"), b"more than one file"),
        (b"<html>", ("predict", "-"), b"not an image"),
    ):
        done = piped(given, *args)
        assert done.returncode == 2
        assert saying in done.stderr
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", ["predict", "blur", "cutout"])
def test_web_addresses_are_fetched_only_when_allowed(command: str, tmp_path: Path) -> None:
    address, out = "http://127.0.0.1:9/a.jpg", tmp_path / "a.png"
    done = run(command, address, "--out", out)
    assert done.returncode == 2
    assert f"{address}: web addresses are fetched only with --allow-url" in done.stderr
    done = run(command, address, "--out", out, "--allow-url")
    assert done.returncode == 2
    assert f"{address}: leads to 127.0.0.1, not a public address" in done.stderr
