"""Edges that a small network has learnt from what people drew."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pixelwise.inference.predictor import Predictor
from pixelwise.inference.upsample import upsampled
from pixelwise.regions.borders import BorderModel, border_facts
from pixelwise.regions.partition import Arcs, Float32Array, Float64Array, Int32Array, UInt8Array

EDGE_WEIGHTS = "edges"
"""The bundled weights that find boundaries."""

VIEWS = ((0.75, False), (1.0, False), (1.0, True), (1.4, False))
"""At what scales the network sees an image, and whether mirrored; the logits are averaged."""


def learned_boundaries(image: UInt8Array, network: Predictor | None = None) -> Float32Array:
    """Return the probability that people draw a boundary through each pixel.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    network : Predictor, optional
        The bundled one where not given.

    Returns
    -------
    (H, W) float32
        0..1.
    """
    predictor = network or edge_network()
    size = image.shape[0], image.shape[1]
    # An image smaller than those it learnt from is not enlarged to theirs.
    side = min(predictor.card.side, max(size))
    total = np.zeros(size, dtype=np.float32)
    for logits in predictor.views(image, VIEWS, side):
        total += upsampled(logits[0], size)
    return np.asarray(1 / (1 + np.exp(-total / len(VIEWS))), dtype=np.float32)


@lru_cache(1)
def edge_network() -> Predictor:
    """Return the bundled network."""
    return Predictor.load(EDGE_WEIGHTS)


def learned_borders() -> BorderModel:
    """Return what was learnt about borders from the edges that the bundled network finds."""
    *weights, bias = edge_network().card.boundary_model
    return BorderModel(tuple(weights), bias)


def by_model(
    region_map: Int32Array, strength: Float32Array, image: UInt8Array
) -> tuple[Arcs, Float64Array]:
    """Weigh borders by the share of people who would draw them."""
    arcs, facts = border_facts(region_map, strength, image)
    return arcs, learned_borders().probability(facts)
