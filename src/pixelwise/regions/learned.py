"""Boundary strength by a small network that was trained on boundaries people drew."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pixelwise.inference.predictor import Predictor
from pixelwise.inference.upsample import upsampled
from pixelwise.regions.boundaries import Boundaries
from pixelwise.regions.boundary_model import BoundaryModel, boundary_features
from pixelwise.samples import Float32Array, Float64Array, Int32Array, UInt8Array

EDGE_WEIGHTS = "edges"
"""The bundled weights that find boundaries."""

VIEWS = ((0.8, False), (1.25, True))
"""Scale of each view that the network gets, and whether mirrored; the logits are averaged.

Two more (0.75, 1, 1.4, and 1 mirrored) took twice as long for the same ODS on 40 images of val.
"""


def learned_boundaries(image: UInt8Array, network: Predictor | None = None) -> Float32Array:
    """Return the probability that people draw a boundary through each pixel.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    network : Predictor, optional
        The bundled one if not given.

    Returns
    -------
    (H, W) float32
        0..1.

    Examples
    --------
    >>> image = np.zeros((120, 160, 3), dtype=np.uint8)
    >>> image[30:90, 40:120] = 255
    >>> strength = learned_boundaries(image)
    >>> bool(strength[40:80, 38:42].max() > 100 * strength[40:80, 70:90].max())
    True
    """
    predictor = network or boundary_network()
    size = image.shape[0], image.shape[1]
    # An image smaller than those it was trained on is not enlarged to their size.
    side = min(predictor.card.side, max(size))
    total = np.zeros(size, dtype=np.float32)
    for logits in predictor.views(image, VIEWS, side):
        total += upsampled(logits[0], size)
    return np.asarray(1 / (1 + np.exp(-total / len(VIEWS))), dtype=np.float32)


@lru_cache(1)
def boundary_network() -> Predictor:
    """Return the bundled network."""
    return Predictor.load(EDGE_WEIGHTS)


def boundary_model() -> BoundaryModel:
    """Return the model that was fitted to the boundaries that the bundled network finds."""
    *weights, bias = boundary_network().card.boundary_model
    return BoundaryModel(tuple(weights), bias)


def weighed_by_model(
    region_map: Int32Array, strength: Float32Array, image: UInt8Array
) -> tuple[Boundaries, Float64Array]:
    """Weigh boundaries by the share of people who would draw them.

    Parameters
    ----------
    region_map : (H, W) int32
    strength : (H, W) float32
        Of `learned_boundaries`.
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    boundaries : Boundaries
    weights : (B,) float64
        0..1.
    """
    boundaries, features = boundary_features(region_map, strength, image)
    return boundaries, boundary_model().probability(features)
