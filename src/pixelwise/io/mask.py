"""Label maps in and out. The pixels of a mask file are ids, never an image to interpolate."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.classes import VOID, ClassMap, voc_colormap
from pixelwise.errors import ArgumentError, ColourError, ImageFileError, LabelError, StorageError
from pixelwise.io.decoders import decode_png_levels
from pixelwise.io.image import IMAGE_FORMATS, open_pillow, read_bytes, save_pillow
from pixelwise.samples import Int32Array, Int64Array, UInt8Array, UInt16Array, check_label_map

T = TypeVar("T", np.uint8, np.uint16)

PAINTED = 0.02
"""Share of a mask in areas of unknown colours, above which they are another colour map.

What interpolation and JPEG leave lies in thin lines.
"""

INSTANCES_SUFFIX = "_instances.png"
"""What the file of an image's instance map is called, after the image's name."""


def pixel_kind(path: str | Path) -> str:
    """Return how a mask file stores its ids: ``"palette"``, ``"rgb"``, ``"grey"`` or ``"deep"``.

    "deep" is grey with more than 8 bits a pixel, as instance ids are mostly written.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        Its pixels are of a kind that holds no ids, e.g. floating point.
    """
    with open_pillow(path) as picture:
        return _kind_of(_without_alpha(picture), path)


def read_levels(path: str | Path) -> UInt8Array | Int32Array:
    """Read the raw numbers of a mask file.

    Parameters
    ----------
    path : str or Path
        PNG, or any lossless image file.

    Returns
    -------
    (H, W) uint8 or int32, or (H, W, 3) uint8
        Palette indices, never their colours; grey levels; or RGB colours. Where the colour is
        the same everywhere and the alpha is not, the alpha.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        Its pixels are of a kind that holds no ids.
    """
    data = read_bytes(path)
    levels = decode_png_levels(data)
    if levels is not None:
        return levels
    with open_pillow(path, data) as opened:
        picture = _without_alpha(opened)
        _kind_of(picture, path)
        pixels = np.array(picture)
    return pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32)


def read_brightness(path: str | Path) -> UInt8Array | Int32Array:
    """Read how light each pixel of a mask file is, for masks that are black and white.

    Returns
    -------
    (H, W) uint8 or int32
        The brightest channel of colours; grey levels of any depth; the indices of a palette that
        holds more than grey.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        Its pixels are of a kind that holds no mask.
    """
    levels = read_levels(path)
    if levels.ndim == 3:
        return np.asarray(levels.max(axis=2))
    if pixel_kind(path) != "palette":
        return levels
    colours = read_colours(path)
    return levels if (colours != colours[..., :1]).any() else np.ascontiguousarray(colours[..., 0])


def read_colours(path: str | Path) -> UInt8Array:
    """Read the colours of a mask file, (H, W, 3) uint8 RGB, those of its palette if it has one.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    """
    with open_pillow(path) as picture:
        return np.array(picture.convert("RGB"))


def read_palette(path: str | Path) -> UInt8Array | None:
    """Read the palette of an image file from its header, (n, 3) uint8 RGB; None if it has none.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    """
    try:
        where = path if isinstance(path, Path) else Path(path)
        with where.open("rb") as file, Image.open(file, formats=IMAGE_FORMATS) as picture:
            flat = picture.getpalette("RGB") if picture.mode == "P" else None
    except StorageError:
        raise
    # Pillow's readers meet damaged files with many kinds of exception; all mean the same here.
    except Exception as error:
        raise ImageFileError(f"{path}: not an image that can be read ({error})") from None
    return None if flat is None else np.array(flat, dtype=np.uint8).reshape(-1, 3)


def read_label_map(path: str | Path, palette: UInt8Array | None = None) -> UInt8Array:
    """Read a mask file as class ids.

    Palette files give their indices, never their colours; RGB files are decoded through
    a colour map; grey ones give their levels.

    Parameters
    ----------
    path : str or Path
        PNG, or any lossless image file.
    palette : (n, 3) uint8, optional
        The colour of each id in an RGB file; the VOC colour map if not given.

    Returns
    -------
    (H, W) uint8
        Class ids, 255 = void.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        A colour that is not in the colour map, or an id above 255.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.classes import VOC
    >>> with TemporaryDirectory() as folder:
    ...     write_label_map(f"{folder}/a.png", np.array([[0, 15, 255]], np.uint8), VOC)
    ...     read_label_map(f"{folder}/a.png").tolist()
    [[0, 15, 255]]
    """
    levels = read_levels(path)
    if levels.ndim == 3:
        return decode_rgb(levels.astype(np.uint8, copy=False), str(path), palette)
    return as_ids(levels, path)


def as_ids(levels: UInt8Array | Int32Array, path: str | Path) -> UInt8Array:
    """Return the numbers of a mask as class ids, (H, W) uint8.

    Raises
    ------
    LabelError
        One is not in 0..255.
    """
    if levels.dtype == np.uint8:
        return levels.astype(np.uint8, copy=False)
    if levels.max() > VOID or levels.min() < 0:
        wrong = levels.max() if levels.max() > VOID else levels.min()
        raise LabelError(f"{path}: class id {wrong} is not in 0..255; is it an instance map?")
    return levels.astype(np.uint8)


def read_instance_map(path: str | Path) -> UInt16Array:
    """Read a file of instance ids: palette, grey of 8 or 16 bits, or in VOC's colours.

    Returns
    -------
    (H, W) uint16
        0 = none.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        It has other colours, or an id that is not in 0..65535.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_instance_map(f"{folder}/a.png", np.array([[0, 300]], np.uint16))
    ...     read_instance_map(f"{folder}/a.png").tolist()
    [[0, 300]]
    """
    levels = read_levels(path)
    if levels.ndim == 3:
        # CVAT paints instance ids in VOC's colours.
        return decode_rgb(levels.astype(np.uint8, copy=False), str(path)).astype(np.uint16)
    if levels.dtype != np.uint8 and (levels.max() > 65535 or levels.min() < 0):
        raise LabelError(f"{path}: instance ids are 0..65535, found {levels.max()}")
    return levels.astype(np.uint16)


def write_instance_map(path: str | Path, instance_map: UInt16Array) -> None:
    """Write instance ids, (H, W) uint16, as a 16-bit grey PNG."""
    save_pillow(path, Image.fromarray(np.ascontiguousarray(instance_map)))


def write_label_map(path: str | Path, label_map: UInt8Array, classes: ClassMap) -> None:
    """Write a palette PNG in the colours of ``classes``.

    Parameters
    ----------
    path : str or Path
        Ends in ``.png``, the one format every reader takes palette indices from.
    label_map : (H, W) uint8
        Class ids, 255 = void.
    classes : ClassMap

    Raises
    ------
    ArgumentError
        Another suffix, or an array of another shape or dtype.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> classes = ClassMap(("background", "cat"), ((0, 0, 0), (230, 159, 0)))
    >>> with TemporaryDirectory() as folder:
    ...     write_label_map(f"{folder}/a.png", np.array([[0, 1]], np.uint8), classes)
    ...     pixel_kind(f"{folder}/a.png")
    'palette'
    """
    if Path(path).suffix.lower() != ".png":
        raise ArgumentError(f"{path}: label maps are written as palette PNG; end the name in .png")
    save_pillow(path, _palette_picture(label_map, classes))


def png_of_label_map(label_map: UInt8Array, classes: ClassMap) -> bytes:
    """Return what `write_label_map` would write.

    Examples
    --------
    >>> classes = ClassMap(("background", "cat"))
    >>> png_of_label_map(np.array([[0, 1]], np.uint8), classes)[1:4]
    b'PNG'
    """
    target = BytesIO()
    _palette_picture(label_map, classes).save(target, "PNG")
    return target.getvalue()


def _palette_picture(label_map: UInt8Array, classes: ClassMap) -> Image.Image:
    check_label_map(label_map)
    picture = Image.fromarray(label_map, mode="P")
    picture.putpalette(classes.palette.tobytes())
    return picture


def decode_rgb(
    colours: UInt8Array, where: str = "mask", palette: UInt8Array | None = None
) -> UInt8Array:
    """Turn colours back into ids: (H, W, 3) uint8 RGB to (H, W) uint8.

    Parameters
    ----------
    colours : (H, W, 3) uint8
        RGB.
    where : str
        What to call the mask in an error.
    palette : (n, 3) uint8, optional
        The colour of each id; the VOC colour map if not given.

    Raises
    ------
    ColourError
        Areas are painted in colours that are not in the colour map.
    LabelError
        A colour that is not in the colour map, with its count: the mask was interpolated, or
        saved as JPEG.

    Examples
    --------
    >>> decode_rgb(np.array([[[0, 0, 0], [192, 128, 128]]], dtype=np.uint8)).tolist()
    [[0, 15]]
    """
    ids, foreign = _decode_voc(colours) if palette is None else _decode_any(colours, palette)
    if cv2.countNonZero(foreign):
        pixels = colours[foreign > 0]
        found, counts = np.unique(pixels, axis=0, return_counts=True)
        colour = tuple(found[counts.argmax()].tolist())
        which = "the VOC colour map" if palette is None else "the classes' colours"
        if painted := _painted(colours, foreign):
            raise ColourError(
                f"{where}: {len(pixels)} pixels are painted in colours that are not in {which}: "
                + ", ".join(map(str, painted[:4]))
            )
        raise LabelError(
            f"{where}: {len(pixels)} pixels are not in {which}, most often RGB "
            f"{colour} ({counts.max()}); was the mask interpolated or saved as JPEG?"
        )
    return ids


def count_ids(label_map: UInt8Array) -> Int64Array:
    """Count the pixels of each id: (H, W) uint8 to (256,) int64.

    Examples
    --------
    >>> count_ids(np.array([[3, 3, 255]], dtype=np.uint8))[[0, 3, 255]].tolist()
    [0, 2, 1]
    """
    counts = np.zeros(VOID + 1, dtype=np.int64)
    # OpenCV counts several times faster than numpy.bincount and lets other threads read on
    # meanwhile, but hands out float32, which is exact up to 2^24: hence the bands.
    rows = max(1, (1 << 24) // label_map.shape[1])
    for top in range(0, len(label_map), rows):
        band = np.ascontiguousarray(label_map[top : top + rows])
        counts += cv2.calcHist([band], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts


def resize_ids(ids: npt.NDArray[T], size: tuple[int, int]) -> npt.NDArray[T]:
    """Resize a map of ids without inventing any: each new pixel takes the one under its centre.

    Parameters
    ----------
    ids : (H, W) uint8 or uint16
        A label map or an instance map.
    size : (height, width)

    Returns
    -------
    (height, width) of the same dtype

    Examples
    --------
    >>> resize_ids(np.array([[1, 2], [3, 4]], np.uint8), (2, 4)).tolist()
    [[1, 1, 2, 2], [3, 3, 4, 4]]
    """
    # INTER_NEAREST rounds down and so shifts the map by half a pixel; _EXACT does not.
    resized = cv2.resize(ids, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=ids.dtype)


def _without_alpha(picture: Image.Image) -> Image.Image:
    """Return a picture's colours, or its alpha if that is what it shows."""
    if picture.mode not in ("RGBA", "LA"):
        return picture
    *colours, alpha = [np.ptp(np.asarray(band)) for band in picture.split()]
    if not any(colours) and alpha:
        return picture.getchannel("A")
    return picture.convert("RGB" if picture.mode == "RGBA" else "L")


