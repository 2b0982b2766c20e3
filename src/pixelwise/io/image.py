"""Images in and out: always (H, W, 3) uint8 RGB in memory, whatever the file holds."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from pixelwise.errors import ArgumentError, ImageFileError, StorageError, missing_extra
from pixelwise.io.bands import (
    MOST_BANDS,
    Levels,
    is_tiff,
    read_bands,
    read_deep_colours,
    refuse_bands,
)
from pixelwise.io.decoders import MAX_PIXELS, ORIENTATION, decode_jpeg
from pixelwise.io.depth import Range, depth_range, to_eight_bits, used_range
from pixelwise.io.files import written_whole
from pixelwise.samples import Int64Array, UInt8Array, UInt16Array, check_image

HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
"""Read where the package pillow-heif is installed (extra ``heic``)."""

SAMPLES = 0x0115
"""The tag of a TIFF that says how many bands it has."""

BITS = 0x0102
PHOTOMETRIC, WHITE_IS_ZERO = 0x0106, 0
"""The tag of a TIFF that says how many bits each band has."""

PNG_DEPTH = 24
"""Where a PNG says how many bits it has; the kind of its colours comes next."""

PNG_COLOURS = (2, 4, 6)
"""RGB, grey with alpha, RGB with alpha."""

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})

DEEP_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".pgm", ".pnm"})
"""Of files that may hold levels of more than 8 bits."""

IMAGE_SUFFIXES = frozenset(
    {
        *JPEG_SUFFIXES,
        *HEIC_SUFFIXES,
        *(
            ".png",
            ".bmp",
            ".tif",
            ".tiff",
            ".webp",
            ".gif",
            ".avif",
            ".ppm",
            ".pgm",
            ".pbm",
            ".pnm",
        ),
    }
)
"""The file name suffixes that a folder of images is searched for."""

# Pillow imports these only when nothing else fits, but requires that a named format is there.
for _plugin in ("Tiff", "WebP", "Avif"):
    import_module(f"PIL.{_plugin}ImagePlugin")

IMAGE_FORMATS = ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF"]
"""What Pillow may take a file for. Its other readers include one that starts a program (EPS)."""

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
"""What follows ``ftyp`` at the beginning of a HEIC file (ISO/IEC 23008-12)."""


NEEDS_HEIF = str(missing_extra("HEIC", "pillow-heif", "heic"))


@cache
def heic_is_read() -> bool:
    """Return whether pillow-heif is installed; from then on Pillow reads HEIC."""
    try:
        import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    IMAGE_FORMATS.append("HEIF")
    return True


def _refuse_heic(path: str | Path, data: bytes) -> None:
    """Raise an error for a HEIC file if nothing here reads it."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS and not heic_is_read():
        raise ImageFileError(f"{path}: {NEEDS_HEIF}")


def read_image(
    path: str | Path, bands: Sequence[int] = (), levels: Range | None = None
) -> UInt8Array:
    """Read an image.

    EXIF orientation is applied, transparency is laid over white, greyscale and CMYK become RGB.
    Of grey levels of more than 8 bits the range that is used becomes 0 to 255 (`levels_used`), of
    colours that of 10, 12, 14 or 16 bits.

    Parameters
    ----------
    path : str or Path
        JPEG, PNG, TIFF, WebP, AVIF, BMP, PNM or GIF (its first frame); HEIC with pillow-heif.
    bands : sequence of int
        Of a TIFF: which bands are red, green and blue, or the one that is grey, counted from 1.
        TIFFs of more than four bands, and of floating-point pixels, are refused without.
    levels : callable, optional
        Which levels of an image of more than 8 bits become 0 and 255, if not the usual ones: takes
        the pixels of each level, (65536,) int64. With ``bands`` it does not count.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ImageFileError
        The file is missing, truncated, or not an image; the message names it.
    ArgumentError
        Another number of bands than 1 or 3.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/a.png", np.full((2, 3, 3), 7, np.uint8))
    ...     read_image(f"{folder}/a.png").shape
    (2, 3, 3)
    """
    data = read_bytes(path)
    if bands and is_tiff(data):
        return read_bands(data, path, bands)[0]
    return image_of_bytes(data, path, levels)


