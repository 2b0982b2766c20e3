"""What the cells of `KernelBranch` learn from, and their loss."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from pixelwise.classes import VOID
from pixelwise.inference.kernels import cells_of
from pixelwise.networks.kernel_branch import draw_masks
from pixelwise.samples import Int32Array, UInt8Array, UInt16Array
from pixelwise.training.augment import UNKNOWN

LEVEL_SIZES = ((0, 64), (40, 150), (90, np.inf))
"""Sizes of the instances that each level finds, px of the crop: the root of their boxes' area."""

CENTRAL = 0.2
"""Share of an instance's box, to either side of its centre, whose cells find it."""

SMALLEST = 6
"""Pixels of the map below which an instance is a splinter: neither found nor missed."""

CELLS_PER_INSTANCE = 4
"""Cells of one instance whose masks are drawn in a step."""

IGNORED = -1


def kernel_targets(
    instance_map: UInt16Array | None, label_map: UInt8Array, stride: int
) -> tuple[Int32Array, Int32Array]:
    """Say which cells shall find which instance, and where the instances are.

    Parameters
    ----------
    instance_map : (h, w) uint16, or None
        Of a crop, at 1 / ``stride`` of its size; as for `augment.Labelled`.
    label_map : (h, w) uint8
        255 = void.
    stride : int
        Pixels of the crop under one of the map's.

    Returns
    -------
    numbers : (h, w) int32
        The instance of each pixel, 1, 2, ...; 0 = none, -1 = unlabelled.
    cells : (L,) int32
        The instance that each cell of `KernelBranch` shall find; 0 = none, -1 = any answer will do.
    """
    height, width = label_map.shape
    places, sides = cells_of((height, width), len(LEVEL_SIZES))
    if instance_map is None:
        everywhere = np.full(label_map.shape, IGNORED, dtype=np.int32)
        return everywhere, np.full(len(places), IGNORED, dtype=np.int32)
    numbers = instance_map.astype(np.int32)
    numbers[(instance_map == UNKNOWN) | ((label_map == VOID) & (instance_map == 0))] = IGNORED
    areas = np.bincount(numbers[numbers > 0], minlength=1)
    splinters = np.flatnonzero((areas > 0) & (areas < SMALLEST))
    numbers[np.isin(numbers, splinters)] = IGNORED
    areas[splinters] = 0
    inside = np.minimum(np.round(places).astype(np.int64), np.array(label_map.shape) - 1)
    cells = np.where(numbers[inside[:, 0], inside[:, 1]] == IGNORED, IGNORED, 0).astype(np.int32)
    # Large ones first: where two claim a cell, the smaller one has fewer.
    for id_ in np.argsort(-areas, kind="stable")[: np.count_nonzero(areas)]:
        rows, columns = np.nonzero(numbers == id_)
        box = np.array([np.ptp(rows) + 1, np.ptp(columns) + 1])
        centre = np.array([rows.mean(), columns.mean()])
        size = stride * float(np.sqrt(box[0] * box[1]))
        for level, (low, high) in enumerate(LEVEL_SIZES, start=1):
            if low <= size < high:
                # A cell at least, so that the smallest instance has one.
                reach = np.maximum(CENTRAL * box, 0.5 * 2**level)
                near = (np.abs(places - centre) <= reach).all(axis=1) & (sides == 2**level)
                cells[near] = id_
    return numbers, cells


def kernel_loss(
    branch: tuple[torch.Tensor, ...], numbers: torch.Tensor, cells: torch.Tensor
) -> torch.Tensor:
    """How far the cells are from their targets; unlabelled pixels and cells do not count.

    Whether an instance is there by the focal loss (Lin et al., 2017; alpha 0.25, gamma 2), over the
    number of cells that find one; masks by the Dice loss of V-Net (Milletari et al., 2016), a mean
    over some cells of each instance.

    Parameters
    ----------
    branch : tuple of (N, 8, h, w) and (N, 98, L) float
        Of `pixelwise.networks.kernel_branch.KernelBranch`.
    numbers : (N, h, w) int32
    cells : (N, L) int32
        Of `kernel_targets`.

    Returns
    -------
    () float32
    """
    features, found = (t.float() for t in branch)
    logits, positive = found[:, 0], cells > 0
    truth = positive.float()
    error = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    chance = torch.sigmoid(logits)
    focus = torch.where(positive, 0.25 * (1 - chance) ** 2, 0.75 * chance**2)
    there = (focus * error * (cells != IGNORED)).sum() / positive.sum().clamp(min=1)
    image, cell = _some(cells)
    if not len(image):
        # All outputs take part in every step, which several processes need.
        return there + 0 * (features.sum() + found.sum())
    size = features.shape[2], features.shape[3]
    places, sides = (torch.from_numpy(a).to(features)[cell] for a in cells_of(size))
    masks = draw_masks(features[image], found[image, 1:, cell], places, sides)
    own = numbers[image]
    labelled = (own != IGNORED).float()
    mask = (own == cells[image, cell][:, None, None]).float()
    drawn = torch.sigmoid(masks) * labelled
    shared = (drawn * mask).sum(dim=(1, 2))
    both = drawn.square().sum(dim=(1, 2)) + mask.sum(dim=(1, 2))
    return there + (1 - 2 * shared / both.clamp(min=1)).mean()


def _some(cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose at most `CELLS_PER_INSTANCE` of each instance's cells: image and cell of each."""
    image, cell = torch.nonzero(cells > 0, as_tuple=True)
    if not len(image):
        return image, cell
    owner = image * (int(cells.max()) + 1) + cells[image, cell]
    # In a mixed order that the seed of the run has no part in, so that a step can be repeated.
    order = torch.argsort(cell * 7919 % 10007)
    order = order[torch.argsort(owner[order], stable=True)]
    owner = owner[order]
    # Place of each among those of its instance.
    starts = torch.nonzero(torch.diff(owner, prepend=owner[:1] - 1)).flatten()
    counts = torch.diff(starts, append=starts.new_tensor([len(owner)]))
    rank = torch.arange(len(owner), device=owner.device) - starts.repeat_interleave(counts)
    chosen = order[rank < CELLS_PER_INSTANCE]
    return image[chosen], cell[chosen]
