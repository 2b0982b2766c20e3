"""Boundary strength from colour and texture: how much the two sides of a pixel differ."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.regions.boundaries import Boundaries, boundaries_between
from pixelwise.regions.partition import means
from pixelwise.samples import Float32Array, Float64Array, Int32Array, UInt8Array

SCALES = (1.0, 2.0)
"""Standard deviations of the windows, in pixels of the half-size image."""

CHROMA = 1.5
"""Weight of a and b against L: across boundaries they differ less than L, but mean more."""

GRAIN = 2.0
"""Standard deviation in pixels of the window against which a pixel's contrast is measured."""

TEXTURE_SCALE, TEXTURE = 4.0, 2.0
"""Window of differences in texture, in pixels of the half-size image, and their weight."""

COLOUR_SCALE = 15.0
"""Difference that stands for a strength of 1 - 1/e, in units of CIELAB."""

REGION_WEIGHT, ROUGHNESS = 0.7, 4.0
"""Weight of the regions' difference against the boundary between them (the power in a geometric
mean, 0..1; chosen on 50 photos of BSDS500 train), and of texture against colour."""

SPECKS = 0.2
"""How much sooner small regions are merged: the power of the smaller one's area."""


def colour_boundaries(image: UInt8Array) -> Float32Array:
    """Measure how much the colours and the textures on the two sides of each pixel differ.

    Differences of Gaussian-weighted half windows of CIELAB, in the direction in which they are
    largest: the structure tensor of a colour image (Di Zenzo, 1986), at two scales; and, in a
    wider window, differences of `texture`.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W) float32
        In units of CIELAB, from 0.

    Examples
    --------
    >>> image = np.zeros((20, 120, 3), dtype=np.uint8)
    >>> image[:, 60:] = 255
    >>> strength = colour_boundaries(image)
    >>> int(strength[10].argmax()) in (59, 60), float(strength[10, 0])
    (True, 0.0)
    """
    height, width = image.shape[:2]
    lab = lab_of(image)
    size = (height + 1) // 2, (width + 1) // 2
    half, grain = (
        np.asarray(cv2.resize(a, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32)
        for a in (lab, texture(lab))
    )
    rough = TEXTURE * half_window_differences(grain.reshape(*size, 1), (TEXTURE_SCALE,))
    strength = np.hypot(half_window_differences(half.reshape(*size, 3), SCALES), rough)
    large = cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32).reshape(height, width)


def half_window_differences(planes: Float32Array, scales: tuple[float, ...]) -> Float32Array:
    """Measure how much the two halves of a window around each pixel differ.

    Parameters
    ----------
    planes : (h, w, C) float32
    scales : tuple of float
        Standard deviations of the windows, pixels; their results are averaged.

    Returns
    -------
    (h, w) float32
        In the units of ``planes``, in the direction in which the halves differ most.
    """
    total = np.zeros(planes.shape[:2], dtype=np.float32)
    for sigma in scales:
        reach = np.arange(-int(3 * sigma + 0.5), int(3 * sigma + 0.5) + 1)
        window = np.exp(-(reach**2) / (2 * sigma**2))
        slope = reach * window
        # Scaled so that a step of height 1 gives 1 at the step.
        window, slope = window / window.sum(), 2 * slope / np.abs(slope).sum()
        border = cv2.BORDER_REPLICATE
        across = cv2.sepFilter2D(planes, cv2.CV_32F, slope, window, borderType=border)
        down = cv2.sepFilter2D(planes, cv2.CV_32F, window, slope, borderType=border)
        across, down = across.reshape(planes.shape), down.reshape(planes.shape)
        xx, xy, yy = (
            (a * b).sum(axis=2) for a, b in ((across, across), (across, down), (down, down))
        )
        # The larger eigenvalue: the squared difference in the direction of most change.
        most = (xx + yy) / 2 + np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
        total += np.sqrt(np.maximum(most, 0))
    return np.asarray(total / len(scales), dtype=np.float32)


def texture(lab: Float32Array) -> Float32Array:
    """Return how much the lightness of each pixel differs from its surroundings, (H, W) float32.

    Parameters
    ----------
    lab : (H, W, 3) float32
        Of `lab_of`.
    """
    lightness = np.ascontiguousarray(lab[..., 0])
    around = cv2.GaussianBlur(lightness, (0, 0), GRAIN).reshape(lightness.shape)
    return np.asarray(np.abs(lightness - around), dtype=np.float32)


def lab_of(image: UInt8Array) -> Float32Array:
    """Return (H, W, 3) float32 CIELAB of an (H, W, 3) uint8 RGB image, a and b times `CHROMA`."""
    lab = cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    return np.asarray(lab * np.array([1, CHROMA, CHROMA], dtype=np.float32), dtype=np.float32)


def weighed_by_colour(
    region_map: Int32Array, strength: Float32Array, image: UInt8Array
) -> tuple[Boundaries, Float64Array]:
    """Weigh boundaries by their strength and the regions' difference in colour and texture.

    Parameters
    ----------
    region_map : (H, W) int32
    strength : (H, W) float32
        Of `colour_boundaries`.
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    boundaries : Boundaries
    weights : (B,) float64
        In units of CIELAB, from 0.
    """
    boundaries = boundaries_between(region_map, strength)
    lab = lab_of(image)
    values, areas = means(region_map, np.dstack([lab, ROUGHNESS * texture(lab)]))
    differ = np.linalg.norm(values[boundaries.first] - values[boundaries.second], axis=1)
    smaller = np.minimum(areas[boundaries.first], areas[boundaries.second]) / areas.sum()
    weights = boundaries.strength ** (1 - REGION_WEIGHT) * (differ + 1e-3) ** REGION_WEIGHT
    weights *= (100 * smaller) ** SPECKS
    return boundaries, weights
