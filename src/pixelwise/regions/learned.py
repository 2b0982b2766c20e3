"""Edges that a small network has learnt from what people drew."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from pixelwise.inference.predictor import Predictor
from pixelwise.regions.borders import BorderModel, border_facts
from pixelwise.regions.partition import Arcs, Float32Array, Float64Array, Int32Array, UInt8Array

EDGE_WEIGHTS = "edges"
"""The bundled weights that find boundaries."""

LOOKS = ((0.75, False), (1.0, False), (1.0, True), (1.4, False))
"""At what scales the network looks, and whether mirrored; its answers are averaged."""


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
    height, width = image.shape[:2]
    # A photo smaller than those it learnt from is not enlarged to theirs.
    scale = min(1.0, predictor.card.side / max(height, width))
    total = np.zeros((height, width), dtype=np.float32)
    for look, mirrored in LOOKS:
        size = max(1, round(scale * look * width)), max(1, round(scale * look * height))
        how = cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR
        seen = cv2.resize(image, size, interpolation=how)[:, :: -1 if mirrored else 1]
        batch = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], dtype=np.float32)
        logits = predictor.session.run(None, {"image": batch})[0][0, 0]
        logits = np.ascontiguousarray(logits[:, :: -1 if mirrored else 1])
        total += cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(1 / (1 + np.exp(-total / len(LOOKS))), dtype=np.float32)


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
