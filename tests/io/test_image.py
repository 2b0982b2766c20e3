"""Photos in and out, the odd ones above all."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelwise import read_image, write_image
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.folders import find_in
from pixelwise.io.image import levels_used, read_size, resize_image, to_rgb
from pixelwise.io.tiff import image_rows
from tests.conftest import real

RAMP = np.broadcast_to(np.arange(60, 100, dtype=np.uint8)[None, :, None], (24, 40, 3)).copy()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".jpg"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    write_image(path, RAMP)
    found = read_image(path)
    assert found.shape == RAMP.shape
    assert found.dtype == np.uint8
    lossy = suffix in (".jpg", ".webp")
    assert np.abs(found.astype(int) - RAMP).max() <= (8 if lossy else 0)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_exif_orientation_is_applied(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[274] = 6  # the camera was held upright: rows are columns
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(RAMP).save(path, exif=exif)
    found = read_image(path)
    assert found.shape == (40, 24, 3)
    assert found[:4].mean() < found[-4:].mean()  # the ramp now runs downwards


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    clear = np.dstack([RAMP, np.zeros((24, 40), np.uint8)])
    clear[:, 20:, 3] = 255
    Image.fromarray(clear).save(tmp_path / "clear.png")
    found = read_image(tmp_path / "clear.png")
    assert (found[:, :20] == 255).all()
    assert (found[:, 20:] == RAMP[:, 20:]).all()


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 24 * 40).reshape(24, 40).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = read_image(tmp_path / "deep.png")
    assert (found[..., 0] == deep >> 8).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK"])
def test_other_colour_models_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    picture = Image.fromarray(RAMP)
    (picture.quantize() if mode == "P" else picture.convert(mode)).save(path)
    found = read_image(path)
    assert found.shape == RAMP.shape
    if mode != "1":
        assert np.abs(found.astype(int) - RAMP).mean() < 8


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_truncated_files_are_named(tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"broken{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    write_image(path, noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageFileError, match=f"broken{suffix}"):
        read_image(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_end_in_a_photo_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / data.draw(st.sampled_from(["a.jpg", "a.png"]))
    write_image(path, RAMP)
    raw = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=6)):
        raw[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(raw))
    with suppress(ImageFileError):
        assert read_image(path).ndim == 3


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"gone\.jpg: no such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageFileError, match="cannot be read"):
        read_image(tmp_path)
    with pytest.raises(ImageFileError, match="no image in this folder"):
        find_in([tmp_path])


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", RAMP)
    (tmp_path / "._a.jpg").write_bytes(b"what macOS leaves on other disks")
    assert list(find_in([tmp_path]).names) == [tmp_path / "a.jpg"]
    assert list(find_in([tmp_path / "*.jpg"]).names) == [tmp_path / "a.jpg"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    write_image(path, RAMP)
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="uint8"):
        write_image(path, RAMP.astype(np.float32))
    with pytest.raises(ArgumentError, match=r"'\.xyz'"):
        write_image(tmp_path / "photo.xyz", RAMP)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["photo.png"]


def test_arrays_of_others_become_rgb() -> None:
    assert (to_rgb(RAMP[..., 0]) == RAMP).all()
    assert (to_rgb(RAMP[..., 0].astype(np.uint16) << 8) == RAMP).all()
    for wrong in (np.complex128, np.float32, np.int32):
        with pytest.raises(ArgumentError, match=np.dtype(wrong).name):
            to_rgb(RAMP[..., 0].astype(wrong))
    for shape in ((4, 4, 2), (0, 4), (4,)):
        with pytest.raises(ArgumentError, match="expected"):
            to_rgb(np.zeros(shape, np.uint8))


@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_resize_gives_the_size_asked_for(height: int, width: int) -> None:
    assert resize_image(RAMP, (height, width)).shape == (height, width, 3)


def test_real_photos_read_as_pillow_reads_them() -> None:
    for path in sorted((real("voc2012") / "JPEGImages").glob("*.jpg"))[:5]:
        with Image.open(path) as picture:
            expected = np.asarray(picture.convert("RGB")).astype(int)
        # Two JPEG decoders may round a value differently, no more.
        assert np.abs(read_image(path) - expected).mean() < 1


def test_xmp_turns_a_photo_alike_in_header_and_pixels(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    path = tmp_path / "a.jpg"
    Image.fromarray(RAMP).save(path, xmp=xmp)
    size, turned = read_size(path)
    assert turned
    assert read_image(path).shape[:2] == size == (RAMP.shape[1], RAMP.shape[0])


def test_numbers_below_zero_and_beyond_16_bits_keep_their_order(tmp_path: Path) -> None:
    for low, high, kind in ((-1000, 1000, np.int32), (5, 1_000_000, np.int32)):
        levels = np.linspace(low, high, 600).reshape(20, 30).astype(kind)
        path = tmp_path / "a.tif"
        Image.fromarray(levels).save(path)
        found = read_image(path)[..., 0].ravel().astype(int)
        assert (np.diff(found) >= 0).all()
        assert len(np.unique(found)) > 200
        used = levels_used(path)
        assert used is not None
        assert used == pytest.approx((low, high), abs=(high - low) / 500)


def test_white_is_zero_in_every_depth_and_way(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ramp, photometric="miniswhite")
    found = read_image(path)
    assert found[0, 0, 0] == 255
    assert found[-1, -1, 0] == 0
    with image_rows(path) as bands:
        assert (np.concatenate(list(bands)) == found).all()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_linked_folders_are_searched_once(tmp_path: Path) -> None:
    write_image(tmp_path / "elsewhere" / "a.png", RAMP)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path / "mine")
    assert list(find_in([tmp_path / "mine"]).names.values()) == ["link/a"]
