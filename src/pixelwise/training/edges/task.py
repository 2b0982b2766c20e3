"""Boundaries as a task of the training loop: the lines that people draw through an image."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.nn import functional as F

from pixelwise.classes import ClassMap
from pixelwise.datasets.bsds import BsdsSample, read_bsds
from pixelwise.defaults import EVALUATION_SPLIT, TRAIN_SPLIT
from pixelwise.errors import ArgumentError
from pixelwise.networks import Network, Output, build_boundary_network, count_parameters
from pixelwise.networks.designs import NO_ENCODER, PRETRAINED
from pixelwise.networks.encoders import describe_encoder
from pixelwise.regions.learned import EDGE_WEIGHTS
from pixelwise.training.batches import Targets
from pixelwise.training.distributed import reduced
from pixelwise.training.edges.calibrate import calibrate_boundaries
from pixelwise.training.edges.samples import BoundarySamples, people_share
from pixelwise.training.held_out import HeldOut
from pixelwise.training.plan import Plan
from pixelwise.training.recipe import Recipe
from pixelwise.training.settings import Settings
from pixelwise.training.task import Loss, Say
from pixelwise.weights.card import ModelCard

DEFAULTS = {
    "task": "boundary",
    "encoder": PRETRAINED,
    "epochs": 120,
    "learning_rate": 1.5e-3,
    "batch": 8,
    "crop": 320,
    "first_crop": 320,
    "scale": (0.6, 1.6),
    "rotate": 15.0,
    "stretch": 0.15,
    "colour": 0.4,
    "warmup": 0.02,
    "validate_every": 10,
    "half_size": True,
}
"""Settings whose defaults differ here; ``scale`` is how much crops are enlarged."""

SETTINGS = (
    *("task", "epochs", "crop", "first_crop", "batch", "learning_rate", "weight_decay"),
    *("encoder", "encoder_rate", "warmup", "ema", "scale", "flip", "rotate", "stretch", "colour"),
    *("validate_every", "precision", "half_size", "seed"),
)
"""Those that have an effect here."""

FROM_RANDOM = {"epochs": 360, "learning_rate": Settings.learning_rate}
"""Those of a network without a pretrained encoder."""


class Boundaries:
    """Learns the boundaries of BSDS500 on a pretrained encoder, or from the weights of the recipe.

    Parameters
    ----------
    paths : list of Path
        One folder of BSDS500; trained on its ``train`` split, validated on ``val``.
    recipe : Recipe
        Settings that are not given have the values of `DEFAULTS`; those besides `SETTINGS` keep
        their usual defaults.
    say : callable
        Takes what was found in the folder.

    Raises
    ------
    ArgumentError
        Several folders, a model of the hub, minutes, or a setting that would have no effect.
    DataError
        The data cannot be read.
    """

    figures: tuple[str, ...] = ("val_loss",)

    def __init__(self, paths: list[Path], recipe: Recipe, say: Say) -> None:
        if len(paths) != 1:
            raise ArgumentError(f"expected one folder of BSDS500, got {len(paths)}")
        if recipe.model:
            raise ArgumentError("--model: hub models learn classes only; leave out --task boundary")
        if recipe.minutes is not None:
            raise ArgumentError("--minutes: the task 'boundary' takes --epochs instead")
        asked = asdict(Settings.of(recipe.settings)).items()
        ignored = [n for n, value in asked if n not in SETTINGS and value != getattr(Settings, n)]
        if ignored:
            raise ArgumentError(
                f"{', '.join(ignored)}: without effect for the task 'boundary', which takes "
                f"{', '.join(SETTINGS)}"
            )
        self.recipe, self.data = recipe, [paths[0].resolve().name]
        self.training = read_bsds(paths[0], TRAIN_SPLIT)
        self.held_out = read_bsds(paths[0], EVALUATION_SPLIT)
        say(f"{paths[0]}: {len(self.training)} images to learn from, {len(self.held_out)} held out")

    def plan(self, fabric: Fabric) -> Plan:  # noqa: ARG002
        """Take the settings of the recipe, and the defaults of this task for the others."""
        given = {**DEFAULTS, **self.recipe.settings}
        if given["encoder"] == NO_ENCODER:
            given = {**DEFAULTS, **FROM_RANDOM, **self.recipe.settings}
        settings = Settings.of(given)
        return Plan(replace(self.recipe, settings=asdict(settings), minutes=None))

    def hold_out(self, names: HeldOut) -> None:
        """Do nothing: BSDS500 has a val split."""

    def network(self, plan: Plan) -> Network:
        """Build the boundary network on the encoder of the plan."""
        return build_boundary_network(plan.settings.encoder)

    def samples(self, plan: Plan, network: Network) -> BoundarySamples:
        """Return the training images with the share of people who drew each boundary."""
        return BoundarySamples(self.training, plan.settings, network.stride)

    def loss(self, plan: Plan, fabric: Fabric) -> Loss:  # noqa: ARG002
        """Return `boundary_loss`, a mean over the pixels of a batch."""

        def loss(output: Output, targets: Targets) -> torch.Tensor:
            (share,) = targets
            if share is None:
                raise TypeError("boundaries are learnt from people's shares; a batch came without")
            return boundary_loss(output.logits, share)

        return loss

    def shift(self, plan: Plan) -> torch.Tensor:  # noqa: ARG002
        """Return zero, (1,) float32: the logit is that of a probability."""
        return torch.zeros(1)

    def card(self, plan: Plan, network: Network, name: str) -> ModelCard:  # noqa: ARG002
        """Return the card of the weights file, without its score."""
        return ModelCard(
            name=EDGE_WEIGHTS,
            task="boundary",
            classes=ClassMap(("boundary",)),
            side=max(self.training[0].image.shape[:2]),
            design=f"{network.design}, {count_parameters(network):,} parameters",
            stride=network.stride,
            encoder=describe_encoder(network.encoder_name),
            data=plan.recipe.data or f"{self.data[0]} {TRAIN_SPLIT}",
            licence=plan.recipe.licence,
        )

    def validate(self, network: Network, card: ModelCard, fabric: Fabric) -> dict[str, float]:  # noqa: ARG002
        """Return the mean loss on whole images of the held-out split."""
        mine = self.held_out[fabric.global_rank :: fabric.world_size]
        losses = torch.tensor(whole_image_losses(network, mine, fabric.device))
        total = reduced(fabric, fabric.to_device(losses.sum()), "sum")
        return {"val_loss": float(total) / len(self.held_out)}

    def finish(self, weights: Path, network: Network, card: ModelCard, say: Say) -> ModelCard:
        """Fit the boundary model on the training images; score the network on val."""
        device = next(network.parameters()).device
        losses = whole_image_losses(network, self.held_out, device)
        held_out = round(sum(losses) / len(losses), 4)
        model = calibrate_boundaries(weights, self.training)
        source = f"{self.data[0]} {EVALUATION_SPLIT}"
        say(f"{source}: boundary loss {held_out:.4f}, {len(self.held_out)} images")
        return replace(card, boundary_model=model, score={source: {"boundary_loss": held_out}})


def boundary_loss(logits: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against the share of people who drew a boundary: a probability is learnt.

    Parameters
    ----------
    logits : (N, 1, h, w) float
    share : (N, h, w) float32
        0..1. Pixels count up to four times as much the more people drew one there.

    Returns
    -------
    () float32
    """
    cross = F.binary_cross_entropy_with_logits(logits.float()[:, 0], share, reduction="none")
    return 4 * (cross * (1 + 3 * share)).mean()


def whole_image_losses(
    network: Network, samples: list[BsdsSample], device: torch.device
) -> list[float]:
    """Return the loss on each image, whole."""
    losses = []
    for sample in samples:
        image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float().to(device)
        share = torch.from_numpy(people_share(sample.region_maps, network.stride))[None].to(device)
        with torch.inference_mode():
            losses.append(float(boundary_loss(network(image, network.stride).logits, share)))
    return losses
