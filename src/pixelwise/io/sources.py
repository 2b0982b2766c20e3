"""An image from whatever a person holds: path, address, bytes, open file, Pillow image, array."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.errors import ArgumentError
from pixelwise.io.image import flatten, image_of_bytes, read_image, to_rgb
from pixelwise.io.remote import fetch, is_url
from pixelwise.io.video import is_video
from pixelwise.samples import UInt8Array

Source: TypeAlias = str | Path | bytes | IO[bytes] | Image.Image | npt.NDArray[np.generic]
"""What `image_of` takes."""


def image_of(source: Source) -> tuple[UInt8Array, str]:
    """Return an image and what to call it.

    Parameters
    ----------
    source : str, Path, bytes, file opened in binary mode, PIL.Image.Image, or array
        A text that begins with ``http://`` or ``https://`` is fetched (`io.remote.fetch`).
        Arrays are those of `io.image.to_rgb`, RGB and not BGR.

    Returns
    -------
    image : (H, W, 3) uint8
        RGB; EXIF orientation applied, transparency laid over white.
    name : str
        Path or address; of what has none, what it is.

    Raises
    ------
    ImageFileError
        It cannot be read, or not be fetched.
    ArgumentError
        Something else, or an array of another shape or dtype.

    Examples
    --------
    >>> image, name = image_of(Image.new("L", (4, 2), 9))
    >>> image.shape, name
    ((2, 4, 3), 'image')
    """
    if isinstance(source, str) and is_url(source):
        return image_of_bytes(fetch(source), source), source
    if isinstance(source, str | Path) and is_video(source):
        raise ArgumentError(
            f"{source}: a clip; pixelwise.predict_video(pixelwise.Predictor.load(), clip, folder) "
            "predicts it, pixelwise.blur(clip, out) blurs it"
        )
    if isinstance(source, str | Path):
        return read_image(source), str(source)
    if isinstance(source, bytes):
        return image_of_bytes(source, "bytes"), "bytes"
    if isinstance(source, Image.Image):
        return flatten(source, "image"), str(getattr(source, "filename", "") or "image")
    if isinstance(source, np.ndarray):
        return to_rgb(source), "array"
    read = getattr(source, "read", None)
    if read is None:
        kind = type(source).__name__
        tensor = "; of a (3, H, W) tensor in 0..1 give (255 * t).byte().permute(1, 2, 0).numpy()"
        raise ArgumentError(
            "expected a path, URL, bytes, open file, PIL image or (H, W, 3) uint8 array, "
            f"got {kind}{tensor if kind == 'Tensor' else ''}"
        )
    data, name = read(), str(getattr(source, "name", "file"))
    if not isinstance(data, bytes):
        raise ArgumentError(f'{name}: opened as text; open images with open(path, "rb")')
    return image_of_bytes(data, name), name
