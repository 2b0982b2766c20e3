"""From a network's probabilities to a soft-edged matte."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.effects.blending import enlarged, in_strips, shrunk
from pixelwise.errors import ArgumentError
from pixelwise.io.image import fit_within
from pixelwise.samples import Float32Array, UInt8Array, check_image

NOISE = 1e-4
"""Variance of colour (of 0..1) below which a window has no edge to follow."""

COARSE, FINE = (128, 0.06), (192, 0.01)
"""For each pass: the grid's longer side in pixels, and the radius of its windows as a share of it.

The wide windows correct a mask whose border lies beside the edge, the narrow ones follow the edge.
Chosen on 40 people photos (train), as were the numbers below; grids twice as fine gave the same
masks.
"""

STEEP = 4.0
"""Slope by which probabilities near 0.5 are pushed to 0 or 1 before each pass."""

UNSURE = 0.3
"""Probabilities closer to 0 or 1 than this limit what the first pass may change."""

FAINT = 0.2
"""Share by which the contrast is stretched at either end; a guided filter leaves faint veils."""

SUM = np.ones((1, 3), dtype=np.float32)

PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Of colour channels: the upper half of a symmetric 3 x 3 matrix."""


def soft_alpha(image: UInt8Array, probability: Float32Array) -> Float32Array:
    """Turn a probability map into an alpha whose soft edge follows the image's edges.

    A guided filter (He, Sun and Tang, 2010) with the image's colours as its guide: within each
    window alpha is a linear function of the colour, so that its steps lie where the image's do,
    down to strands of hair. It is applied twice, with wide and with narrow windows; the functions
    are fitted on a small grid and evaluated at the image's size (the fast guided filter; He and
    Sun, 2015).

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    probability : (h, w) float32
        That a pixel is subject, 0..1; of the whole image, at any size.

    Returns
    -------
    (H, W) float32
        Alpha, 0..1.

    Raises
    ------
    ArgumentError
        The probability map is not two-dimensional, or empty.

    Examples
    --------
    >>> image = np.zeros((4, 6, 3), dtype=np.uint8)
    >>> image[:, 3:] = 255
    >>> alpha = soft_alpha(image, np.array([[0.1, 0.9]], dtype=np.float32))
    >>> (alpha > 0.5).astype(int)[0].tolist()
    [0, 0, 0, 1, 1, 1]
    """
    check_image(image)
    if probability.ndim != 2 or not probability.size:
        raise ArgumentError(f"probability: expected (h, w), got {probability.shape}")
    coarse, fine = (fit_within(image.shape, longest) for longest, _ in (COARSE, FINE))
    guide = shrunk(image, fine)
    chance = shrunk(probability, fine)
    first = _guided(shrunk(image, coarse), shrunk(_decided(probability), coarse), COARSE[1], guide)
    # Where the network is sure, colours do not overrule it.
    first = np.minimum(np.maximum(first, 1 - (1 - chance) / UNSURE), chance / UNSURE)
    return _guided(guide, _decided(first), FINE[1], image)


def _decided(chance: Float32Array) -> Float32Array:
    # The network's own transition is a wide ramp, mostly from upsampling; its middle is the edge.
    return np.asarray(np.clip(STEEP * (chance - 0.5) + 0.5, 0, 1), dtype=np.float32)


def _guided(
    guide: Float32Array, target: Float32Array, radius: float, image: UInt8Array | Float32Array
) -> Float32Array:
    """Fit a target to the colours of a small image and evaluate the fit on a larger one.

    Parameters
    ----------
    guide : (h, w, 3) float32
        0..255.
    target : (h, w) float32
        0..1.
    radius : float
        Of the windows, as a share of the longer side.
    image : (H, W, 3) uint8 or float32
        0..255.

    Returns
    -------
    (H, W) float32
        0..1.
    """
    height, width = image.shape[:2]
    window = 2 * max(1, round(radius * max(target.shape))) + 1
    slopes, offset = _linear(guide / np.float32(255), target, window)
    slopes, offset = enlarged(slopes, (height, width)), enlarged(offset, (height, width))
    alpha = np.empty((height, width), dtype=np.float32)

    def strip(rows: slice) -> None:
        shares = cv2.multiply(image[rows], slopes[rows], scale=1 / 255, dtype=cv2.CV_32F)
        here = np.asarray(cv2.transform(shares, SUM), dtype=np.float32).reshape(-1, width)
        here += offset[rows]
        here *= 1 + 2 * FAINT
        here -= FAINT
        np.clip(here, 0, 1, out=alpha[rows])

    in_strips(strip, height)
    return alpha


def _linear(
    guide: Float32Array, target: Float32Array, window: int
) -> tuple[Float32Array, Float32Array]:
    """Fit target = slopes . colour + offset in each window and average the fits at each pixel.

    Parameters
    ----------
    guide : (h, w, 3) float32
        0..1.
    target : (h, w) float32
    window : int
        Pixels across.

    Returns
    -------
    slopes : (h, w, 3) float32
    offset : (h, w) float32
    """

    def mean(planes: Float32Array) -> Float32Array:
        return np.asarray(cv2.blur(planes, (window, window)), np.float32).reshape(planes.shape)

    channels = [np.ascontiguousarray(guide[..., i]) for i in range(3)]
    means = [mean(c) for c in channels]
    centre = mean(target)
    # Covariances of the colours (a symmetric matrix, by its upper half) and with the target.
    rr, rg, rb, gg, gb, bb = (
        mean(channels[i] * channels[j]) - means[i] * means[j] + (NOISE if i == j else 0)
        for i, j in PAIRS
    )
    cr, cg, cb = (mean(c * target) - m * centre for c, m in zip(channels, means, strict=True))
    # Its inverse by cofactors, for all windows at once.
    rr_, rg_, rb_ = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    gg_, gb_, bb_ = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * rr_ + rg * rg_ + rb * rb_
    slopes = np.dstack(
        [
            (rr_ * cr + rg_ * cg + rb_ * cb) / determinant,
            (rg_ * cr + gg_ * cg + gb_ * cb) / determinant,
            (rb_ * cr + gb_ * cg + bb_ * cb) / determinant,
        ]
    )
    offset = centre - sum(slopes[..., i] * means[i] for i in range(3))
    return mean(slopes.astype(np.float32)), mean(np.asarray(offset, dtype=np.float32))
