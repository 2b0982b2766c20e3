"""What an image file holds besides its pixels, and how to write it into another."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixelwise.io.decoders import ORIENTATION
from pixelwise.io.image import IMAGE_FORMATS, image_of_bytes, read_bytes, save_pillow
from pixelwise.samples import UInt8Array

PROFILE_OF = {b"RGB ": ("RGB", "RGBA", "P", "PA"), b"GRAY": ("L", "LA", "I", "I;16", "1")}
"""Modes of Pillow's images that a colour profile of some kind can describe."""

STRUCTURE = {
    *(*range(254, 267), *range(273, 282), *range(284, 294), 301, *range(317, 348)),
    *(*range(512, 533), 700, 34377, 34675),
}
"""Tags of TIFF that say how its pixels are stored, which is not so in another file; and what is
copied by itself or may hold a thumbnail: XMP, the colour profile, Photoshop's resources."""

XMP_ORIENTATION = re.compile(rb'tiff:Orientation(="\d+"|>\d+</tiff:Orientation)')


@dataclass(frozen=True)
class Metadata:
    """What is copied from an image file to the one made from it.

    Parameters
    ----------
    options : dict
        For Pillow's ``save``: ``exif`` (upright, without the thumbnail), ``icc_profile``, ``xmp``,
        ``dpi``, those that the file has.
    grey : bool
        The image has no colours.
    """

    options: dict[str, Any]
    grey: bool

    def save(self, path: str | Path, pixels: UInt8Array) -> None:
        """Write an image with this metadata; the suffix chooses the format.

        Parameters
        ----------
        path : str or Path
        pixels : (H, W, 3), (H, W, 4) or (H, W) uint8
            RGB, RGBA or grey. A grey image that is still grey is written as one.

        Raises
        ------
        ArgumentError
            A suffix that stands for no image format.
        """
        options = dict(self.options)
        if pixels.ndim == 2:
            picture = Image.fromarray(pixels)
            if not self.grey:  # a profile of colours does not describe grey levels
                options.pop("icc_profile", None)
        elif self.grey and pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
            picture = Image.fromarray(np.ascontiguousarray(pixels[..., 0]))
        else:
            picture = Image.fromarray(pixels)
            if self.grey:  # a grey profile does not describe colours
                options.pop("icc_profile", None)
        save_pillow(path, picture, **options)


def read_with_metadata(path: str | Path) -> tuple[UInt8Array, Metadata]:
    """Read an image, upright, and its file's metadata.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    image : (H, W, 3) uint8
        As of `pixelwise.read_image`.
    metadata : Metadata

    Raises
    ------
    ImageFileError
        The file is missing, truncated, or not an image.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("L", (3, 2)).save(f"{folder}/a.png", dpi=(300, 300))
    ...     image, metadata = read_with_metadata(f"{folder}/a.png")
    ...     metadata.save(f"{folder}/b.png", image)
    >>> image.shape, metadata.grey
    ((2, 3, 3), True)
    """
    data = read_bytes(path)
    image = image_of_bytes(data, path)
    # Its pixels have been decoded; this reads the header only.
    with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as picture:
        mode, info = picture.mode, dict(picture.info)
        exif = picture.getexif()
    options: dict[str, Any] = {name: info[name] for name in ("dpi",) if name in info}
    # The pixels are turned upright, so no reader may turn them again. Pillow writes no thumbnail,
    # which would show the image before the change.
    for tag in {ORIENTATION, *STRUCTURE} & set(exif):
        del exif[tag]
    if len(exif):
        options["exif"] = exif.tobytes()
    profile = info.get("icc_profile")
    if profile and mode in PROFILE_OF.get(profile[16:20], ()):
        options["icc_profile"] = profile
    xmp = info.get("xmp")
    if xmp:
        xmp = xmp.encode() if isinstance(xmp, str) else xmp
        options["xmp"] = XMP_ORIENTATION.sub(_upright, xmp)
    return image, Metadata(options, mode in PROFILE_OF[b"GRAY"])


def _upright(found: re.Match[bytes]) -> bytes:
    return re.sub(rb"\d+", b"1", found[0])
