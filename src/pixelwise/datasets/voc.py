"""The layout of PASCAL VOC: JPEGImages, SegmentationClass, ImageSets/Segmentation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from pixelwise.classes import VOC, VOID, ClassMap
from pixelwise.datasets.dataset import Dataset, Entry
from pixelwise.errors import DataError, NotADatasetError
from pixelwise.masks import count_ids, mask_encoding, read_label_map

LOOKED_FOR = "JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/*.txt (the VOC layout)"
SAMPLED = 16


def open_voc(root: Path, split: str, classes: ClassMap | None) -> Dataset:
    """Open one split of a folder in the VOC layout.

    Parameters
    ----------
    root : Path
        The folder that holds ``JPEGImages``, or a ``VOCdevkit`` above exactly one such folder.
    split : str
        The name of a list in ``ImageSets/Segmentation``.
    classes : ClassMap or None
        What the ids mean. None takes the names in the folder's ``classes.txt``, else VOC's 21,
        else, where most masks hold ids above 20, numbers.

    Raises
    ------
    NotADatasetError
        Not this layout; the message says what was looked for.
    DataError
        An unknown split (the known ones are listed), an empty one, or a file that is missing.
    """
    root = find_root(root)
    entries = tuple(
        Entry(name, root / "JPEGImages" / f"{name}.jpg", root / "SegmentationClass" / f"{name}.png")
        for name in _names(root, split)
    )
    for entry in entries:
        for path in (entry.image_path, entry.label_path):
            if not path.is_file():
                raise DataError(f"{path}: missing, but '{split}.txt' lists {entry.name!r}")
    spread = [entries[i] for i in np.linspace(0, len(entries) - 1, SAMPLED, dtype=int)]
    encodings = sorted({mask_encoding(entry.label_path) for entry in spread})
    classes, named_by = _classes_of(root, entries, spread, classes)
    found = (
        f"VOC layout, {len(entries)} samples in '{split}', {' and '.join(encodings)} masks, "
        f"{len(classes)} classes {named_by}, void {VOID}"
    )
    return Dataset(root, split, classes, entries, found)


def find_root(path: Path) -> Path:
    """Return the folder in the VOC layout at ``path`` or as the only one below it.

    Raises
    ------
    NotADatasetError
        None there, or several.
    """
    if not path.is_dir():
        what = "a file, not a folder" if path.exists() else "no such folder"
        raise NotADatasetError(f"{path}: {what}; a data set is a folder with {LOOKED_FOR}")
    if _has_layout(path):
        return path
    below = [p for depth in ("*", "*/*") for p in sorted(path.glob(depth)) if _has_layout(p)]
    if len(below) > 1:
        raise NotADatasetError(
            f"{path}: several data sets inside, name one: " + ", ".join(map(str, below))
        )
    if not below:
        raise NotADatasetError(f"{path}: not a data set; looked for {LOOKED_FOR}")
    return below[0]


def _has_layout(path: Path) -> bool:
    return all((path / folder).is_dir() for folder in ("JPEGImages", "SegmentationClass"))


def _names(root: Path, split: str) -> list[str]:
    lists = root / "ImageSets" / "Segmentation"
    path = lists / f"{split}.txt"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in lists.glob("*.txt"))) or "none"
        raise DataError(f"{root}: no split {split!r} in ImageSets/Segmentation; there is: {known}")
    try:
        names = path.read_text(encoding="utf-8").split()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file") from None
    if not names:
        raise DataError(f"{path}: the split is empty")
    for name in names:
        if Path(name).name != name:
            raise DataError(f"{path}: {name!r} is no file stem")
    return names


def _classes_of(
    root: Path, entries: tuple[Entry, ...], spread: list[Entry], classes: ClassMap | None
) -> tuple[ClassMap, str]:
    if classes is not None:
        return classes, "(given)"
    path = root / "classes.txt"
    if path.is_file():
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        return ClassMap.of(name for name in names if name), "(classes.txt)"
    # A stray id above 20 is a broken mask and must be reported as such. Where most masks hold
    # such ids, the folder has other classes than VOC's, and calling id 15 "person" would be wrong.
    beyond = sum(_highest_id(entry) >= len(VOC) for entry in spread)
    if beyond * 2 <= len(spread):
        return VOC, "(VOC names)"
    with ThreadPoolExecutor() as pool:
        highest = max(pool.map(_highest_id, entries))
    return ClassMap.numbered(highest + 1), "(without names: add a classes.txt)"


def _highest_id(entry: Entry) -> int:
    counts = count_ids(read_label_map(entry.label_path))
    return int(np.flatnonzero(counts[:VOID]).max(initial=0))
