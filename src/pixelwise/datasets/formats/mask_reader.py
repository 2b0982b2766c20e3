"""Truth that are pictures: what their numbers mean, and the reader for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.datasets.reader import Entry, ImageFiles, Truth
from pixelwise.errors import LabelError
from pixelwise.instances import instances_of
from pixelwise.io.mask import (
    count_ids,
    read_instance_map,
    read_label_map,
    read_levels,
)
from pixelwise.samples import UInt8Array


@dataclass(frozen=True, eq=False)
class MaskFiles(ImageFiles):
    """Reads masks whose numbers are ids.

    Parameters
    ----------
    table : (256,) int16
        From a number in the files to a class id, 255 = void; -1 where it means nothing.
    known : str
        Which numbers mean something, for errors.
    plain : int
        The table is the identity below this number, and so 255 is the only void; -1 if not.
    binary : bool
        Anything but 0 is the one class.
    grey_rgb : bool
        RGB pictures hold grey levels, three times.
    palette : (256, 3) uint8, optional
        The colour of each number in RGB pictures; the VOC colour map where None.
    has_labels : bool
        False: there are only instance maps, and every object has class 1.
    first_instance : int
        Lower numbers in an instance map are no objects.
    void_instance : int, optional
        Stands for void in an instance map.
    """

    table: npt.NDArray[np.int16]
    known: str
    plain: int = -1
    binary: bool = False
    grey_rgb: bool = False
    palette: UInt8Array | None = None
    has_labels: bool = True
    first_instance: int = 1
    void_instance: int | None = None

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:  # noqa: ARG002 -- of every reader
        """Read the label map and, where there is an instance map, the objects.

        Raises
        ------
        ImageFileError
            A file cannot be read.
        LabelError
            A number that means nothing, with its count, or two maps of different sizes.
        """
        label_map = self.label_map(entry.label_path) if self.has_labels else None
        if entry.instance_path is None:
            if label_map is None:
                raise LabelError(f"{entry.label_path}: neither a label map nor an instance map")
            return label_map, None
        instance_map = read_instance_map(entry.instance_path)
        if label_map is not None and label_map.shape != instance_map.shape:
            here, there = instance_map.shape, label_map.shape
            raise LabelError(
                f"{entry.instance_path}: {here[0]} x {here[1]}, but the label map is "
                f"{there[0]} x {there[1]} (height x width)"
            )
        instance_map[instance_map < self.first_instance] = 0
        if self.void_instance is not None:
            instance_map[instance_map == self.void_instance] = 0
        instances = instances_of(instance_map, label_map)
        return (instance_map > 0).astype(np.uint8) if label_map is None else label_map, instances

    def label_map(self, path: Path) -> UInt8Array:
        """Read one mask file as class ids, (H, W) uint8, 255 = void."""
        levels = self.levels(path)
        if self.binary:
            return (levels > 0).astype(np.uint8)
        # uint8 wraps around, so this one subtraction lays the ids without a class at 0 and up.
        if self.plain >= 0 and (levels - np.uint8(self.plain)).min() >= VOID - self.plain:
            return levels
        counts = count_ids(levels)
        strange = np.flatnonzero((counts > 0) & (self.table < 0))
        if strange.size:
            raise LabelError(
                f"{path}: label {strange[0]} in {counts[strange[0]]} pixels, but {self.known}; "
                "mend the mask or give all class names"
            )
        return self.table[levels].astype(np.uint8)

    def levels(self, path: Path) -> UInt8Array:
        """Read the numbers of one mask file, (H, W) uint8, whatever they mean."""
        if self.grey_rgb:
            levels = read_levels(path)
            if levels.ndim == 3 and not (levels != levels[..., :1]).any():
                return np.ascontiguousarray(levels[..., 0]).astype(np.uint8)
        return read_label_map(path, self.palette)


def id_reader(
    n_classes: int, void: int | None, like: MaskFiles | None = None, **changes: int | None
) -> MaskFiles:
    """Return the reader of masks whose numbers are class ids in their order, leaving out void."""
    table = np.full(256, -1, dtype=np.int16)
    if void is None:
        void = VOID
    numbers = [i for i in range(256) if i not in (void, VOID)][:n_classes]
    table[numbers] = np.arange(len(numbers))
    table[[void, VOID]] = VOID
    last = numbers[-1]
    known = f"{n_classes} classes are known ({numbers[0]}..{last}, {VOID} = void)"
    if void != VOID:
        known = f"{n_classes} classes are known ({numbers[0]}..{last}; {void} and {VOID} = void)"
    plain = n_classes if void == VOID else -1
    return MaskFiles(
        table,
        known,
        plain,
        grey_rgb=like.grey_rgb if like else False,
        palette=like.palette if like else None,
        **changes,  # type: ignore[arg-type]
    )
