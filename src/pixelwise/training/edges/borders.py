"""Which borders people draw: learnt from the edges that a trained network finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelwise.datasets.bsds import BsdsSample
from pixelwise.inference import Predictor
from pixelwise.io.files import written_whole
from pixelwise.progress import track
from pixelwise.regions.boundary_model import (
    boundary_features,
    drawn_share,
    fit_boundary_model,
)
from pixelwise.regions.hierarchical import coarsened
from pixelwise.regions.learned import learned_boundaries
from pixelwise.training.export.metadata import write_card


def learn_borders(weights: Path, photos: list[BsdsSample]) -> None:
    """Learn which borders people draw from the edges that a network finds; write it to its card.

    Parameters
    ----------
    weights : Path
        Of `train_boundaries`; rewritten.
    photos : list of BsdsSample
    """
    network = Predictor.load(weights)
    rows = []
    for photo in track(photos, "borders", len(photos)):
        strength = learned_boundaries(photo.image, network)
        region_map = coarsened(strength)
        boundaries, features = boundary_features(region_map, strength, photo.image)
        share = drawn_share(region_map, boundaries, photo.region_maps)
        rows.append((features, share, boundaries.length))
    model = fit_boundary_model(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    borders = (*model.weights, model.bias)
    with written_whole(weights) as beside:
        beside.write_bytes(weights.read_bytes())
        write_card(beside, replace(network.card, boundary_model=borders))
