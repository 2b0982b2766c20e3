"""Label maps in and out. The pixels of a mask file are ids, never a picture to interpolate."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.classes import VOID, ClassMap, voc_palette
from pixelwise.errors import ArgumentError, LabelError
from pixelwise.images import open_picture, save_picture
from pixelwise.types import check_label_map

UInt8Array = npt.NDArray[np.uint8]


def mask_encoding(path: str | Path) -> str:
    """Return how a mask file says its ids: ``"palette"``, ``"rgb"`` or ``"grey"``.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        Its pixels are of a kind that holds no ids, e.g. floating point.
    """
    with open_picture(path) as picture:
        return _encoding_of(picture, path)


def read_label_map(path: str | Path) -> UInt8Array:
    """Read a mask file as class ids.

    Palette pictures give their indices, never their colours; RGB pictures are decoded through
    the VOC colour map; grey ones give their levels.

    Parameters
    ----------
    path : str or Path
        PNG, or any lossless picture.

    Returns
    -------
    (H, W) uint8
        Class ids, 255 = void.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        A colour that is not in the VOC colour map, or an id above 255.
    """
    with open_picture(path) as picture:
        encoding = _encoding_of(picture, path)
        if encoding == "rgb":
            if picture.mode != "RGB":
                picture = picture.convert("RGB")
            return decode_rgb(np.asarray(picture), where=str(path))
        levels = np.array(picture)
    if levels.dtype == np.uint8:
        return levels
    if levels.max() > VOID:
        raise LabelError(f"{path}: class id {levels.max()} is above 255; is it an instance map?")
    return levels.astype(np.uint8)


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
    """
    check_label_map(label_map)
    if Path(path).suffix.lower() != ".png":
        raise ArgumentError(f"{path}: label maps are written as palette PNG; end the name in .png")
    picture = Image.fromarray(label_map, mode="P")
    picture.putpalette(classes.palette.tobytes())
    save_picture(path, picture)


def encode_rgb(label_map: UInt8Array) -> UInt8Array:
    """Paint ids in the VOC colour map: (H, W) uint8 to (H, W, 3) uint8 RGB.

    Examples
    --------
    >>> encode_rgb(np.array([[0, 15, 255]], dtype=np.uint8)).tolist()
    [[[0, 0, 0], [192, 128, 128], [224, 224, 192]]]
    """
    return voc_palette()[label_map]


def decode_rgb(colours: UInt8Array, where: str = "mask") -> UInt8Array:
    """Turn VOC colours back into ids: (H, W, 3) uint8 RGB to (H, W) uint8.

    Parameters
    ----------
    colours : (H, W, 3) uint8
        RGB.
    where : str
        What to call the picture in an error.

    Raises
    ------
    LabelError
        A colour that is not in the VOC colour map, with its count: the mask was interpolated,
        saved as JPEG, or painted with other colours.

    Examples
    --------
    >>> decode_rgb(np.array([[[0, 0, 0], [192, 128, 128]]], dtype=np.uint8)).tolist()
    [[0, 15]]
    """
    # Each channel carries three bits of the id, so three 256-entry tables do the work of the
    # usual 256^3 one; a value that no id produces is told apart by a fourth plane of marks.
    planes = cv2.split(colours)
    ids = np.zeros(colours.shape[:2], dtype=np.uint8)
    strange = np.zeros(colours.shape[:2], dtype=np.uint8)
    for channel, plane in enumerate(planes):
        cv2.bitwise_or(ids, cv2.LUT(plane, _CHANNEL_BITS[channel]), ids)
        cv2.bitwise_or(strange, cv2.LUT(plane, _CHANNEL_STRANGE[channel]), strange)
    if cv2.countNonZero(strange):
        pixels = colours[strange > 0]
        found, counts = np.unique(pixels, axis=0, return_counts=True)
        colour = tuple(found[counts.argmax()].tolist())
        raise LabelError(
            f"{where}: {len(pixels)} pixels are not in the VOC colour map, most often RGB "
            f"{colour} ({counts.max()}); was the mask interpolated or saved as JPEG?"
        )
    return ids


def count_ids(label_map: UInt8Array) -> npt.NDArray[np.int64]:
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


def resize_label_map(label_map: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Resize a label map without inventing ids: each new pixel takes the one under its centre.

    Parameters
    ----------
    label_map : (H, W) uint8
    size : (height, width)

    Returns
    -------
    (height, width) uint8
    """
    # INTER_NEAREST rounds down and so shifts the map by half a pixel; _EXACT does not.
    resized = cv2.resize(label_map, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)


def _encoding_of(picture: Image.Image, path: str | Path) -> str:
    if picture.mode == "P":
        return "palette"
    if picture.mode in ("RGB", "RGBA"):
        return "rgb"
    if picture.mode in ("1", "L", "I", "I;16"):
        return "grey"
    raise LabelError(f"{path}: a mask has palette, RGB or grey pixels, not {picture.mode!r}")


def _channel_tables() -> tuple[UInt8Array, UInt8Array]:
    bits = np.zeros((3, 256), dtype=np.uint8)
    strange = np.full((3, 256), 1, dtype=np.uint8)
    values = np.arange(256)
    for channel in range(3):
        for round_ in range(3):
            bits[channel] |= (((values >> (7 - round_)) & 1) << (3 * round_ + channel)).astype(
                np.uint8
            )
        strange[channel, voc_palette()[:, channel]] = 0
    return bits, strange


_CHANNEL_BITS, _CHANNEL_STRANGE = _channel_tables()
