"""What every format's reader returns: an ordered set of samples, read when asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import LabelError
from pixelwise.images import read_image
from pixelwise.masks import count_ids, read_label_map
from pixelwise.progress import track
from pixelwise.types import Sample


@dataclass(frozen=True)
class Entry:
    """Where one sample's files are."""

    name: str
    image_path: Path
    label_path: Path


@dataclass(frozen=True, eq=False)
class Dataset(Sequence[Sample]):
    """One split of a data set. Indexing reads from disk; nothing is kept.

    Parameters
    ----------
    root : Path
        The folder that was opened.
    split : str
        For example ``"train"`` or ``"val"``.
    classes : ClassMap
        What the ids of the label maps mean.
    entries : tuple of Entry
        In the order of the split's list.
    found : str
        One line: what layout and mask encoding the folder was taken for.
    table : (256,) uint8, optional
        Translates the ids in the files to those of ``classes``; identity where None.
    file_classes : ClassMap, optional
        What the ids in the files mean, where ``table`` translates them.
    """

    root: Path
    split: str
    classes: ClassMap
    entries: tuple[Entry, ...]
    found: str
    table: npt.NDArray[np.uint8] | None = None
    file_classes: ClassMap | None = None

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> Sample | Dataset:
        """Read sample ``index``; a slice gives a data set of those samples, still unread.

        Raises
        ------
        ImageFileError
            The photo or the mask is missing or damaged.
        LabelError
            Mask and photo differ in size, or an id is out of range.
        """
        if isinstance(index, slice):
            return replace(self, entries=self.entries[index])
        entry = self.entries[index]
        image, label_map = read_image(entry.image_path), self.read_labels(entry)
        return Sample(entry.name, image, label_map, self.classes)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def read_labels(self, entry: Entry) -> npt.NDArray[np.uint8]:
        """Read one mask and check its ids against the classes.

        Returns
        -------
        (H, W) uint8
            Ids of ``self.classes``, 255 = void.

        Raises
        ------
        LabelError
            An id without a class; the message names file, id and count.
        """
        label_map = read_label_map(entry.label_path)
        known = self.file_classes or self.classes
        # uint8 wraps around, so this one subtraction lays the ids without a class at 0 and up.
        if ((label_map - np.uint8(len(known))) < VOID - len(known)).any():
            counts = count_ids(label_map)
            strange = int(np.flatnonzero(counts[len(known) : VOID])[0]) + len(known)
            raise LabelError(
                f"{entry.label_path}: label {strange} in {counts[strange]} pixels, but "
                f"{len(known)} classes are known (0..{len(known) - 1}, {VOID} = void); "
                "mend the mask or give all class names"
            )
        return label_map if self.table is None else self.table[label_map]

    def load(self, workers: int | None = None) -> list[Sample]:
        """Read all samples into memory, on all cores, with a progress bar on a terminal.

        Parameters
        ----------
        workers : int, optional
            Threads that read; one a core where not given. The decoders release the
            interpreter lock, so threads do run side by side.

        Returns
        -------
        list of Sample
            In the order of the split.
        """
        with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
            try:
                reading = pool.map(self.__getitem__, range(len(self)))
                return list(track(reading, f"reading {self.split}", len(self)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def remapped(self, rules: Mapping[str, str], target: ClassMap) -> Dataset:
        """Return the same samples with their classes translated to others.

        Parameters
        ----------
        rules : mapping of str to str
            As for `ClassMap.remap`: class name here to class name there, ``"*"`` for the rest.
        target : ClassMap
            The classes the new data set has.
        """
        known = self.file_classes or self.classes
        table = self.classes.remap(rules, target)
        if self.table is not None:
            table = table[self.table]
        return replace(self, classes=target, table=table, file_classes=known)
