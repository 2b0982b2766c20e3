"""What opening a data set returns: the samples of one split, read when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pixelwise.classes import BACKGROUND, VOID, ClassMap
from pixelwise.concurrency import prefetch
from pixelwise.datasets.cache import cached_reader
from pixelwise.datasets.reader import Entry, Reader, Truth, memory_of
from pixelwise.drawing import show
from pixelwise.drawing.display import png_of
from pixelwise.errors import DataError, missing_extra
from pixelwise.io.depth import Range
from pixelwise.io.stored_path import readers_of
from pixelwise.progress import track
from pixelwise.samples import Instance, Sample, UInt8Array

if TYPE_CHECKING:
    from pixelwise.integrations.torch_data import Crops

SHOWN = 5
"""Samples of a data set that a notebook shows."""


@dataclass(frozen=True, eq=False, repr=False)
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
        One line: what layout and mask encoding the folder was recognised as.
    reader : Reader
        The format's.
    format : str
        Its name in `FORMATS`.
    file_ids : tuple of int, optional
        The ids of ``classes`` in the files, if they differ from 0, 1, 2, ...: COCO's have
        gaps. They are kept for writing.
    table : (256,) uint8, optional
        Translates the reader's ids to those of ``classes``; identity if None.
    own_classes : ClassMap, optional
        What the reader's ids mean, if not ``classes``.
    levels : callable, optional
        Which levels of images of more than 8 bits become 0 and 255, as for `pixelwise.read_image`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes, open_dataset
    >>> with TemporaryDirectory() as folder:
    ...     dataset = open_dataset(draw_shapes(f"{folder}/shapes"), say=str)
    ...     len(dataset), dataset[0].name, [sample.name for sample in dataset[2:4]]
    (8, 'train_000', ['train_002', 'train_003'])
    >>> dataset
    Dataset('shapes', train, 8 images, 4 classes)
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
    own_classes: ClassMap | None = None
    levels: Range | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        known = f"{self.split}, {len(self)} images, {len(self.classes)} classes"
        return f"Dataset({self.root.name!r}, {known})"

    def _repr_png_(self) -> bytes | None:
        """Show the first samples in a notebook."""
        return png_of(show(self[:SHOWN])) if len(self) else None

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> Sample | Dataset:
        """Read sample ``index``; a slice gives a data set of those samples, still unread.

        Raises
        ------
        ImageFileError
            The image or the mask is missing or damaged.
        LabelError
            Mask and image differ in size, or an id is out of range.
        """
        if isinstance(index, slice):
            return replace(self, entries=self.entries[index])
        entry = self.entries[index]
        read = self.reader.image
        image = read(entry) if self.levels is None else read(entry, self.levels)
        label_map, instances = self.read_labels(entry, (image.shape[0], image.shape[1]))
        return Sample(entry.name, image, label_map, self.classes, instances)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def read_labels(self, entry: Entry, size: tuple[int, int] | None = None) -> Truth:
        """Read what a sample is labelled with, without decoding its image.

        Parameters
        ----------
        entry : Entry
        size : (height, width), optional
            Of the image; read from its header if not given.

        Returns
        -------
        label_map : (H, W) uint8
            Ids of ``self.classes``, 255 = void.
        instances : tuple of Instance, or None
            None if the data set does not distinguish instances.

        Raises
        ------
        ImageFileError
            The mask, or the image's header, cannot be read.
        LabelError
            An id without a class; the message names file, id and count.
        """
        label_map, instances = self.reader.labels(entry, size or self.reader.size(entry))
        if self.table is None:
            return label_map, instances
        table = self.table
        if instances is not None:
            # What became background, or is to be ignored, is not an instance.
            dropped = (0, VOID) if self.classes.names[0] in BACKGROUND else (VOID,)
            placed = [replace(i, class_id=int(table[i.class_id])) for i in instances]
            instances = tuple(i for i in placed if i.class_id not in dropped)
        return table[label_map], instances

    def own_labels(
        self, entry: Entry, size: tuple[int, int]
    ) -> tuple[UInt8Array, tuple[Instance, ...] | None, ClassMap]:
        """Read what a sample is labelled with in its files, whatever `remapped` made of it.

        Parameters
        ----------
        entry : Entry
        size : (height, width)
            Of the image.

        Returns
        -------
        label_map : (H, W) uint8
            Ids of ``classes``, 255 = void.
        instances : tuple of Instance, or None
        classes : ClassMap
            Those of the files.
        """
        return *self.reader.labels(entry, size), self.own_classes or self.classes

    def load(
        self, workers: int | None = None, say: Callable[[str], object] = print
    ) -> list[Sample]:
        """Read all samples into memory, on all cores, with a progress bar on a terminal.

        Parameters
        ----------
        workers : int, optional
            Threads that read; one per core if not given, more of a data set at a URL. The
            decoders release the interpreter lock, so threads run in parallel.
        say : callable
            Takes the line that says beforehand how much memory it will take.

        Returns
        -------
        list of Sample
            In the order of the split.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pixelwise.datasets import draw_shapes, open_dataset
        >>> with TemporaryDirectory() as folder:
        ...     samples = open_dataset(draw_shapes(folder), say=str).load(say=str)
        >>> len(samples), samples[0].label_map.shape
        (8, (96, 128))
        """
        workers = workers or readers_of(self.root)
        say(f"loading {len(self)} samples of '{self.split}': about {self.memory() / 1e6:,.0f} MB")
        # One future per sample would cost as much as a small image.
        parts = [range(i, min(i + 8, len(self))) for i in range(0, len(self), 8)]
        samples: list[Sample] = []
        reading = prefetch(lambda part: [self[i] for i in part], parts, len(parts), workers)
        for part in track(reading, f"reading {self.split}", len(parts)):
            samples += part
        return samples

    def memory(self) -> int:
        """Estimate the bytes that `load` will take, from the headers of 32 images at most."""
        return memory_of(self.reader, self.entries)

    def cached(self, folder: str | Path) -> Dataset:
        """Return the same samples from one memory-mapped file of decoded arrays.

        The file is written once, by whichever process comes first, appears whole or not at
        all, and is written again when an image, a mask or the classes have changed.

        Parameters
        ----------
        folder : str or Path
            Where to keep it. It holds 4 bytes per pixel, and the instances' masks.

        Returns
        -------
        Dataset
            Its samples' arrays are read-only views of the file.

        Raises
        ------
        DataError
            A sample cannot be read, or the disk has no room.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pixelwise.datasets import draw_shapes, open_dataset
        >>> with TemporaryDirectory() as folder:
        ...     dataset = open_dataset(draw_shapes(f"{folder}/shapes"), say=str)
        ...     dataset.cached(f"{folder}/cache")[0].image.flags.writeable
        False
        """
        root = self.root.resolve()
        # Another folder of the same name, and another part of the split, have caches of their own.
        part = "\n".join([str(root), *(entry.name for entry in self.entries)])
        digest = hashlib.blake2b(part.encode("utf-8", "surrogateescape"), digest_size=4)
        stem = f"{root.name}-{self.split}-{digest.hexdigest()}"
        table = None if self.table is None else self.table.tolist()
        levels = None if self.levels is None else self.levels.__name__
        facts = [self.found, self.classes.names, self.classes.colours, table, levels]
        reader = cached_reader(Path(folder), stem, self, self.entries, self.reader, facts)
        return replace(self, reader=reader, table=None, own_classes=None)

    def semantic(self) -> Dataset:
        """Return the same samples without reading instance maps beside their label maps."""
        bare = (
            entry if entry.label_path == entry.instance_path else replace(entry, instance_path=None)
            for entry in self.entries
        )
        return replace(self, entries=tuple(bare))

    def only(self, names: Iterable[str]) -> Dataset:
        """Return the samples of these names, in the order of the split, still unread.

        Parameters
        ----------
        names : iterable of str

        Raises
        ------
        DataError
            A name that the split does not have.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pixelwise.datasets import draw_shapes, open_dataset
        >>> with TemporaryDirectory() as folder:
        ...     dataset = open_dataset(draw_shapes(folder), say=str)
        >>> [entry.name for entry in dataset.only({"train_005", "train_002"}).entries]
        ['train_002', 'train_005']
        """
        wanted = set(names)
        if unknown := wanted - {entry.name for entry in self.entries}:
            raise DataError(
                f"{self.root}: no image {min(unknown)!r} in '{self.split}' "
                f"({len(unknown)} of {len(wanted)} names are not there)"
            )
        return replace(self, entries=tuple(e for e in self.entries if e.name in wanted))

    def torch(
        self,
        crop: tuple[int, int] | None = None,
        *,
        normalise: bool = True,
        augment: bool = False,
    ) -> Crops:
        """Return the same samples as tensors, for PyTorch's ``DataLoader``.

        Parameters
        ----------
        crop : (height, width), optional
            Of a random part, the same of image and label map. Samples that are smaller are left
            out, and counted in the result's ``left_out``. Whole images if None.
        normalise : bool
            Subtract the mean of ImageNet and divide by its deviation; else 0..1.
        augment : bool
            Mirror half of the samples.

        Returns
        -------
        torch.utils.data.Dataset
            Of (image, label map): (3, h, w) float32 RGB, and (h, w) int64 class ids with 255 =
            void, which is ``ignore_index=255`` of the loss.

        Raises
        ------
        MissingExtraError
            PyTorch is not installed.
        DataError
            Every sample is smaller than the crop.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pixelwise.datasets import draw_shapes, open_dataset
        >>> with TemporaryDirectory() as folder:
        ...     pairs = open_dataset(draw_shapes(folder), say=str).torch(crop=(64, 64))
        ...     image, label_map = pairs[0]
        >>> image.shape, label_map.shape
        (torch.Size([3, 64, 64]), torch.Size([64, 64]))
        """
        try:
            from pixelwise.integrations.torch_data import Crops
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise missing_extra("Dataset.torch", "torch", "train") from None
        kept = self if crop is None else self._at_least(crop)
        left_out = len(self) - len(kept)
        return Crops(kept, crop, normalise=normalise, augment=augment, left_out=left_out)

    def to_hf(self) -> Any:
        """Return the same samples as a data set of Hugging Face's ``datasets``.

        Returns
        -------
        datasets.Dataset
            ``image``, ``label`` (grey, (H, W) uint8 class ids, 255 = void), ``name``; the names of
            the ids as JSON in ``info.description``.

        Raises
        ------
        MissingExtraError
            The package datasets is not installed.
        """
        from pixelwise.integrations.hugging_face import dataset_of

        return dataset_of(self, self.classes)

    def _at_least(self, size: tuple[int, int]) -> Dataset:
        """Return the samples whose images are no smaller, by their headers."""
        sizes = prefetch(self.reader.size, self.entries, 8, readers_of(self.root))
        fits = [h >= size[0] and w >= size[1] for h, w in sizes]
        if not any(fits):
            raise DataError(f"{self.root}: every image of '{self.split}' is smaller than {size}")
        kept = (entry for entry, fit in zip(self.entries, fits, strict=True) if fit)
        return replace(self, entries=tuple(kept))

    def remapped(self, rules: Mapping[str, str], target: ClassMap) -> Dataset:
        """Return the same samples with their classes translated to others.

        Instances that become background or void are dropped.

        Parameters
        ----------
        rules : mapping of str to str
            As for `ClassMap.remap`: class name here to class name there, ``"*"`` for the rest.
        target : ClassMap
            The classes of the new data set.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from pixelwise.datasets import draw_shapes, open_dataset
        >>> target = ClassMap(("background", "shape"))
        >>> with TemporaryDirectory() as folder:
        ...     dataset = open_dataset(draw_shapes(folder), say=str)
        ...     merged = dataset.remapped({"background": "background", "*": "shape"}, target)
        ...     int(merged[0].label_map[merged[0].label_map < 255].max())
        1
        """
        table = self.classes.remap(rules, target)
        if self.table is not None:
            table = table[self.table]
        own = self.own_classes or self.classes
        return replace(self, classes=target, table=table, file_ids=None, own_classes=own)
