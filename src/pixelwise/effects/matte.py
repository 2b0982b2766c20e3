"""From a network's probabilities to a soft-edged matte."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.errors import ArgumentError
from pixelwise.types import check_image

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]


def soft_alpha(image: UInt8Array, probability: Float32Array, radius: float = 0.008) -> Float32Array:
    """Turn a probability map into an alpha whose soft edge follows the photo's edges.

    A guided filter (He, Sun and Tang, 2010) with the photo as its guide: within each window
    alpha is a linear function of the photo's brightness, so that its steps lie where the
    photo's do. What the network was sure of stays fully subject or fully background.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    probability : (H, W) float32
        That a pixel is subject, 0..1.
    radius : float
        Of the filter's window, as a share of the photo's longer side.

    Returns
    -------
    (H, W) float32
        Alpha, 0..1.

    Raises
    ------
    ArgumentError
        Sizes differ.
    """
    check_image(image)
    if probability.shape != image.shape[:2]:
        raise ArgumentError(
            f"photo {image.shape[:2]} and probability {probability.shape} differ in size"
        )
    window = 2 * max(1, round(radius * max(image.shape[:2]))) + 1
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    guide: Float32Array = np.divide(grey, 255, dtype=np.float32)

    def mean(values: Float32Array) -> Float32Array:
        return np.asarray(cv2.blur(values, (window, window)), dtype=np.float32)

    # The network's own edge is a wide ramp, most of it upsampling; its middle is the edge.
    sharp: Float32Array = np.clip(probability * 2 - 0.5, 0, 1).astype(np.float32)
    mean_guide, mean_alpha = mean(guide), mean(sharp)
    variance = mean(guide * guide) - mean_guide * mean_guide
    covariance = mean(guide * sharp) - mean_guide * mean_alpha
    slope: Float32Array = np.divide(covariance, variance + 1e-3, dtype=np.float32)
    offset = mean_alpha - slope * mean_guide
    alpha: Float32Array = mean(slope) * guide + mean(offset)
    return np.clip(alpha, 0, 1)
