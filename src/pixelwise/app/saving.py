"""What is kept of a photo on the disk, and what can be downloaded of it."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from pixelwise.app.photos import Photo, numbered
from pixelwise.classes import ClassMap
from pixelwise.datasets import ReadOptions, open_dataset
from pixelwise.datasets.formats.coco import CocoWriter
from pixelwise.datasets.formats.labelme import annotation
from pixelwise.datasets.formats.writer import Item
from pixelwise.io.files import write_json, written_whole
from pixelwise.samples import Instance, UInt8Array


def item_of(photo: Photo, label_map: UInt8Array, instances: Sequence[Instance]) -> Item:
    """Return a photo on its way into another format."""
    path = photo.path
    return Item("all", Path(photo.name).stem, b"", path.suffix, label_map, tuple(instances))


def save_labelme(
    folder: Path,
    photo: Photo,
    label_map: UInt8Array,
    instances: Sequence[Instance],
    classes: ClassMap,
) -> Path:
    """Write a photo's labelme file into a folder, and the photo beside it if it is not there.

    Returns
    -------
    Path
        Of the labelme file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = place_of(folder, photo)
    if not beside.exists():
        with written_whole(beside) as part:
            shutil.copyfile(photo.path, part)
    path = beside.with_suffix(".json")
    item = item_of(photo, label_map, instances)
    write_json(path, annotation(item, classes, beside.name), indent=1)
    return path


def place_of(folder: Path, photo: Photo) -> Path:
    """Return where a photo stands in a folder, or would: another of its name is not touched."""
    return next(
        folder / name
        for name in numbered(photo.name)
        if not (folder / name).exists() or filecmp.cmp(folder / name, photo.path, shallow=False)
    )


def read_labelme(folder: Path, photo: Photo, classes: ClassMap) -> tuple[Instance, ...] | None:
    """Return what was saved of a photo before, or None.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    path = place_of(folder, photo).with_suffix(".json")
    if not path.exists():
        return None
    options = ReadOptions(format="labelme", classes=classes)
    dataset = open_dataset(folder, options=options, say=str)
    entry = next((e for e in dataset.entries if e.name == path.stem), None)
    return None if entry is None else dataset.read_labels(entry, photo.size)[1]


def labelme_text(
    photo: Photo, label_map: UInt8Array, instances: Sequence[Instance], classes: ClassMap
) -> str:
    """Return a photo's labelme file as text."""
    content = annotation(item_of(photo, label_map, instances), classes, photo.name)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def coco_text(
    photo: Photo, label_map: UInt8Array, instances: Sequence[Instance], classes: ClassMap
) -> str:
    """Return a COCO file of one photo as text."""
    writer = CocoWriter(photo.path.parent, classes, None)
    writer.annotate(item_of(photo, label_map, instances), photo.name)
    return json.dumps(writer.content("all"), ensure_ascii=False) + "\n"
