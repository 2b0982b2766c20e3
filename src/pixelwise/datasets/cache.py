"""Decoded samples in one memory-mapped file: pixels first, then an index, then its length."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pixelwise.concurrency import prefetch
from pixelwise.datasets.reader import Entry, Reader, Truth, memory_of
from pixelwise.errors import DataError
from pixelwise.io.depth import Range
from pixelwise.progress import track
from pixelwise.samples import Instance, Sample, UInt8Array

VERSION = 2
TAIL = 16
"""The last bytes of the file: eight that name the format, eight that count the index."""
MAGIC = b"pixelw%02d" % VERSION


@dataclass(frozen=True, eq=False)
class CacheReader:
    """Reads samples from a memory-mapped file as read-only views.

    Parameters
    ----------
    pixels : (n,) uint8
        The mapped file.
    index : mapping of str to dict
        The name of a sample to where its arrays begin.
    source : Reader
        Of the files that the cache was made from.
    """

    pixels: UInt8Array = field(repr=False)
    index: dict[str, dict[str, Any]] = field(repr=False)
    source: Reader = field(repr=False)

    def image(self, entry: Entry, levels: Range | None = None) -> UInt8Array:  # noqa: ARG002
        """Return the image, (H, W, 3) uint8 RGB, with the levels with which it was cached."""
        height, width, at = self._place(entry)
        return self.pixels[at : at + 3 * height * width].reshape(height, width, 3)

    def size(self, entry: Entry) -> tuple[int, int]:
        """Return the image's (height, width)."""
        return self._place(entry)[:2]

    def image_file(self, entry: Entry) -> tuple[bytes, str]:
        """Return the image's file unchanged, from the data set."""
        return self.source.image_file(entry)

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:  # noqa: ARG002 -- of every reader
        """Return the label map, (H, W) uint8, and the instances."""
        height, width, at = self._place(entry)
        at += 3 * height * width
        label_map = self.pixels[at : at + height * width].reshape(height, width)
        stored = self.index[entry.name]["instances"]
        if stored is None:
            return label_map, None
        instances = []
        for start, rows, columns, top, left, class_id, id_, crowd, area in stored:
            patch = self.pixels[start : start + rows * columns].view(np.bool_)
            instances.append(
                Instance(
                    patch.reshape(rows, columns),
                    (top, left),
                    (height, width),
                    class_id,
                    id_,
                    bool(crowd),
                    stated_area=area,
                )
            )
        return label_map, tuple(instances)

    def _place(self, entry: Entry) -> tuple[int, int, int]:
        height, width, at = self.index[entry.name]["place"]
        return height, width, at


def cached_reader(
    folder: Path,
    stem: str,
    samples: Sequence[Sample],
    entries: tuple[Entry, ...],
    source: Reader,
    facts: list[Any],
) -> CacheReader:
    """Open the cache of some samples, or write it first; see `Dataset.cached`.

    Parameters
    ----------
    folder : Path
        Where caches are kept.
    stem : str
        What the cache's file is called, before its fingerprint.
    samples : sequence of Sample
        Read only if the cache has to be written.
    entries : tuple of Entry
        Of the samples.
    source : Reader
        Of the samples.
    facts : list
        What the arrays depend on besides the files, as JSON can hold it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-{fingerprint(entries, facts, source)}.pixels"
    if not path.exists():
        # One process writes, others wait; the system frees the lock of one that is killed.
        with FileLock(folder / f"{stem}.lock"):
            if not path.exists():
                # Under the lock, parts can only be what a killed process left, and caches of
                # this split with another fingerprint are of files as they were before.
                for old in (*folder.glob(f"{stem}-*.pixels"), *folder.glob(f"{stem}-*.part")):
                    if len(old.name) == len(path.name) or old.suffix == ".part":
                        old.unlink(missing_ok=True)
                part = path.with_suffix(".part")
                try:
                    _check_disk(folder, memory_of(source, entries))
                    _write(samples, part, stem)
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
    pixels, index = _open(path)
    return CacheReader(pixels, index, source)


def fingerprint(entries: tuple[Entry, ...], facts: list[Any], source: Reader) -> str:
    """Return what changes whenever a file of the samples, or the way it is read, changes."""
    digest = hashlib.blake2b(digest_size=10)
    digest.update(json.dumps([VERSION, *facts]).encode())
    stats: dict[Path, tuple[int, int]] = {}
    # Those of a format with several files of labels for an image.
    more = getattr(source, "more_paths", lambda _: ())
    for entry in entries:
        for path in sorted(entry.paths.union(more(entry))):
            if path not in stats:
                try:
                    stat = path.stat()
                except OSError:
                    stats[path] = (-1, -1)
                else:
                    stats[path] = (stat.st_size, stat.st_mtime_ns)
            digest.update(f"{entry.name}\0{path}\0{stats[path]}\n".encode())
    return digest.hexdigest()


def _check_disk(folder: Path, expected: int) -> None:
    free = shutil.disk_usage(folder).free
    if expected > free:
        raise DataError(
            f"{folder}: the cache needs about {expected / 1e9:.1f} GB, "
            f"but {free / 1e9:.1f} GB are free; choose another folder"
        )


def _write(samples: Sequence[Sample], path: Path, stem: str) -> None:
    index: dict[str, dict[str, Any]] = {}
    # Memory stays at some samples per core, whatever the data set's size.
    threads = os.cpu_count() or 1
    reading = prefetch(samples.__getitem__, range(len(samples)), 4 * threads, threads)
    with path.open("wb") as file:
        for sample in track(reading, f"caching {stem}", len(samples)):
            index[sample.name] = _put(sample, file)
        text = json.dumps(index).encode()
        file.write(text + MAGIC + len(text).to_bytes(8, "little"))


def _put(sample: Sample, file: Any) -> dict[str, Any]:
    height, width = sample.label_map.shape
    place = [height, width, file.tell()]
    file.write(np.ascontiguousarray(sample.image).data)
    file.write(np.ascontiguousarray(sample.label_map).data)
    if sample.instances is None:
        return {"place": place, "instances": None}
    stored = []
    for instance in sample.instances:
        rows, columns = instance.patch.shape
        numbers = (*instance.corner, instance.class_id, instance.id, int(instance.crowd))
        stored.append([file.tell(), rows, columns, *numbers, instance.stated_area])
        file.write(np.ascontiguousarray(instance.patch).data)
    return {"place": place, "instances": stored}


def _open(path: Path) -> tuple[UInt8Array, dict[str, dict[str, Any]]]:
    # A plain array over the mapping: np.memmap's own slices cost several times as much.
    pixels = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    tail = pixels[-TAIL:].tobytes()
    length = int.from_bytes(tail[8:], "little")
    if tail[:8] != MAGIC or length > len(pixels) - TAIL:
        raise DataError(f"{path}: not a cache that pixelwise wrote; delete it")
    return pixels, json.loads(pixels[len(pixels) - TAIL - length : len(pixels) - TAIL].tobytes())
