"""What is kept of a photo on the disk, and what can be downloaded of it."""

from __future__ import annotations

import filecmp
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from pixelwise.app.photos import Photo, numbered
from pixelwise.classes import ClassMap
from pixelwise.datasets.formats.labelme import LabelmeReader, annotation
from pixelwise.datasets.formats.writer import Item
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.splits import WHOLE
from pixelwise.datasets.writing import write_samples
from pixelwise.io.files import write_json, written_whole
from pixelwise.samples import Instance, Sample


def save_labelme(folder: Path, photo: Photo, sample: Sample) -> Path:
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
    item = Item(WHOLE, sample.name, b"", beside.suffix, sample.label_map, sample.instances)
    write_json(path, annotation(item, sample.classes, beside.name), indent=1)
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


def annotation_file(photo: Photo, sample: Sample, to: str) -> bytes:
    """Return the one file that holds a photo's annotations in a format: labelme's or COCO's."""
    with TemporaryDirectory() as folder:
        written = write_samples(
            [sample], Path(folder, "set"), to, split=WHOLE, image_path=lambda _: photo.path
        )
        return next(written.rglob("*.json")).read_bytes()
