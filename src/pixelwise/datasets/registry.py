"""The formats by name, and the functions that recognise a folder's format and open it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats import coco, labelme, pairs, supervisely, via, voc, yolo
from pixelwise.datasets.formats.format import Format
from pixelwise.datasets.formats.pairing import folders_seen
from pixelwise.datasets.options import ReadOptions
from pixelwise.datasets.reading import Reading
from pixelwise.errors import AmbiguousError, ArgumentError, NotADatasetError
from pixelwise.io.stored_path import locate

FORMATS: dict[str, Format] = {
    "voc": voc.FORMAT,
    "coco": coco.FORMAT,
    "yolo": yolo.FORMAT,
    "labelme": labelme.FORMAT,
    "pairs": pairs.FORMAT,
    "via": via.FORMAT,
    "supervisely": supervisely.FORMAT,
}
"""Every format by its name; a new one is a file and a line here."""

WRITTEN = tuple(name for name, format in FORMATS.items() if format.writer is not None)
"""Those that a data set can be converted to."""


def open_dataset(
    path: str | Path,
    split: str | None = None,
    options: ReadOptions | None = None,
    *,
    say: Callable[[str], object] = print,
) -> Dataset:
    """Open one split of a data set; samples are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        A folder in one of the layouts that ``docs/data.md`` lists, a folder above exactly one,
        or a COCO JSON or YOLO YAML file; or a URL of fsspec such as ``s3://bucket/voc``, whose
        files are kept in a cache of bounded size when they are read (``docs/remote.md``).
    split : str, optional
        Which one to open. If not given: ``train``, else the only one, else all.
    options : ReadOptions, optional
        What the files leave open. Classes that are not given are the names that the format
        carries, else those of the folder's ``classes.txt`` (one name per line), else VOC's 21 in
        the VOC layout if they fit, else numbers.
    say : callable
        Takes the line that says what the folder was recognised as.

    Returns
    -------
    Dataset
        ``dataset[i]`` is a `Sample` with ``.name``, ``.image`` (H, W, 3) uint8, ``.label_map``
        (H, W) uint8, and ``.instances`` if the data set distinguishes them.

    Raises
    ------
    NotADatasetError
        The folder has another layout; the message says what was looked for.
    DataError
        An unknown or empty split, a missing file, or two possible readings; the message lists
        them with the flag that chooses.
    StorageError
        A URL whose storage does not answer, or does not allow it.
    ArgumentError
        An unknown format.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     dataset = open_dataset(draw_shapes(folder), "val", say=str)
    ...     len(dataset), dataset[0].image.shape, dataset.classes.names
    (4, (96, 128, 3), ('background', 'disc', 'square', 'triangle'))
    """
    root, name = find(locate(path), options)
    dataset = FORMATS[name].open(root, split, Reading.of(options))
    say(dataset.found)
    return dataset


def list_splits(path: str | Path, options: ReadOptions | None = None) -> tuple[str, ...]:
    """Return the names of the splits of a data set, sorted; ``("all",)`` if it has none.

    Parameters
    ----------
    path : str or Path
        As for `open_dataset`.
    options : ReadOptions, optional
        Only its format and its folders count here.

    Raises
    ------
    NotADatasetError
        The folder has another layout; the message says what was looked for.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     list_splits(draw_shapes(folder))
    ('train', 'val')
    """
    root, name = find(locate(path), options)
    return tuple(sorted(splits_of(root, name, options)))


def splits_of(root: Path, name: str, options: ReadOptions | None = None) -> tuple[str, ...]:
    """Return the splits of a folder in a format; those of folders that the options name."""
    if name == "pairs":
        return pairs.splits_of_pairs(root, options)
    return FORMATS[name].splits(root)


def find(path: Path, options: ReadOptions | None = None) -> tuple[Path, str]:
    """Return the folder of the data set at ``path``, or the only one below, and its format.

    Raises
    ------
    NotADatasetError
        None there, several below, or one that could be several formats.
    ArgumentError
        An unknown format.
    """
    options = options or ReadOptions()
    format = options.format
    if format is not None and format not in FORMATS:
        raise ArgumentError(f"unknown format {format!r}; there is: {', '.join(FORMATS)}")
    tried = [format] if format else list(FORMATS)
    if not path.exists():
        raise NotADatasetError(f"{path}: no such folder")
    if options.images is not None and format in (None, "pairs"):
        return path, "pairs"
    here = [name for name in tried if FORMATS[name].is_here(path)]
    if len(here) > 1:
        readings = " or ".join(f"--format {name}" for name in here)
        raise AmbiguousError(f"{path}: it can be read in several ways; say {readings}")
    if here:
        return path, here[0]
    looked_for = "; ".join(f"{name}: {FORMATS[name].looked_for}" for name in tried)
    if not path.is_dir():
        raise NotADatasetError(f"{path}: a file, not a folder; a data set is one of {looked_for}")
    below = [
        (inside, name)
        for depth in ("*", "*/*")
        for inside in sorted(path.glob(depth))
        if inside.is_dir()
        for name in tried
        if FORMATS[name].is_here(inside)
    ]
    folders = list(dict.fromkeys(inside for inside, _ in below))
    folders = [f for f in folders if not set(f.parents) & set(folders)]
    if len(folders) > 1:
        listed = ", ".join(str(folder) for folder in folders[:8])
        raise NotADatasetError(f"{path}: several data sets inside, name one: {listed}")
    if folders:
        return find(folders[0], options)
    if (
        options.labels is not None
        and format in (None, "pairs")
        and pairs.named_place(path, options)
    ):
        return path, "pairs"
    seen = folders_seen(path)
    way_out = (
        f"; images are in {seen}: say --images DIR --labels DIR, the same DIR if one holds both"
        if seen != "none"
        else ""
    )
    raise NotADatasetError(f"{path}: not a data set; looked for {looked_for}{way_out}")