def _kind_of(picture: Image.Image, path: str | Path) -> str:
    if picture.mode == "P":
        return "palette"
    if picture.mode == "RGB":
        return "rgb"
    if picture.mode in ("1", "L"):
        return "grey"
    if picture.mode.startswith("I"):
        return "deep"
    raise LabelError(f"{path}: a mask has palette, RGB or grey pixels, not {picture.mode!r}")


def _decode_voc(colours: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    # Each channel carries three bits of the id, so three 256-entry tables do the work of the
    # usual 256^3 one; a value that no id produces is marked in another plane.
    ids = np.zeros(colours.shape[:2], dtype=np.uint8)
    foreign = np.zeros(colours.shape[:2], dtype=np.uint8)
    for channel, plane in enumerate(cv2.split(colours)):
        cv2.bitwise_or(ids, cv2.LUT(plane, _CHANNEL_BITS[channel]), ids)
        cv2.bitwise_or(foreign, cv2.LUT(plane, _CHANNEL_FOREIGN[channel]), foreign)
    return ids, foreign


def _decode_any(colours: UInt8Array, palette: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    known = palette.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    order = np.argsort(known, kind="stable")
    keys = colours.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    place = np.searchsorted(known, keys, sorter=order).clip(max=len(known) - 1)
    ids = order[place]
    return ids.astype(np.uint8), (known[ids] != keys).astype(np.uint8)


def _painted(colours: UInt8Array, foreign: UInt8Array) -> list[tuple[int, ...]]:
    """Return the unknown colours that fill areas, the largest first, if they fill enough."""
    keys = (colours.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)).astype(np.float32)
    block = np.ones((3, 3), np.uint8)
    inside = (cv2.erode(keys, block) == cv2.dilate(keys, block)) & (foreign > 0)
    if np.count_nonzero(inside) < PAINTED * inside.size:
        return []
    found, counts = np.unique(colours[inside], axis=0, return_counts=True)
    return [tuple(found[i].tolist()) for i in np.argsort(-counts)]


def _channel_tables() -> tuple[UInt8Array, UInt8Array]:
    bits = np.zeros((3, 256), dtype=np.uint8)
    foreign = np.full((3, 256), 1, dtype=np.uint8)
    values = np.arange(256)
    for channel in range(3):
        for round_ in range(3):
            bits[channel] |= (((values >> (7 - round_)) & 1) << (3 * round_ + channel)).astype(
                np.uint8
            )
        foreign[channel, voc_colormap()[:, channel]] = 0
    return bits, foreign


_CHANNEL_BITS, _CHANNEL_FOREIGN = _channel_tables()
