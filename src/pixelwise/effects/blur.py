"""Blur the background of an image and keep its subject sharp, without halos."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.defaults import BLUR_STRENGTH
from pixelwise.effects.blending import blend, check_alpha, edge_contrast, shrunk
from pixelwise.errors import ArgumentError
from pixelwise.samples import Float32Array, Float64Array, UInt8Array

SHAPES = ("gaussian", "disc")
"""What a point of light becomes: a soft spot, or the sharp disc of a wide-open lens."""

FINEST = 4.0
"""Standard deviation in pixels of a wide blur on the small image on which it is made.

Shrinking that far loses nothing finer than the blur.
"""

LEVELS = (0.25, 0.5, 1.0)
"""Shares of the full blur that are computed for the ground; rows between are interpolated."""

CUT_OFF = 0.98
"""Share of the image's height below which feet count as cut off by its lower border."""


def blur_background(
    image: UInt8Array,
    alpha: Float32Array,
    sigma: float | None = None,
    shape: str = "gaussian",
    ground: bool = False,
) -> UInt8Array:
    """Blur what is not the subject, as if it stood out of focus behind it.

    Blurring the whole image and compositing the subject back over it leaves a halo: the blur has
    already spread the subject's colour outwards. Here the subject's share is removed from the
    pixels first, the hole is filled from the background around it (normalised convolution,
    Knutsson and Westin, 1993), and that background is blurred.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.
    sigma : float, optional
        Standard deviation of the blur in pixels, above 0; `BLUR_STRENGTH` percent of the image's
        longer side if not given. A disc has twice this as its radius, which spreads light as far.
    shape : str
        One of `SHAPES`. Discs are averaged in linear light, so that bright spots stay bright.
    ground : bool
        Leave the ground sharp where the subject stands and blur it more with the distance from
        there: on level ground the blur of a lens grows evenly with the rows, and the horizon is
        assumed at the subject's head. If the image cuts off the subject's feet, there is no such
        ground, and everything is blurred alike.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Shapes differ, alpha has values outside 0..1, sigma is not above 0, or an unknown shape.

    Examples
    --------
    >>> image = np.zeros((40, 60, 3), dtype=np.uint8)
    >>> image[:, ::2] = 200
    >>> alpha = np.zeros((40, 60), dtype=np.float32)
    >>> blurred = blur_background(image, alpha, sigma=3)
    >>> int(image[20].std()), int(blurred[20].std())
    (100, 0)
    """
    check_alpha(image, alpha)
    sigma = BLUR_STRENGTH / 100 * max(image.shape[:2]) if sigma is None else sigma
    check_blur(shape, sigma=sigma)
    contrast = edge_contrast(image, alpha)
    return blend(image, alpha, backdrop(image, alpha, contrast, sigma, shape, ground), contrast)


def check_blur(shape: str, **amounts: float | None) -> None:
    """Raise unless a blur is one that can be made.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    **amounts : float, optional
        Above 0 and finite; named in the message.

    Raises
    ------
    ArgumentError
        An unknown shape, or an amount out of range.
    """
    if shape not in SHAPES:
        raise ArgumentError(f"unknown shape {shape!r}; there is: {', '.join(SHAPES)}")
    for name, amount in amounts.items():
        # Written so that NaN fails too.
        if amount is not None and not 0 < amount < np.inf:
            raise ArgumentError(f"{name}: expected above 0, got {amount}")


def backdrop(
    image: UInt8Array,
    alpha: Float32Array,
    contrast: Float32Array,
    sigma: float,
    shape: str,
    ground: bool = False,
) -> UInt8Array:
    """Return an image as if the subject were not there, blurred.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        0..1.
    contrast : (h, w, 3) float32
        Of `edge_contrast`.
    sigma : float
        Standard deviation of the blur, pixels.
    shape : str
        One of `SHAPES`.
    ground : bool
        As for `blur_background`.

    Returns
    -------
    (H, W, 3) uint8
        RGB.
    """
    share = ground_share(alpha) if ground else None
    if share is None:
        return _evenly_blurred(image, alpha, contrast, sigma, shape)
    blurred = [image.astype(np.float32)]
    for level in LEVELS:
        even = _evenly_blurred(image, alpha, contrast, level * sigma, shape)
        blurred.append(even.astype(np.float32))
    mixed = np.zeros(image.shape, dtype=np.float32)
    stops = (0.0, *LEVELS)
    for i, level_image in enumerate(blurred):
        # A row between two stops is interpolated linearly from both.
        weight = np.interp(share, stops, [float(i == j) for j in range(len(stops))])
        mixed += level_image * weight.astype(np.float32)[:, None, None]
    return np.asarray(mixed.round(), dtype=np.uint8)


