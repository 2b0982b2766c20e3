"""What is kept of a photo on the disk, and what can be downloaded of it."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from pixelwise.app.photos import Photo, numbered
from pixelwise.classes import ClassMap
from pixelwise.datasets.formats.coco import CocoWriter
from pixelwise.datasets.formats.labelme import LabelmeReader, annotation
from pixelwise.datasets.formats.writer import Item
from pixelwise.datasets.reader import Entry
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
    """Return where a photo stands in a folder, or would.

    Another photo of its name is not touched, nor is the labelme file of another photo: that of
    ``a.jpg`` has the name of that of ``a.png``.
    """

    def is_its(path: Path) -> bool:
        saved = path.with_suffix(".json")
        if path.exists() and not filecmp.cmp(path, photo.path, shallow=False):
            return False
        return not saved.exists() or _image_of(saved) == path.name

    return next(folder / name for name in numbered(photo.name) if is_its(folder / name))


def _image_of(path: Path) -> str | None:
    """Return the file of the photo that a labelme file is of; None if it does not say."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return None
    named = content.get("imagePath") if isinstance(content, dict) else None
    return named if isinstance(named, str) else None


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
    entry = Entry(path.stem, photo.path, path)
    return LabelmeReader(classes, (path,)).labels(entry, photo.size)[1]


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
