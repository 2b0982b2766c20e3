"""The layout of PASCAL VOC: JPEGImages, SegmentationClass, SegmentationObject, ImageSets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.classes import VOC, VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.format import Format, Stray
from pixelwise.datasets.formats.mask_encoding import infer_encoding, usable_entries
from pixelwise.datasets.formats.writer import Item, Writer, write_new
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import DataError
from pixelwise.io.files import is_file, visible
from pixelwise.io.image import images_in
from pixelwise.io.mask import write_label_map
from pixelwise.io.text import read_text
from pixelwise.samples import instance_ids

IMAGES, MASKS, INSTANCES = "JPEGImages", "SegmentationClass", "SegmentationObject"
LISTS = Path("ImageSets") / "Segmentation"


def is_voc(path: Path) -> bool:
    """Return whether a folder is in the VOC layout; the lists may be missing."""
    return all((path / folder).is_dir() for folder in (IMAGES, MASKS))


def splits_of_voc(root: Path) -> tuple[str, ...]:
    """Return the names of the lists; ``all`` if there are none."""
    return tuple(sorted(p.stem for p in visible(root / LISTS, "*.txt"))) or (WHOLE,)


def open_voc(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of a folder in the VOC layout.

    Raises
    ------
    DataError
        An unknown split (the known ones are listed), an empty one, a file that is missing, or
        masks that can be read in two ways.
    """
    split = choose_split(split, splits_of_voc(root), root)
    has_instances = (root / INSTANCES).is_dir()
    photos, masks = _by_stem(root / IMAGES, ".jpg"), _by_stem(root / MASKS, ".png")
    listed = (
        Entry(
            name,
            photos.get(name, root / IMAGES / f"{name}.jpg"),
            masks.get(name, root / MASKS / f"{name}.png"),
            root / INSTANCES / f"{name}.png" if has_instances else None,
        )
        for name in _names(root, split)
    )
    entries = usable_entries(listed, options)
    encoding = infer_encoding(entries, options, [root], VOC, all_masks=lambda: list(masks.values()))
    reader = replace(encoding.reader, void_instance=VOID)
    found = (
        f"{root.resolve().name}: VOC layout, {len(entries)} samples in '{split}', "
        f"{encoding.description}{', with instances' if has_instances else ''}"
    )
    return Dataset(root, split, encoding.classes, entries, found, reader, "voc")


def _by_stem(folder: Path, own: str) -> dict[str, Path]:
    """Return the images of a folder by name; of two alike, the one with the layout's own suffix."""
    files = images_in(folder) if folder.is_dir() else []
    return {path.stem: path for path in sorted(files, key=lambda path: path.suffix == own)}


def _names(root: Path, split: str) -> list[str]:
    path = root / LISTS / f"{split}.txt"
    if not is_file(path):  # without lists, every mask makes a sample
        names = [p.stem for p in images_in(root / MASKS)]
        if not names:
            raise DataError(f"{root / MASKS}: no mask in this folder")
        return names
    names = read_text(path).split()
    if not names:
        raise DataError(f"{path}: the split is empty")
    for name in names:
        if Path(name).name != name or "\0" in name or len(name) > 200:
            raise DataError(f"{path}: {name[:50]!r} is not a file stem")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: {twice[0]!r} is listed twice")
    return names


def _strays(datasets: list[Dataset]) -> Iterator[Stray]:
    """Yield masks without a photo. Photos without a mask are part of the layout's design."""
    for root in {dataset.root for dataset in datasets}:
        stems = {image.stem for image in (root / IMAGES).iterdir()}
        for mask in visible(root / MASKS, "*.png"):
            if mask.stem not in stems:
                yield mask, "photo"


class VocWriter(Writer):
    """Writes the VOC layout: palette PNGs, instances if they are known, classes.txt."""

    def __init__(
        self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None = None
    ) -> None:
        super().__init__(root, classes, file_ids)
        self._lists: dict[str, list[str]] = {}

    def add(self, item: Item) -> None:
        """Write image, label map and instances of one sample; one in two lists is written once."""
        listed = any(item.stem in names for names in self._lists.values())
        self._lists.setdefault(item.split, []).append(item.stem)
        image = self.root / IMAGES / f"{item.stem}{item.suffix}"
        if listed and is_file(image) and image.read_bytes() == item.image_file:
            return
        write_new(image, item.image_file)
        write_label_map(self.root / MASKS / f"{item.stem}.png", item.label_map, self.classes)
        if item.instances is None:
            return
        ids = instance_ids(item.instances)
        if max(ids, default=0) >= VOID:
            ids = list(range(1, len(ids) + 1))
        if len(ids) >= VOID:
            self.losses["instances beyond the 254 that an image can have"] += len(ids) - VOID + 1
        instance_map = self.paint(item, ids[: VOID - 1]).astype(np.uint8)
        instance_map[(item.label_map == VOID) & (instance_map == 0)] = VOID
        write_label_map(self.root / INSTANCES / f"{item.stem}.png", instance_map, VOC)

    def close(self) -> None:
        """Write the lists, ``trainval`` among them as VOC has it, and the class names."""
        both = [self._lists.get(split) for split in ("train", "val")]
        if both[0] and both[1] and "trainval" not in self._lists:
            self._lists["trainval"] = sorted({*both[0], *both[1]})
        for split, names in self._lists.items():
            write_new(self.root / LISTS / f"{split}.txt", ("\n".join(names) + "\n").encode())
        self.write_class_names()


FORMAT = Format(
    looked_for="JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/*.txt",
    is_here=is_voc,
    splits=splits_of_voc,
    open=open_voc,
    writer=VocWriter,
    strays=_strays,
)
