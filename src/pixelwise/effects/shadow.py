"""The shadow that a subject casts on plain ground, so that a cut-out can keep it."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.effects.blending import check_alpha, enlarged, shrunk
from pixelwise.io.image import fit_within
from pixelwise.samples import BoolArray, Float32Array, UInt8Array

SIDE = 256
"""Longer side, px, at which shadows are found: their edges are soft."""

AROUND = 0.5
"""Of the longer side of the subject's box, how far around it the ground is looked at."""

GROUND = 0.05
"""Alpha up to which a pixel shows the ground alone."""

ROUNDS = 12
"""Of the fit, after which it hardly changes."""

PLAIN = 0.06
"""Relative deviation of the lit ground from a smooth surface up to which it is plain."""

FAINTEST = 0.04
"""Shade below which nothing is a shadow, however even the ground is."""

CLUTTER = 0.1
"""Share of the ground that may be darker without being the subject's shadow, and of the border of
the box that a shadow may reach; what is more is no plain ground, but things in the background."""

GREY = 0.2
"""Difference between the shades of two colours up to which something dark may be a shadow."""

SOFT = 0.01
"""Of the longer side: standard deviation by which a shade is smoothed."""


def cast_shadow(image: UInt8Array, alpha: Float32Array) -> Float32Array:
    """Return how much of the ground's light the subject's shadow takes.

    The lit ground is a smooth surface, quadratic in row and column, fitted to each colour of what
    is around the subject by iterated least squares that trust darker pixels less and less. What is
    darker than that by the same factor in all colours, and touches the subject, is its shadow.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.

    Returns
    -------
    (H, W) float32
        0..1: black of this opacity over the ground looks as its shadow does. 0 everywhere if there
        is none, or if the ground is not plain (grass, a patterned carpet): what is texture and what
        is shadow cannot be told there.

    Raises
    ------
    ArgumentError
        Shapes differ, or alpha has values outside 0..1.

    Examples
    --------
    >>> image = np.full((120, 160, 3), 200, dtype=np.uint8)
    >>> image[40:80, 80:92] = 120  # the shadow
    >>> image[40:80, 60:80] = (200, 40, 40)  # the subject
    >>> alpha = np.zeros((120, 160), dtype=np.float32)
    >>> alpha[40:80, 60:80] = 1
    >>> shade = cast_shadow(image, alpha)
    >>> round(float(shade[60, 86]), 1), round(float(shade[60, 120]), 1)
    (0.4, 0.0)
    """
    check_alpha(image, alpha)
    size = fit_within(alpha.shape, SIDE)
    colours, small = shrunk(image, size), shrunk(alpha, size)
    box = _around(small)
    ground = box & (small <= GROUND)
    if np.count_nonzero(ground) < 0.02 * small.size or not (small > 0.5).any():
        return np.zeros_like(alpha)
    lit, deviation = _lit(colours, ground)
    if deviation > PLAIN:
        return np.zeros_like(alpha)
    ratio = colours / np.maximum(lit, 1)
    shade = np.clip(1 - ratio.mean(axis=2), 0, 1)
    least = max(FAINTEST, 3 * deviation)
    dark = ground & (shade > least) & (np.ptp(ratio, axis=2) < GREY)
    reach = max(3, 2 * round(2 * SOFT * max(size)) + 1)
    near = cv2.dilate((small > 0.5).view(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    _, areas = cv2.connectedComponents((dark | near).view(np.uint8))
    kept = dark & np.isin(areas, np.unique(areas[near]))
    inner = cv2.erode(box.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=0)
    border = ground & (inner == 0)
    others = _share(ground & (shade > least) & ~kept, ground)
    if max(others, _share(kept & border, border)) > CLUTTER:
        return np.zeros_like(alpha)
    return np.clip(enlarged(_spread(shade * kept, small <= GROUND, size), alpha.shape), 0, 1)


def _share(some: BoolArray, of: BoolArray) -> float:
    return float(some.sum() / max(1, of.sum()))


def _around(alpha: Float32Array) -> BoolArray:
    """Return the box around the subject in which its shadow is looked for."""
    left, top, width, height = cv2.boundingRect((alpha > 0.5).view(np.uint8))
    more = round(AROUND * max(width, height))
    found = np.zeros(alpha.shape, dtype=np.bool_)
    found[max(0, top - more) : top + height + more, max(0, left - more) : left + width + more] = 1
    return found


def _lit(colours: Float32Array, ground: BoolArray) -> tuple[Float32Array, float]:
    """Return the ground's colours without shadows, and how far lit ground is from them."""
    height, width = ground.shape
    row, column = np.meshgrid(
        *(np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width)), indexing="ij"
    )
    terms = np.stack([np.ones_like(row), row, column, row * row, column * column, row * column], 2)
    known, light = terms[ground], colours[ground]
    trust = np.ones(len(known), dtype=np.float32)
    surface, deviation = np.zeros((6, 3), dtype=np.float32), 0.0
    for _ in range(ROUNDS):
        weighted = known * trust[:, None], light * trust[:, None]
        surface = np.asarray(np.linalg.lstsq(*weighted, rcond=None)[0], dtype=np.float32)
        missing = (light / np.maximum(known @ surface, 1) - 1).mean(axis=1)
        # Shadows only darken: what is brighter than the surface shows how rough the ground is.
        deviation = float(np.sqrt(np.average(missing**2, weights=(missing > 0) + 1e-9)))
        below = np.minimum(missing, 0) / max(deviation, 0.01)
        trust = np.asarray(np.exp(-0.5 * below**2), dtype=np.float32)
    return np.asarray(terms @ surface, dtype=np.float32), deviation


def _spread(shade: Float32Array, known: BoolArray, size: tuple[int, int]) -> Float32Array:
    """Return a shade smoothed, and continued under the subject's soft edge."""
    weight = known.astype(np.float32)
    sums, weights = (
        cv2.GaussianBlur(plane, (0, 0), max(0.6, SOFT * max(size)))
        for plane in (shade.astype(np.float32) * weight, weight)
    )
    return np.asarray(sums / np.maximum(weights, 1e-3), dtype=np.float32)
