"""A format is one file and one line: a made-up one is opened, checked, shown and converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise import (
    ClassMap,
    Dataset,
    ReadOptions,
    check,
    convert,
    list_splits,
    open_dataset,
    show,
)
from pixelwise.datasets import FORMATS, Entry, Format
from pixelwise.datasets.formats.writer import Item, Writer, write_new
from pixelwise.datasets.reader import Truth
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import choose_split
from pixelwise.io.depth import Range
from pixelwise.io.image import image_of_bytes, read_size
from pixelwise.samples import UInt8Array
from tests.datasets.test_convert import same


class NpzReader:
    """Reads one file per sample, with the image's file and the label map in it."""

    def image(self, entry: Entry, levels: Range | None = None) -> UInt8Array:
        return image_of_bytes(self.image_file(entry)[0], entry.image_path, levels)

    def size(self, entry: Entry) -> tuple[int, int]:
        return read_size(entry.image_path, self.image_file(entry)[0])[0]

    def image_file(self, entry: Entry) -> tuple[bytes, str]:
        content = np.load(entry.image_path)
        return content["image"].tobytes(), str(content["suffix"])

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:  # noqa: ARG002
        return np.load(entry.label_path)["label_map"], None


class NpzWriter(Writer):
    """Writes one folder per split, one file per sample, and the class names."""

    def add(self, item: Item) -> None:
        folder = self.root / item.split
        folder.mkdir(exist_ok=True)
        image = np.frombuffer(item.image_file, np.uint8)
        path = folder / f"{item.stem}.npz"
        np.savez(path, image=image, suffix=np.array(item.suffix), label_map=item.label_map)
        self.losses["instances"] += item.instances is not None

    def close(self) -> None:
        write_new(self.root / "names.csv", ",".join(self.classes.names).encode())


def is_npz(path: Path) -> bool:
    return (path / "names.csv").is_file()


def splits_of_npz(root: Path) -> tuple[str, ...]:
    return tuple(sorted({path.parent.name for path in root.glob("*/*.npz")}))


def open_npz(root: Path, split: str | None, options: Reading) -> Dataset:
    split = choose_split(split, splits_of_npz(root), root)
    names = (root / "names.csv").read_text().split(",")
    classes = options.classes or ClassMap(tuple(names))
    files = sorted((root / split).glob("*.npz"))
    entries = tuple(Entry(path.stem, path, path) for path in files)
    found = f"{root.name}: npz files, {len(entries)} samples in '{split}'"
    return Dataset(root, split, classes, entries, found, NpzReader(), "npz")


FORMAT = Format("names.csv and folders of *.npz", is_npz, splits_of_npz, open_npz, NpzWriter)


def test_a_format_of_ones_own(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "npz", FORMAT)
    there = convert(shapes, tmp_path / "there", "npz")
    assert list_splits(there) == ("train", "val")
    dataset = open_dataset(there, "val", ReadOptions(classes=ClassMap(("a", "b", "c", "d"))))
    assert (dataset.format, len(dataset), dataset.classes.names[3]) == ("npz", 4, "d")
    assert same(open_dataset(shapes), open_dataset(there))
    report = check(there)
    assert report.samples == {"train": 8, "val": 4}
    assert [finding.kind for finding in report.findings] == ["absent"]
    assert show(dataset[:2]).size[0] > 100
    back = convert(there, tmp_path / "back", "voc")
    assert same(open_dataset(shapes), open_dataset(back))
