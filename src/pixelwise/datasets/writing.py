"""A new data set in any format that is written: samples from memory, and what `convert` shares."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from pixelwise.datasets.formats.writer import Item, Writer
from pixelwise.datasets.registry import FORMATS, WRITTEN
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.files import stay_here
from pixelwise.samples import Sample


def write_samples(
    samples: Iterable[Sample],
    target: str | Path,
    to: str,
    split: str | Callable[[Sample], str] = "train",
    *,
    image_path: Callable[[Sample], Path] | None = None,
    lossy: bool = False,
) -> Path:
    """Write samples as a data set: images and their annotations.

    Parameters
    ----------
    samples : iterable of Sample
        All with the same classes; their names become file names.
    target : str or Path
        A folder that does not exist yet, or is empty. It appears when it is complete.
    to : str
        One of `FORMATS` that is written.
    split : str or callable
        The split of all samples, or a function that returns the split of each.
    image_path : callable, optional
        Returns the file of a sample's image, which is copied unchanged; if not given, the images
        are written as PNG.
    lossy : bool
        Write what the format can hold if it cannot hold everything.

    Returns
    -------
    Path
        ``target``, which `open_dataset` reads.

    Raises
    ------
    ArgumentError
        An unknown format, a target that is in use, no samples, or samples of different classes.
    DataError
        Two samples of one name, or the format cannot hold everything; the message says what would
        be lost. Nothing is written then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import ClassMap, open_dataset
    >>> image, label_map = np.zeros((8, 9, 3), np.uint8), np.ones((8, 9), np.uint8)
    >>> sample = Sample("a", image, label_map, ClassMap(("background", "cat")))
    >>> with TemporaryDirectory() as folder:
    ...     target = write_samples([sample], f"{folder}/coco", "coco")
    ...     open_dataset(target, "train", say=str)[0]
    Sample('a', 8 x 9, cat)
    """
    kind = writer_of(to)
    target, writer, names = Path(target), None, set[str]()
    with new_folder(target) as part:
        for sample in samples:
            if writer is None:
                writer = kind(part, sample.classes)
            elif sample.classes != writer.classes:
                raise ArgumentError(
                    f"{sample.name}: its classes are {', '.join(sample.classes.names)}, those of "
                    f"the samples before {', '.join(writer.classes.names)}; all need the same"
                )
            if sample.name in names:
                raise DataError(f"{sample.name}: two samples have this name; rename one")
            names.add(sample.name)
            place = split(sample) if callable(split) else split
            writer.add(_item(sample, place, image_path))
        if writer is None:
            raise ArgumentError("write_samples: expected at least one sample, got none")
        writer.close()
        if not lossy:
            refuse_losses(writer.losses, to, "Pass lossy=True")
    return target


def _item(sample: Sample, split: str, image_path: Callable[[Sample], Path] | None) -> Item:
    if image_path is not None:
        path = image_path(sample)
        image_file, suffix = path.read_bytes(), path.suffix
    else:
        png = io.BytesIO()
        Image.fromarray(sample.image).save(png, "PNG", compress_level=1)
        image_file, suffix = png.getvalue(), ".png"
    return Item(split, sample.name, image_file, suffix, sample.label_map, sample.instances)


def writer_of(to: str) -> type[Writer]:
    """Return what writes a format.

    Raises
    ------
    ArgumentError
        There is no such format, or it is only read.
    """
    if to not in FORMATS:
        raise ArgumentError(f"unknown format {to!r}; there is: {', '.join(FORMATS)}")
    writer = FORMATS[to].writer
    if writer is None:
        raise ArgumentError(f"{to} is read and not written; there is: {', '.join(WRITTEN)}")
    return writer


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; rename it when the block succeeds.

    Raises
    ------
    ArgumentError
        ``target`` is a file, a folder with something in it, or the one that this runs in.
    """
    stay_here(target)
    target = target.absolute()
    if target.resolve() == Path.cwd():
        raise ArgumentError(f"{target}: is the current folder; name a new one")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArgumentError(f"{target}: exists already; name a new folder")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        if target.exists():
            target.rmdir()
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def losses_in_words(losses: Counter[str]) -> str:
    """Return what would be lost, most frequent first; empty if nothing is."""
    return "; ".join(f"{what} ({count:,})" for what, count in losses.most_common() if count)


def refuse_losses(losses: Counter[str], to: str, way_out: str) -> None:
    """Raise DataError if something would be lost.

    Parameters
    ----------
    losses : Counter
        What a format cannot hold, in words, with counts.
    to : str
        The format.
    way_out : str
        How to say that it may be lost.
    """
    lost = losses_in_words(losses)
    if lost:
        raise DataError(
            f"{to} cannot hold everything; lost would be: {lost}. "
            f"{way_out} to write what it can hold"
        )
