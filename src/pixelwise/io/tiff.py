"""Photos too large for memory: read band by band, and label maps written the same way."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import tifffile
from zlib_ng import zlib_ng as zlib

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.decoders import PNG_START
from pixelwise.io.files import written_whole
from pixelwise.io.image import read_image, read_size, to_rgb

UInt8Array = npt.NDArray[np.uint8]

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
BAND = 256
"""Rows that come at a time where the file does not say otherwise."""

_UPRIGHT = 1
_GREY = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)


def large_size(path: str | Path) -> tuple[int, int]:
    """Return the (height, width) of a photo of any size, from its header.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    ImageFileError
        The file is missing or no picture; or it is larger than may be decoded at once, and no
        TIFF that could be read in bands.
    """
    if Path(path).suffix.lower() in TIFF_SUFFIXES:
        with _tiff(path) as page:
            if _in_bands(page):
                return page.imagelength, page.imagewidth
    return read_size(path)[0]


@contextmanager
def photo_rows(path: str | Path) -> Generator[Iterator[UInt8Array]]:
    """Read a photo from top to bottom.

    A TIFF is decoded as it is read; other formats are decoded whole first.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    iterator of (n, W, 3) uint8
        RGB bands, one below the other.

    Raises
    ------
    ImageFileError
        The file cannot be read; also while the bands are read.
    """
    if Path(path).suffix.lower() in TIFF_SUFFIXES:
        with _tiff(path) as page:
            if _in_bands(page):
                yield _tiff_rows(page, path)
                return
    image = read_image(path)
    yield (image[top : top + BAND] for top in range(0, len(image), BAND))


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


@contextmanager
def _tiff(path: str | Path) -> Generator[tifffile.TiffPage]:
    try:
        file = tifffile.TiffFile(path)
    except FileNotFoundError:
        raise ImageFileError(f"{path}: no such file") from None
    except Exception as error:
        raise ImageFileError(f"{path}: not a picture that can be read ({error})") from None
    with file:
        page = file.pages.first
        if not isinstance(page, tifffile.TiffPage):
            raise ImageFileError(f"{path}: not a picture that can be read (no page)")
        yield page


def _in_bands(page: tifffile.TiffPage) -> bool:
    """Tell whether a TIFF holds upright grey or RGB pixels, interleaved, of 8 or 16 bits."""
    turned = page.tags.get("Orientation")
    return (
        (turned is None or turned.value == _UPRIGHT)
        and page.planarconfig == tifffile.PLANARCONFIG.CONTIG
        and page.imagedepth == 1
        and page.dtype in (np.dtype(np.uint8), np.dtype(np.uint16))
        and (
            (page.photometric in _GREY and page.samplesperpixel == 1)
            or (page.photometric == tifffile.PHOTOMETRIC.RGB and page.samplesperpixel in (3, 4))
        )
    )


def _tiff_rows(page: tifffile.TiffPage, path: str | Path) -> Iterator[UInt8Array]:
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    band, top, filled = np.empty((0, width, samples), page.dtype), 0, 0
    try:
        # Strips, and tiles, come from left to right and from top to bottom.
        for pixels, (_, _, y, x, _), _ in page.segments(maxworkers=1):
            if pixels is None:
                raise ValueError("a part of the pixels is missing")
            if filled == 0:
                rows = min(pixels.shape[1], height - y)
                band, top = np.empty((rows, width, samples), page.dtype), y
            right = min(width, x + pixels.shape[2])
            band[:, x:right] = pixels[0, : len(band), : right - x]
            filled += right - x
            if y != top:
                raise ValueError("its parts are out of order")
            if filled == width:
                filled = 0
                for first in range(0, len(band), BAND):
                    yield _rgb(band[first : first + BAND], page)
    # tifffile and the decoders below it meet damaged files with many kinds of exception.
    except Exception as error:
        hint = "; install imagecodecs to read it" if "imagecodecs" in str(error) else ""
        raise ImageFileError(f"{path}: truncated or damaged ({error}){hint}") from None


def _rgb(band: npt.NDArray[np.generic], page: tifffile.TiffPage) -> UInt8Array:
    if band.dtype == np.uint16:
        band = (band.astype(np.uint16) >> 8).astype(np.uint8)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        band = 255 - band
    return to_rgb(band[..., 0] if band.shape[2] == 1 else band)