def ground_share(alpha: Float32Array) -> Float64Array | None:
    """Return how much of the blur each row gets if it shows level ground.

    The blur of a lens grows with the difference of the inverse distances to what is in focus, and
    on level ground the inverse distance grows evenly from the horizon (0) downwards.

    Parameters
    ----------
    alpha : (H, W) float32
        0..1.

    Returns
    -------
    (H,) float64 or None
        0..1; None if there is no subject, or its feet are cut off.
    """
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    if not len(rows) or rows[-1] >= CUT_OFF * len(alpha) - 1 or rows[0] == rows[-1]:
        return None
    head, feet = rows[0], rows[-1]
    rows_away = np.abs(feet - np.arange(len(alpha), dtype=np.float64))
    return np.asarray(np.minimum(1.0, rows_away / (feet - head)))


def _evenly_blurred(
    image: UInt8Array, alpha: Float32Array, contrast: Float32Array, sigma: float, shape: str
) -> UInt8Array:
    """Return `backdrop` with the same blur everywhere."""
    height, width = alpha.shape
    factor = max(1.0, min(sigma / FINEST, height / 4, width / 4))
    size = max(1, round(height / factor)), max(1, round(width / factor))
    sigma *= (size[1] / width + size[0] / height) / 2
    fine = max(size, contrast.shape[:2], key=lambda size: size[::-1])
    share = shrunk(alpha, fine)
    # The subject's share of a mixed pixel is known from its contrast to the background. It is
    # removed at the finer of the two sizes; what is left is then averaged by its weight.
    background = shrunk(image, fine) - share[..., None] * shrunk(contrast, fine)
    known = 1 - share
    seen = shrunk(background.clip(0, 255) * known[..., None], size)
    whole = _filled(seen, shrunk(known, size), sigma)
    blurred = cv2.GaussianBlur(whole, (0, 0), sigma) if shape == "gaussian" else _disc(whole, sigma)
    small = np.asarray(blurred).round().clip(0, 255).astype(np.uint8)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.uint8).reshape(image.shape)


def _filled(seen: Float32Array, weight: Float32Array, sigma: float) -> Float32Array:
    """Fill what the subject hides with an average of the background near it.

    Parameters
    ----------
    seen : (h, w, 3) float32
        The background's colour times its weight.
    weight : (h, w) float32
        Share of each pixel that is background, 0..1.
    sigma : float
        Of the blur that follows.

    Returns
    -------
    (h, w, 3) float32
    """
    total = weight.sum()
    mean = seen.sum(axis=(0, 1)) / total if total > 0 else np.zeros(3)
    guess = np.broadcast_to(mean.astype(np.float32), seen.shape)
    # From far to near: half the blur's width is narrow enough to follow what surrounds the hole.
    for reach in (2 * sigma, sigma / 2):
        near = cv2.GaussianBlur(weight, (0, 0), reach).reshape(weight.shape)[..., None]
        mixed = cv2.GaussianBlur(seen, (0, 0), reach).reshape(seen.shape)
        trust = np.minimum(1, near * 50)  # a fiftieth of background in the window is enough
        guess = trust * mixed / np.maximum(near, 1e-6) + (1 - trust) * guess
    return np.asarray(seen + (1 - weight[..., None]) * guess, dtype=np.float32)


def _disc(image: Float32Array, sigma: float) -> Float32Array:
    """Average over discs in linear light, (H, W, 3) of 0..255 in and out."""
    radius = 2 * sigma
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    # A pixel on the rim counts by the part of it that is inside, so that any radius works.
    kernel = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)
    # 2.2 approximates sRGB's curve, and most cameras', to within a percent.
    light = (image / 255) ** np.float32(2.2)
    spread = cv2.filter2D(light, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    return np.asarray(255 * np.maximum(spread, 0) ** (1 / 2.2), dtype=np.float32)
