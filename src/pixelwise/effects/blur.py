"""Blur the background of a photo and keep its subject sharp, without halos."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.defaults import BLUR_STRENGTH
from pixelwise.effects.blending import (
    Float32Array,
    UInt8Array,
    blend,
    check_alpha,
    edge_contrast,
    shrunk,
)
from pixelwise.errors import ArgumentError

SHAPES = ("gaussian", "disc")
"""What a point of light becomes: a soft spot, or the sharp disc of an open lens."""

FINEST = 4.0
"""Standard deviation in pixels of the small picture on which a wide blur is made.

Nothing finer than the blur is lost by shrinking that far.
"""

LEVELS = (0.25, 0.5, 1.0)
"""Shares of the full blur that are made for the ground; between them it is interpolated."""

CUT_OFF = 0.98
"""Share of the photo's height below which feet count as cut off by its lower border."""


def blur_background(
    image: UInt8Array,
    alpha: Float32Array,
    sigma: float | None = None,
    shape: str = "gaussian",
    ground: bool = False,
) -> UInt8Array:
    """Blur what is not the subject, as if it stood out of focus behind it.

    Blurring the whole photo and laying the subject back over it leaves a halo: the blur has
    already carried the subject's colour outwards. Here the subject's share is taken out of the
    pixels first, the hole is filled from the background around it (normalised convolution,
    Knutsson and Westin, 1993), and what is blurred is that background.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.
    sigma : float, optional
        Standard deviation of the blur in pixels, above 0; `BLUR_STRENGTH` percent of the photo's
        longer side where not given. A disc has twice this as its radius, which spreads light as
        far.
    shape : str
        One of `SHAPES`. Discs are averaged in linear light, so that bright spots stay bright.
    ground : bool
        Leave the ground sharp where the subject stands and blur it more the further it is from
        there: on level ground the blur of a lens grows evenly with the rows, and the horizon is
        taken to be at the subject's head. A subject whose feet the photo cuts off has no such
        ground, and all is blurred alike.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Shapes differ, alpha leaves 0..1, sigma is not above 0, or there is no such shape.
    """
    check_alpha(image, alpha)
    if sigma is None:
        sigma = BLUR_STRENGTH / 100 * max(image.shape[:2])
    if not 0 < sigma < np.inf:
        raise ArgumentError(f"sigma: expected above 0 pixels, got {sigma}")
    if shape not in SHAPES:
        raise ArgumentError(f"unknown shape {shape!r}; there is: {', '.join(SHAPES)}")
    contrast = edge_contrast(image, alpha)
    share = ground_share(alpha) if ground else None
    if share is None:
        return blend(image, alpha, backdrop(image, alpha, contrast, sigma, shape), contrast)
    blurred = [image.astype(np.float32)]
    for level in LEVELS:
        made = backdrop(image, alpha, contrast, level * sigma, shape)
        blurred.append(made.astype(np.float32))
    mixed = np.zeros(image.shape, dtype=np.float32)
    stops = (0.0, *LEVELS)
    for i, picture in enumerate(blurred):
        # A row between two stops takes from both, linearly.
        weight = np.interp(share, stops, [float(i == j) for j in range(len(stops))])
        mixed += picture * weight.astype(np.float32)[:, None, None]
    return blend(image, alpha, mixed.round().astype(np.uint8), contrast)


def ground_share(alpha: Float32Array) -> npt.NDArray[np.float64] | None:
    """Say how much of the blur each row gets if what one sees there is level ground.

    The blur of a lens grows with the difference of the inverse distances to what is in focus,
    and on level ground the inverse distance grows evenly from the horizon (0) downwards.

    Parameters
    ----------
    alpha : (H, W) float32
        0..1.

    Returns
    -------
    (H,) float64 or None
        0..1; None where no subject stands in the photo on its own feet.
    """
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    if not len(rows) or rows[-1] >= CUT_OFF * len(alpha) - 1 or rows[0] == rows[-1]:
        return None
    head, feet = rows[0], rows[-1]
    rows_away = np.abs(feet - np.arange(len(alpha), dtype=np.float64))
    return np.asarray(np.minimum(1.0, rows_away / (feet - head)))


def backdrop(
    image: UInt8Array,
    alpha: Float32Array,
    contrast: Float32Array,
    sigma: float,
    shape: str,
) -> UInt8Array:
    """Return a photo as if the subject were not there, blurred.

    Parameters
    ----------
    image : (H, W, 3) uint8
    alpha : (H, W) float32
        0..1.
    contrast : (h, w, 3) float32
        Of `edge_contrast`.
    sigma : float
        Pixels.
    shape : str
        One of `SHAPES`.

    Returns
    -------
    (H, W, 3) uint8
    """
    height, width = alpha.shape
    factor = max(1.0, min(sigma / FINEST, height / 4, width / 4))
    size = max(1, round(width / factor)), max(1, round(height / factor))
    sigma *= (size[0] / width + size[1] / height) / 2
    fine = max(size, contrast.shape[1::-1])
    share = shrunk(alpha, fine)
    # The subject's share of a mixed pixel is known by its contrast to the background. It is taken
    # out where the contrast is known best; what is left is then averaged by its weight.
    background = shrunk(image, fine) - share[..., None] * shrunk(contrast, fine)
    known = 1 - share
    seen = shrunk(background.clip(0, 255) * known[..., None], size)
    whole = _filled(seen, shrunk(known, size), sigma)
    blurred = cv2.GaussianBlur(whole, (0, 0), sigma) if shape == "gaussian" else _disc(whole, sigma)
    small = np.asarray(blurred).round().clip(0, 255).astype(np.uint8)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.uint8).reshape(image.shape)


def _filled(seen: Float32Array, weight: Float32Array, sigma: float) -> Float32Array:
    """Put an average of the background near it where the subject hides it.

    Parameters
    ----------
    seen : (h, w, 3) float32
        The background's colour times its weight.
    weight : (h, w) float32
        How much of a pixel is background, 0..1.
    sigma : float
        Of the blur that is to come.

    Returns
    -------
    (h, w, 3) float32
    """
    total = weight.sum()
    mean = seen.sum(axis=(0, 1)) / total if total > 0 else np.zeros(3)
    guess = np.broadcast_to(mean.astype(np.float32), seen.shape)
    # From far to near: half the blur's width is near enough to follow what is beside the hole.
    for reach in (2 * sigma, sigma / 2):
        near = cv2.GaussianBlur(weight, (0, 0), reach).reshape(weight.shape)[..., None]
        mixed = cv2.GaussianBlur(seen, (0, 0), reach).reshape(seen.shape)
        trust = np.minimum(1, near * 50)  # a neighbourhood of a fiftieth background will do
        guess = trust * mixed / np.maximum(near, 1e-6) + (1 - trust) * guess
    return np.asarray(seen + (1 - weight[..., None]) * guess, dtype=np.float32)


def _disc(picture: Float32Array, sigma: float) -> Float32Array:
    """Average over discs in linear light, (H, W, 3) of 0..255 in and out."""
    radius = 2 * sigma
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    # A pixel on the rim counts by how much of it is inside, so that any radius will do.
    kernel = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)
    # 2.2 is sRGB's curve to within a percent, and so are most cameras'.
    light = (picture / 255) ** np.float32(2.2)
    spread = cv2.filter2D(light, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    return np.asarray(255 * np.maximum(spread, 0) ** (1 / 2.2), dtype=np.float32)
