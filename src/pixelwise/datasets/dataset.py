"""What every format's reader returns: an ordered set of samples, read when asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from pixelwise.classes import VOID, ClassMap
from pixelwise.datasets.cache import cached_reader
from pixelwise.datasets.reader import Entry, Reader, Truth, memory_of
from pixelwise.progress import track
from pixelwise.samples import Sample, UInt8Array


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
    reader : Reader
        The format's.
    format : str
        Its name: ``"voc"``, ``"coco"``, ``"yolo"``, ``"labelme"`` or ``"pairs"``.
    file_ids : tuple of int, optional
        The ids of ``classes`` in the files, where they differ from 0, 1, 2, ...: COCO's have
        gaps. They are kept for writing back.
    table : (256,) uint8, optional
        Translates the reader's ids to those of ``classes``; identity where None.
    """

    root: Path
    split: str
    classes: ClassMap
    entries: tuple[Entry, ...]
    found: str
    reader: Reader
    format: str
    file_ids: tuple[int, ...] | None = None
    table: UInt8Array | None = None

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
        image = self.reader.image(entry)
        label_map, instances = self.read_labels(entry, (image.shape[0], image.shape[1]))
        return Sample(entry.name, image, label_map, self.classes, instances)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def read_labels(self, entry: Entry, size: tuple[int, int] | None = None) -> Truth:
        """Read what a sample is labelled with, without decoding its photo.

        Parameters
        ----------
        entry : Entry
        size : (height, width), optional
            Of the photo; read from its header where not given.

        Returns
        -------
        label_map : (H, W) uint8
            Ids of ``self.classes``, 255 = void.
        instances : tuple of Instance, or None
            None where the data set does not tell objects apart.

        Raises
        ------
        ImageFileError
            The mask, or the photo's header, cannot be read.
        LabelError
            An id without a class; the message names file, id and count.
        """
        label_map, instances = self.reader.labels(entry, size or self.reader.size(entry))
        if self.table is None:
            return label_map, instances
        table = self.table
        if instances is not None:
            # What became background, or is to be ignored, is no object any more.
            gone = (0, VOID) if self.classes.names[0] == "background" else (VOID,)
            placed = [replace(i, class_id=int(table[i.class_id])) for i in instances]
            instances = tuple(i for i in placed if i.class_id not in gone)
        return table[label_map], instances

    def load(
        self, workers: int | None = None, say: Callable[[str], object] = print
    ) -> list[Sample]:
        """Read all samples into memory, on all cores, with a progress bar on a terminal.

        Parameters
        ----------
        workers : int, optional
            Threads that read; one a core where not given. The decoders release the
            interpreter lock, so threads do run side by side.
        say : callable
            Takes the line that tells beforehand how much memory it will be.

        Returns
        -------
        list of Sample
            In the order of the split.
        """
        workers = workers or os.cpu_count() or 1
        say(f"loading {len(self)} samples of '{self.split}': about {self.memory() / 1e6:,.0f} MB")
        # A future a sample would cost as much as a small photo.
        parts = [range(i, min(i + 8, len(self))) for i in range(0, len(self), 8)]
        samples: list[Sample] = []
        with ThreadPoolExecutor(workers) as pool:
            try:
                reading = pool.map(lambda part: [self[i] for i in part], parts)
                for part in track(reading, f"reading {self.split}", len(parts)):
                    samples += part
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return samples

    def memory(self) -> int:
        """Estimate the bytes that `load` will take, from the headers of 32 photos at most."""
        return memory_of(self.reader, self.entries)

    def cached(self, folder: str | Path) -> Dataset:
        """Return the same samples from one memory-mapped file of decoded arrays.

        The file is written once, by whichever process comes first, appears whole or not at
        all, and is written anew when a photo, a mask or the classes have changed.

        Parameters
        ----------
        folder : str or Path
            Where to keep it. It holds 4 bytes a pixel, and the objects' masks.

        Returns
        -------
        Dataset
            Its samples' arrays are read-only views of the file.

        Raises
        ------
        DataError
            A sample cannot be read, or the disk has no room.
        """
        stem = f"{self.root.resolve().name}-{self.split}"
        table = None if self.table is None else self.table.tolist()
        facts = [self.found, self.classes.names, self.classes.colours, table]
        reader = cached_reader(Path(folder), stem, self, self.entries, self.reader, facts)
        return replace(self, reader=reader, table=None)

    def semantic(self) -> Dataset:
        """Return the same samples without reading instance maps beside their label maps."""
        bare = (
            entry if entry.label_path == entry.instance_path else replace(entry, instance_path=None)
            for entry in self.entries
        )
        return replace(self, entries=tuple(bare))

    def remapped(self, rules: Mapping[str, str], target: ClassMap) -> Dataset:
        """Return the same samples with their classes translated to others.

        Objects that become background or void are no objects any more.

        Parameters
        ----------
        rules : mapping of str to str
            As for `ClassMap.remap`: class name here to class name there, ``"*"`` for the rest.
        target : ClassMap
            The classes the new data set has.
        """
        table = self.classes.remap(rules, target)
        if self.table is not None:
            table = table[self.table]
        return replace(self, classes=target, table=table, file_ids=None)
