"""Where YOLO data lies: data.yaml, its splits, and the text file of each photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pixelwise.datasets.splits import WHOLE
from pixelwise.errors import DataError
from pixelwise.io.files import is_file
from pixelwise.io.image import is_image_file
from pixelwise.io.text import read_text

IMAGES, LABELS = "images", "labels"


def yaml_of(path: Path) -> Path | None:
    """Return the YAML file that describes a folder's data, or that ``path`` itself is."""
    if is_file(path):
        return path if path.suffix in (".yaml", ".yml") else None
    named = [p for p in (path / "data.yaml", path / "dataset.yaml") if is_file(p)]
    named += [p for p in sorted(path.glob("*.y*ml")) if p not in named and _is_yaml(p)]
    return next((p for p in named if "names" in read_yaml(p)), None)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file; empty where it holds no mapping.

    Raises
    ------
    DataError
        It is no YAML.
    """
    try:
        content = yaml.safe_load(read_text(path, 1 << 20))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    return content if isinstance(content, dict) else {}


def _is_yaml(path: Path) -> bool:
    # A file of another tool's may be anything; only data.yaml has to be YAML.
    try:
        return bool(read_yaml(path))
    except DataError:
        return False


def split_places(root: Path) -> dict[str, list[Path]]:
    """Return the places of each split's photos: folders, or text files that list them."""
    file = yaml_of(root)
    folder = root if root.is_dir() else root.parent
    if file is None:
        inside = sorted(p for p in (root / IMAGES).iterdir() if p.is_dir())
        return {p.name: [p] for p in inside} or {WHOLE: [root / IMAGES]}
    content = read_yaml(file)
    base = folder / str(content.get("path") or "")
    # Exported files often carry the path of the machine they were made on.
    bases = [b for b in (base, folder) if b.is_dir()] or [folder]
    splits = {}
    for name in ("train", "val", "test", *sorted(str(key) for key in content)):
        places = content.get(name)
        if name in ("path", "names", "nc", "download") or name in splits:
            continue
        listed = [places] if isinstance(places, str) else places
        if isinstance(listed, list) and listed and all(isinstance(p, str) for p in listed):
            splits[name] = [_place(bases, place, file) for place in listed]
    if not splits:
        raise DataError(f"{file}: expected splits such as 'train: images/train', found none")
    return {k: v for k, v in splits.items() if v[0].exists() or k == "train"}


def _place(bases: list[Path], place: str, file: Path) -> Path:
    if "\0" in place:
        raise DataError(f"{file}: {place!r} is no path")
    # "../train/images" is how Roboflow writes it, from a folder that is not there.
    for base in bases:
        for candidate in (base / place, base / place.removeprefix("../")):
            if candidate.exists():
                return candidate
    return bases[0] / place


def photos_at(place: Path) -> list[Path]:
    """Return the photos in a folder and below, or those that a text file lists."""
    if place.is_dir():
        return [p for p in place.rglob("*") if is_image_file(p)]
    if place.suffix == ".txt" and is_file(place):
        return [place.parent / line for line in read_text(place).split("\n") if line.strip()]
    return []


def label_path(photo: Path) -> Path:
    """Return where a photo's labels are: its last folder ``images`` becomes ``labels``."""
    parts = list(photo.parent.parts)
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] == IMAGES:
            parts[i] = LABELS
            break
    return Path(*parts) / f"{photo.stem}.txt"
