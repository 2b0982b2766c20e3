"""The layout of PASCAL VOC: JPEGImages, SegmentationClass, SegmentationObject, ImageSets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.classes import VOC, VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.mask_encoding import understand, usable
from pixelwise.datasets.formats.writer import Item, put
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import DataError
from pixelwise.io.files import is_file
from pixelwise.io.image import images_in
from pixelwise.io.mask import write_label_map
from pixelwise.io.text import read_text
from pixelwise.samples import numbers

LOOKED_FOR = "JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/*.txt"
PHOTOS, MASKS, OBJECTS = "JPEGImages", "SegmentationClass", "SegmentationObject"
LISTS = Path("ImageSets") / "Segmentation"


def is_voc(path: Path) -> bool:
    """Tell whether a folder is in the VOC layout; the lists may be missing."""
    return all((path / folder).is_dir() for folder in (PHOTOS, MASKS))


def splits_of_voc(root: Path) -> tuple[str, ...]:
    """Return the names of the lists; ``all`` where there are none."""
    return tuple(sorted(p.stem for p in (root / LISTS).glob("*.txt"))) or (WHOLE,)


def open_voc(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of a folder in the VOC layout.

    Raises
    ------
    DataError
        An unknown split (the known ones are listed), an empty one, a file that is missing, or
        masks that can be read in two ways.
    """
    split = choose_split(split, splits_of_voc(root), root)
    has_objects = (root / OBJECTS).is_dir()
    listed = (_entry(root, name, has_objects) for name in _names(root, split))
    entries = usable(listed, options)
    understood = understand(
        entries, options, [root], VOC, all_masks=lambda: list((root / MASKS).glob("*.png"))
    )
    reader = replace(understood.reader, void_instance=VOID)
    found = (
        f"{root.resolve().name}: VOC layout, {len(entries)} samples in '{split}', "
        f"{understood.words}{', with objects' if has_objects else ''}"
    )
    return Dataset(root, split, understood.classes, entries, found, reader, "voc")


def _entry(root: Path, name: str, has_objects: bool) -> Entry:
    photo = root / PHOTOS / f"{name}.jpg"
    if not is_file(photo):
        # The layout's own photos are .jpg; people keep theirs as they are.
        photo = next(iter(p for p in (root / PHOTOS).glob(f"{name}.*")), photo)
    objects = root / OBJECTS / f"{name}.png" if has_objects else None
    return Entry(name, photo, root / MASKS / f"{name}.png", objects)


def _names(root: Path, split: str) -> list[str]:
    path = root / LISTS / f"{split}.txt"
    if not is_file(path):  # no lists at all: what has a mask is a sample
        names = [p.stem for p in images_in(root / MASKS)]
        if not names:
            raise DataError(f"{root / MASKS}: no mask in this folder")
        return names
    names = read_text(path).split()
    if not names:
        raise DataError(f"{path}: the split is empty")
    for name in names:
        if Path(name).name != name or "\0" in name or len(name) > 200:
            raise DataError(f"{path}: {name[:50]!r} is no file stem")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: {twice[0]!r} is listed twice")
    return names


class VocWriter:
    """Writes the VOC layout: palette PNGs, objects where they are told apart, classes.txt."""

    def __init__(self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None) -> None:  # noqa: ARG002
        self.losses: Counter[str] = Counter()
        self._root = root
        self._classes = classes
        self._lists: dict[str, list[str]] = {}

    def add(self, item: Item) -> None:
        """Write photo, label map and objects of one sample; one in two lists is written once."""
        listed = any(item.stem in names for names in self._lists.values())
        self._lists.setdefault(item.split, []).append(item.stem)
        photo = self._root / PHOTOS / f"{item.stem}{item.suffix}"
        if listed and is_file(photo) and photo.read_bytes() == item.photo:
            return
        put(photo, item.photo)
        write_label_map(self._root / MASKS / f"{item.stem}.png", item.label_map, self._classes)
        if item.instances is None:
            return
        object_map = np.zeros(item.size, dtype=np.uint8)
        ids = numbers(item.instances)
        if max(ids, default=0) >= VOID:
            ids = list(range(1, len(ids) + 1))
        if len(ids) >= VOID:
            self.losses["objects beyond the 254 that a photo can have"] += len(ids) - VOID + 1
        for number, instance in zip(ids[: VOID - 1], item.instances, strict=False):
            patch = instance.within(object_map)
            if patch[instance.patch].any():
                self.losses["objects that overlap others"] += 1
            patch[instance.patch] = number
            self.losses["crowd marks"] += instance.crowd
        object_map[(item.label_map == VOID) & (object_map == 0)] = VOID
        write_label_map(self._root / OBJECTS / f"{item.stem}.png", object_map, VOC)

    def close(self) -> None:
        """Write the lists, ``trainval`` among them as VOC has it, and the class names."""
        both = [self._lists.get(split) for split in ("train", "val")]
        if both[0] and both[1] and "trainval" not in self._lists:
            self._lists["trainval"] = sorted({*both[0], *both[1]})
        for split, names in self._lists.items():
            put(self._root / LISTS / f"{split}.txt", ("\n".join(names) + "\n").encode())
        put(self._root / "classes.txt", ("\n".join(self._classes.names) + "\n").encode())
