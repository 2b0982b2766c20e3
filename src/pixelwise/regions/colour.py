"""Edges by colour and texture: how much the two sides of a pixel differ."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.regions.partition import (
    Arcs,
    Float32Array,
    Float64Array,
    Int32Array,
    UInt8Array,
    arcs_between,
    means,
)

SCALES = (1.0, 2.0)
"""Standard deviations of the windows, in pixels of the half-size picture."""

CHROMA = 1.5
"""How much a and b count beside L; boundaries differ in them less, and mean more."""

GRAIN = 2.0
"""Standard deviation in pixels of the window against which a pixel's own contrast is measured."""

TEXTURE_SCALE, TEXTURE = 4.0, 2.0
"""Window of differences in texture, in pixels of the half-size picture, and what they count."""

COLOUR_SCALE = 15.0
"""Strength of an edge that counts as 1 - 1/e."""

LOOKS_COUNT, ROUGHNESS = 0.7, 4.0
"""How much the looks of regions count beside the edge between them (the power in a geometric mean,
0..1; chosen on 50 photos of BSDS500 train), and a difference in texture beside one of colour."""

SPECKS = 0.2
"""How much sooner small regions are merged: the power of the smaller one's area."""


def colour_edges(image: UInt8Array) -> Float32Array:
    """Measure how much the colours and the textures on the two sides of each pixel differ.

    Differences of Gaussian-weighted half windows of CIELAB, in the direction in which they are
    largest: the structure tensor of a colour picture (Di Zenzo, 1986), at two scales; and, in a
    wider window, differences of `texture`.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W) float32
        In units of CIELAB, from 0.
    """
    height, width = image.shape[:2]
    lab = lab_of(image)
    size = (width + 1) // 2, (height + 1) // 2
    half, grain = (
        np.asarray(cv2.resize(a, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
        for a in (lab, texture(lab))
    )
    rough = TEXTURE * half_size_edges(grain.reshape(size[1], size[0], 1), (TEXTURE_SCALE,))
    edges = np.hypot(half_size_edges(half.reshape(size[1], size[0], 3), SCALES), rough)
    large = cv2.resize(edges, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32).reshape(height, width)


def half_size_edges(lab: Float32Array, scales: tuple[float, ...]) -> Float32Array:
    """Measure the differences between half windows of a (h, w, C) picture; (h, w) float32."""
    total = np.zeros(lab.shape[:2], dtype=np.float32)
    for sigma in scales:
        reach = np.arange(-int(3 * sigma + 0.5), int(3 * sigma + 0.5) + 1)
        window = np.exp(-(reach**2) / (2 * sigma**2))
        slope = reach * window
        # Scaled so that a step of height 1 has strength 1 where it is.
        window, slope = window / window.sum(), 2 * slope / np.abs(slope).sum()
        border = cv2.BORDER_REPLICATE
        across = cv2.sepFilter2D(lab, cv2.CV_32F, slope, window, borderType=border)
        down = cv2.sepFilter2D(lab, cv2.CV_32F, window, slope, borderType=border)
        across, down = across.reshape(lab.shape), down.reshape(lab.shape)
        xx, xy, yy = (
            (a * b).sum(axis=2) for a, b in ((across, across), (across, down), (down, down))
        )
        # The larger eigenvalue: the squared difference in the direction of most change.
        most = (xx + yy) / 2 + np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
        total += np.sqrt(np.maximum(most, 0))
    return np.asarray(total / len(scales), dtype=np.float32)


def texture(lab: Float32Array) -> Float32Array:
    """Return how much the lightness at each pixel differs from that around it, (H, W) float32.

    Parameters
    ----------
    lab : (H, W, 3) float32
        Of `lab_of`.
    """
    lightness = np.ascontiguousarray(lab[..., 0])
    around = cv2.GaussianBlur(lightness, (0, 0), GRAIN).reshape(lightness.shape)
    return np.asarray(np.abs(lightness - around), dtype=np.float32)


def lab_of(image: UInt8Array) -> Float32Array:
    """Return (H, W, 3) float32 CIELAB of an RGB photo, a and b times `CHROMA`."""
    lab = cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
    return np.asarray(lab * np.array([1, CHROMA, CHROMA], dtype=np.float32), dtype=np.float32)


def by_looks(
    region_map: Int32Array, strength: Float32Array, image: UInt8Array
) -> tuple[Arcs, Float64Array]:
    """Weigh borders by their edge and by how much two regions differ in colour and texture."""
    arcs = arcs_between(region_map, strength)
    lab = lab_of(image)
    looks, areas = means(region_map, np.dstack([lab, ROUGHNESS * texture(lab)]))
    differ = np.linalg.norm(looks[arcs.first] - looks[arcs.second], axis=1)
    smaller = np.minimum(areas[arcs.first], areas[arcs.second]) / areas.sum()
    weights = arcs.strength ** (1 - LOOKS_COUNT) * (differ + 1e-3) ** LOOKS_COUNT
    weights *= (100 * smaller) ** SPECKS
    return arcs, weights
