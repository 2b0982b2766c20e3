"""Images larger than the memory, read band by band from TIFF files."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from pixelwise.errors import ImageFileError
from pixelwise.io.bands import bands_size, is_tiff
from pixelwise.io.depth import Range, depth_range, to_eight_bits, used_range
from pixelwise.io.image import read_bytes, read_image, read_size, to_rgb
from pixelwise.io.stored_path import StoredPath
from pixelwise.samples import UInt8Array

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
BAND = 256
"""Rows per band if the file has no strips or tiles."""

_UPRIGHT = 1
_GREY = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE)


def large_size(path: str | Path, bands: Sequence[int] = ()) -> tuple[int, int]:
    """Return the (height, width) of an image of any size, from its header.

    Parameters
    ----------
    path : str or Path
    bands : sequence of int
        As for `pixelwise.read_image`.

    Raises
    ------
    ImageFileError
        The file is missing or not an image; or it is larger than may be decoded at once, and
        not a TIFF that can be read in bands.
    """
    if bands and is_tiff(data := read_bytes(path)):
        return bands_size(data, path)
    if Path(path).suffix.lower() in TIFF_SUFFIXES:
        with _tiff(path) as page:
            if _in_bands(page):
                return page.imagelength, page.imagewidth
    return read_size(path)[0]


@contextmanager
def image_rows(
    path: str | Path, bands: Sequence[int] = (), levels: Range | None = None
) -> Generator[Iterator[UInt8Array]]:
    """Read an image from top to bottom.

    A TIFF is decoded as it is read; other formats, and chosen bands, are decoded whole first.

    Parameters
    ----------
    path : str or Path
    bands : sequence of int
    levels : callable, optional
        As for `pixelwise.read_image`.

    Yields
    ------
    iterator of (n, W, 3) uint8
        RGB bands, one below the other.

    Raises
    ------
    ImageFileError
        The file cannot be read; also while the bands are read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     tifffile.imwrite(f"{folder}/a.tif", np.zeros((600, 2, 3), np.uint8), rowsperstrip=256)
    ...     with image_rows(f"{folder}/a.tif") as bands:
    ...         [band.shape for band in bands]
    [(256, 2, 3), (256, 2, 3), (88, 2, 3)]
    """
    if not bands and Path(path).suffix.lower() in TIFF_SUFFIXES:
        with _tiff(path) as page:
            if _in_bands(page):
                yield _tiff_rows(page, path, levels)
                return
    image = read_image(path, bands, levels)
    yield (image[top : top + BAND] for top in range(0, len(image), BAND))


@contextmanager
def _tiff(path: str | Path) -> Generator[tifffile.TiffPage]:
    try:
        # What lies in remote storage is read whole; of a file here only what is asked for.
        stored = isinstance(path, StoredPath)
        file = tifffile.TiffFile(io.BytesIO(read_bytes(path)) if stored else path)
    except FileNotFoundError:
        raise ImageFileError(f"{path}: no such file") from None
    except Exception as error:
        raise ImageFileError(f"{path}: not an image that can be read ({error})") from None
    with file:
        try:
            page = file.pages.first
        except Exception as error:
            raise ImageFileError(f"{path}: not an image that can be read ({error})") from None
        if not isinstance(page, tifffile.TiffPage):
            raise ImageFileError(f"{path}: not an image that can be read (no page)")
        yield page


def _in_bands(page: tifffile.TiffPage) -> bool:
    """Return whether a TIFF holds upright grey or RGB pixels, interleaved, of 8 or 16 bits."""
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


def _tiff_rows(
    page: tifffile.TiffPage, path: str | Path, levels: Range | None
) -> Iterator[UInt8Array]:
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    band, top, filled = np.empty((0, width, samples), page.dtype), 0, 0
    try:
        table = _table_of(page, levels)
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
                    yield _rgb(band[first : first + BAND], page, table)
    # tifffile and the decoders below it meet damaged files with many kinds of exception.
    except Exception as error:
        hint = "; install imagecodecs to read it" if "imagecodecs" in str(error) else ""
        raise ImageFileError(f"{path}: truncated or damaged ({error}){hint}") from None


def _table_of(page: tifffile.TiffPage, levels: Range | None) -> UInt8Array | None:
    """Return what makes the levels of a 16-bit page into 8 bits; they are counted first."""
    if page.dtype != np.uint16:
        return None
    counts = np.zeros(1 << 16, dtype=np.int64)
    for pixels, _, shape in page.segments(maxworkers=1):
        if pixels is None:
            raise ValueError("a part of the pixels is missing")
        inside = pixels[0, : shape[1], : shape[2], :3]
        counts += np.bincount(inside.ravel(), minlength=1 << 16)
    return to_eight_bits(
        counts, levels or (used_range if page.samplesperpixel == 1 else depth_range)
    )


def _rgb(
    band: npt.NDArray[np.generic], page: tifffile.TiffPage, table: UInt8Array | None
) -> UInt8Array:
    if table is not None:
        band = table[band.astype(np.uint16)]
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        band = 255 - band
    return to_rgb(band[..., 0] if band.shape[2] == 1 else band)
