"""Samples in memory become a data set on the disk, in every format that is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise import ClassMap, Instance, Sample, open_dataset, write_samples
from pixelwise.datasets.registry import WRITTEN
from pixelwise.errors import ArgumentError, DataError

CLASSES = ClassMap(("background", "cat", "dog"))


def sample(name: str, *, overlap: bool = False) -> Sample:
    rng = np.random.default_rng(len(name))
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    cat, dog = np.zeros((2, 40, 50), dtype=bool)
    cat[5:20, 5:20] = True
    dog[10 if overlap else 25 : 35, 15:40] = True
    label_map = np.where(dog, 2, np.where(cat, 1, 0)).astype(np.uint8)
    instances = Instance.of(cat, 1, 1), Instance.of(dog, 2, 2)
    return Sample(name, image, label_map, CLASSES, instances)


@pytest.mark.parametrize("to", WRITTEN)
def test_each_format_gives_the_samples_back(tmp_path: Path, to: str) -> None:
    given = [sample("a"), sample("bb")]
    written = write_samples(given, tmp_path / "set", to, "val")
    split = None if to in ("pairs", "labelme") else "val"
    read = list(open_dataset(written, split, say=str))
    assert [s.name for s in read] == ["a", "bb"]
    for before, after in zip(given, read, strict=True):
        assert (before.image == after.image).all()
        assert (before.label_map == after.label_map).all()
        assert after.classes.names == CLASSES.names
        if to != "pairs":
            assert sorted(i.class_id for i in after.instances or ()) == [1, 2]


def test_a_function_names_the_split_of_each_sample(tmp_path: Path) -> None:
    given = [sample("a"), sample("bb"), sample("ccc")]
    written = write_samples(
        given, tmp_path / "set", "voc", lambda s: "val" if s.name == "bb" else "train"
    )
    names = {
        split: tuple(s.name for s in open_dataset(written, split, say=str))
        for split in ("train", "val")
    }
    assert names == {"train": ("a", "ccc"), "val": ("bb",)}


def test_image_files_are_copied_where_there_are_some(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpeg"
    file.write_bytes(b"any bytes")
    written = write_samples([sample("a")], tmp_path / "set", "coco", image_path=lambda _: file)
    assert (written / "train" / "a.jpeg").read_bytes() == b"any bytes"


def test_what_a_format_cannot_hold_is_refused_unless_allowed(tmp_path: Path) -> None:
    target = tmp_path / "set"
    with pytest.raises(DataError, match=r"overlap others \(1\)\. Pass lossy=True"):
        write_samples([sample("a", overlap=True)], target, "voc")
    assert list(tmp_path.iterdir()) == []
    write_samples([sample("a", overlap=True)], target, "voc", lossy=True)
    assert len(open_dataset(target, say=str)) == 1


def test_what_makes_no_data_set_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "set"
    other = sample("b")
    stranger = Sample(
        "b", other.image, np.zeros_like(other.label_map), ClassMap(("background", "cow"))
    )
    with pytest.raises(ArgumentError, match="b: its classes are background, cow"):
        write_samples([sample("a"), stranger], target, "voc")
    with pytest.raises(ArgumentError, match="at least one sample"):
        write_samples([], target, "voc")
    with pytest.raises(DataError, match="a: two samples have this name"):
        write_samples([sample("a"), sample("a")], target, "voc")
    with pytest.raises(ArgumentError, match="via is read and not written"):
        write_samples([sample("a")], target, "via")
    assert list(tmp_path.iterdir()) == []
