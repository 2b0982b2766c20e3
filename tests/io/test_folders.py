"""Folders of photos as telephones and people leave them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pixelwise import Predictor, predict_files, read_image
from pixelwise.backgrounds.photos import _names
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io import image as image_module
from pixelwise.io.folders import distinct_names, find_in
from pixelwise.io.image import heic_is_read, read_size
from tests import made
from tests.conftest import case, run

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(40)


@pytest.fixture
def without_heif(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic_is_read.cache_clear()
    yield
    heic_is_read.cache_clear()


def album(root: Path) -> Path:
    for name in ("IMG_1.jpg", "IMG_2.AVIF", "b/IMG_3.JFIF", "b/IMG_4.Png", "b/c/IMG_5.ppm"):
        made.photo(root / "made.png", len(name)).rename(root / "made.raw")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        kind = {"jpg": "JPEG", "jfif": "JPEG"}.get(name.lower().rpartition(".")[2])
        with Image.open(root / "made.raw") as picture:
            picture.save(root / name, kind)
        (root / "made.raw").unlink()
    (root / "._IMG_1.jpg").write_bytes(b"what macOS leaves")
    (root / ".hidden").mkdir()
    made.photo(root / ".hidden" / "x.jpg")
    for name in ("notes.txt", "b/more.TXT", "b/README"):
        made.write(root / name, "text")
    return root


@pytest.mark.usefixtures("without_heif")
def test_every_kind_is_found_and_the_rest_counted(tmp_path: Path) -> None:
    root = album(tmp_path)
    (root / "IMG_9.HEIC").write_bytes(HEIC)
    found = find_in([root])
    assert list(found.names.values()) == ["IMG_1", "IMG_2", "b/IMG_3", "b/IMG_4", "b/c/IMG_5"]
    assert {read_image(path).shape for path in found.names} == {(40, 60, 3)}
    assert {read_size(path)[0] for path in found.names} == {(40, 60)}
    assert found.said() == (
        "; 4 files of other kinds passed over: .heic 1, .txt 2, without suffix 1"
    )
    with pytest.raises(ImageFileError, match=r"IMG_9\.HEIC: HEIC needs pillow-heif"):
        found.stop_on_unread()
    assert list(find_in([root], recursive=False).names.values()) == ["IMG_1", "IMG_2"]
    with pytest.raises(ImageFileError, match=r"IMG_9\.HEIC: HEIC needs pillow-heif"):
        read_image(root / "IMG_9.HEIC")


def test_heic_is_read_where_the_extra_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = []
    opener = SimpleNamespace(register_heif_opener=lambda: called.append(1))
    monkeypatch.setitem(sys.modules, "pillow_heif", opener)
    monkeypatch.setattr(image_module, "IMAGE_FORMATS", list(image_module.IMAGE_FORMATS))
    heic_is_read.cache_clear()
    (tmp_path / "a.heic").write_bytes(HEIC)
    found = find_in([tmp_path])
    heic_is_read.cache_clear()
    assert called
    assert list(found.names.values()) == ["a"]
    assert not found.unread


def test_equal_stems_keep_what_distinguishes_them(tmp_path: Path) -> None:
    for name in ("a/x.jpg", "a/x.png", "a/y.jpg", "b/x.jpg"):
        made.photo(tmp_path / name)
    a, b = tmp_path / "a", tmp_path / "b"
    assert list(find_in([a]).names.values()) == ["x.jpg", "x.png", "y"]
    both = find_in([a / "y.jpg", a / "x.jpg", b / "x.jpg"]).names
    assert list(both.values()) == ["y", "a/x", "b/x"]
    assert list(find_in([tmp_path]).names.values()) == ["a/x.jpg", "a/x.png", "a/y", "b/x"]
    assert list(find_in([a, a / "x.jpg"]).names) == [a / "x.jpg", a / "x.png", a / "y.jpg"]


def test_results_among_the_images_are_left_out(tmp_path: Path) -> None:
    made.photo(tmp_path / "a.jpg")
    made.photo(tmp_path / "out" / "a.png")
    assert list(find_in([tmp_path], skip=tmp_path / "out").names) == [tmp_path / "a.jpg"]


def test_blurred_photos_keep_their_tree(tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = {Path("in/d/x.jpg"): "d/x.jpg", Path("in/d/x.png"): "d/x.png", Path("in/y.HEIC"): "y"}
    assert _names(names, out, suffixes=()) == [
        out / "d/x.jpg",
        out / "d/x.png",
        out / "y.jpg",
    ]
    assert _names(names, out, suffixes=(".png", ".webp")) == [
        out / "d/x.jpg.png",
        out / "d/x.png",
        out / "y.png",
    ]
    with pytest.raises(ArgumentError, match="two photos would be written here"):
        _names({Path("a.jpg"): "x", Path("b.jpg"): "x"}, out, suffixes=())


def test_predictions_keep_the_tree(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for name in ("x.jpg", "x.png", "d/x.jpg"):
        made.photo(root / name)
    found = find_in([root])
    predictor = Predictor.load("nuclei")
    out = tmp_path / "out"
    outcome = predict_files(predictor, found.names, out, ("png", "labelme", "coco"))
    assert len(outcome.written) == 3
    written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.png"))
    assert written[:3] == ["d/x.png", "d/x_instances.png", "x.jpg.png"]
    assert len(predict_files(predictor, found.names, out, ("png",)).skipped) == 3
    assert '"file_name": "d/x.jpg"' in (out / "annotations.json").read_text()
    # A list of paths is named in the same way.
    again = predict_files(predictor, list(found.names), tmp_path / "list", ("png",))
    assert len(again.written) == 3


def test_the_commands(tmp_path: Path) -> None:
    root = album(tmp_path / "in")
    out = tmp_path / "out"
    done = run("predict", root, "--out", out, "--weights", "nuclei", "--save", "png")
    assert done.returncode == 0, done.stderr
    assert "predicted 5 images" in done.stdout
    assert "3 files of other kinds passed over: .txt 2, without suffix 1" in done.stdout
    assert (out / "b" / "c" / "IMG_5.png").exists()
    flat = run("predict", root, "--out", tmp_path / "flat", "--weights", "nuclei", "--flat")
    assert "predicted 2 images" in flat.stdout


@pytest.mark.usefixtures("without_heif")
def test_the_examples() -> None:
    found = find_in([case("k8_phone_folder")])
    assert list(found.names.values()) == ["IMG_1", "IMG_2"]
    assert found.said() == "; 1 file of another kind passed over: .heic 1"
    assert all(np.ptp(read_image(path)) > 0 for path in found.names)
    assert list(find_in([case("k10_same_stem")]).names.values()) == ["IMG_1.jpg", "IMG_1.png"]
    twice = distinct_names({p: Path(p.name) for p in find_in([case("k10_same_stem")]).names})
    assert list(twice.values()) == ["IMG_1.jpg", "IMG_1.png"]
