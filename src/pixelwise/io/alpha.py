"""Alphas that a person or another tool made, as image files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from pixelwise.classes import VOID
from pixelwise.errors import LabelError, size_mismatch
from pixelwise.io.image import open_pillow, save_pillow
from pixelwise.io.mask import decode_rgb
from pixelwise.samples import Float32Array, UInt8Array

LIGHT = 128
"""A grey alpha has a pixel at least this light; a map of class ids does not."""


def read_alpha(path: str | Path, size: tuple[int, int]) -> Float32Array:
    """Read an alpha from an image file.

    Parameters
    ----------
    path : str or Path
        An image with transparency (its alpha counts), a grey one (black is background, white
        is subject, 8 or 16 bits), or a label map: palette PNG, or RGB in VOC's colours. In a
        label map, every class but 0 and void is subject.
    size : (height, width)
        Of the image it belongs to.

    Returns
    -------
    (H, W) float32
        0..1.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    LabelError
        Another size, or pixels that are neither an alpha nor a label map.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_alpha(f"{folder}/a.png", np.array([[0, 1, 0.2]], dtype=np.float32))
    ...     read_alpha(f"{folder}/a.png", (1, 3)).round(2).tolist()
    [[0.0, 1.0, 0.20000000298023224]]
    """
    with open_pillow(path) as opened:
        picture = ImageOps.exif_transpose(opened)
    if picture.size != (size[1], size[0]):
        own = picture.height, picture.width
        raise size_mismatch(str(path), "alpha", own, size, "make it of the image's size")
    if picture.mode == "P" and "transparency" not in picture.info:
        return _of_ids(np.array(picture))
    if picture.has_transparency_data:
        return _of_levels(np.array(picture.convert("RGBA"))[..., 3], 255, path)
    if picture.mode == "1":
        return np.asarray(picture, dtype=np.float32)
    if picture.mode.startswith("I"):
        return _of_levels(np.asarray(picture).clip(0, 65535), 65535, path)
    if picture.mode == "F":
        raise LabelError(f"{path}: floating-point pixels have no agreed white; save 16-bit grey")
    colours = np.array(picture.convert("RGB"))
    if (colours == colours[..., :1]).all():
        return _of_levels(colours[..., 0], 255, path)
    return _of_ids(decode_rgb(colours, str(path)))


def _of_levels(levels: np.ndarray, white: int, path: str | Path) -> Float32Array:
    lightest = 255 * int(levels.max()) / white
    if 0 < lightest < LIGHT:
        raise LabelError(
            f"{path}: nothing in it is lighter than {lightest:.0f} of 255; for a label map save "
            "a palette PNG, for an alpha make the subject white"
        )
    return np.asarray(levels / np.float32(white), dtype=np.float32)


def _of_ids(label_map: UInt8Array) -> Float32Array:
    mask: Float32Array = ((label_map != 0) & (label_map != VOID)).astype(np.float32)
    # Lens and sensor spread an edge over about a pixel; the steps of a mask do not.
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8)
    # Rounding may leave it just above 1.
    return np.asarray(np.clip(soft, 0, 1), dtype=np.float32)


def write_alpha(path: str | Path, alpha: Float32Array) -> None:
    """Write an alpha as an 8-bit grey image file, (H, W) float32 of 0..1."""
    save_pillow(path, Image.fromarray((alpha * 255).round().astype(np.uint8)))
