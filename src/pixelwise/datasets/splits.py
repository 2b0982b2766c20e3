"""The splits of a data set: which one to open, and which are others put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pixelwise.datasets.dataset import Dataset
from pixelwise.errors import DataError

WHOLE = "all"
"""The split of a data set that has none."""

HELD_OUT = "held out"
"""What a training run calls the images that it keeps aside, of a data set without ``val``."""


def choose_split(split: str | None, known: tuple[str, ...], root: Path) -> str:
    """Return the split to open: the one asked for, else ``train``, else the only one.

    Raises
    ------
    DataError
        It is not there, or none was asked for and several could be meant.
    """
    if split is None:
        if "train" in known:
            return "train"
        if len(known) == 1:
            return known[0]
        if WHOLE in known:
            return WHOLE
        raise DataError(f"{root}: no split 'train'; name one (--split): {', '.join(known)}")
    if split not in known:
        listed = ", ".join(known) or "none"
        raise DataError(f"{root}: no split {split!r}; there is: {listed}")
    return split


def without_unions(datasets: list[Dataset], say: Callable[[str], object] = str) -> list[Dataset]:
    """Leave out splits that are others put together, as VOC's trainval is."""
    images = {d.split: {entry.image_path for entry in d.entries} for d in datasets}
    kept = []
    for dataset in datasets:
        own = images[dataset.split]
        parts = {split: some for split, some in images.items() if some < own}
        if len(parts) > 1 and own == set().union(*parts.values()):
            say(f"'{dataset.split}' is {' and '.join(parts)} together and is left out")
        else:
            kept.append(dataset)
    return kept
