"""A mask file per object, and Kaggle's lists of runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise import ReadOptions, check, convert, list_splits, open_dataset
from pixelwise.errors import DataError, LabelError
from tests import made

OBJECTS = (made.square(2, 2, 6, 255), made.square(20, 30, 9, 255))


def stage1(root: Path) -> Path:
    for i, name in enumerate(("00ae", "0a7d", "0bda")):
        made.photo(root / name / "images" / f"{name}.png", i)
        for j, mask in enumerate(OBJECTS):
            made.mask(root / name / "masks" / f"{i}f{j}.png", mask)
    return root


def folders(root: Path) -> Path:
    for i in range(3):
        made.photo(root / "img" / f"{i}.jpg", i)
        for j, mask in enumerate(OBJECTS):
            made.mask(root / "objects" / str(i) / f"{j}.png", mask)
    return root


def numbered(root: Path) -> Path:
    for i in range(3):
        made.photo(root / "img" / f"leaf_{i}.jpg", i)
        for j, mask in enumerate(OBJECTS):
            made.mask(root / "objects" / f"leaf_{i}_object-{j + 1}.png", mask)
    return root


def encoded(mask: np.ndarray) -> str:
    flat = np.flatnonzero(mask.T.ravel()) + 1
    return " ".join(f"{pixel} 1" for pixel in flat)


def runs(root: Path, header: str = "ImageId,EncodedPixels") -> Path:
    lines = [header]
    for i in range(3):
        made.photo(root / "img" / f"{i}.jpg", i)
        lines += [f"{i}.jpg,{encoded(mask)}" for mask in OBJECTS]
    made.photo(root / "img" / "sea.jpg", 9)
    made.write(root / "train.csv", "\n".join([*lines, "sea.jpg,"]))
    return root


@pytest.mark.parametrize(
    ("write", "flags"),
    [
        (stage1, {}),
        (stage1, {"images": "."}),
        (folders, {"images": "img", "labels": "objects"}),
        (numbered, {"images": "img", "labels": "objects"}),
        (runs, {"images": "img", "labels": "train.csv"}),
    ],
)
def test_objects_become_instances(tmp_path: Path, write, flags) -> None:  # type: ignore[no-untyped-def]
    root = write(tmp_path / "set")
    options = ReadOptions(**flags)
    assert list_splits(root, options) == ("all",)
    dataset = open_dataset(root, options=options, say=str)
    assert len(dataset) == (4 if write is runs else 3)
    for sample in dataset[:3]:
        assert [i.area for i in sample.instances or ()] == [36, 81]
        assert (sample.label_map == ((OBJECTS[0] | OBJECTS[1]) > 0)).all()
    assert {f.kind for f in check(root, options).findings} <= {"empty"}
    convert(root, tmp_path / "coco", "coco", options, say=str)
    assert len(open_dataset(tmp_path / "coco", say=str)) == len(dataset)


def test_runs_count_from_one_down_the_columns(tmp_path: Path) -> None:
    made.photo(tmp_path / "img" / "a.jpg")
    made.write(tmp_path / "t.csv", "image_id,EncodedPixels\na,1 2 41 1\n")
    options = ReadOptions(images="img", labels="t.csv")
    (one,) = open_dataset(tmp_path, options=options, say=str)[0].instances or ()
    assert np.argwhere(one.mask).tolist() == [[0, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("ImageId,EncodedPixels\na.jpg,1 2 3\n", LabelError, "pairs of first pixel and length"),
        ("ImageId,EncodedPixels\na.jpg,2400 2\n", LabelError, "leaves the image"),
        ("ImageId,EncodedPixels\na.jpg,0 2\n", LabelError, "leaves the image"),
        ("ImageId,EncodedPixels\nb.jpg,1 2\n", DataError, "no photo of its lines is there"),
        ("x,y\na.jpg,1 2\n", DataError, "expected the columns ImageId"),
        ("", DataError, "expected the columns ImageId"),
    ],
)
def test_broken_lists_are_explained(
    tmp_path: Path, text: str, error: type[DataError], message: str
) -> None:
    made.photo(tmp_path / "img" / "a.jpg")
    made.write(tmp_path / "t.csv", text)
    options = ReadOptions(images="img", labels="t.csv")
    with pytest.raises(error, match=message):
        open_dataset(tmp_path, options=options, say=str)[0]


def test_a_folder_above_opens_the_set_below(tmp_path: Path) -> None:
    stage1(tmp_path / "stage1_train")
    assert len(open_dataset(tmp_path, say=str)) == 3


def test_numbered_photos_are_not_objects(tmp_path: Path) -> None:
    for name in ("a", "a_1", "a_2"):
        made.photo(tmp_path / "images" / f"{name}.jpg")
        made.mask(tmp_path / "masks" / f"{name}.png", made.square(1, 1, 5))
    dataset = open_dataset(tmp_path, say=str)
    assert len(dataset) == 3
    assert dataset[0].instances is None
