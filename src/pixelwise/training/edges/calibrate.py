"""Which boundaries between regions people draw: fitted to what a trained network finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pixelwise.datasets.bsds import BsdsSample
from pixelwise.inference import Predictor
from pixelwise.progress import track
from pixelwise.regions.boundary_model import (
    boundary_features,
    drawn_share,
    fit_boundary_model,
)
from pixelwise.regions.hierarchical import coarsened
from pixelwise.regions.learned import learned_boundaries


def calibrate_boundaries(weights: Path, samples: list[BsdsSample]) -> tuple[float, ...]:
    """Fit the share of people who draw a boundary to its length, strength and regions.

    Parameters
    ----------
    weights : Path
        Of a boundary network, exported.
    samples : list of BsdsSample
        What it was trained on.

    Returns
    -------
    tuple of float
        Weights and bias of a `pixelwise.regions.boundary_model.BoundaryModel`, as a card has them.
    """
    network = Predictor.load(weights)
    rows = []
    for sample in track(samples, "calibrating", len(samples)):
        strength = learned_boundaries(sample.image, network)
        region_map = coarsened(strength)
        boundaries, features = boundary_features(region_map, strength, sample.image)
        share = drawn_share(region_map, boundaries, sample.region_maps)
        rows.append((features, share, boundaries.length))
    model = fit_boundary_model(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    return (*model.weights, model.bias)
