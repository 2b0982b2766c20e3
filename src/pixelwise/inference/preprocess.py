"""What happens to an image before the network, the same in training and use."""

from __future__ import annotations

import numpy as np

from pixelwise.io.depth import STRETCHED
from pixelwise.io.image import fit_within, resize_image
from pixelwise.samples import Float32Array, Int64Array, UInt8Array

SMALLEST = 16
"""Pixels that the shorter side keeps at least, so that strips do not vanish."""

LEAST_RANGE = 16
"""Levels between the darkest and the brightest of an image that are taken for signal."""


def working_size(size: tuple[int, ...], side: int, multiple: int = 1) -> tuple[int, int]:
    """Return the (height, width) at which the network sees an image.

    Parameters
    ----------
    size : (height, width)
        Of the image, in pixels.
    side : int
        What its longer side becomes; the aspect is kept.
    multiple : int
        Both become the nearest multiple of this.

    Examples
    --------
    >>> working_size((480, 640), 288), working_size((333, 500), 288, multiple=4)
    ((216, 288), (192, 288))
    """
    height, width = (
        multiple * max(1, round(n / multiple)) for n in fit_within(size, side, enlarge=True)
    )
    return max(SMALLEST, height), max(SMALLEST, width)


def stretch_levels(image: UInt8Array) -> UInt8Array:
    """Stretch the levels of an image: its 1st percentile becomes 0, its 99.8th 255.

    All channels alike, so that hues stay. An image with less than `LEAST_RANGE` levels between the
    two is stretched as if it had them, so that noise does not look like signal.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W, 3) uint8

    Examples
    --------
    >>> dark = np.arange(50, dtype=np.uint8).repeat(6).reshape(10, 10, 3)
    >>> stretch_levels(dark).max()
    np.uint8(255)
    """
    return stretching_table(np.bincount(image.ravel(), minlength=256))[image]


def stretching_table(counts: Int64Array) -> UInt8Array:
    """Return what `stretch_levels` makes of each level, (256,) uint8.

    Parameters
    ----------
    counts : (256,) int64
        Pixels of each level, of all channels.
    """
    total = counts.cumsum()
    low, high = (int(np.searchsorted(total, share * total[-1])) for share in STRETCHED)
    levels = (np.arange(256) - low) * (255 / max(high - low, LEAST_RANGE))
    return np.asarray(levels.round().clip(0, 255), dtype=np.uint8)


def prepare(image: UInt8Array, side: int, stretch: bool = False, multiple: int = 1) -> Float32Array:
    """Resize an image and arrange it as the networks take it.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    side : int
        Pixels of the longer side at the network.
    stretch : bool
        Stretch its levels first, see `stretch_levels`.
    multiple : int
        As for `working_size`.

    Returns
    -------
    (1, 3, h, w) float32
        RGB, 0..255. Mean and deviation are inside the network.

    Examples
    --------
    >>> prepare(np.zeros((480, 640, 3), np.uint8), 288).shape
    (1, 3, 216, 288)
    """
    image = stretch_levels(image) if stretch else image
    small = resize_image(image, working_size(image.shape, side, multiple))
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], dtype=np.float32)
