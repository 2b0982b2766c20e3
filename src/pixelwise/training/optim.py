"""The loss, the rate at each step, what decays, and the running average of the weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.classes import VOID
from pixelwise.networks import Network
from pixelwise.samples import Float32Array, Int64Array
from pixelwise.training.settings import Settings


def pixel_loss(
    logits: torch.Tensor,
    label_maps: torch.Tensor,
    weights: torch.Tensor | None = None,
    labelled: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the mean cross-entropy over the pixels that are not void; 0 if all are.

    Parameters
    ----------
    logits : (N, C, H, W) float
    label_maps : (N, H, W) int64
        Class ids, 255 = void.
    weights : (C,) float32, optional
        Of the classes; 1 if not given.
    labelled : () int64, optional
        Pixels to take the mean over; by default those of ``label_maps`` that are not void.

    Returns
    -------
    () float32
    """
    # Classes last, so that the softmax runs over neighbours in memory (the logits are
    # channels_last already and this costs no copy).
    rows = logits.float().permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    total = F.cross_entropy(
        rows, label_maps.reshape(-1), weights, ignore_index=VOID, reduction="sum"
    )
    if labelled is None:
        labelled = (label_maps != VOID).sum()
    return total / labelled.clamp(min=1)


def class_weights(counts: Int64Array, balance: float) -> Float32Array:
    """Weigh rare classes more, so that the mean weight of a pixel stays 1.

    Parameters
    ----------
    counts : (C,) int64
        Pixels of each class.
    balance : float
        0..1: the power of a class's share by which its weight falls. At 0 all weigh 1, at 1 all
        classes have the same part in the loss.

    Returns
    -------
    (C,) float32
        A class without a pixel weighs as much as the rarest of the others.

    Examples
    --------
    >>> [round(float(w), 2) for w in class_weights(np.array([64, 1, 0]), 0.5)]
    [0.9, 7.22, 7.22]
    """
    share = counts / max(1, counts.sum())
    known = share[share > 0]
    share = np.maximum(share, known.min() if len(known) else 1.0)
    weights = share**-balance
    mean = float((weights * counts).sum() / counts.sum()) if len(known) else 1.0
    return np.asarray(weights / mean, dtype=np.float32)


def learning_rate(step: int, total: int, settings: Settings) -> float:
    """Return the rate: a linear warm-up, then half a cosine down to zero.

    Parameters
    ----------
    step : int
        0 for the first of ``total`` steps.
    total : int
    settings : Settings
        Its ``learning_rate`` is the top, its ``warmup`` the share of the steps up to there.
    """
    warm = max(1, round(settings.warmup * total))
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, total - warm)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def parameter_groups(network: Network, settings: Settings) -> list[dict[str, Any]]:
    """Split the parameters: kernels decay; biases and norms, which set scales, do not.

    Parameters
    ----------
    network : Network
    settings : Settings
        Its ``weight_decay``, and the ``encoder_rate`` at which pretrained parameters are learnt.

    Returns
    -------
    list of dict
        Those of an optimizer, each with its ``share`` of the learning rate.
    """
    pretrained = {id(p) for p in network.pretrained_parameters()}
    parameters = [p for p in network.parameters() if p.requires_grad]
    slow = [p for p in parameters if id(p) in pretrained]
    groups: list[dict[str, Any]] = []
    for chosen, share in (
        ([p for p in parameters if id(p) not in pretrained], 1.0),
        *([(slow, settings.encoder_rate)] if slow else []),
    ):
        kernels, others = [p for p in chosen if p.ndim > 1], [p for p in chosen if p.ndim <= 1]
        groups += [
            {"params": kernels, "weight_decay": settings.weight_decay, "share": share},
            {"params": others, "weight_decay": 0.0, "share": share},
        ]
    return groups


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the averaged network a step towards the current one, in place.

    Early in a run the average follows faster, so that it does not keep the random start.

    Parameters
    ----------
    average, network : nn.Module
        Of the same design.
    decay : float
        Share of the average that stays, 0..1.
    step : int
        0 for the first.
    """
    decay = min(decay, (1 + step) / (10 + step))
    current = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1 - decay)
        else:
            value.copy_(current[name])
