"""Which images a run keeps aside to score the network on, of data without a ``val`` split."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from pixelwise.datasets import Dataset
from pixelwise.datasets.checks.near_duplicates import group_near_duplicates
from pixelwise.errors import ArgumentError
from pixelwise.io.files import write_text
from pixelwise.training.settings import Settings
from pixelwise.training.task import Say

LEAST_IMAGES = 10
"""Of fewer images none is held out: training needs them more."""

LEAST_HELD_OUT = 3
"""A score on fewer images would say nothing."""

HeldOut = Mapping[str, Sequence[str]]
"""Names of the images that are held out, sorted, by the name of the data set's folder."""


def choose_images(names: Sequence[str], groups: Sequence[int], share: float) -> list[str]:
    """Choose images to hold out, by a hash of their names; near-duplicates stay together.

    Groups of near-duplicates are taken in the order of the hash of their first name, as long as
    they do not exceed the share of the images and half of the groups. If that gives less than half
    of the share, as where the data is a few clips, the smallest further group is taken as well,
    unless more than half of the images would be held out then.

    Parameters
    ----------
    names : sequence of str
        Of the images, in any order.
    groups : sequence of int
        The group of each.
    share : float
        Of the images to hold out, 0..0.5, but at least 3 images.

    Returns
    -------
    list of str
        Sorted. Empty if there are fewer than 10 images, or fewer than 3 can be held out.

    Examples
    --------
    >>> names = [f"{i:03d}" for i in range(20)]
    >>> choose_images(names, range(20), 0.2)
    ['002', '006', '007', '009']
    >>> choose_images(names, [0] * 20, 0.2)
    []
    """
    if not share or len(names) < LEAST_IMAGES:
        return []
    wanted = max(LEAST_HELD_OUT, round(share * len(names)))
    ordered = _hashed(names, groups)
    most_groups = len(ordered) // 2
    chosen: list[str] = []
    left, taken = [], 0
    for group in ordered:
        if taken < most_groups and len(chosen) + len(group) <= wanted:
            chosen, taken = chosen + group, taken + 1
        else:
            left.append(group)
    smallest = min(left, key=len)
    enough = len(chosen) >= max(LEAST_HELD_OUT, wanted / 2)
    if not enough and taken < most_groups and 2 * len(chosen + smallest) <= len(names):
        chosen += smallest
    return sorted(chosen) if len(chosen) >= LEAST_HELD_OUT else []


def divide_images(names: Sequence[str], groups: Sequence[int], folds: int) -> list[list[str]]:
    """Divide images into disjoint parts of about the same size; near-duplicates stay together.

    Parameters
    ----------
    names : sequence of str
        In any order.
    groups : sequence of int
        The group of near-duplicates that each is in.
    folds : int
        How many parts.

    Returns
    -------
    list of list of str
        Each sorted.

    Raises
    ------
    ArgumentError
        Fewer than 10 images, fewer groups than parts, or one group of more than half of all.

    Examples
    --------
    >>> parts = divide_images([f"{i:03d}" for i in range(20)], range(20), 5)
    >>> [len(part) for part in parts], len(set(sum(parts, [])))
    ([4, 4, 4, 4, 4], 20)
    """
    ordered = sorted(_hashed(names, groups), key=len, reverse=True)
    largest = max(map(len, ordered), default=0)
    if len(names) < LEAST_IMAGES or len(ordered) < folds or 2 * largest > len(names):
        raise ArgumentError(
            f"folds: cannot divide {_in_words(len(names), len(ordered))}, the largest of "
            f"{largest}, into {folds}; expected {LEAST_IMAGES} images at least, as many "
            "groups as folds, and no group of more than half of the images"
        )
    parts: list[list[str]] = [[] for _ in range(folds)]
    for group in ordered:
        min(parts, key=len).extend(group)
    return [sorted(part) for part in parts]


