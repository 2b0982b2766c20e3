"""Photos in and out: always (H, W, 3) uint8 RGB inside, whatever the file holds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.files import written_whole
from pixelwise.types import check_image

UInt8Array = npt.NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})
"""The file endings that a folder of photos is searched for."""

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def read_image(path: str | Path) -> UInt8Array:
    """Read a photo.

    EXIF orientation is applied, transparency is laid over white, 16-bit is scaled to 8,
    greyscale and CMYK become RGB.

    Parameters
    ----------
    path : str or Path
        JPEG, PNG, TIFF, WebP, BMP or GIF (its first picture).

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ImageFileError
        The file is missing, truncated, or no picture; the message names it.
    """
    data = _read_bytes(Path(path))
    # libjpeg fills the missing part of a truncated JPEG with grey and says nothing, so the fast
    # decoder only gets files that end as a JPEG must; Pillow judges the rest.
    if data.startswith(JPEG_START) and data.endswith(JPEG_END):
        try:
            image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
        except cv2.error:
            image = None
        if image is not None:
            return np.asarray(image, dtype=np.uint8)
    with open_picture(path, data) as picture:
        return _flatten(picture, path)


def to_rgb(array: npt.NDArray[np.generic]) -> UInt8Array:
    """Turn an array that some other library read into the one layout used here.

    Parameters
    ----------
    array : (H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16
        Grey, RGB or RGBA; transparency is laid over white, 16 bits are scaled to 8.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Another shape or dtype.
    """
    grey, coloured = array.ndim == 2, array.ndim == 3 and array.shape[2] in (3, 4)
    fits = array.dtype == np.uint8 and (grey or coloured)
    if not array.size or not (fits or (grey and array.dtype == np.uint16)):
        raise ArgumentError(
            "expected (H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16, "
            f"got {array.shape} {array.dtype}"
        )
    return _flatten(Image.fromarray(np.ascontiguousarray(array)), "array")


def open_picture(path: str | Path, data: bytes | None = None) -> Image.Image:
    """Open a picture file with Pillow and decode it whole.

    Parameters
    ----------
    path : str or Path
        The file; it is named in errors.
    data : bytes, optional
        Its bytes, where they have been read already.

    Raises
    ------
    ImageFileError
        The file is missing, truncated, or no picture.
    """
    path = Path(path)
    if data is None:
        data = _read_bytes(path)
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except UnidentifiedImageError:
        raise ImageFileError(f"{path}: not a picture that can be read") from None
    except Image.DecompressionBombError as error:
        raise ImageFileError(f"{path}: refused, {error}") from None
    except MemoryError:
        raise ImageFileError(f"{path}: too large for the memory of this machine") from None
    # Pillow's readers meet damaged files with many kinds of exception; all mean the same here.
    except Exception as error:
        raise ImageFileError(f"{path}: truncated or damaged ({error})") from None
    return picture


def write_image(path: str | Path, image: UInt8Array) -> None:
    """Write a photo; the suffix chooses the format (JPEG at quality 92).

    Parameters
    ----------
    path : str or Path
        Where to write. The file appears whole or not at all.
    image : (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        An unknown suffix, or an array of another shape or dtype.
    """
    check_image(image)
    save_picture(path, Image.fromarray(image))


def save_picture(path: str | Path, picture: Image.Image, **options: Any) -> None:
    """Save a Pillow image whole or not at all; a suffix Pillow cannot write is an error.

    Raises
    ------
    ArgumentError
        A suffix that stands for no picture format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in Image.registered_extensions():
        raise ArgumentError(f"{path}: cannot tell the picture format from {suffix!r}; try .png")
    if suffix in (".jpg", ".jpeg"):
        # 4:4:4, since chroma subsampling frays exactly the mask borders people look at.
        options = {"quality": 92, "subsampling": 0} | options
    with written_whole(path) as beside:
        picture.save(beside, **options)


def resize_image(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Resize a photo, averaging over pixels when it shrinks.

    Parameters
    ----------
    image : (H, W, 3) uint8
    size : (height, width)

    Returns
    -------
    (height, width, 3) uint8
    """
    if image.shape[:2] == size:
        return image.copy()
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=how), dtype=np.uint8)


def find_images(paths: list[Path]) -> list[Path]:
    """Return the photos among files and folders (not searched deeper), sorted within a folder.

    Raises
    ------
    ImageFileError
        A path does not exist, or a folder holds no photo.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
            if not inside:
                raise ImageFileError(
                    f"{path}: no photo in this folder; looked for "
                    + " ".join(sorted(IMAGE_SUFFIXES))
                )
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise ImageFileError(f"{path}: no such file or folder")
    return found


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageFileError(f"{path}: no such file") from None
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be read ({error.strerror})") from None


def _flatten(picture: Image.Image, path: str | Path) -> UInt8Array:
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        # Pillow would clip 16-bit values at 255 instead of scaling them.
        deep = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray((deep.clip(0, 65535) >> 8).astype(np.uint8))
    elif picture.mode == "F":
        raise ImageFileError(f"{path}: floating-point pixels have no agreed white; save 16-bit")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, clear)
    return np.array(picture.convert("RGB"), dtype=np.uint8)
