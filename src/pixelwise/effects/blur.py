"""Blur the background of a photo and keep its subject sharp, without halos."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.defaults import BLUR_SIGMA
from pixelwise.errors import ArgumentError
from pixelwise.types import check_image

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

TRACE = 1e-3
"""Background weight below which a neighbourhood counts as all subject."""


def blur_background(
    image: UInt8Array, alpha: Float32Array, sigma: float = BLUR_SIGMA
) -> UInt8Array:
    """Blur what is not the subject, averaging over background pixels only.

    Blurring the whole photo and laying the subject back over it leaves a halo: the blur has
    already carried the subject's colour outwards. Here each pixel is weighted by how much
    background it is, and the blurred photo is divided by the blurred weights (normalised
    convolution, Knutsson and Westin, 1993).

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.
    sigma : float
        Standard deviation of the blur in pixels, above 0.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Shapes differ, alpha leaves 0..1, or sigma is not above 0.
    """
    check_image(image)
    if alpha.shape != image.shape[:2]:
        raise ArgumentError(f"photo {image.shape[:2]} and alpha {alpha.shape} differ in size")
    if not np.isfinite(alpha).all() or alpha.min() < 0 or alpha.max() > 1:
        raise ArgumentError("alpha: expected values in 0..1")
    if not 0 < sigma < np.inf:
        raise ArgumentError(f"sigma: expected above 0 pixels, got {sigma}")
    subject = alpha.astype(np.float32)[..., None]
    weight = 1 - subject
    photo = image.astype(np.float32)
    total = gaussian(weight, sigma)[..., None]
    # Deep inside the subject no background is in reach; there the photo itself stands in, and
    # alpha hides it anyway.
    background = np.where(
        total > TRACE, gaussian(photo * weight, sigma) / np.maximum(total, TRACE), photo
    )
    mixed = subject * photo + weight * background
    return np.asarray(mixed.round().clip(0, 255), dtype=np.uint8)


def gaussian(values: Float32Array, sigma: float) -> Float32Array:
    """Blur by a Gaussian; a wide one is made on a smaller picture, which looks the same.

    Parameters
    ----------
    values : (H, W, K) float32
    sigma : float
        Standard deviation in pixels.

    Returns
    -------
    (H, W, K) float32, or (H, W) where K is 1
    """
    height, width = values.shape[:2]
    # At a sigma of 4 small pixels nothing finer than the blur is lost by shrinking.
    factor = max(1, int(min(sigma / 4, height / 4, width / 4)))
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), dtype=np.float32)
    small = cv2.resize(
        values,
        (max(1, width // factor), max(1, height // factor)),
        interpolation=cv2.INTER_AREA,
    )
    sigmas = sigma * small.shape[1] / width, sigma * small.shape[0] / height
    small = cv2.GaussianBlur(small, (0, 0), sigmas[0], sigmaY=sigmas[1])
    return np.asarray(
        cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32
    )
