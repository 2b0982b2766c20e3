"""Label maps written row by row, so that one larger than the memory can become a PNG."""

from __future__ import annotations

import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from zlib_ng import zlib_ng as zlib

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError
from pixelwise.io.decoders import PNG_START
from pixelwise.io.files import written_whole
from pixelwise.samples import UInt8Array


@contextmanager
def label_rows(path: str | Path, size: tuple[int, int], classes: ClassMap) -> Generator[LabelRows]:
    """Write a label map from top to bottom, as `pixelwise.io.mask.write_label_map` writes it whole.

    Parameters
    ----------
    path : str or Path
        Of a ``.png``; it appears when all rows are written.
    size : (height, width)
    classes : ClassMap
        Whose palette the file gets.

    Raises
    ------
    ArgumentError
        Fewer or more rows came than the size says.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.classes import VOC
    >>> with TemporaryDirectory() as folder:
    ...     with label_rows(f"{folder}/a.png", (2, 3), VOC) as rows:
    ...         for _ in range(2):
    ...             rows.write(np.ones((1, 3), np.uint8))
    """
    with written_whole(path) as beside, beside.open("wb") as file:
        rows = LabelRows(file, size, classes)
        yield rows
        rows.finish()


class LabelRows:
    """A palette PNG that grows. Made by `label_rows`.

    Parameters
    ----------
    file : binary file
        Open for writing.
    size : (height, width)
    classes : ClassMap
    """

    def __init__(self, file: BinaryIO, size: tuple[int, int], classes: ClassMap) -> None:
        self._file, self._left, self._width = file, size[0], size[1]
        self._packer = zlib.compressobj(1)
        file.write(PNG_START)
        # Eight bits, palette, no interlacing (PNG specification, section 11.2.1).
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], 8, 3, 0, 0, 0))
        self._chunk(b"PLTE", classes.palette.tobytes())

    def write(self, label_map: UInt8Array) -> None:
        """Add rows, (n, W) uint8 class ids.

        Raises
        ------
        ArgumentError
            More rows than the size says, or of another width.
        """
        if label_map.shape[1] != self._width or len(label_map) > self._left:
            raise ArgumentError(
                f"expected at most {self._left} rows of {self._width} px, got {label_map.shape}"
            )
        self._left -= len(label_map)
        # Each row starts with the number of its filter; 0 is none.
        filtered = np.zeros((len(label_map), self._width + 1), dtype=np.uint8)
        filtered[:, 1:] = label_map
        self._chunk(b"IDAT", self._packer.compress(filtered.tobytes()))

    def finish(self) -> None:
        """End the file.

        Raises
        ------
        ArgumentError
            Rows are missing.
        """
        if self._left:
            raise ArgumentError(f"{self._left} rows of the label map are missing")
        self._chunk(b"IDAT", self._packer.flush())
        self._chunk(b"IEND", b"")

    def _chunk(self, kind: bytes, data: bytes) -> None:
        check = struct.pack(">I", zlib.crc32(kind + data))
        self._file.write(struct.pack(">I", len(data)) + kind + data + check)
