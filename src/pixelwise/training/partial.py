"""The loss on data sets that label only some of the model's classes."""

from __future__ import annotations

import numpy as np
import torch

from pixelwise.classes import VOID
from pixelwise.samples import UInt8Array

MARGIN = 0.1
"""Of a main instance's box, by its longer side, within which the background is known."""


def partial_loss(
    logits: torch.Tensor,
    label_maps: torch.Tensor,
    hidden: torch.Tensor,
    weights: torch.Tensor | None = None,
    labelled: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean cross-entropy in which a background pixel may be of any class that is not labelled.

    The marginal loss of Shi et al., "Marginal loss and exclusion loss for partially supervised
    multi-organ segmentation" (2021), section 3.2. With p the softmax of a pixel's logits, y its
    label, and H the classes that the background of its data set may contain (the background
    itself among them), its loss is

        -log p[y]                   if y is not the background,
        -log sum of p[c], c in H    if it is.

    With H = {background} this is the ordinary cross-entropy. If H holds all classes, a background
    pixel says nothing: its loss is 0, and it does not count in the mean.

    Parameters
    ----------
    logits : (N, C, H, W) float
    label_maps : (N, H, W) int64
        Class ids, 0 = background, 255 = void.
    hidden : (N, C) bool
        Of each image, which classes its background may contain (`Source.hidden`); column 0 is
        True.
    weights : (C,) float32, optional
        Of the labels; 1 if not given.
    labelled : () float32, optional
        Pixels to take the mean over; by default those that say something.

    Returns
    -------
    () float32
        0 if no pixel says anything.

    Examples
    --------
    One pixel labelled background, with the probabilities 0.5, 0.3 and 0.2; if class 2 is not
    labelled, the loss is -log 0.7:

    >>> logits = torch.tensor([0.5, 0.3, 0.2]).log().view(1, 3, 1, 1)
    >>> background = torch.zeros(1, 1, 1, dtype=torch.int64)
    >>> loss = partial_loss(logits, background, torch.tensor([[True, False, True]]))
    >>> round(float(loss.exp()), 6) == round(1 / 0.7, 6)
    True
    """
    rows = logits.float().permute(0, 2, 3, 1)
    whole = torch.logsumexp(rows, dim=-1)
    barred = torch.zeros_like(hidden, dtype=torch.float32).masked_fill_(~hidden, -torch.inf)
    own = rows.gather(-1, label_maps.where(label_maps != VOID, 0)[..., None])[..., 0]
    background = torch.logsumexp(rows + barred[:, None, None], dim=-1)
    losses = whole - torch.where(label_maps == 0, background, own)
    counted = says_something(label_maps, hidden).float()
    if labelled is None:
        labelled = counted.sum()
    if weights is not None:
        counted = counted * weights[label_maps.where(label_maps != VOID, 0)]
    return (losses * counted).sum() / labelled.clamp(min=1)


def main_box_only(label_map: UInt8Array) -> UInt8Array:
    """Make void what lies outside the box of all that is labelled, widened by a tenth.

    For images in which only the main instance is labelled: near it the background is background,
    which is what its outline is learnt from; elsewhere there may be others like it.

    Parameters
    ----------
    label_map : (H, W) uint8
        0 = background, 255 = void.

    Returns
    -------
    (H, W) uint8

    Examples
    --------
    >>> label_map = np.zeros((1, 9), np.uint8)
    >>> label_map[0, 4] = 1
    >>> main_box_only(label_map)[0]
    array([255, 255, 255,   0,   1,   0, 255, 255, 255], dtype=uint8)
    """
    found = np.full_like(label_map, VOID)
    rows, columns = np.nonzero((label_map > 0) & (label_map < VOID))
    if len(rows):
        more = 1 + int(MARGIN * max(np.ptp(rows), np.ptp(columns)))
        box = (
            slice(max(0, rows.min() - more), rows.max() + more + 1),
            slice(max(0, columns.min() - more), columns.max() + more + 1),
        )
        found[box] = label_map[box]
    return found


def says_something(label_maps: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """Return which pixels are labelled with anything that can be learnt.

    Parameters
    ----------
    label_maps, hidden
        As for `partial_loss`.

    Returns
    -------
    (N, H, W) bool
        Not void, and not the background of an image in which it may contain every class.
    """
    silent = hidden.all(dim=1)[:, None, None] & (label_maps == 0)
    return (label_maps != VOID) & ~silent
