"""Which photo a mask belongs to, by the names of the two files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pixelwise.errors import AmbiguousError, DataError, ImageFileError, LabelError
from pixelwise.io.image import images_in, is_image_file
from pixelwise.io.mask import read_levels

ENDS = (
    *("annot", "_annot", "_labels", "_label", "_masks", "_mask", "labels", "masks", "_gt"),
    *("_segmentation", "_seg", "_L", "_pseudo"),
)
"""What follows an image's name in that of its label map, of files and of folders."""

DERIVED = ("_pseudo", "_cutout")
"""What follows a mask's name in those of the files that EISeg writes beside it."""

LOSSY = (".jpg", ".jpeg", ".jfif")
TONES = 32
"""Different numbers or colours of a mask at most, where nothing else says that it is one."""

SAMPLED = 9

SHOWN = 12
"""Folders that a message names."""

Files = dict[str, Path]
"""Image files by their path below a folder, without the suffix."""


def by_key(folder: Path, doubled: list[Path] | None = None) -> Files:
    """Return the image files in a folder and below it; of two of one key, the last by name.

    The others are added to ``doubled``.
    """
    found: Files = {}
    for path in sorted(p for p in folder.rglob("*") if is_image_file(p)):
        key = path.relative_to(folder).with_suffix("").as_posix()
        if doubled is not None and key in found:
            doubled.append(found[key])
        found[key] = path
    return found


def paired(images: Files, masks: Files) -> Files:
    """Key masks by the image they belong to; those of no image keep their own name.

    The names are equal, or the mask's has one of the usual ends, or all names differ in the same
    way: another prefix, another suffix, or both.

    Raises
    ------
    AmbiguousError
        The names can be matched in several ways, or two masks belong to one image.
    """
    derived = {f"{key}{end}" for key in masks for end in DERIVED}
    masks = {key: path for key, path in masks.items() if key not in derived - images.keys()}
    usual: Files = {}
    for key, path in masks.items():
        bare = [key.removesuffix(end) for end in ENDS if key.endswith(end)]
        image = next((k for k in (key, *bare) if k in images), key)
        if image in usual:
            raise AmbiguousError(
                f"{path}: {image!r} has another mask, {usual[image].name}; put one of the two "
                "kinds of masks elsewhere, or say --labels DIR",
                usual[image],
                path,
            )
        usual[image] = path
    matched = len(usual.keys() & images.keys())
    if matched == min(len(images), len(masks)):
        return usual
    # Oxford-IIIT Pet's masks lie one folder further down.
    short_images, short_masks = _without_folder(images), _without_folder(masks)
    if short_images.keys() & short_masks.keys() and matched == 0:
        return {images_key(images, k): p for k, p in short_masks.items()}
    renamed = _renamed(list(images), list(masks))
    if len(renamed) <= matched:
        return usual
    return {renamed.get(key, key): path for key, path in masks.items()}


def images_key(images: Files, short: str) -> str:
    """Return the key of an image from its path below the folder that all images share."""
    folder = _folder(images)
    return f"{folder}/{short}" if folder else short


def split_folder(folder: Path) -> tuple[Files, Files]:
    """Return the photos and the masks of one folder that holds both.

    Raises
    ------
    DataError
        Neither their names nor their kinds say which are which.
    """
    files = images_in(folder)
    stems = {p.stem for p in files}
    ends = tuple(end for end in ENDS if end.startswith("_"))
    masks = [
        p
        for p in files
        if any(p.stem.endswith(e) and p.stem.removesuffix(e) in stems for e in ends)
    ]
    if not masks:
        counts = Counter(p.stem for p in files)
        twice = [p for p in files if counts[p.stem] == 2]
        masks = [p for p in twice if p.suffix.lower() not in LOSSY and looks_like_mask(p)]
    if not masks:
        masks = _group_of_masks(files)
    if not masks:
        raise DataError(
            f"{folder}: no name says which are photos and which are masks; put them into two "
            "folders and say --images DIR --labels DIR"
        )
    photos = [p for p in files if p not in set(masks)]
    return {p.stem: p for p in photos}, {p.stem: p for p in masks}


def holds_both(folder: Path) -> bool:
    """Return whether a folder holds photos, each with its mask beside it (``x_mask.png``)."""
    stems = {p.stem for p in images_in(folder)} if folder.is_dir() else set()
    ends = tuple(end for end in ENDS if end.startswith("_") and len(end) > 3)
    masks = {s for s in stems for e in ends if s.endswith(e) and s.removesuffix(e) in stems}
    return len(stems) <= 2 * len(masks) and bool(masks)