def image_of_bytes(data: bytes, path: str | Path, levels: Range | None = None) -> UInt8Array:
    """Decode an image that is in memory, as `read_image` does.

    Parameters
    ----------
    data : bytes
        A whole image file.
    path : str or Path
        What to call it in an error.
    levels : callable, optional
        As for `read_image`.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ImageFileError
        It is truncated, or not an image.
    """
    try:
        image = decode_jpeg(data)
    except EOFError as error:
        raise ImageFileError(f"{path}: truncated or damaged ({error})") from None
    if image is not None:
        return image
    with open_pillow(path, data) as picture:
        deep = _deep_pixels(picture, data, path)
        if deep is None:
            return flatten(picture, path)
        pixels = _table(deep, levels)[deep]
        if picture.format == "TIFF" and picture.getexif().get(PHOTOMETRIC) == WHITE_IS_ZERO:
            pixels = 255 - pixels
        eight = Image.fromarray(pixels)
        eight.getexif()[ORIENTATION] = picture.getexif().get(ORIENTATION, 1)
        return flatten(eight, path)


def to_rgb(array: npt.NDArray[np.generic]) -> UInt8Array:
    """Turn an array that some other library read into the one layout used here.

    Parameters
    ----------
    array : (H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16
        Grey, RGB or RGBA; transparency is laid over white; white of 16 bits is that of 10, 12, 14
        or 16 bits, whatever is the least that holds the levels.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Another shape or dtype.

    Examples
    --------
    >>> to_rgb(np.array([[0, 65535]], dtype=np.uint16)).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    grey, coloured = array.ndim == 2, array.ndim == 3 and array.shape[2] in (3, 4)
    fits = array.dtype == np.uint8 and (grey or coloured)
    if not array.size or not (fits or (grey and array.dtype == np.uint16)):
        raise ArgumentError(
            "expected (H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16, "
            f"got {array.shape} {array.dtype}"
        )
    if array.dtype == np.uint16:
        deep = array.astype(np.uint16)
        array = to_eight_bits(_counts(deep), depth_range)[deep]
    return flatten(Image.fromarray(np.ascontiguousarray(array)), "array")


def open_pillow(path: str | Path, data: bytes | None = None) -> Image.Image:
    """Open an image file with Pillow and decode it whole.

    Parameters
    ----------
    path : str or Path
        The file; it is named in errors.
    data : bytes, optional
        Its bytes, if they have been read already.

    Raises
    ------
    ImageFileError
        The file is missing, truncated, or not an image.
    """
    if data is None:
        data = read_bytes(path)
    _refuse_heic(path, data)
    try:
        picture = Image.open(io.BytesIO(data), formats=IMAGE_FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{picture.width} x {picture.height} pixels")
        picture.load()
    except UnidentifiedImageError:
        refuse_bands(data, path)
        raise ImageFileError(f"{path}: not an image that can be read") from None
    except Image.DecompressionBombError as error:
        raise ImageFileError(f"{path}: refused, {error}") from None
    except MemoryError:
        raise ImageFileError(f"{path}: too large for the memory of this machine") from None
    # Pillow's readers meet damaged files with many kinds of exception; all mean the same here.
    except Exception as error:
        raise ImageFileError(f"{path}: truncated or damaged ({error})") from None
    # Pillow would take the first three.
    if picture.format == "TIFF" and picture.getexif().get(SAMPLES, 1) > MOST_BANDS:
        refuse_bands(data, path)
    return picture


def write_image(path: str | Path, image: UInt8Array) -> None:
    """Write an image; the suffix chooses the format (JPEG at quality 92).

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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/a.jpg", np.zeros((2, 3, 3), np.uint8))
    """
    check_image(image)
    save_pillow(path, Image.fromarray(image))


def save_pillow(path: str | Path, picture: Image.Image, **options: Any) -> None:
    """Save a Pillow image whole or not at all; a suffix Pillow cannot write is an error.

    Raises
    ------
    ArgumentError
        A suffix that stands for no image format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in Image.registered_extensions():
        raise ArgumentError(f"{path}: cannot tell the image format from {suffix!r}; try .png")
    if suffix in JPEG_SUFFIXES:
        # 4:4:4, since chroma subsampling frays exactly the outlines of masks that people look at.
        options = {"quality": 92, "subsampling": 0} | options
    with written_whole(path) as beside:
        picture.save(beside, **options)


