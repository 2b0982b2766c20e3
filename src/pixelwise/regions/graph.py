"""Regions by graph merging: neighbouring pixels that look alike fall together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.segmentation import felzenszwalb

from pixelwise.errors import ArgumentError
from pixelwise.types import check_image


def graph_regions(
    image: npt.NDArray[np.uint8], scale: float = 300.0, smallest: float = 0.002
) -> npt.NDArray[np.int32]:
    """Split a photo into coherent regions by its pixels alone, without classes or labels.

    scikit-image's implementation of Felzenszwalb and Huttenlocher, "Efficient graph-based image
    segmentation" (2004).

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    scale : float
        Larger values give larger regions, above 0.
    smallest : float
        Least area of a region, as a share of the photo, 0..1.

    Returns
    -------
    (H, W) int32
        Region 0..K-1 of each pixel; each region is connected.

    Raises
    ------
    ArgumentError
        A value out of its range.
    """
    check_image(image)
    if scale <= 0 or not 0 <= smallest <= 1:
        raise ArgumentError(f"expected scale > 0 and smallest in 0..1, got {scale}, {smallest}")
    least = max(1, round(smallest * image.shape[0] * image.shape[1]))
    found = felzenszwalb(image, scale=scale, sigma=0.8, min_size=least, channel_axis=-1)
    return np.asarray(found, dtype=np.int32)
