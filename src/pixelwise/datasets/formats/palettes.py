"""Palettes that differ from file to file: then the colours say what is what, not their places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.errors import AmbiguousError, ImageFileError, LabelError
from pixelwise.io.mask import read_levels, read_palette
from pixelwise.io.stored_path import fetch_ahead
from pixelwise.samples import UInt8Array

Colour = tuple[int, int, int]

MOST = 64
"""Colours that the masks of a set hold together at most, to be read by colour without a list."""


@dataclass(frozen=True)
class Shuffled:
    """What two files show whose palettes contradict each other.

    Parameters
    ----------
    files : (Path, Path)
        One index has another colour in each.
    colours : tuple of (r, g, b)
        All that the masks use, black first.
    reordered : bool
        A colour has one index here and another there: the palettes are in another order.
    """

    files: tuple[Path, Path]
    colours: tuple[Colour, ...]
    reordered: bool

    def palette(self) -> UInt8Array:
        """Return the colours, (n, 3) uint8.

        Raises
        ------
        AmbiguousError
            The palettes are not the same colours in another order.
        """
        first, second = self.files
        if not self.reordered or len(self.colours) > MOST:
            raise AmbiguousError(
                f"{first} and {second.name}: their palettes give one index two colours; say "
                "--encoding ids if the indices are class ids, or name the colours: --classes "
                "FILE with lines of 'name r g b'",
                *self.files,
            )
        return np.array(self.colours, dtype=np.uint8)


def shuffled_palettes(masks: Iterable[Path]) -> Shuffled | None:
    """Return what is wrong with the palettes of masks; None if they agree."""
    paths = sorted(set(masks))
    fetch_ahead(paths)
    palettes = {path: palette for path in paths if (palette := _palette(path)) is not None}
    if _agree(list(palettes.values())):
        return None
    by_index: dict[int, tuple[Colour, Path]] = {}
    by_colour: dict[Colour, int] = {}
    files, reordered = None, False
    for path, palette in palettes.items():
        for index, colour in _used(path, palette):
            known, where = by_index.setdefault(index, (colour, path))
            if known != colour and files is None:
                files = where, path
            reordered |= by_colour.setdefault(colour, index) != index
    if files is None:
        return None
    black = (0, 0, 0)
    return Shuffled(files, tuple(sorted(by_colour, key=lambda c: (c != black, c))), reordered)


def _palette(path: Path) -> UInt8Array | None:
    try:
        return read_palette(path)
    except (ImageFileError, LabelError):  # reported, with its name, when its sample is read
        return None


def _agree(palettes: list[UInt8Array]) -> bool:
    """Return whether all palettes have the same colours, as far as each of them goes."""
    longest = max(palettes, key=len, default=np.zeros((0, 3), np.uint8))
    return all((palette == longest[: len(palette)]).all() for palette in palettes)


def _used(path: Path, palette: UInt8Array) -> list[tuple[int, Colour]]:
    """Return the indices that a mask uses, with their colours."""
    try:
        levels = read_levels(path)
    except (ImageFileError, LabelError):
        return []
    rows = palette.tolist()
    used = [i for i in np.unique(levels).tolist() if i < len(rows)]
    return [(i, (rows[i][0], rows[i][1], rows[i][2])) for i in used]
