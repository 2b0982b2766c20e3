"""How likely people are to draw a border, from what it and the two regions beside it look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.errors import ArgumentError
from pixelwise.regions.colour import lab_of
from pixelwise.regions.partition import (
    Arcs,
    Float32Array,
    Float64Array,
    Int32Array,
    UInt8Array,
    arcs_between,
    means,
)

FACTS = (
    "log odds of an edge, mean along the border",
    "log of the regions' difference in CIELAB colour",
    "log of the smaller region's share of the picture",
    "log of the larger region's share",
    "log of the border's length over the root of the smaller region's area",
    "larger of the shares that the border has in each region's own outline",
    "log of the weaker of the two outlines' mean edges",
    "log of the stronger one",
)
"""What is known of a border. A border is judged beside the others of its regions: where all are
strong, in a texture, each means less."""

UNSURE = 1e-6
"""Edge probabilities stay this far from 0 and 1, where their log odds would have no end."""


@dataclass(frozen=True)
class BorderModel:
    """A logistic regression on `FACTS`.

    Parameters
    ----------
    weights : tuple of float
        One a fact.
    bias : float
    """

    weights: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        if len(self.weights) != len(FACTS):
            raise ArgumentError(f"weights: expected {len(FACTS)}, got {len(self.weights)}")

    def probability(self, facts: Float64Array) -> Float64Array:
        """Return the share of people who draw each border, (A,) float64, from (A, F) facts."""
        return np.asarray(1 / (1 + np.exp(-(facts @ np.array(self.weights) + self.bias))))


def border_facts(
    region_map: Int32Array, strength: Float32Array, image: UInt8Array
) -> tuple[Arcs, Float64Array]:
    """Measure each border of a region map.

    Parameters
    ----------
    region_map : (H, W) int32
    strength : (H, W) float32
        Probability of an edge, 0..1.
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    arcs : Arcs
    facts : (A, F) float64
        In the order of `FACTS`.
    """
    arcs = arcs_between(region_map, strength)
    sure = np.clip(strength, UNSURE, 1 - UNSURE)
    odds = arcs_between(region_map, np.log(sure / (1 - sure))).strength
    colours, areas = means(region_map, lab_of(image))
    one, other, n = arcs.first, arcs.second, len(areas)
    differ = np.linalg.norm(colours[one] - colours[other], axis=1)
    small, large = np.minimum(areas[one], areas[other]), np.maximum(areas[one], areas[other])

    def summed(values: Float64Array) -> Float64Array:
        sums = np.bincount(one, values, n) + np.bincount(other, values, n)
        return np.asarray(sums, dtype=np.float64)

    outline = summed(arcs.length)
    edge = summed(arcs.length * arcs.strength) / np.maximum(outline, 1)
    facts = (
        odds,
        np.log(differ + 1),
        np.log(small / areas.sum()),
        np.log(large / areas.sum()),
        np.log(arcs.length / np.sqrt(small)),
        arcs.length / np.minimum(outline[one], outline[other]),
        np.log(np.minimum(edge[one], edge[other]) + 1e-3),
        np.log(np.maximum(edge[one], edge[other]) + 1e-3),
    )
    return arcs, np.stack(facts, axis=1)


def drawn_share(region_map: Int32Array, arcs: Arcs, people: tuple[Int32Array, ...]) -> Float64Array:
    """Return which share of the people put the two regions of each border into different parts.

    Parameters
    ----------
    region_map : (H, W) int32
    arcs : Arcs
        Of it.
    people : tuple of (H, W) int32
        Region maps. A region is in the part that most of its pixels are in.

    Returns
    -------
    (A,) float64
    """
    n = int(region_map.max()) + 1
    apart = np.zeros(len(arcs.first))
    for person in people:
        parts = int(person.max()) + 1
        pairs = region_map.ravel().astype(np.int64) * parts + person.ravel()
        part = np.bincount(pairs, minlength=n * parts).reshape(n, parts).argmax(axis=1)
        apart += part[arcs.first] != part[arcs.second]
    return apart / len(people)


def fit_borders(facts: Float64Array, share: Float64Array, length: Float64Array) -> BorderModel:
    """Fit the model by Newton's method to the shares of people, borders weighed by length.

    Parameters
    ----------
    facts : (N, F) float64
    share : (N,) float64
        0..1.
    length : (N,) float64

    Returns
    -------
    BorderModel
    """
    middle, width = facts.mean(axis=0), facts.std(axis=0) + 1e-9
    known = np.column_stack([(facts - middle) / width, np.ones(len(facts))])
    weight = length / length.sum()
    found = np.zeros(known.shape[1])
    # A whisper of a penalty, so that facts that never vary get the weight 0.
    penalty = 1e-6 * np.eye(len(found))
    for _ in range(25):
        guess = 1 / (1 + np.exp(-known @ found))
        slope = known.T @ (weight * (guess - share)) + penalty @ found
        curve = (known * (weight * guess * (1 - guess))[:, None]).T @ known + penalty
        found = found - np.linalg.solve(curve, slope)
    weights = found[:-1] / width
    return BorderModel(tuple(map(float, weights)), float(found[-1] - weights @ middle))
