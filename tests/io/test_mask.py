"""Label maps: encodings, round trips, and nearest sampling without invented ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pixelwise import VOC, read_label_map, voc_colormap, write_label_map
from pixelwise.errors import ArgumentError, ImageFileError, LabelError
from pixelwise.io.mask import decode_rgb, pixel_kind, resize_ids
from tests.conftest import real

ALL_IDS = np.arange(256, dtype=np.uint8).reshape(16, 16)
label_maps = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(label_maps)
def test_rgb_round_trip(label_map: npt.NDArray[np.uint8]) -> None:
    assert (decode_rgb(voc_colormap()[label_map]) == label_map).all()


def test_voc_colours_are_the_published_ones() -> None:
    # The colours VOC's own documentation shows for these classes.
    published = {"aeroplane": (128, 0, 0), "cat": (64, 0, 0), "person": (192, 128, 128)}
    for name, colour in published.items():
        assert VOC.colours[VOC.index(name)] == colour
    assert tuple(VOC.palette[255]) == (224, 224, 192)


def test_palette_file_holds_ids_not_colours(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_label_map(path, ALL_IDS, VOC)
    assert pixel_kind(path) == "palette"
    assert (read_label_map(path) == ALL_IDS).all()
    with Image.open(path) as picture:
        assert (np.asarray(picture.convert("RGB")) == voc_colormap()[ALL_IDS]).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_rgb_file(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(voc_colormap()[ALL_IDS]).convert(mode).save(path)
    assert pixel_kind(path) == "rgb"
    assert (read_label_map(path) == ALL_IDS).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
def test_grey_file(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "mask.png"
    ids = ALL_IDS % 2 if dtype is bool else ALL_IDS
    Image.fromarray(ids.astype(dtype)).save(path)
    assert pixel_kind(path) == ("deep" if dtype is np.uint16 else "grey")
    assert (read_label_map(path) == ids).all()


def test_ids_above_255_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "instances.png"
    Image.fromarray(np.full((4, 4), 300, np.uint16)).save(path)
    with pytest.raises(LabelError, match=r"instances\.png: class id 300"):
        read_label_map(path)


def test_interpolated_colours_are_named_and_counted(tmp_path: Path) -> None:
    colours = voc_colormap()[ALL_IDS]
    colours[0, :3] = (7, 0, 0)
    Image.fromarray(colours).save(tmp_path / "soft.png")
    with pytest.raises(LabelError, match=r"soft\.png: 3 pixels .* RGB \(7, 0, 0\) \(3\)"):
        read_label_map(tmp_path / "soft.png")


def test_a_truncated_mask_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_label_map(path, np.random.default_rng(0).integers(0, 20, (64, 64), np.uint8), VOC)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ImageFileError, match=r"mask\.png"):
        read_label_map(path)


def test_label_maps_are_only_written_as_png(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"\.png"):
        write_label_map(tmp_path / "mask.jpg", ALL_IDS, VOC)
    assert not list(tmp_path.iterdir())


@given(label_maps, st.integers(1, 30), st.integers(1, 30))
def test_resize_invents_no_id(label_map: npt.NDArray[np.uint8], height: int, width: int) -> None:
    resized = resize_ids(label_map, (height, width))
    assert resized.shape == (height, width)
    assert set(np.unique(resized)) <= set(np.unique(label_map))


@given(label_maps, st.integers(1, 5))
def test_resize_takes_the_pixel_under_the_centre(
    label_map: npt.NDArray[np.uint8], factor: int
) -> None:
    size = label_map.shape[0] * factor, label_map.shape[1] * factor
    grown = resize_ids(label_map, size)
    assert (grown == label_map.repeat(factor, axis=0).repeat(factor, axis=1)).all()
    if factor % 2:  # an odd factor has a pixel exactly at each old centre
        assert (resize_ids(grown, label_map.shape) == label_map).all()


def test_real_rgb_masks() -> None:
    for path in sorted((real("people") / "SegmentationClass").glob("*.png"))[:5]:
        assert pixel_kind(path) == "rgb"
        with Image.open(path) as picture:
            assert (voc_colormap()[read_label_map(path)] == np.asarray(picture)).all()
