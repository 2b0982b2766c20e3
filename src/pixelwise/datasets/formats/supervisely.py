"""Supervisely's project: ``meta.json``, and for each data set ``img/`` and ``ann/*.json``.

Shapes are drawn as Supervisely draws them: vertices rounded to pixels, outlines included, in the
order of the file.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pixelwise.classes import VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import BACKGROUND_NAMES, VOID_NAMES, class_map
from pixelwise.datasets.formats.format import Format, skip_hint, unused_images
from pixelwise.datasets.reader import Entry, ImageFiles, Truth, check_stated
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import DataError, LabelError
from pixelwise.io.files import visible
from pixelwise.io.image import images_in, open_pillow
from pixelwise.io.rle import points_of
from pixelwise.io.text import read_json
from pixelwise.samples import BoolArray, Float64Array, Instance, paint_label_map

MOST_BYTES = 1 << 28
"""Of an unpacked mask."""

AREAS = ("polygon", "rectangle", "bitmap")


def is_supervisely(path: Path) -> bool:
    """Return whether a folder is a project of Supervisely with annotations."""
    return path.is_dir() and (path / "meta.json").is_file() and bool(_folders(path))


def splits_of_supervisely(root: Path) -> tuple[str, ...]:
    """Return the data sets of a project, which are its splits; ``all`` if there is only one."""
    folders = _folders(root)
    return tuple(folders) if len(folders) > 1 else (WHOLE,)


def open_supervisely(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one data set of a project.

    Raises
    ------
    DataError
        An unknown split, a list of classes or an annotation that is none, or a photo without one.
    """
    folders = _folders(root)
    split = choose_split(split, splits_of_supervisely(root), root)
    folder = folders[split] if split in folders else next(iter(folders.values()))
    classes = options.classes or _classes_of(root / "meta.json")
    entries = []
    for image in images_in(folder / "img"):
        own = folder / "ann" / f"{image.name}.json"
        if own.is_file():
            entries.append(Entry(image.stem, image, own))
        else:
            options.problem("unpaired", image, f"no annotation {own.name} in {own.parent}")
    if not entries or len({entry.name for entry in entries}) != len(entries):
        raise DataError(f"{folder}: no photo with an annotation, or two photos of one name")
    files = tuple(entry.label_path for entry in entries)
    reader = SuperviselyReader(classes, files, bool(options.skip_unusable))
    found = (
        f"{root.resolve().name}: Supervisely's annotations, {len(entries)} samples in '{split}', "
        f"{len(classes)} classes with background (meta.json), void {VOID}"
    )
    if reader.skip and (unusable := sum(len(reader.skipped(entry)) for entry in entries)):
        found += f"; {unusable} annotations without area left out"
    return Dataset(root, split, classes, tuple(entries), found, reader, "supervisely")


