"""What a format gives a data set: where each sample's files are, and how they become arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pixelwise.errors import LabelError
from pixelwise.io.depth import Range
from pixelwise.io.image import read_bytes, read_image, read_size
from pixelwise.samples import Float64Array, Instance, UInt8Array

Truth = tuple[UInt8Array, tuple[Instance, ...] | None]
"""What a sample is labelled with: its label map, (H, W) uint8, and its instances if known."""

Outlines = Iterator[tuple[str, Float64Array]]
"""What to call an outline of a file, and its points in the file, (N, 2) x, y in pixels."""


@dataclass(frozen=True)
class Entry:
    """Where one sample's files are.

    Parameters
    ----------
    name : str
        Unique within the split; it holds slashes if images lie in folders.
    image_path : Path
        The image, or the annotation that the image is embedded in.
    label_path : Path
        The mask or the annotation; errors name it.
    instance_path : Path, optional
        A map of instance ids.

    Examples
    --------
    >>> sorted(path.name for path in Entry("a", Path("a.jpg"), Path("a.png")).paths)
    ['a.jpg', 'a.png']
    """

    name: str
    image_path: Path
    label_path: Path
    instance_path: Path | None = None

    @property
    def paths(self) -> set[Path]:
        """Every file of the sample."""
        return {p for p in (self.image_path, self.label_path, self.instance_path) if p is not None}


class Reader(Protocol):
    """How a format turns an entry into arrays."""

    def image(self, entry: Entry, levels: Range | None = None) -> UInt8Array:
        """Read the image, (H, W, 3) uint8 RGB; ``levels`` as for `pixelwise.read_image`."""

    def size(self, entry: Entry) -> tuple[int, int]:
        """Read the image's (height, width) without decoding it."""

    def image_file(self, entry: Entry) -> tuple[bytes, str]:
        """Return the image's file unchanged, and the suffix of its format."""

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Read the label map, (H, W) uint8 with 255 = void, and the instances if known.

        ``size`` is the image's; a mask file of another size is returned in its own.
        """


class ImageFiles:
    """The part of a reader that nearly all formats share: the image is a file of its own."""

    def image(self, entry: Entry, levels: Range | None = None) -> UInt8Array:
        """Read the image, (H, W, 3) uint8 RGB; ``levels`` as for `pixelwise.read_image`."""
        return read_image(entry.image_path, levels=levels)

    def size(self, entry: Entry) -> tuple[int, int]:
        """Read the image's (height, width) from its header."""
        return read_size(entry.image_path)[0]

    def image_file(self, entry: Entry) -> tuple[bytes, str]:
        """Return the image's file unchanged, and its suffix."""
        return read_bytes(entry.image_path), entry.image_path.suffix.lower()


def check_stated(stated: tuple[object, object], size: tuple[int, int], entry: Entry) -> None:
    """Check that polygons were drawn on an image of the size that it has.

    Parameters
    ----------
    stated : (height, width)
        As their file says; anything but whole numbers above 0 says nothing.
    size : (height, width)
        Of the image.
    entry : Entry

    Raises
    ------
    LabelError
        They were not.
    """
    height, width = stated
    known = isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0
    if not known or stated == size:
        return
    own_file = entry.image_path != entry.label_path
    turned = stated == size[::-1] and own_file and read_size(entry.image_path)[1]
    raise LabelError(
        f"{entry.label_path}: {entry.name}: the image is {size[0]} x {size[1]}, but was annotated "
        f"as {height} x {width} (height x width); "
        + ("save it turned as its EXIF orientation says, and " if turned else "")
        + "annotate it at this size"
    )


def memory_of(reader: Reader, entries: tuple[Entry, ...]) -> int:
    """Estimate the bytes of decoded samples, from the headers of 32 images at most."""
    if not entries:
        return 0
    some = np.unique(np.linspace(0, len(entries) - 1, 32, dtype=int))
    sizes = [reader.size(entries[i]) for i in some]
    return round(sum(4 * h * w for h, w in sizes) / len(sizes) * len(entries))
