"""How likely people are to draw a boundary, from features of it and of the two regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.errors import ArgumentError
from pixelwise.regions.boundaries import Boundaries, boundaries_between
from pixelwise.regions.colour import lab_of
from pixelwise.regions.partition import means
from pixelwise.samples import Float32Array, Float64Array, Int32Array, UInt8Array

FEATURES = (
    "log odds of a boundary, mean along it",
    "log of the regions' difference in CIELAB colour",
    "log of the smaller region's share of the image",
    "log of the larger region's share",
    "log of the boundary's length over the root of the smaller region's area",
    "larger of the shares that the boundary has in each region's own outline",
    "log of the weaker of the two outlines' mean strengths",
    "log of the stronger one",
)
"""The features of a boundary. The outlines of its regions count too: where all their boundaries
are strong, in a texture, each means less."""

UNSURE = 1e-6
"""Probabilities stay this far from 0 and 1, where log odds are infinite."""


@dataclass(frozen=True)
class BoundaryModel:
    """A logistic regression on `FEATURES`.

    Parameters
    ----------
    weights : tuple of float
        One per feature.
    bias : float

    Raises
    ------
    ArgumentError
        Another number of weights.

    Examples
    --------
    >>> model = BoundaryModel((1.0,) + (0.0,) * 7, bias=0.0)
    >>> model.probability(np.zeros((1, 8))).tolist()
    [0.5]
    """

    weights: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        if len(self.weights) != len(FEATURES):
            raise ArgumentError(f"weights: expected {len(FEATURES)}, got {len(self.weights)}")

    def probability(self, features: Float64Array) -> Float64Array:
        """Return the share of people who draw each boundary, (B,) float64, from (B, F) features."""
        return np.asarray(1 / (1 + np.exp(-(features @ np.array(self.weights) + self.bias))))


def boundary_features(
    region_map: Int32Array, strength: Float32Array, image: UInt8Array
) -> tuple[Boundaries, Float64Array]:
    """Measure each boundary of a region map.

    Parameters
    ----------
    region_map : (H, W) int32
    strength : (H, W) float32
        Probability of a boundary, 0..1.
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    boundaries : Boundaries
    features : (B, F) float64
        In the order of `FEATURES`.
    """
    boundaries = boundaries_between(region_map, strength)
    sure = np.clip(strength, UNSURE, 1 - UNSURE)
    odds = boundaries_between(region_map, np.log(sure / (1 - sure))).strength
    colours, areas = means(region_map, lab_of(image))
    one, other, n = boundaries.first, boundaries.second, len(areas)
    differ = np.linalg.norm(colours[one] - colours[other], axis=1)
    small, large = np.minimum(areas[one], areas[other]), np.maximum(areas[one], areas[other])

    def summed(values: Float64Array) -> Float64Array:
        sums = np.bincount(one, values, n) + np.bincount(other, values, n)
        return np.asarray(sums, dtype=np.float64)

    length = boundaries.length
    outline = summed(length)
    around = summed(length * boundaries.strength) / np.maximum(outline, 1)
    features = (
        odds,
        np.log(differ + 1),
        np.log(small / areas.sum()),
        np.log(large / areas.sum()),
        np.log(length / np.sqrt(small)),
        length / np.minimum(outline[one], outline[other]),
        np.log(np.minimum(around[one], around[other]) + 1e-3),
        np.log(np.maximum(around[one], around[other]) + 1e-3),
    )
    return boundaries, np.stack(features, axis=1)


def drawn_share(
    region_map: Int32Array, boundaries: Boundaries, people: tuple[Int32Array, ...]
) -> Float64Array:
    """Return the share of people who put the two regions of each boundary into different parts.

    Parameters
    ----------
    region_map : (H, W) int32
    boundaries : Boundaries
        Of that map.
    people : tuple of (H, W) int32
        Region maps. A region belongs to the part that most of its pixels are in.

    Returns
    -------
    (B,) float64
        0..1.
    """
    n = int(region_map.max()) + 1
    apart = np.zeros(len(boundaries.first))
    for person in people:
        parts = int(person.max()) + 1
        pairs = region_map.ravel().astype(np.int64) * parts + person.ravel()
        part = np.bincount(pairs, minlength=n * parts).reshape(n, parts).argmax(axis=1)
        apart += part[boundaries.first] != part[boundaries.second]
    return apart / len(people)


def fit_boundary_model(
    features: Float64Array, share: Float64Array, length: Float64Array
) -> BoundaryModel:
    """Fit the model by Newton's method to the shares of people, weighted by length.

    Parameters
    ----------
    features : (N, F) float64
    share : (N,) float64
        Of people who drew each boundary, 0..1.
    length : (N,) float64

    Returns
    -------
    BoundaryModel
    """
    middle, width = features.mean(axis=0), features.std(axis=0) + 1e-9
    known = np.column_stack([(features - middle) / width, np.ones(len(features))])
    weight = length / length.sum()
    found = np.zeros(known.shape[1])
    # A very small penalty, so that features that never vary get the weight 0.
    penalty = 1e-6 * np.eye(len(found))
    for _ in range(25):
        guess = 1 / (1 + np.exp(-known @ found))
        slope = known.T @ (weight * (guess - share)) + penalty @ found
        curve = (known * (weight * guess * (1 - guess))[:, None]).T @ known + penalty
        found = found - np.linalg.solve(curve, slope)
    weights = found[:-1] / width
    return BoundaryModel(tuple(map(float, weights)), float(found[-1] - weights @ middle))