def choose_held_out(datasets: Mapping[str, Dataset], settings: Settings, say: Say) -> HeldOut:
    """Choose the images to hold out of data sets that have no ``val`` split.

    What is nearly the same as one of them is held out, too, whichever folder it is in.

    Parameters
    ----------
    datasets : mapping of str to Dataset
        By the name of its folder. The images are read, to find near-duplicates.
    settings : Settings
        Their ``val``, ``folds`` and ``fold`` say how many.
    say : callable
        Takes a line for each data set.

    Returns
    -------
    mapping of str to list of str
        A data set of which none are held out is left out.

    Raises
    ------
    ArgumentError
        A cross-validation of data sets that all have a ``val`` split, or that cannot be divided.
    """
    if settings.folds and not datasets:
        raise ArgumentError(
            "folds: all data sets have a val split, so nothing is left to divide; leave out --folds"
        )
    if not (settings.val or settings.folds):
        return {}
    groups = _groups_of(datasets, settings)
    chosen: dict[str, list[str]] = {}
    for name, own in groups.items():
        if len(own) < LEAST_IMAGES and not settings.folds:
            chosen[name] = []
        elif settings.folds:
            chosen[name] = divide_images([*own], [*own.values()], settings.folds)[settings.fold - 1]
        else:
            chosen[name] = choose_images([*own], [*own.values()], settings.val)
    taken = {groups[name][image] for name, images in chosen.items() for image in images}
    for name, own in groups.items():
        held_out = sorted(image for image, group in own.items() if group in taken)
        what = f"{name}: no val split; {{}} of {_in_words(len(own), len(set(own.values())))}"
        if held_out:
            more = len(held_out) - len(chosen[name])
            elsewhere = f", {more} as they are nearly those of another folder" if more else ""
            chosen[name] = held_out
            say(f"{what.format(len(held_out))} are held out to score on{elsewhere}")
        elif len(own) < LEAST_IMAGES:
            say(
                f"{name}: no val split, and {len(own)} images are too few to hold any out to "
                "score on"
            )
        else:
            say(
                f"{what.format('none')} can be held out to score on; for a score, add images of "
                "other places or days"
            )
    return {name: images for name, images in chosen.items() if images}


def _groups_of(datasets: Mapping[str, Dataset], settings: Settings) -> dict[str, dict[str, int]]:
    """Return the group of near-duplicates of each image, by data set and name."""
    large = any(len(dataset) >= LEAST_IMAGES for dataset in datasets.values())
    # Where none can be held out, no image is read.
    if large or settings.folds:
        numbers = iter(group_near_duplicates(*datasets.values()).tolist())
    else:
        numbers = itertools.count()
    return {
        name: {entry.name: next(numbers) for entry in dataset.entries}
        for name, dataset in datasets.items()
    }


def write_held_out(out: Path, held_out: HeldOut) -> None:
    """Write the names of the held-out images into a run's folder, one per line.

    Parameters
    ----------
    out : Path
        Of the run: ``held_out.txt``, or ``held_out_<name>.txt`` for each of several data sets.
    held_out : mapping of str to list of str
    """
    for name, names in held_out.items():
        file = "held_out.txt" if len(held_out) == 1 else f"held_out_{name}.txt"
        write_text(out / file, "".join(f"{each}\n" for each in names))


def _hashed(names: Sequence[str], groups: Sequence[int]) -> list[list[str]]:
    """Return the names of each group, the groups in the order of a hash of their first name."""
    members: dict[int, list[str]] = {}
    for name, group in zip(names, groups, strict=True):
        members.setdefault(group, []).append(name)
    return sorted(members.values(), key=lambda group: _hash(min(group)))


def _hash(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()


def _in_words(images: int, groups: int) -> str:
    if images == groups:
        return f"{images:,} images"
    if groups == 1:
        return f"{images:,} images that are all nearly the same"
    return f"{images:,} images in {groups:,} groups of near-duplicates"
