"""Masks of one object each: a file per object, or a line per object in one of Kaggle's lists."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.datasets.formats.pairing import Files, by_key
from pixelwise.datasets.reader import Entry, ImageFiles, Truth
from pixelwise.errors import DataError, LabelError, size_mismatch
from pixelwise.io.image import images_in
from pixelwise.io.mask import read_brightness
from pixelwise.io.text import read_text
from pixelwise.samples import BoolArray, Instance, paint_label_map

IMAGES, MASKS = "images", "masks"
ID_COLUMNS, RUN_COLUMN = ("imageid", "image id", "image", "img id", "id"), "encodedpixels"


@dataclass(frozen=True, eq=False)
class ObjectReader(ImageFiles):
    """Reads a file per object; light pixels are the object's.

    Parameters
    ----------
    masks : mapping of str to tuple of Path
        The name of a sample to the files of its objects.
    """

    masks: Mapping[str, tuple[Path, ...]]

    def more_paths(self, entry: Entry) -> tuple[Path, ...]:
        """Return the files of a sample that its entry does not name."""
        return self.masks[entry.name]

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Read the objects, each of class 1; later files lie on top.

        Raises
        ------
        ImageFileError
            A file cannot be read.
        LabelError
            A file of another size than the image.
        """
        instances = []
        for number, path in enumerate(self.masks[entry.name], 1):
            levels = read_brightness(path)
            if levels.shape != size:
                fix = "annotate the image again"
                raise size_mismatch(str(path), "mask", levels.shape, size, fix)
            mask = levels > levels.max() / 2
            if mask.any():
                instances.append(Instance.of(mask, 1, number))
        return paint_label_map(instances, size), tuple(instances)


@dataclass(frozen=True, eq=False)
class RunReader(ImageFiles):
    """Reads runs of pixels from a list.

    Parameters
    ----------
    runs : mapping of str to tuple of str
        The name of a sample to the runs of its objects: first pixel and length, alternating.
        Pixels are counted from 1, column by column.
    """

    runs: Mapping[str, tuple[str, ...]]

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Draw the objects, each of class 1.

        Raises
        ------
        LabelError
            Runs that are not numbers, or that leave the image.
        """
        where = f"{entry.label_path}: {entry.name}"
        masks = [_draw(runs, size, where) for runs in self.runs[entry.name]]
        instances = [Instance.of(mask, 1, i) for i, mask in enumerate(masks, 1) if mask.any()]
        return paint_label_map(instances, size), tuple(instances)


def holds_samples(root: Path) -> bool:
    """Return whether a folder holds one folder per photo, as DSB2018's stage1_train does."""
    folders = [p for p in sorted(root.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    return bool(folders) and all(_photo_of(folder) is not None for folder in folders[:3])


def samples_in(root: Path) -> tuple[Files, dict[str, tuple[Path, ...]]]:
    """Return the photos and the objects of a folder that holds one folder per photo."""
    folders = [p for p in sorted(root.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    photos = {f.name: photo for f in folders if (photo := _photo_of(f)) is not None}
    return photos, {name: tuple(images_in(root / name / MASKS)) for name in photos}


def objects_of(images: Files, labels: Path) -> dict[str, tuple[Path, ...]]:
    """Return the files of each image's objects: ``NAME/1.png`` or ``NAME_1.png``.

    Empty if they are not of that kind: every file belongs to one image, and some image has two.
    """
    files = by_key(labels)
    if files.keys() & images.keys():
        return {}
    found: dict[str, list[Path]] = {}
    for key, path in files.items():
        owner = _owner(key, images)
        if owner is None:
            return {}
        found.setdefault(owner, []).append(path)
    if all(len(paths) < 2 for paths in found.values()):
        return {}
    return {name: tuple(found.get(name, ())) for name in images}


def read_runs(path: Path, images: Files) -> dict[str, tuple[str, ...]]:
    """Read a list of runs, ``ImageId,EncodedPixels``; an image of no line shows no object.

    Raises
    ------
    DataError
        Another header, or lines of no image.
    """
    lines = list(csv.reader(read_text(path).splitlines()))
    header = [re.sub(r"[\s_]+", " ", cell.strip().casefold()) for cell in lines[0]] if lines else []
    names = [header.index(column) for column in ID_COLUMNS if column in header]
    if not names or RUN_COLUMN not in header:
        raise DataError(f"{path}: expected the columns ImageId, EncodedPixels")
    runs: dict[str, list[str]] = {name: [] for name in images}
    unknown = []
    for cells in lines[1:]:
        if len(cells) < len(header):
            continue
        name = Path(cells[names[0]].strip())
        known = next((n for n in (name.as_posix(), name.stem) if n in runs), None)
        if known is None:
            unknown.append(str(name))
        elif cells[header.index(RUN_COLUMN)].strip():
            runs[known].append(cells[header.index(RUN_COLUMN)])
    if unknown and len(unknown) == len(lines) - 1:
        raise DataError(f"{path}: no photo of its lines is there; first {unknown[0]!r}")
    return {name: tuple(some) for name, some in runs.items()}


def _owner(key: str, images: Files) -> str | None:
    """Return the image that a file of one object belongs to: NAME/ANYTHING or NAME_..1."""
    if key.rpartition("/")[0] in images:
        return key.rpartition("/")[0]
    ends = [m.start() for m in re.finditer(r"[_.-]", key)] if key[-1:].isdigit() else []
    return next((key[:end] for end in reversed(ends) if key[:end] in images), None)


def _photo_of(folder: Path) -> Path | None:
    """Return the one photo of a folder with ``images/`` and ``masks/`` that has its name."""
    if not ((folder / IMAGES).is_dir() and (folder / MASKS).is_dir()):
        return None
    photos = images_in(folder / IMAGES)
    return photos[0] if len(photos) == 1 and photos[0].stem == folder.name else None


def _draw(text: str, size: tuple[int, int], where: str) -> BoolArray:
    """Draw runs of pixels counted from 1, column by column, (H, W) bool."""
    words = text.split()
    if len(words) % 2 or not all(w.isascii() and w.isdigit() and len(w) < 10 for w in words):
        raise LabelError(f"{where}: expected pairs of first pixel and length, got {text[:40]!r}")
    flat = np.zeros(size[0] * size[1], dtype=np.bool_)
    for first, length in zip(map(int, words[::2]), map(int, words[1::2]), strict=True):
        if first < 1 or first - 1 + length > flat.size:
            raise LabelError(f"{where}: a run at {first} of {length} leaves the image of {size}")
        flat[first - 1 : first - 1 + length] = True
    return np.ascontiguousarray(flat.reshape(size[1], size[0]).T)
