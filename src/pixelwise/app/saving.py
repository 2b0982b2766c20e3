"""What is kept of a photo on the disk, and what can be downloaded of it."""

from __future__ import annotations

import filecmp
import json
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pixelwise.app.photos import Photo, name_of, numbered
from pixelwise.classes import VOID, ClassMap
from pixelwise.datasets.formats.labelme import (
    BACKGROUND_LABEL,
    IGNORE,
    LabelmeReader,
    annotation,
)
from pixelwise.datasets.formats.writer import AREAS, Item
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.splits import WHOLE
from pixelwise.datasets.writing import write_samples
from pixelwise.instances import components
from pixelwise.io.files import write_json, written_whole
from pixelwise.io.text import read_json
from pixelwise.samples import Instance, Sample, instance_ids

OF_FILE = {"version", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth", AREAS}
OF_SHAPE = {"label", "group_id", "shape_type", "points", "mask", "flags"}
"""Fields of a labelme file that are written anew; the others are a person's and stay."""

MOST_ID = 65535
"""With one above it, `instance_ids` numbers the instances of a file anew."""


def save_labelme(folder: Path, photo: Photo, sample: Sample) -> Path:
    """Write a photo's labelme file into a folder, and the photo beside it if it is not there.

    Of a former file, descriptions, flags and fields of other programs stay.

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
    item = Item(WHOLE, sample.name, b"", beside.suffix, sample.label_map, sample.instances)
    content = annotation(item, sample.classes, beside.name)
    write_json(path, _carried(read_json(path), content) if path.exists() else content)
    return path


def _carried(former: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """Return the new content of a labelme file with what its former one says beyond that."""
    fields, shapes = _fields(former), []
    for shape in content["shapes"]:
        id_ = None if shape["label"] == IGNORE else shape["group_id"]
        flags, more = fields.get(id_, ({}, {}))
        shapes.append({**shape, **more, "flags": {**flags, **shape["flags"]}})
    more = {name: value for name, value in former.items() if name not in OF_FILE}
    return {**content, **more, "shapes": shapes}


def _fields(content: dict[str, Any]) -> dict[Any, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the flags and other fields of each instance of a labelme file, by its id as read."""
    first: dict[tuple[str, Any], dict[str, Any]] = {}
    for i, shape in enumerate(content["shapes"]):
        group = shape.get("group_id")
        first.setdefault((shape["label"], f"shape {i}" if group is None else group), shape)
    ids = [group for _, group in first]
    if not all(isinstance(i, int) and i > 0 for i in ids) or len(set(ids)) != len(ids):
        ids = list(range(1, len(ids) + 1))
    found = {}
    for id_, shape in zip(ids, first.values(), strict=True):
        if shape["label"] not in (IGNORE, BACKGROUND_LABEL):
            flags = shape.get("flags")
            more = {name: value for name, value in shape.items() if name not in OF_SHAPE}
            found[id_] = flags if isinstance(flags, dict) else {}, more
    return {} if max(found, default=0) > MOST_ID else found


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

    # Not what it is called on the page, where the photos of one run are numbered.
    names = numbered(name_of(photo.path))
    return next(folder / name for name in names if is_its(folder / name))


def _image_of(path: Path) -> str | None:
    """Return the file of the photo that a labelme file is of; None if it does not say."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return None
    named = content.get("imagePath") if isinstance(content, dict) else None
    return named if isinstance(named, str) else None


def read_labelme(
    folder: Path, photo: Photo, classes: ClassMap
) -> tuple[tuple[Instance, ...], tuple[Instance, ...]] | None:
    """Return the instances and the void that were saved of a photo before, or None.

    Of a label map that does not distinguish instances, each connected area of a class is one. Ids
    that do not fit 16 bits become 1, 2, ...

    Raises
    ------
    DataError
        The file cannot be read.
    """
    path = place_of(folder, photo).with_suffix(".json")
    if not path.exists():
        return None
    entry = Entry(path.stem, photo.path, path)
    label_map, instances = LabelmeReader(classes, (path,)).labels(entry, photo.size)
    if instances is None:
        shown = [int(id_) for id_ in np.unique(label_map) if id_ not in (0, VOID)]
        instances = tuple(components(label_map, shown, 1))
    ids = instance_ids(instances)
    void = label_map == VOID
    return (
        tuple(replace(one, id=id_) for id_, one in zip(ids, instances, strict=True)),
        (Instance.of(void, VOID, 1),) if void.any() else (),
    )


def annotation_file(photo: Photo, sample: Sample, to: str) -> bytes:
    """Return the one file that holds a photo's annotations in a format: labelme's or COCO's."""
    with TemporaryDirectory() as folder:
        written = write_samples(
            [sample], Path(folder, "set"), to, split=WHOLE, image_path=lambda _: photo.path
        )
        return next(written.rglob("*.json")).read_bytes()