@dataclass(frozen=True, eq=False)
class SuperviselyReader(ImageFiles):
    """Reads the annotations of Supervisely, a file for each image.

    Parameters
    ----------
    classes : ClassMap
    files : tuple of Path
        All files of the set, in which a refusal counts.
    skip : bool
        Points and lines are left out.
    """

    classes: ClassMap
    files: tuple[Path, ...] = ()
    skip: bool = False

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Draw the objects in the order of the file.

        Raises
        ------
        LabelError
            One that has no area, that cannot be drawn, or that is of an unknown class.
        """
        drawn = []
        content = read_json(entry.label_path)
        stated = content.get("size")
        if isinstance(stated, dict):
            check_stated((stated.get("height"), stated.get("width")), size, entry)
        objects = _objects(content, entry.label_path)
        for number, one in enumerate(objects, 1):
            where = f"{entry.label_path}: object {number}"
            kind = one.get("geometryType")
            if kind not in AREAS:
                if self.skip:
                    continue
                raise LabelError(f"{where}: a {kind!r} bounds no pixels{self._way_out()}")
            mask = _drawn(one, kind, size, where)
            if mask.any():
                drawn.append(Instance.of(mask, self._class_id(one, where), number))
        instances = tuple(i for i in drawn if i.class_id not in (0, VOID))
        return paint_label_map(drawn, size), instances

    def skipped(self, entry: Entry) -> list[str]:
        """Return what to call the objects of a sample that are left out."""
        path = entry.label_path
        numbered = enumerate(_objects(read_json(path), path) if self.skip else (), 1)
        return [f"object {i}" for i, one in numbered if one.get("geometryType") not in AREAS]

    def _way_out(self) -> str:
        kinds = []
        for path in self.files:
            # Reported, with its name, when its sample is read.
            with suppress(DataError):
                kinds += [one.get("geometryType") for one in _objects(read_json(path), path)]
        return skip_hint(sum(kind not in AREAS for kind in kinds), len(kinds), "objects")

    def _class_id(self, one: Mapping[str, Any], where: str) -> int:
        name = str(one.get("classTitle"))
        if name in self.classes.names:
            return self.classes.index(name)
        if name.casefold() in VOID_NAMES:
            return VOID
        if name.casefold() in BACKGROUND_NAMES:
            return 0
        raise LabelError(f"{where}: class {name!r} is not in meta.json")


def _folders(root: Path) -> dict[str, Path]:
    """Return the folders of a project that hold images and annotations, by their names."""
    return {
        p.name: p
        for p in sorted(root.iterdir())
        if (p / "img").is_dir() and visible(p / "ann", "*.json")
    }


def _classes_of(path: Path) -> ClassMap:
    listed = read_json(path).get("classes")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise DataError(f"{path}: not a project of Supervisely; expected classes with titles")
    names = [str(one.get("title")) for one in listed]
    kept = (n for n in names if n.casefold() not in BACKGROUND_NAMES | VOID_NAMES)
    return class_map(("background", *kept), path)


def _objects(content: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    objects = content.get("objects")
    if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
        raise LabelError(f"{path}: not an annotation of Supervisely; expected a list of objects")
    return objects


def _drawn(one: Mapping[str, Any], kind: str, size: tuple[int, int], where: str) -> BoolArray:
    """Draw one object, (H, W) bool."""
    if kind == "bitmap":
        return _pasted(one.get("bitmap"), size, where)
    points = one.get("points")
    outside = points.get("exterior") if isinstance(points, dict) else None
    inside = points.get("interior") if isinstance(points, dict) else None
    if not isinstance(outside, list) or not isinstance(inside or [], list):
        raise LabelError(f"{where}: expected points with exterior and interior")
    canvas = np.zeros(size, np.uint8)
    if kind == "rectangle":
        corners = points_of([*outside, *outside[-1:]], size, where)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    else:
        corners = points_of(outside, size, where)
    cv2.fillPoly(canvas, [_rounded(corners)], 1)
    for hole in inside or []:
        cv2.fillPoly(canvas, [_rounded(points_of(hole, size, where))], 0)
    return canvas > 0


def _rounded(points: Float64Array) -> Any:
    return np.round(points).clip(-(1 << 15), 1 << 15).astype(np.int32)


def _pasted(bitmap: object, size: tuple[int, int], where: str) -> BoolArray:
    """Return the mask of a bitmap: a PNG, compressed once more, and where its corner lies."""
    parts = bitmap if isinstance(bitmap, dict) else {}
    origin = parts.get("origin")
    try:
        left, top = (int(value) for value in origin)  # type: ignore[union-attr]
        packed = base64.b64decode(parts.get("data") or "", validate=True)
        data = zlib.decompressobj().decompress(packed, MOST_BYTES)
    except (binascii.Error, zlib.error, OverflowError, TypeError, ValueError):
        raise LabelError(f"{where}: its bitmap is no compressed PNG with an origin") from None
    with open_pillow(where, data) as picture:
        has_alpha = picture.has_transparency_data
        shown = picture.convert("RGBA").getchannel("A") if has_alpha else picture.convert("L")
        patch = np.asarray(shown) > 0
    height, width = patch.shape
    if left < 0 or top < 0 or top + height > size[0] or left + width > size[1]:
        raise LabelError(f"{where}: its bitmap reaches out of the image")
    mask = np.zeros(size, np.bool_)
    mask[top : top + height, left : left + width] = patch
    return mask


FORMAT = Format(
    looked_for="Supervisely's meta.json with img/ and ann/",
    is_here=is_supervisely,
    splits=splits_of_supervisely,
    open=open_supervisely,
    strays=unused_images,
)
