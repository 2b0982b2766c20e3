"""What is learnt: the part of a run that differs between segmentation and boundaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from lightning_fabric import Fabric

from pixelwise.networks import Network, Output
from pixelwise.training.batches import Samples, Targets
from pixelwise.training.plan import Plan
from pixelwise.weights.card import ModelCard

Loss = Callable[[Output, Targets], torch.Tensor]

Say = Callable[[str], object]
"""Takes each line of the report."""


class Task(Protocol):
    """What the loop asks of `Segmentation` and of `Boundaries`; made with the data opened.

    Attributes
    ----------
    data : list of str
        The names of the folders, which a continued run must have again.
    figures : tuple of str
        What `validate` gives; each is a column of the log.
    """

    data: list[str]
    figures: tuple[str, ...]

    def plan(self, fabric: Fabric) -> Plan:
        """Decide every setting that the recipe leaves open."""

    def hold_out(self, names: Mapping[str, Sequence[str]]) -> None:
        """Keep these images aside, as the plan of a run that is continued did."""

    def network(self, plan: Plan) -> Network:
        """Build the network, with random weights from torch's current seed."""

    def samples(self, plan: Plan, network: Network) -> Samples:
        """Return what batches are made of; targets are as large as what the network gives."""

    def loss(self, plan: Plan, fabric: Fabric) -> Loss:
        """Return the loss of a batch, over the parts that all processes have of it."""

    def shift(self, plan: Plan) -> torch.Tensor:
        """Return what validation and export add to the logits, (C,) float32."""

    def card(self, plan: Plan, network: Network, name: str) -> ModelCard:
        """Return what the weights file says about itself, but for its score."""

    def validate(self, network: Network, card: ModelCard, fabric: Fabric) -> dict[str, float]:
        """Score a network in evaluation mode on the held-out split; empty if there is none."""

    def finish(self, weights: Path, network: Network, card: ModelCard, say: Say) -> ModelCard:
        """Calibrate an exported file on the training data and score it; return its last card."""
