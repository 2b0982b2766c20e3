"""TIFF files of many bands or of floating-point pixels: one or three of the bands are an image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.decoders import MAX_PIXELS
from pixelwise.io.depth import SHARES, used_range
from pixelwise.samples import Float64Array, UInt8Array, UInt16Array

MOST_BANDS = 4
"""A TIFF of more has no agreed red, green and blue."""

Levels = tuple[float, float]
"""Which levels become 0 and 255."""

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NO_DATA = 42113
"""GDAL's tag for the value of pixels that hold none."""


def is_tiff(data: bytes) -> bool:
    r"""Return whether a file begins as a TIFF does.

    Examples
    --------
    >>> is_tiff(b"II*\0"), is_tiff(b"GIF89a")
    (True, False)
    """
    return data[:4] in _STARTS


def refuse_bands(data: bytes, path: str | Path) -> None:
    """Raise an error for a TIFF whose pixels can be read, but only if somebody says which.

    Raises
    ------
    ImageFileError
        How many bands it has, and how to choose among them.
    """
    if not is_tiff(data):
        return
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            bands, kind = page.samplesperpixel, np.dtype(page.dtype)
    # tifffile meets damaged files with many kinds of exception; another reader names the damage.
    except Exception:
        return
    if bands > 1 or kind.kind == "f":
        example = "3,2,1" if bands > 2 else "1"
        what = f"{bands} bands of {kind}" if bands > 1 else f"one band of {kind}"
        raise ImageFileError(
            f"{path}: a TIFF of {what}, which have no agreed red, green, blue and white; "
            f"predict --bands {example} says which to take (read_image(..., bands=) in Python)"
        )


def read_bands(
    data: bytes, path: str | Path, bands: Sequence[int]
) -> tuple[UInt8Array, Levels | None]:
    """Read some bands of a TIFF as an image.

    Bands of 8 bits are taken as they are. Of others the range that the chosen ones use together
    becomes 0 to 255, so that colours keep their proportions; pixels without a value become 0.

    Parameters
    ----------
    data : bytes
        The whole file. Its first pages of one size are bands, too, if each has only one.
    path : str or Path
        What to call it in an error.
    bands : sequence of int
        Red, green and blue, or one for grey; counted from 1.

    Returns
    -------
    image : (H, W, 3) uint8
    levels : (low, high) or None
        None for bands of 8 bits.

    Raises
    ------
    ImageFileError
        It is damaged, or has no such band.
    ArgumentError
        Another number of bands than 1 or 3, or one below 1.
    """
    if len(bands) not in (1, 3) or min(bands) < 1:
        raise ArgumentError(f"bands: expected three numbers from 1, or one, got {tuple(bands)}")
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            planes, missing = _planes(file, path, bands)
    except ImageFileError:
        raise
    except MemoryError:
        raise ImageFileError(f"{path}: too large for the memory of this machine") from None
    # tifffile and the decoders below it meet damaged files with many kinds of exception.
    except Exception as error:
        hint = "; install imagecodecs to read it" if "imagecodecs" in str(error) else ""
        raise ImageFileError(f"{path}: truncated or damaged ({error}){hint}") from None
    stacked = np.stack([planes[band] for band in (*bands, *bands, *bands)[:3]], axis=-1)
    if stacked.dtype == np.uint8:
        return stacked, None
    return _eight_bits(stacked, missing)


def read_deep_colours(data: bytes, path: str | Path) -> UInt16Array:
    """Read an RGB TIFF of 16 bits, (H, W, 3) uint16, or with alpha (H, W, 4).

    Raises
    ------
    ImageFileError
        It is damaged.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page: Any = file.pages.first
            pixels = page.asarray()
            if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                pixels = np.moveaxis(pixels, 0, -1)
            if pixels.dtype != np.uint16 or pixels.ndim != 3:
                raise ValueError(f"expected colours of 16 bits, got {pixels.shape} {pixels.dtype}")
    except MemoryError:
        raise ImageFileError(f"{path}: too large for the memory of this machine") from None
    # tifffile and the decoders below it meet damaged files with many kinds of exception.
    except Exception as error:
        hint = "; install imagecodecs to read it" if "imagecodecs" in str(error) else ""
        raise ImageFileError(f"{path}: truncated or damaged ({error}){hint}") from None
    return np.ascontiguousarray(pixels, dtype=np.uint16)


def bands_size(data: bytes, path: str | Path) -> tuple[int, int]:
    """Return the (height, width) of a TIFF of any number of bands.

    Raises
    ------
    ImageFileError
        It is damaged.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            return int(page.imagelength), int(page.imagewidth)
    except Exception as error:
        raise ImageFileError(f"{path}: truncated or damaged ({error})") from None


def _planes(
    file: tifffile.TiffFile, path: str | Path, bands: Sequence[int]
) -> tuple[dict[int, npt.NDArray[Any]], float | None]:
    """Return the bands that are asked for, by their numbers, and the value that stands for none."""
    first: Any = file.pages.first
    turned, missing = (first.tags.get(tag) for tag in ("Orientation", _NO_DATA))
    if turned is not None and turned.value != 1:
        raise ImageFileError(f"{path}: its bands are turned (Orientation {turned.value}); save it")
    if first.imagedepth != 1 or np.dtype(first.dtype).kind not in "uif":
        raise ImageFileError(f"{path}: its bands are no whole or floating-point numbers")
    if first.imagelength * first.imagewidth > MAX_PIXELS:
        raise ImageFileError(f"{path}: refused, {first.imagewidth} x {first.imagelength} pixels")
    pages: list[Any] = [first]
    if first.samplesperpixel == 1:
        # No further than asked for: the list of a damaged file may have no end.
        asked: Any = islice(file.pages, max(bands))
        pages = [p for p in asked if (p.shape, p.dtype) == (first.shape, first.dtype)]
    count = first.samplesperpixel * len(pages)
    if max(bands) > count:
        raise ImageFileError(f"{path}: no band {max(bands)}; it has {count}, counted from 1")
    if first.samplesperpixel == 1:
        planes = {band: pages[band - 1].asarray() for band in set(bands)}
    else:
        whole = first.asarray()
        separate = first.planarconfig == tifffile.PLANARCONFIG.SEPARATE
        planes = {b: whole[b - 1] if separate else whole[..., b - 1] for b in set(bands)}
    size = first.imagelength, first.imagewidth
    if any(plane.shape != size for plane in planes.values()):
        raise ValueError("its bands have another size than it says")
    return planes, None if missing is None else float(missing.value)


def _eight_bits(
    values: npt.NDArray[Any], missing: float | None
) -> tuple[UInt8Array, Levels | None]:
    """Scale the range that is used to 0 to 255."""
    numbers: Float64Array = values.astype(np.float64)
    sound = np.isfinite(numbers)
    if missing is not None:
        sound &= values != missing
    if not sound.any():
        return np.zeros(values.shape, np.uint8), (0.0, 0.0)
    low: float
    high: float
    if values.dtype == np.uint16:
        low, high = used_range(np.bincount(values[sound], minlength=1 << 16).astype(np.int64))
    else:
        low, high = np.quantile(numbers[sound], SHARES).tolist()
    step = high - low or 1.0
    scaled = np.where(sound, (numbers - low) / step, 0.0).clip(0, 1)
    return np.asarray(np.round(scaled * 255), dtype=np.uint8), (low, high)
