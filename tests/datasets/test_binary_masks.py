"""Masks that are black and white, in every form they come in: half the range divides them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pixelwise import ReadOptions, check, open_dataset
from pixelwise.errors import AmbiguousError, DataError
from tests import made
from tests.conftest import case

SHAPE = (made.square(6, 6, 21) | made.square(20, 34, 15)) * np.uint8(255)
AREA = 21 * 21 + 15 * 15


def grey(path: Path) -> None:
    Image.fromarray(SHAPE).save(path.with_suffix(".png"))


def jpeg(path: Path) -> None:
    Image.fromarray(SHAPE).save(path.with_suffix(".jpg"), quality=80)


def colour_jpeg(path: Path) -> None:
    Image.fromarray(SHAPE).convert("RGB").save(path.with_suffix(".jpeg"), quality=70)


def blurred(path: Path) -> None:
    picture = Image.fromarray(SHAPE).filter(ImageFilter.GaussianBlur(1))
    picture.save(path.with_suffix(".png"))


def blurred_palette(path: Path) -> None:
    picture = Image.fromarray(SHAPE).filter(ImageFilter.GaussianBlur(1))
    picture.quantize(64).save(path.with_suffix(".png"))


def blurred_rgb(path: Path) -> None:
    picture = Image.fromarray(SHAPE).filter(ImageFilter.GaussianBlur(1)).convert("RGB")
    picture.save(path.with_suffix(".bmp"))


def deep(path: Path) -> None:
    Image.fromarray(SHAPE.astype(np.uint16) * 257).save(path.with_suffix(".png"))


def twelve_bits(path: Path) -> None:
    Image.fromarray((SHAPE > 0).astype(np.uint16) * 4095).save(path.with_suffix(".tif"))


def alpha(path: Path) -> None:
    rgba = np.full((*made.SIZE, 4), 255, np.uint8)
    rgba[..., 3] = SHAPE
    Image.fromarray(rgba).save(path.with_suffix(".png"))


def black_alpha(path: Path) -> None:
    grey_alpha = np.zeros((*made.SIZE, 2), np.uint8)
    grey_alpha[..., 1] = SHAPE
    Image.fromarray(grey_alpha, "LA").save(path.with_suffix(".png"))


FORMS = (
    *(grey, jpeg, colour_jpeg, blurred, blurred_palette, blurred_rgb),
    *(deep, twelve_bits, alpha, black_alpha),
)


def folder(root: Path, write: Callable[[Path], None]) -> Path:
    for i in range(3):
        made.photo(root / "images" / f"{i}.jpg", i)
        (root / "masks").mkdir(exist_ok=True)
        write(root / "masks" / str(i))
    return root


@pytest.mark.parametrize("form", FORMS)
def test_half_the_range_divides_them(tmp_path: Path, form: Callable[[Path], None]) -> None:
    root = folder(tmp_path, form)
    with pytest.raises(AmbiguousError, match="--encoding binary"):
        open_dataset(root)
    dataset = open_dataset(root, options=ReadOptions(encoding="binary"), say=str)
    label_map = dataset[1].label_map
    # A blurred corner falls below half.
    assert abs(int((label_map == 1).sum()) - AREA) <= 12
    assert dataset.classes.names == ("background", "foreground")
    assert "binary" in dataset.found


@pytest.mark.parametrize("form", FORMS)
def test_a_check_finds_them(tmp_path: Path, form: Callable[[Path], None]) -> None:
    root = folder(tmp_path, form)
    report = check(root)
    assert {kind: len(found) for kind, found in report.by_kind().items()} == {"binary": 3}
    assert not check(root, ReadOptions(encoding="binary")).findings


def test_zeros_and_ones_stay_what_they_are(tmp_path: Path) -> None:
    root = folder(tmp_path, lambda p: Image.fromarray(SHAPE // 255).save(f"{p}.png"))
    sample = open_dataset(root, options=ReadOptions(encoding="binary"), say=str)[0]
    assert int(sample.label_map.sum()) == AREA
    three = SHAPE // 255
    three[0] = 255
    made.mask(root / "masks" / "1.png", three)
    with pytest.raises(DataError, match=r"0, 1 and 255; .* --encoding ids"):
        open_dataset(root, options=ReadOptions(encoding="binary"))


def test_class_ids_with_void_are_not_black_and_white(tmp_path: Path) -> None:
    ids = made.square(3, 3, 20, 15) + made.square(25, 30, 10, 7)
    ids[5, :] = 255
    root = folder(tmp_path, lambda p: Image.fromarray(ids).save(f"{p}.png"))
    made.write(root / "classes.txt", "\n".join(f"c{i}" for i in range(21)))
    assert "binary" not in open_dataset(root, say=str).found
    assert not check(root).findings


def test_colours_are_not_black_and_white(tmp_path: Path) -> None:
    colours = np.zeros((*made.SIZE, 3), np.uint8)
    colours[3:9, 3:9], colours[12:20, 12:20] = (255, 0, 0), (0, 255, 0)
    root = folder(tmp_path, lambda p: Image.fromarray(colours).save(f"{p}.png"))
    with pytest.raises(DataError, match="painted in colours"):
        open_dataset(root)


def test_the_example() -> None:
    root = case("k3_binary_jpeg")
    with pytest.raises(AmbiguousError, match="--encoding binary"):
        open_dataset(root)
    dataset = open_dataset(root, options=ReadOptions(encoding="binary"), say=str)
    assert [int(sample.label_map.sum()) for sample in dataset] == [1558, 1558]
