"""What a caller may say about how a data set is to be read, and what the format names share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.image import IMAGE_SUFFIXES

WHOLE = "all"
"""The split of a data set that has none."""

ENCODINGS = {
    "ids": "a mask's numbers are class ids (palette indices, grey levels or VOC colours)",
    "binary": "0 is background, anything else the one class",
    "instances": "a mask's numbers are instance ids, 0 = none",
}
"""How the numbers of a mask file may be meant."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with one file: a kind that a check knows, words, and what shows it."""

    kind: str
    path: Path
    text: str
    shown: Path | None = None


@dataclass(frozen=True)
class Options:
    """What the caller said; None leaves it to the files.

    Parameters
    ----------
    classes : ClassMap, optional
        What the ids mean.
    encoding : str, optional
        One of `ENCODINGS`, for formats whose labels are pictures.
    void : int, optional
        A further id in the files, 0..255, that stands for void. Ids above it move down by one.
    labels : str, optional
        The folder of label maps, where several could be meant.
    problems : list of Problem, optional
        Where given, a sample that cannot be opened is left out and noted here instead of
        stopping everything.

    Raises
    ------
    ArgumentError
        An unknown encoding, or a void out of range.
    """

    classes: ClassMap | None = None
    encoding: str | None = None
    void: int | None = None
    labels: str | None = None
    problems: list[Problem] | None = None

    def trouble(self, kind: str, path: Path, text: str, shown: Path | None = None) -> None:
        """Raise a DataError about a file, or note it where somebody collects them."""
        if self.problems is None:
            raise DataError(f"{path}: {text}")
        self.problems.append(Problem(kind, path, text, shown))

    def __post_init__(self) -> None:
        if self.encoding is not None and self.encoding not in ENCODINGS:
            known = ", ".join(ENCODINGS)
            raise ArgumentError(f"unknown encoding {self.encoding!r}; there is: {known}")
        if self.void is not None and not 0 <= self.void <= 255:
            raise ArgumentError(f"void: expected an id in 0..255, got {self.void}")


def photos_in(folder: Path) -> list[Path]:
    """Return the photos of a folder, sorted by name."""
    return sorted(p for p in folder.iterdir() if is_photo(p))


def is_photo(path: Path) -> bool:
    """Tell by the name whether a path is a photo; hidden files are none."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def choose_split(split: str | None, known: tuple[str, ...], root: Path) -> str:
    """Return the split to open: the one asked for, else ``train``, else the only one.

    Raises
    ------
    DataError
        It is not there, or none was asked for and several could be meant.
    """
    if split is None:
        if "train" in known:
            return "train"
        if len(known) == 1:
            return known[0]
        if WHOLE in known:
            return WHOLE
        raise DataError(f"{root}: no split 'train'; name one (--split): {', '.join(known)}")
    if split not in known:
        there = ", ".join(known) or "none"
        raise DataError(f"{root}: no split {split!r}; there is: {there}")
    return split


def named(names: tuple[str, ...], where: Path) -> ClassMap:
    """Make class names that came from a file into a `ClassMap`, in the VOC colours."""
    return checked(lambda: ClassMap(names), where)


def checked(make: Callable[[], ClassMap], where: Path) -> ClassMap:
    """Make a `ClassMap` of a file's content; what does not fit is the file's fault."""
    try:
        return make()
    except ArgumentError as error:
        raise DataError(f"{where}: {error}") from None
