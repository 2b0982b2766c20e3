"""Palettes that differ from file to file, and levels that are no class ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise import ReadOptions, check, open_dataset
from pixelwise.errors import AmbiguousError, DataError
from pixelwise.io.mask import read_colours
from tests import made
from tests.conftest import case

IDS = made.square(2, 2, 9, 1) + made.square(20, 20, 12, 2)
COUNTS = [2400 - 81 - 144, 144, 81]


def palettes(root: Path, colours: list[list[tuple[int, int, int]]]) -> Path:
    """Write one palette mask for each list of colours; all look like the first."""
    for i, own in enumerate(colours):
        made.photo(root / "images" / f"{i}.jpg", i)
        places = np.array([own.index(c) if c in own else 0 for c in colours[0]], np.uint8)
        picture = Image.fromarray(places[IDS], "P")
        picture.putpalette([v for colour in own for v in colour])
        (root / "masks").mkdir(exist_ok=True)
        picture.save(root / "masks" / f"{i}.png")
    return root


BLACK, RED, GREEN, GREY = (0, 0, 0), (255, 0, 0), (0, 255, 0), (9, 9, 9)


@pytest.mark.parametrize(
    "colours",
    [
        [[BLACK, RED, GREEN], [RED, BLACK, GREEN]],
        [[BLACK, RED, GREEN], [BLACK, RED, GREEN], [GREEN, RED, BLACK]],
        [[BLACK, RED, GREEN], [BLACK, GREEN, RED], [GREEN, BLACK, GREY, RED]],
    ],
)
def test_palettes_in_other_orders_are_read_by_colour(
    tmp_path: Path, colours: list[list[tuple[int, int, int]]]
) -> None:
    root = palettes(tmp_path, colours)
    dataset = open_dataset(root, say=str)
    assert "palettes in different orders (0.png" in dataset.found
    assert dataset.classes.names == ("#000000", "#00ff00", "#ff0000")
    for sample in dataset:
        assert np.bincount(sample.label_map.ravel()).tolist() == COUNTS
    for name in ("c.txt", "masks/classes.txt"):
        made.write(root / name, "sky 0 0 0\nleaf 0 255 0\napple 255 0 0\n")
        options = ReadOptions(class_list=root / name if name == "c.txt" else None)
        dataset = open_dataset(root, options=options, say=str)
        assert dataset.classes.names == ("sky", "leaf", "apple")
        assert np.bincount(dataset[1].label_map.ravel()).tolist() == COUNTS
    assert not check(root).findings
    made.write(root / "masks" / "classes.txt", "sky\nleaf\napple\n")
    with pytest.raises(AmbiguousError, match=r"0\.png and .*different orders, .* --classes FILE"):
        open_dataset(root)


def test_palettes_that_contradict_are_refused(tmp_path: Path) -> None:
    root = palettes(tmp_path, [[BLACK, RED, GREEN], [BLACK, GREY, (8, 8, 8)]])
    made.mask(root / "masks" / "1.png", np.zeros(made.SIZE, np.uint8))
    picture = Image.fromarray(IDS, "P")
    picture.putpalette([0, 0, 0, 9, 9, 9, 8, 8, 8])
    picture.save(root / "masks" / "1.png")
    with pytest.raises(AmbiguousError, match=r"0\.png and 1\.png: .* --encoding ids"):
        open_dataset(root)
    dataset = open_dataset(root, options=ReadOptions(encoding="ids"), say=str)
    assert (dataset[1].label_map == IDS).all()


def test_palettes_that_go_further_are_the_same(tmp_path: Path) -> None:
    root = palettes(tmp_path, [[BLACK, RED, GREEN], [BLACK, RED, GREEN, GREY]])
    assert (read_colours(root / "masks" / "0.png") == read_colours(root / "masks" / "1.png")).all()
    assert "palette masks, 3 classes" in open_dataset(root, say=str).found


@pytest.mark.parametrize("levels", [(0, 128, 255), (0, 85, 170), (0, 60, 120), (20, 100, 255)])
def test_levels_with_gaps_are_a_question(tmp_path: Path, levels: tuple[int, ...]) -> None:
    for i in range(2):
        made.photo(tmp_path / "images" / f"{i}.jpg", i)
        made.mask(tmp_path / "masks" / f"{i}.png", np.array(levels, np.uint8)[IDS])
    listed = ", ".join(map(str, levels))
    with pytest.raises(AmbiguousError, match=f"hold {listed}, and .* --encoding levels"):
        open_dataset(tmp_path)
    assert [finding.kind for finding in check(tmp_path).findings] == ["question"]
    options = ReadOptions(encoding="levels")
    dataset = open_dataset(tmp_path, options=options, say=str)
    assert dataset.classes.names == tuple(map(str, levels))
    assert np.bincount(dataset[0].label_map.ravel()).tolist() == [COUNTS[0], 81, 144]
    assert not check(tmp_path, options).findings
    path = made.write(tmp_path / "names", "".join(f"{n}: c{n}\n" for n in levels))
    named = open_dataset(tmp_path, options=ReadOptions(class_list=path), say=str)
    assert named.classes.names == tuple(f"c{n}" for n in levels)
    assert (named[0].label_map == dataset[0].label_map).all()
    made.write(path, "a\nb\n")
    with pytest.raises(DataError, match="2 names are given for the 3 levels"):
        open_dataset(tmp_path, options=ReadOptions(encoding="levels", class_list=path))


def test_names_without_numbers_are_not_taken_for_levels(tmp_path: Path) -> None:
    made.photo(tmp_path / "images" / "a.jpg")
    made.mask(tmp_path / "masks" / "a.png", np.array((0, 128, 255), np.uint8)[IDS])
    made.write(tmp_path / "classes.txt", "sky\nleaf\napple\n")
    with pytest.raises(AmbiguousError, match=r"3 names without numbers .* --encoding levels"):
        open_dataset(tmp_path)
    assert [finding.kind for finding in check(tmp_path).findings] == ["question"]
    sample = open_dataset(tmp_path, options=ReadOptions(encoding="levels"), say=str)[0]
    assert sample.classes.names == ("sky", "leaf", "apple")
    assert np.bincount(sample.label_map.ravel()).tolist() == [COUNTS[0], 81, 144]


@pytest.mark.parametrize("levels", [(0, 128, 255), (0, 1, 2), (40, 90, 200)])
def test_levels_of_8_bits_in_16(tmp_path: Path, levels: tuple[int, ...]) -> None:
    made.photo(tmp_path / "images" / "a.jpg")
    made.mask(tmp_path / "masks" / "a.png", np.array(levels, np.uint16)[IDS] * 257)
    with pytest.raises(AmbiguousError, match=r"multiples of 257 .* --encoding levels"):
        open_dataset(tmp_path)
    sample = open_dataset(tmp_path, options=ReadOptions(encoding="levels"), say=str)[0]
    assert sample.classes.names == tuple(map(str, levels))
    assert np.bincount(sample.label_map.ravel()).tolist() == [COUNTS[0], 81, 144]


def test_ids_of_a_small_set_are_no_question(tmp_path: Path) -> None:
    made.photo(tmp_path / "images" / "a.jpg")
    made.mask(tmp_path / "masks" / "a.png", IDS * np.uint8(4))
    assert len(open_dataset(tmp_path, say=str).classes) == 9


def test_the_example() -> None:
    for sample in open_dataset(case("k4_palette_order"), say=str):
        counts = np.bincount(sample.label_map.ravel()).tolist()
        assert dict(zip(sample.classes.names, counts, strict=True)) == {
            "#000000": 5354,
            "#00ff00": 775,
            "#ff0000": 783,
        }
