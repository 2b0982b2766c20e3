"""Data sets: one file a format, and the door that opens them all."""

from __future__ import annotations

from pathlib import Path

from pixelwise.classes import ClassMap
from pixelwise.datasets.dataset import Dataset, Entry
from pixelwise.datasets.shapes import draw_shapes
from pixelwise.datasets.voc import find_root, open_voc
from pixelwise.defaults import TRAIN_SPLIT

__all__ = ["Dataset", "Entry", "draw_shapes", "list_splits", "open_dataset"]


def open_dataset(
    path: str | Path, split: str = TRAIN_SPLIT, classes: ClassMap | None = None
) -> Dataset:
    """Open one split of a data set; samples are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        A folder in the VOC layout: ``JPEGImages/*.jpg``, ``SegmentationClass/*.png`` (palette,
        grey, or RGB in the VOC colour map) and ``ImageSets/Segmentation/SPLIT.txt``.
    split : str
        Which list to take.
    classes : ClassMap, optional
        What the ids mean. Where not given: the folder's ``classes.txt`` (a name a line), else
        VOC's 21 classes, else, where most of 16 masks looked at hold ids above 20, numbers.

    Returns
    -------
    Dataset
        ``dataset[i]`` is a `Sample` with ``.name``, ``.image`` (H, W, 3) uint8 and
        ``.label_map`` (H, W) uint8; ``dataset.found`` says what the folder was taken for.

    Raises
    ------
    NotADatasetError
        The folder has another layout; the message says what was looked for.
    DataError
        An unknown or empty split, or a file that its list names is missing.
    """
    return open_voc(Path(path), split, classes)


def list_splits(path: str | Path) -> tuple[str, ...]:
    """Return the names of the splits of a data set, sorted.

    Raises
    ------
    NotADatasetError
        The folder has another layout; the message says what was looked for.
    """
    lists = find_root(Path(path)) / "ImageSets" / "Segmentation"
    return tuple(sorted(p.stem for p in lists.glob("*.txt")))
