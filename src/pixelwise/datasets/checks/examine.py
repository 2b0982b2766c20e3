"""The facts of one sample that a check goes by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pixelwise.classes import BACKGROUND, VOID
from pixelwise.datasets.checks.near_duplicates import Thumbnail, fingerprint
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.levels import RAMP, are_two_ends, ramp
from pixelwise.datasets.formats.mask_reader import MaskReader
from pixelwise.datasets.reader import Entry, Outlines
from pixelwise.errors import ColourError, DataError, ImageFileError, LabelError, StorageError
from pixelwise.io.decoders import JPEG_END, JPEG_START
from pixelwise.io.image import image_of_bytes, read_size
from pixelwise.io.mask import count_ids, read_brightness
from pixelwise.samples import Float32Array, Int64Array


@dataclass(eq=False)
class SampleFacts:
    """What a check knows of one sample.

    Parameters
    ----------
    faults : list of (kind, file, text)
    counts : (256,) int64
        Pixels of each class id.
    digest : bytes
        Of the image's file.
    hash : (64,) float32 or None
        The image's perceptual hash, +1 or -1.
    thumbnail : (1024,) float16 or None
        The image at 32 x 32 in grey, with mean 0 and length 1; half precision, since those of all
        images are kept until the splits are compared.
    """

    faults: list[tuple[str, Path, str]] = field(default_factory=list)
    counts: Int64Array = field(default_factory=lambda: np.zeros(256, np.int64))
    digest: bytes = b""
    hash: Float32Array | None = None
    thumbnail: Thumbnail | None = None


def examine(dataset: Dataset, entry: Entry, fast: bool) -> SampleFacts:
    """Examine one sample; ``fast`` leaves out decoding an image whose file looks whole."""
    facts = SampleFacts()
    try:
        data, _ = dataset.reader.image_file(entry)
        size, turned = read_size(entry.image_path, data)
        facts.digest = hashlib.blake2b(data, digest_size=16).digest()
        cut = data.startswith(JPEG_START) and not data.endswith(JPEG_END)
        if cut or not fast:
            image = image_of_bytes(data, entry.image_path)
            if not fast:
                facts.hash, facts.thumbnail = fingerprint(image)
    except ImageFileError as error:
        facts.faults.append(("unreadable", entry.image_path, _without(error, entry.image_path)))
        return facts
    try:
        _examine_labels(dataset, entry, size, turned, facts)
    except ImageFileError as error:
        facts.faults.append(("unreadable", entry.label_path, _without(error, entry.label_path)))
    return facts


def _examine_labels(
    dataset: Dataset, entry: Entry, size: tuple[int, int], turned: bool, facts: SampleFacts
) -> None:
    reader = dataset.reader
    if isinstance(reader, MaskReader) and reader.has_labels:
        shape = _examine_mask(reader, entry, facts)
        if shape is not None and shape != size:
            facts.faults.append(_size_fault(entry.label_path, size, shape, turned))
        if facts.faults:
            return
    try:
        label_map, instances = dataset.read_labels(entry, size)
    except (ImageFileError, StorageError):
        raise
    except DataError as error:
        facts.faults.append(("annotation", entry.label_path, _without(error, entry.label_path)))
        return
    if label_map.shape != size:
        shape = label_map.shape[0], label_map.shape[1]
        facts.faults.append(_size_fault(entry.label_path, size, shape, turned))
        return
    facts.counts = count_ids(label_map)
    outlines = getattr(reader, "outlines", None)
    if outlines is not None:
        facts.faults += _outside(outlines(entry, size), entry, size)
    skipped = getattr(reader, "skipped", None)
    if skipped is not None and (left_out := skipped(entry)):
        text = f"{entry.name}: {', '.join(left_out[:5])} ({len(left_out)})"
        facts.faults.append(("skipped", entry.label_path, text))
    labelled = facts.counts[:VOID].sum()
    if not labelled:
        text = f"{entry.name}: all {label_map.size:,} pixels are void"
        facts.faults.append(("void", entry.label_path, text))
    elif facts.counts[0] == labelled and dataset.classes.names[0] in BACKGROUND and not instances:
        facts.faults.append(("empty", entry.label_path, f"{entry.name}: no class but background"))


def _examine_mask(reader: MaskReader, entry: Entry, facts: SampleFacts) -> tuple[int, int] | None:
    """Examine the numbers of a mask file; return its size, None if it cannot be read."""
    path = entry.label_path
    if reader.binary:
        height, width = read_brightness(path).shape
        return height, width
    named = reader.files.by_colour or reader.table[VOID] != VOID
    if not named and are_two_ends([path]):
        brightness = read_brightness(path)
        white = int(brightness.max())
        near = "" if len(np.unique(brightness)) == 2 else "levels near "
        count = np.count_nonzero(brightness > white / 2)
        text = f"{near}0 and {white} only: {count:,} pixels would be void"
        facts.faults.append(("binary", path, text))
        return brightness.shape[0], brightness.shape[1]
    try:
        levels = reader.files.read(path)
    except LabelError as error:
        kind = "colours" if isinstance(error, ColourError) else "blended"
        facts.faults.append((kind, path, _without(error, path)))
        return None
    counts = count_ids(levels)
    shown = np.flatnonzero(counts)
    share, ramps = ramp(levels) if len(shown) > 2 else (0.0, 0)
    if share > RAMP and ramps >= 8:
        text = (
            f"{len(shown)} different numbers; {share:.0%} of the boundaries lead over a number in "
            "between, as interpolation and JPEG leave them"
        )
        facts.faults.append(("blended", path, text))
    else:
        unknown = np.flatnonzero((counts > 0) & (reader.table < 0))
        if unknown.size:
            listed = ", ".join(f"{i} in {counts[i]:,} pixels" for i in unknown[:5])
            text = f"label {listed}, but {reader.known}"
            facts.faults.append(("range", path, text))
    return levels.shape[0], levels.shape[1]


def _outside(
    outlines: Outlines, entry: Entry, size: tuple[int, int]
) -> list[tuple[str, Path, str]]:
    faults = []
    limit = np.array([size[1], size[0]])
    for what, points in outlines:
        # A pixel of tolerance: tools disagree on whether the last pixel ends at W - 1 or at W.
        beyond = float(np.maximum(-points, points - limit).max())
        if beyond > 1:
            text = f"{what} of {entry.name} reaches {beyond:.1f} px out of {limit[0]} x {limit[1]}"
            faults.append(("outside", entry.label_path, text))
    return faults


def _size_fault(
    path: Path, photo: tuple[int, int], mask: tuple[int, int], turned: bool
) -> tuple[str, Path, str]:
    text = f"the photo is {photo[0]} x {photo[1]}, its mask {mask[0]} x {mask[1]} (height x width)"
    if turned and mask == (photo[1], photo[0]):
        return "turned", path, f"{text}; EXIF orientation turns the photo, and not the mask"
    return "size", path, text


def _without(error: Exception, path: Path) -> str:
    """Return an error's message without the file at its beginning, which the finding names."""
    return str(error).removeprefix(f"{path}: ")