def looks_like_mask(path: Path) -> bool:
    """Return whether an image file is lossless and holds few different numbers or colours."""
    if path.suffix.lower() in LOSSY:
        return False
    try:
        levels = read_levels(path)
    except (ImageFileError, LabelError):
        return False
    flat = levels.reshape(-1, levels.shape[2]) if levels.ndim == 3 else levels.reshape(-1, 1)
    return len(np.unique(flat, axis=0)) <= TONES


def folders_seen(root: Path) -> str:
    """Return the folders that hold images, with their numbers, for people."""
    found: list[str] = []
    left = [root] if root.is_dir() else []
    while left and len(found) <= SHOWN:
        folder = left.pop()
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
        if count := sum(map(is_image_file, inside)):
            found.append(f"{folder.relative_to(root).as_posix()}/ ({count:,})")
        below = (path for path in inside if not is_image_file(path) and path.is_dir())
        left += sorted(below, reverse=True)
    return ", ".join([*found[:SHOWN], "..."] if len(found) > SHOWN else found) or "none"


def _folder(files: Files) -> str:
    """Return the folder that all files share below theirs, empty if there is none."""
    shared = {key.rpartition("/")[0] for key in files}
    return shared.pop() if len(shared) == 1 else ""


def _without_folder(files: Files) -> Files:
    start = _folder(files)
    return {key.removeprefix(f"{start}/") if start else key: p for key, p in files.items()}


def _group_of_masks(files: list[Path]) -> list[Path]:
    """Return the masks among the files of two namings, as in img_001.png and mask_001.png."""
    groups: dict[str, list[Path]] = {}
    for path in files:
        groups.setdefault(re.sub(r"\d+", "#", path.stem), []).append(path)
    if len(groups) != 2:
        return []
    alike = [group for group in groups.values() if looks_like_mask(group[0])]
    return alike[0] if len(alike) == 1 else []


def _renamed(images: list[str], masks: list[str]) -> dict[str, str]:
    """Return the image of each mask if all names differ in the same way; empty if they do not."""
    own, other = _Names(images), _Names(masks)
    chosen: dict[str, str] = {}
    for change in _changes(own, other):
        mapping = own.mapped(change)
        found = {mask: image for image, mask in mapping.items() if mask in other.keys}
        if len(found) < min(len(images), len(masks)) or len(found) != len(set(found.values())):
            continue
        if chosen and found != chosen:
            mask = next(m for m in masks if found.get(m) != chosen.get(m))
            raise AmbiguousError(
                f"mask {mask!r} could belong to {chosen.get(mask)!r} or {found.get(mask)!r}; "
                "give masks the names of their photos"
            )
        chosen = found
    return chosen


def _shared(names: list[str]) -> str:
    """Return the longest beginning of all names, cut at 60 characters."""
    first, last = min(names, default=""), max(names, default="")
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[:length][:60]


class _Names:
    """Names of files, and what they share at both ends."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = set(keys)
        self.names = [key.rpartition("/")[2] for key in keys]
        self.start = _shared(self.names)
        self.end = _shared([name[::-1] for name in self.names])

    def mapped(self, change: tuple[str, str, str, str]) -> dict[str, str]:
        """Return each key with another prefix and suffix."""
        start, end, new_start, new_end = change
        out = {}
        for key in self.keys:
            folder, slash, name = key.rpartition("/")
            core = name[len(start) : len(name) - len(end)]
            if core:
                out[key] = f"{folder}{slash}{new_start}{core}{new_end}"
        return out


def _changes(own: _Names, other: _Names) -> Iterator[tuple[str, str, str, str]]:
    """Yield the changes of prefix and suffix that fit some of the names."""
    sample = own.names[:: max(1, len(own.names) // SAMPLED)]
    known = {key.rpartition("/")[2] for key in other.keys}
    ends = [(a[::-1], b[::-1]) for a, b in _cuts(own.end, other.end)]
    for start, new_start in _cuts(own.start, other.start):
        for end, new_end in ends:
            cores = [name[len(start) : len(name) - len(end)] for name in sample]
            if any(core and f"{new_start}{core}{new_end}" in known for core in cores) and not (
                any(_cuts_number(start, core, end) for core in cores if core)
                or any(_cuts_number(new_start, core, new_end) for core in cores if core)
            ):
                yield start, end, new_start, new_end


def _cuts(own: str, other: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of two shared beginnings that do not end alike: those could be kept."""
    for i in range(len(own) + 1):
        for j in range(len(other) + 1):
            if not (i and j) or own[i - 1] != other[j - 1]:
                yield own[:i], other[:j]


def _cuts_number(start: str, core: str, end: str) -> bool:
    return (start[-1:].isdigit() and core[0].isdigit()) or (
        end[:1].isdigit() and core[-1].isdigit()
    )
