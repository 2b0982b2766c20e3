"""From what an instance branch gives to instances, by the design that the card names."""

from __future__ import annotations

from collections.abc import Callable

from pixelwise.inference.centres import group_by_centres
from pixelwise.inference.kernels import group_by_kernels
from pixelwise.samples import Float32Array, Instance, UInt8Array
from pixelwise.weights.card import ModelCard

Grouping = Callable[
    [tuple[Float32Array, ...], Float32Array, UInt8Array, ModelCard],
    tuple[UInt8Array, tuple[Instance, ...]],
]

GROUPINGS: dict[str, Grouping] = {"centres": group_by_centres, "kernels": group_by_kernels}
"""By the name in `ModelCard.instance_design`."""


def find_instances(
    branch: tuple[Float32Array, ...],
    logits: Float32Array,
    label_map: UInt8Array,
    card: ModelCard,
) -> tuple[UInt8Array, tuple[Instance, ...]]:
    """Find the instances of an image, and the label map in which each has one class.

    Parameters
    ----------
    branch : tuple of (...) float32
        Of one image, as the network of the card gives it.
    logits : (C, h, w) float32
        Of the classes.
    label_map : (H, W) uint8
        The class of each pixel of the image.
    card : ModelCard

    Returns
    -------
    label_map : (H, W) uint8
    instances : tuple of Instance
        Best score first, ids 1, 2, ...
    """
    return GROUPINGS[card.instance_design](branch, logits, label_map, card)
