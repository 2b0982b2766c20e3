"""What happens to a photo before the network, the same in training and use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixelwise.io.image import resize_image

SMALLEST = 16
"""Pixels that the shorter side keeps at least, so that strips do not vanish."""

LEAST_RANGE = 16
"""Levels between the darkest and the brightest of a photo that are taken for signal."""


def working_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the (height, width) at which the network sees a photo of ``size``.

    Parameters
    ----------
    size : (height, width)
        Of the photo, in pixels.
    side : int
        What its longer side becomes; the aspect is kept.

    Examples
    --------
    >>> working_size((480, 640), 288)
    (216, 288)
    """
    scale = side / max(size)
    return max(SMALLEST, round(size[0] * scale)), max(SMALLEST, round(size[1] * scale))


def normalise(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Stretch the levels of a photo: its 1st percentile becomes 0, its 99.8th 255.

    All channels alike, so that hues stay. A photo with less than `LEAST_RANGE` levels between the
    two is stretched as if it had them: its noise shall not look like signal.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W, 3) uint8
    """
    low, high = np.percentile(image, (1, 99.8))
    levels = (np.arange(256) - low) * (255 / max(high - low, LEAST_RANGE))
    return np.asarray(levels.round().clip(0, 255).astype(np.uint8)[image])


def prepare(
    image: npt.NDArray[np.uint8], side: int, normalised: bool = False
) -> npt.NDArray[np.float32]:
    """Resize a photo and lay it out as the networks take it.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    side : int
        Pixels of the longer side at the network.
    normalised : bool
        Stretch its levels first, see `normalise`.

    Returns
    -------
    (1, 3, h, w) float32
        RGB, 0..255. Mean and deviation are the network's own business.
    """
    image = normalise(image) if normalised else image
    small = resize_image(image, working_size(image.shape[:2], side))
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], dtype=np.float32)
