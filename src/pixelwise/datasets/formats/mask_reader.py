"""The reader of label maps that are image files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.datasets.reader import Entry, ImageFiles, Truth
from pixelwise.errors import LabelError
from pixelwise.instances import instances_of
from pixelwise.io.mask import (
    as_ids,
    count_ids,
    decode_rgb,
    read_brightness,
    read_colours,
    read_instance_map,
    read_levels,
)
from pixelwise.samples import UInt8Array

WIDENED = 257
"""What 16 bits hold for each of 8, if these were widened: white stays white."""


@dataclass(frozen=True, eq=False)
class MaskFiles:
    """How a number comes out of each pixel of a mask file, whatever the number means.

    Parameters
    ----------
    grey_rgb : bool
        RGB files hold grey levels, written three times.
    palette : (n, 3) uint8, optional
        Colours in RGB files; the VOC colour map if None.
    numbers : (n,) uint8, optional
        What each colour of the palette stands for; its place there if None.
    by_colour : bool
        Palette and grey files are read through their colours, too.
    """

    grey_rgb: bool = False
    palette: UInt8Array | None = None
    numbers: UInt8Array | None = None
    by_colour: bool = False

    def read(self, path: Path) -> UInt8Array:
        """Read the numbers of one mask file, (H, W) uint8.

        Raises
        ------
        ImageFileError
            The file cannot be read.
        LabelError
            A colour that stands for no number.
        """
        if self.by_colour:
            return self._number(decode_rgb(read_colours(path), str(path), self.palette))
        if self.grey_rgb:
            levels = read_levels(path)
            if levels.ndim == 3 and not (levels != levels[..., :1]).any():
                return np.ascontiguousarray(levels[..., 0]).astype(np.uint8)
        levels = read_levels(path)
        if levels.ndim == 3:
            return self._number(decode_rgb(levels.astype(np.uint8), str(path), self.palette))
        if levels.dtype != np.uint8 and levels.max() > VOID and not (levels % WIDENED).any():
            return (levels // WIDENED).astype(np.uint8)
        return as_ids(levels, path)

    def _number(self, places: UInt8Array) -> UInt8Array:
        return places if self.numbers is None else self.numbers[places]


@dataclass(frozen=True, eq=False)
class MaskReader(ImageFiles):
    """Reads masks whose numbers are ids.

    Parameters
    ----------
    files : MaskFiles
        Reads the numbers.
    table : (256,) int16
        From a number in the files to a class id, 255 = void; -1 for a number without a meaning.
    known : str
        Which numbers have a meaning, for errors.
    plain : int
        The table is the identity below this number, and 255 is the only void; -1 if not.
    binary : bool
        What is lighter than the threshold is the one class.
    threshold : float
        In the levels of the files.
    has_labels : bool
        False: there are only instance maps, and every instance has class 1.
    first_instance : int
        Lower numbers in an instance map are not instances.
    void_instance : int, optional
        Stands for void in an instance map.
    """

    files: MaskFiles = MaskFiles()
    table: npt.NDArray[np.int16] = field(default_factory=lambda: np.arange(256, dtype=np.int16))
    known: str = ""
    plain: int = -1
    binary: bool = False
    threshold: float = 0
    has_labels: bool = True
    first_instance: int = 1
    void_instance: int | None = None

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:  # noqa: ARG002 -- of every reader
        """Read the label map and, if there is an instance map, the instances.

        Raises
        ------
        ImageFileError
            A file cannot be read.
        LabelError
            A number without a meaning, with its count, or two maps of different sizes.
        """
        label_map = self.label_map(entry.label_path) if self.has_labels else None
        if entry.instance_path is None:
            if label_map is None:
                raise LabelError(f"{entry.label_path}: neither a label map nor an instance map")
            return label_map, None
        instance_map = read_instance_map(entry.instance_path)
        if label_map is not None and label_map.shape != instance_map.shape:
            own, other = instance_map.shape, label_map.shape
            raise LabelError(
                f"{entry.instance_path}: {own[0]} x {own[1]}, but the label map is "
                f"{other[0]} x {other[1]} (height x width)"
            )
        instance_map[instance_map < self.first_instance] = 0
        if self.void_instance is not None:
            instance_map[instance_map == self.void_instance] = 0
        instances = instances_of(instance_map, label_map)
        return (instance_map > 0).astype(np.uint8) if label_map is None else label_map, instances

    def label_map(self, path: Path) -> UInt8Array:
        """Read one mask file as class ids, (H, W) uint8, 255 = void."""
        if self.binary:
            return (read_brightness(path) > self.threshold).astype(np.uint8)
        levels = self.files.read(path)
        # uint8 wraps around, so this one subtraction lays the ids without a class at 0 and up.
        if self.plain >= 0 and (levels - np.uint8(self.plain)).min() >= VOID - self.plain:
            return levels
        counts = count_ids(levels)
        unknown = np.flatnonzero((counts > 0) & (self.table < 0))
        if unknown.size:
            raise LabelError(
                f"{path}: label {unknown[0]} in {counts[unknown[0]]} pixels, but {self.known}; "
                "fix the mask or give all class names"
            )
        return self.table[levels].astype(np.uint8)


def count_up(n_classes: int, void: int | None) -> tuple[int, ...]:
    """Return the numbers of classes in masks that count up from 0 and leave out void."""
    return tuple(i for i in range(256) if i not in (void, VOID))[:n_classes]


def id_reader(
    numbers: Sequence[int], voids: Iterable[int] = (), files: MaskFiles | None = None
) -> MaskReader:
    """Return the reader of masks in which class i has the i-th of some numbers.

    Parameters
    ----------
    numbers : sequence of int
    voids : iterable of int
        Numbers that stand for void, beside 255 if no class has it.
    files : MaskFiles, optional
    """
    void = sorted({*voids, VOID} - set(numbers))
    table = np.full(256, -1, dtype=np.int16)
    table[void] = VOID
    table[list(numbers)] = np.arange(len(numbers))
    gaps = set(range(min(numbers), max(numbers) + 1)) - {*numbers, *void}
    listed = ", ".join(map(str, sorted(numbers))) if gaps else f"{min(numbers)}..{max(numbers)}"
    voided = f"{' and '.join(map(str, void))} = void" if void else "none = void"
    known = f"{len(numbers)} classes are known ({listed}{';' if len(void) > 1 else ','} {voided})"
    plain = len(numbers) if void == [VOID] and (table[list(numbers)] == numbers).all() else -1
    return MaskReader(files or MaskFiles(), table, known, plain)
