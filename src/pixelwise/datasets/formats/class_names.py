"""Text files that come with data sets: lists, JSON, class names. None of them is trusted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.errors import DataError

NAME_FILES = ("classes.txt", "class_names.txt", "labels.txt")
"""Where a folder's class names are looked for, in this order."""

VOID_NAMES = {"void", "ignore", "__ignore__", "unlabelled", "unlabeled"}


@dataclass(frozen=True)
class Names:
    """Class names as a text file lists them.

    Parameters
    ----------
    names : tuple of str
        Line i names id i; a line for void is among them.
    colours : tuple of (r, g, b)
        As many, or none.
    void : int or None
        The line that stands for void.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    void: int | None


def read_text(path: Path, limit: int = 1 << 31) -> str:
    """Read a text file of at most ``limit`` bytes.

    Raises
    ------
    DataError
        It is missing, too large, or no UTF-8.
    """
    try:
        if path.stat().st_size > limit:
            raise DataError(f"{path}: larger than {limit >> 20} MB, not a file of this kind")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises
    ------
    DataError
        It is no JSON, too deeply nested, or no object.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


def find_names(folders: list[Path]) -> tuple[Path, Names] | None:
    """Read the first file of class names in some folders.

    Raises
    ------
    DataError
        The file is no text, is empty, or names a class twice.
    """
    for folder in folders:
        for file in NAME_FILES:
            if (folder / file).is_file():
                return folder / file, _parse_names(folder / file)
    return None


def _parse_names(path: Path) -> Names:
    lines = [line.strip() for line in read_text(path, 1 << 20).splitlines()]
    # labelme lists "__ignore__" first and counts it as -1.
    lines = [line for line in lines if line]
    if lines[:1] == ["__ignore__"]:
        lines = lines[1:]
    if not lines:
        raise DataError(f"{path}: expected a class name a line, found none")
    colours: list[tuple[int, int, int]] = []
    for line in lines:
        *_, r, g, b = ["", *line.split()][-4:] if len(line.split()) > 3 else ["", "", "", ""]
        if not all(v.isascii() and v.isdigit() and int(v) < 256 for v in (r, g, b)):
            colours = []
            break
        colours.append((int(r), int(g), int(b)))
    if colours:
        lines = [line.rsplit(maxsplit=3)[0] for line in lines]
    names = tuple("background" if n.casefold() == "_background_" else n for n in lines)
    marked = [i for i, name in enumerate(names) if name.casefold() in VOID_NAMES]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: class name {twice!r} is given twice; every class needs its own")
    return Names(names, tuple(colours), marked[0] if marked else None)
