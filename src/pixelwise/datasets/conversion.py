"""From one format of data sets to another, without losing a pixel unless allowed to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pixelwise.classes import BACKGROUND
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.writer import Item, Writer
from pixelwise.datasets.options import ReadOptions
from pixelwise.datasets.reader import Truth
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.registry import FORMATS, find, splits_of
from pixelwise.datasets.splits import without_unions
from pixelwise.datasets.writing import losses_in_words, new_folder, refuse_losses, writer_of
from pixelwise.errors import DataError, size_mismatch
from pixelwise.io.stored_path import locate
from pixelwise.progress import track
from pixelwise.samples import Instance


def convert(
    source: str | Path,
    target: str | Path,
    to: str,
    options: ReadOptions | None = None,
    *,
    lossy: bool = False,
    say: Callable[[str], object] = print,
) -> Path:
    """Write all splits of a data set in another format.

    Image files are copied unchanged. What was written is read back and compared with the source,
    label map by label map and instance by instance, before ``target`` appears.

    Parameters
    ----------
    source : str or Path
        A data set, as for `open_dataset`.
    target : str or Path
        A folder that does not exist yet, or is empty.
    to : str
        One of `FORMATS`.
    options : ReadOptions, optional
        How the source is to be read, as for `open_dataset`.
    lossy : bool
        Write what the format can hold if it cannot hold everything.
    say : callable
        Takes each line of the report.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    ArgumentError
        An unknown format, or a target that is in use.
    DataError
        The format cannot hold everything; the message says what would be lost. Nothing is
        written then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     shapes = draw_shapes(f"{folder}/shapes", train=1, val=1, size=(32, 32))
    ...     target = convert(shapes, f"{folder}/coco", "coco", say=str)
    ...     sorted(path.name for path in target.iterdir())
    ['annotations', 'train', 'val']
    """
    source, target = locate(source), Path(target)
    writer = writer_of(to)
    root, name = find(source, options)
    splits, reading = splits_of(root, name, options), Reading.of(options)
    datasets = [FORMATS[name].open(root, split, reading) for split in splits]
    for dataset in datasets:
        say(dataset.found)
    datasets = _same_classes(without_unions(datasets, say))
    with new_folder(target) as part:
        losses = _write(datasets, part, writer, say)
        losses += _compare(datasets, part, to, losses)
        if not lossy:
            refuse_losses(losses, f"{source}: {to}", "Say --lossy")
    lost = losses_in_words(losses)
    splits = tuple(dataset.split for dataset in datasets)
    total = sum(map(len, datasets))
    outcome = f"lost: {lost}" if lost else "read back and found identical"
    say(f"wrote {target}: {to}, {total:,} samples in {', '.join(splits)}; {outcome}")
    return target


def _stems(datasets: list[Dataset]) -> dict[tuple[str, str], str]:
    """Return each sample's new name: its own, after its split if two images share it."""
    images: dict[str, set[Path]] = {}
    for dataset in datasets:
        for entry in dataset.entries:
            images.setdefault(entry.name, set()).add(entry.image_path)
    return {
        (d.split, e.name): e.name if len(images[e.name]) == 1 else f"{d.split}/{e.name}"
        for d in datasets
        for e in d.entries
    }


def _same_classes(datasets: list[Dataset]) -> list[Dataset]:
    """Bring the splits of unnamed data, which were numbered one by one, to the same classes."""
    longest = max((d.classes for d in datasets), key=len)
    if any(d.classes.names != longest.names[: len(d.classes)] for d in datasets):
        listed = "; ".join(f"{d.split}: {', '.join(d.classes.names)}" for d in datasets)
        raise DataError(f"the splits have different classes ({listed}); say --classes")
    return [d.remapped({}, longest) if d.classes != longest else d for d in datasets]


def _write(
    datasets: list[Dataset], part: Path, kind: type[Writer], say: Callable[[str], object]
) -> Counter[str]:
    first = datasets[0]
    writer = kind(part, first.classes, first.file_ids)
    names, announced = _stems(datasets), False
    for dataset in datasets:
        for entry in track(dataset.entries, f"writing {dataset.split}", len(dataset)):
            image_file, suffix = dataset.reader.image_file(entry)
            size = dataset.reader.size(entry)
            label_map, instances = dataset.read_labels(entry, size)
            if label_map.shape != size:
                fix = "run pixelwise check and fix what it finds"
                raise size_mismatch(str(entry.label_path), "mask", label_map.shape, size, fix)
            if instances is None and not announced and writer.only_instances:
                say(
                    f"{dataset.root.name} does not distinguish instances: each connected area "
                    "of one class becomes an instance"
                )
                announced = True
            name = names[dataset.split, entry.name]
            writer.add(Item(dataset.split, name, image_file, suffix, label_map, instances))
    writer.close()
    return +writer.losses


def _compare(datasets: list[Dataset], part: Path, to: str, known: Counter[str]) -> Counter[str]:
    """Read back what was written; count the differences that the writer did not report."""
    found: Counter[str] = Counter()
    stems = _stems(datasets)
    for dataset in datasets:
        written = FORMATS[to].open(part, dataset.split, Reading())
        names = dataset.classes.names
        if written.classes.names[1:] != names[1:] or (
            written.classes.names[0] != names[0] and names[0] not in BACKGROUND
        ):
            found["class names"] += 1
        twins = {entry.name: entry for entry in written.entries}
        for entry in track(dataset.entries, f"comparing {dataset.split}", len(dataset)):
            size = dataset.reader.size(entry)
            before = dataset.read_labels(entry, size)
            twin = twins[stems[dataset.split, entry.name].replace("/", "_")]
            for what in _differences(before, written.read_labels(twin, size)):
                found[what] += 1
    # What follows from a loss that the writer counted is not reported again.
    return Counter() if known else found


def _differences(before: Truth, after: Truth) -> list[str]:
    found = []
    if (before[0] != after[0]).any():
        found.append("photos whose label map would change")
    if before[1] is not None:
        own, written = ([_key(i) for i in side] for side in (before[1], after[1] or ()))
        if sorted(own) != sorted(written):
            found.append("photos whose instances would change")
    return found


def _key(instance: Instance) -> tuple[object, ...]:
    return (
        instance.class_id,
        instance.box,
        instance.crowd,
        np.packbits(instance.patch).tobytes(),
    )
