"""What pixelwise can do with one format of data sets; each format's file ends with its record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.writer import Writer
from pixelwise.datasets.reading import Reading
from pixelwise.io.image import images_in

Stray = tuple[Path, str]
"""A file that no sample uses, and what it lacks to be one: ``"photo"`` or ``"annotation"``."""


def unused_images(datasets: list[Dataset]) -> Iterator[Stray]:
    """Yield the image files that lie among those of some splits, but belong to no sample."""
    entries = [entry for dataset in datasets for entry in dataset.entries]
    used = {path for entry in entries for path in entry.paths}
    for path in sorted(p for f in {e.image_path.parent for e in entries} for p in images_in(f)):
        if path not in used:
            yield path, "annotation"


def skip_hint(unusable: int, total: int, what: str) -> str:
    """Return the end of a refusal: how many there are in the whole set, and the way out."""
    return (
        f"; {unusable:,} of {total:,} {what} in this set have no area: "
        "--skip-unusable leaves them out"
    )


@dataclass(frozen=True)
class Format:
    """One format of data sets.

    Parameters
    ----------
    looked_for : str
        What it is recognised by, for messages.
    is_here : callable
        Takes a folder or file; returns whether it holds this format. It must be quick.
    splits : callable
        Takes the folder; returns the names of its splits, ``("all",)`` if it has none.
    open : callable
        Takes the folder, a split or None for the usual one, and a `Reading`: the caller's options
        and what becomes of problems. Returns a `Dataset`.
    writer : type of Writer, optional
        Writes it; None for the export of a tool that is only read.
    strays : callable, optional
        Takes the splits; yields files among theirs that no sample uses, and what each lacks. None
        for a format that compares its files when it is opened.

    Examples
    --------
    >>> from pixelwise.datasets import FORMATS
    >>> FORMATS["voc"].looked_for
    'JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/*.txt'
    """

    looked_for: str
    is_here: Callable[[Path], bool]
    splits: Callable[[Path], tuple[str, ...]]
    open: Callable[[Path, str | None, Reading], Dataset]
    writer: type[Writer] | None = None
    strays: Callable[[list[Dataset]], Iterator[Stray]] | None = None