def fit_within(size: tuple[int, ...], longest: float, *, enlarge: bool = False) -> tuple[int, int]:
    """Return the size of an image whose longer side is at most ``longest``, its aspect kept.

    Parameters
    ----------
    size : (height, width, ...)
        E.g. an array's shape; what follows the width is not looked at.
    longest : float
        Pixels of the longer side.
    enlarge : bool
        Make the longer side exactly ``longest`` if it is shorter.

    Returns
    -------
    (height, width)
        Each at least 1.

    Examples
    --------
    >>> fit_within((480, 640), 320)
    (240, 320)
    >>> fit_within((48, 64), 320)
    (48, 64)
    >>> fit_within((48, 64), 320, enlarge=True)
    (240, 320)
    """
    factor = longest / max(size[:2])
    if not enlarge:
        factor = min(1.0, factor)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def resize_image(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Resize an image, averaging over pixels when it shrinks.

    Parameters
    ----------
    image : (H, W, 3) uint8
    size : (height, width)

    Returns
    -------
    (height, width, 3) uint8

    Examples
    --------
    >>> resize_image(np.full((4, 6, 3), 9, np.uint8), (2, 3)).shape
    (2, 3, 3)
    """
    if image.shape[:2] == size:
        return image.copy()
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    height, width = image.shape[:2]
    # By a whole number, OpenCV averages blocks, fast and exactly. By any other it is slow, and an
    # average of averages is nearly the same.
    while (height % size[0] or width % size[1]) and _halves(height, size[0], width, size[1]):
        height, width = height // 2, width // 2
        half = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(half, dtype=np.uint8)
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=how), dtype=np.uint8)


def _halves(height: int, to_height: int, width: int, to_width: int) -> bool:
    return not (height % 2 or width % 2) and height >= 2 * to_height and width >= 2 * to_width


def is_image_file(path: Path) -> bool:
    """Return whether a file's name is that of an image; names that begin with a dot are not.

    macOS leaves ``._a.jpg`` beside ``a.jpg`` on other systems' disks.

    Examples
    --------
    >>> is_image_file(Path("a.JPG")), is_image_file(Path("._a.jpg"))
    (True, False)
    """
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder, sorted by name; hidden ones are left out."""
    return sorted(path for path in folder.iterdir() if is_image_file(path))


def read_size(path: str | Path, data: bytes | None = None) -> tuple[tuple[int, int], bool]:
    """Read the size of an image from its header.

    Parameters
    ----------
    path : str or Path
    data : bytes, optional
        The file's bytes, if they have been read already.

    Returns
    -------
    size : (height, width)
        As `read_image` gives it, after EXIF orientation.
    turned : bool
        EXIF orientation swaps height and width of the pixels in the file.

    Raises
    ------
    ImageFileError
        The file is missing or not an image.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/a.png", np.zeros((2, 3, 3), np.uint8))
    ...     read_size(f"{folder}/a.png")
    ((2, 3), False)
    """
    if data is None and Path(path).suffix.lower() in HEIC_SUFFIXES:
        data = read_bytes(path)
    if data is not None:
        _refuse_heic(path, data)
    try:
        with _opened(path, data) as file, Image.open(file, formats=IMAGE_FORMATS) as picture:
            turned = picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
            width, height = picture.size
    except FileNotFoundError:
        raise ImageFileError(f"{path}: no such file") from None
    except StorageError:
        raise
    except Exception as error:
        refuse_bands(read_bytes(path) if data is None else data, path)
        raise ImageFileError(f"{path}: not an image that can be read ({error})") from None
    return ((width, height) if turned else (height, width)), turned


def _opened(path: str | Path, data: bytes | None) -> IO[bytes]:
    """Open a file, of which Pillow reads the header alone, or what was read of it already."""
    if data is not None:
        return io.BytesIO(data)
    return (path if isinstance(path, Path) else Path(path)).open("rb")


def read_bytes(path: str | Path) -> bytes:
    """Read a whole file.

    Raises
    ------
    ImageFileError
        It is missing, a folder, or not to be read.
    """
    try:
        # Making a Path of a Path would parse it again, for every file of a data set.
        return (path if isinstance(path, Path) else Path(path)).read_bytes()
    except FileNotFoundError:
        raise ImageFileError(f"{path}: no such file") from None
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be read ({error.strerror})") from None


def levels_used(
    path: str | Path, bands: Sequence[int] = (), levels: Range | None = None
) -> Levels | None:
    """Return which levels of an image of more than 8 bits `read_image` makes 0 and 255.

    Parameters
    ----------
    path : str or Path
    bands : sequence of int
    levels : callable, optional
        As for `read_image`.

    Returns
    -------
    (low, high) or None
        None for an image of 8 bits.

    Raises
    ------
    ImageFileError
        The file cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> levels = np.linspace(1000, 1700, 600).reshape(20, 30).astype(np.uint16)
    >>> with TemporaryDirectory() as folder:
    ...     Image.fromarray(levels).save(f"{folder}/a.png")
    ...     levels_used(f"{folder}/a.png")
    (1000, 1700)
    """
    if Path(path).suffix.lower() not in DEEP_SUFFIXES:
        return None
    data = read_bytes(path)
    if bands and is_tiff(data):
        return read_bands(data, path, bands)[1]
    try:
        with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as picture:
            if not _is_deep(picture, data):
                return None
    # Pillow's readers meet damaged files with many kinds of exception; all mean the same here.
    except Exception as error:
        raise ImageFileError(f"{path}: not an image that can be read ({error})") from None
    with open_pillow(path, data) as picture:
        deep = _deep_pixels(picture, data, path)
        _, zero, step = _sixteen_bits(picture) if picture.mode.startswith("I") else (None, 0, 1)
    if deep is None:
        return None
    low, high = (levels or _usual(deep))(_counts(_colours(deep)))
    return zero + step * low, zero + step * high


def _is_deep(picture: Image.Image, data: bytes) -> bool:
    """Return whether a file holds whole numbers of more than 8 bits."""
    return picture.mode.startswith("I") or _is_deep_colour(picture, data)


def _is_deep_colour(picture: Image.Image, data: bytes) -> bool:
    """Return whether a file holds colours, or grey with alpha, of 16 bits: Pillow keeps 8."""
    if picture.format == "PNG":
        return data[PNG_DEPTH] == 16 and data[PNG_DEPTH + 1] in PNG_COLOURS
    bits = picture.getexif().get(BITS) if picture.format == "TIFF" else None
    return isinstance(bits, tuple) and len(bits) in (3, 4) and set(bits) == {16}


def _deep_pixels(picture: Image.Image, data: bytes, path: str | Path) -> UInt16Array | None:
    """Return the levels of a file of more than 8 bits, (H, W) or (H, W, 3 or 4), not turned."""
    if picture.mode.startswith("I"):
        return _sixteen_bits(picture)[0]
    if not _is_deep_colour(picture, data):
        return None
    if picture.format == "TIFF":
        return read_deep_colours(data, path)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.shape[2:] not in ((3,), (4,)):
        raise ImageFileError(f"{path}: truncated or damaged (its 16 bits cannot be read)")
    order = [2, 1, 0, 3][: decoded.shape[2]]
    return np.ascontiguousarray(decoded[..., order])


def _sixteen_bits(picture: Image.Image) -> tuple[UInt16Array, int, int]:
    """Return whole numbers as 16 bits, and what 0 and 1 stand for if they are not those already."""
    values = np.asarray(picture).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= 65535:
        return values.astype(np.uint16), 0, 1
    step = max(1, math.ceil((high - low) / 65535))
    return ((values - low) // step).astype(np.uint16), low, step


def _table(deep: UInt16Array, levels: Range | None) -> UInt8Array:
    """Return what makes the levels of an image into 8 bits, (65536,) uint8."""
    return to_eight_bits(_counts(_colours(deep)), levels or _usual(deep))


def _usual(deep: UInt16Array) -> Range:
    return used_range if deep.ndim == 2 else depth_range


def _colours(deep: UInt16Array) -> UInt16Array:
    return deep if deep.ndim == 2 else deep[..., :3]


def _counts(levels: UInt16Array) -> Int64Array:
    return np.bincount(levels.ravel(), minlength=1 << 16).astype(np.int64)


def flatten(picture: Image.Image, path: str | Path) -> UInt8Array:
    """Turn an image that Pillow has decoded into the one layout used here.

    Parameters
    ----------
    picture : PIL.Image.Image
    path : str or Path
        What to call it in an error.

    Returns
    -------
    (H, W, 3) uint8
        RGB; see `read_image`.

    Raises
    ------
    ImageFileError
        Floating-point pixels.

    Examples
    --------
    >>> flatten(Image.new("RGBA", (1, 1), (0, 0, 0, 0)), "a").tolist()
    [[[255, 255, 255]]]
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise ImageFileError(
            f"{path}: floating-point pixels have no agreed white; predict --bands 1 takes the "
            "range that they use (read_image(..., bands=) in Python)"
        )
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, clear)
    return np.array(picture.convert("RGB"), dtype=np.uint8)
