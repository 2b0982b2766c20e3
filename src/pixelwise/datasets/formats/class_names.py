"""Files of class names that lie in a data set's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.text import read_text

NAME_FILES = ("classes.txt", "class_names.txt", "labels.txt")
"""Where a folder's class names are looked for, in this order."""

VOID_NAMES = {"void", "ignore", "__ignore__", "unlabelled", "unlabeled"}


@dataclass(frozen=True)
class Names:
    """Class names as a text file lists them.

    Parameters
    ----------
    names : tuple of str
        Line i names id i; a line for void is one of them.
    colours : tuple of (r, g, b)
        As many, or none.
    void : int or None
        The line that stands for void.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    void: int | None


def find_names(folders: list[Path]) -> tuple[Path, Names] | None:
    """Read the first file of class names in some folders.

    Raises
    ------
    DataError
        The file is not text, is empty, or names a class twice.
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
        raise DataError(f"{path}: expected one class name per line, found none")
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


def class_map(
    names: tuple[str, ...], where: Path, colours: tuple[tuple[int, int, int], ...] = ()
) -> ClassMap:
    """Make class names that came from a file into a `ClassMap`; what does not fit is its fault.

    Raises
    ------
    DataError
        No name, too many, or a name twice; the message begins with ``where``.
    """
    try:
        return ClassMap(names, colours)
    except ArgumentError as error:
        raise DataError(f"{where}: {error}") from None
