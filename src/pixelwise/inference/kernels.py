"""From the kernels of instances to their masks; a pixel goes to the mask that is surest of it."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from pixelwise.inference.upsample import enlarged
from pixelwise.instances import instances_by_score
from pixelwise.samples import (
    BoolArray,
    Float32Array,
    Instance,
    Int32Array,
    Int64Array,
    UInt8Array,
)
from pixelwise.weights.card import ModelCard

LEAST_CHANCE = 0.05
"""Probability that an instance has its centre in a cell from which on its mask is drawn."""

MOST_MASKS = 60
"""Masks that are drawn for an image, those of the likeliest cells."""

CELLS = 8
"""Cells of a level that a way of 1 stands for in a mask's network."""

SAME = 0.5
"""Intersection over union of two masks, or share of one in a better one, that are of one."""

INSIDE = 0.7
"""Share of a mask that lies in a better one's from which on it is a part of that."""

REST = 0.3
"""Share of an instance that an area beside it has at most to be a rest of it."""

OWN = -3.0
"""Logit of a mask from which on it may own a pixel that is of an instance class for sure."""


def group_by_kernels(
    branch: tuple[Float32Array, ...],
    logits: Float32Array,
    label_map: UInt8Array,
    card: ModelCard,
) -> tuple[UInt8Array, tuple[Instance, ...]]:
    """Draw the masks of the cells that find instances, and deal out the pixels among them.

    The networks of "CondInst" (Tian et al., 2020), each of which draws one mask. Of masks that
    share most of their pixels the better one stays (non-maximum suppression, by masks instead of
    boxes), and so it is where one lies inside another: a head is no second person. Then each
    instance votes for one class, which all its pixels take: no animal is half cow, half horse.

    Parameters
    ----------
    branch : tuple of (8, h, w) and (98, L) float32
        Mask features and cells, as `pixelwise.networks.kernel_branch.KernelBranch` gives them.
    logits : (C, h', w') float32
        Of the classes.
    label_map : (H, W) uint8
        The class of each pixel of the image.
    card : ModelCard
        Its instance classes, and the score below which instances are left out.

    Returns
    -------
    label_map : (H, W) uint8
        With one class per instance.
    instances : tuple of Instance
        Best score first, ids 1, 2, ...; each pixel belongs to at most one, and only pixels of
        instance classes belong to any. The score is the probability that an instance has its
        centre in its cell, times the mean probability of its mask, times the mean probability of
        its class there.
    """
    features, cells = branch
    masks, chances = _masks(features, cells)
    ids = list(card.instance_classes)
    is_wanted = np.zeros(256, dtype=np.bool_)
    is_wanted[ids] = True
    inside = is_wanted[label_map]
    if not len(masks) or not inside.any():
        return label_map, ()
    drawn = 1 / (1 + np.exp(-np.clip(masks, -30, 30)))
    step = card.stride // card.logits_stride
    classes = _softmax(logits[:, ::step, ::step])[ids].reshape(len(ids), -1)
    flat = drawn.reshape(len(drawn), -1)
    areas = np.maximum(flat.sum(axis=1), 1e-6)
    shares = (flat @ classes.T) / areas[:, None]
    sure = flat > 0.5
    counts = sure.sum(axis=1)
    certain = (flat * sure).sum(axis=1) / np.maximum(counts, 1)
    scores = chances * certain * shares.max(axis=1)
    kept = _kept(sure, scores)
    seen = logits.shape[1] * card.logits_stride, logits.shape[2] * card.logits_stride
    owner = _owners((enlarged(m, card.stride, seen, inside.shape) for m in masks[kept]), inside)
    class_ids = np.array(ids)[shares[kept].argmax(axis=1)]
    voted = np.where(owner > 0, np.append(0, class_ids)[owner], label_map).astype(np.uint8)
    good = np.append(False, scores[kept] >= card.score_threshold)[owner]
    owner = _with_rests(np.where(good, owner, 0), voted, class_ids, is_wanted[voted])
    return voted, instances_by_score(owner, scores[kept], class_ids, card.score_threshold)


def cells_of(size: tuple[int, int], levels: int = 3) -> tuple[Float32Array, Float32Array]:
    """Return where the cells are that a network gives for mask features of this size.

    Parameters
    ----------
    size : (height, width)
        Of the map of mask features.
    levels : int
        Each has half the size of the one before, rounded up; the first half of the map's.

    Returns
    -------
    places : (L, 2) float32
        Row and column of each one's centre, in pixels of the map; finest level first, each row by
        row.
    sides : (L,) float32
        Of each one, in the same pixels.

    Examples
    --------
    >>> cells_of((3, 4), levels=1)[0].tolist()
    [[0.5, 0.5], [0.5, 2.5], [2.5, 0.5], [2.5, 2.5]]
    """
    height, width = size
    places, sides = [], []
    for level in range(1, levels + 1):
        height, width, side = (height + 1) // 2, (width + 1) // 2, 2**level
        corners = np.indices((height, width)).reshape(2, -1).T * side
        places.append(corners + (side - 1) / 2)
        sides.append(np.full(len(corners), side))
    return np.concatenate(places).astype(np.float32), np.concatenate(sides).astype(np.float32)


def _masks(features: Float32Array, cells: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Return the masks of the likeliest cells, (K, h, w) logits, and their probabilities, (K,)."""
    heat: list[Float32Array] = []
    height, width = features.shape[1:]
    start = 0
    while start < cells.shape[1]:
        height, width = (height + 1) // 2, (width + 1) // 2
        level = cells[0, start : start + height * width].reshape(height, width)
        # Neighbours find the same instance: the likeliest of nine stands for them.
        highest = cv2.dilate(level, np.ones((3, 3), np.uint8))
        heat.append(np.where(level == highest, level, -np.inf).ravel())
        start += height * width
    places, sides = cells_of((features.shape[1], features.shape[2]), len(heat))
    chance = 1 / (1 + np.exp(-np.concatenate(heat)))
    chosen = np.argsort(-chance, kind="stable")[:MOST_MASKS]
    chosen = chosen[chance[chosen] >= LEAST_CHANCE]
    masks = draw_masks(features, cells[1:, chosen].T, places[chosen], sides[chosen])
    return masks, chance[chosen].astype(np.float32)


def draw_masks(
    features: Float32Array, parameters: Float32Array, places: Float32Array, sides: Float32Array
) -> Float32Array:
    """Run the networks of some masks of one image.

    Parameters
    ----------
    features : (E, h, w) float32
    parameters : (K, P) float32
        Of each one's network: the hidden layer's weights for the features, those for the ways down
        and right, its biases; the last layer's weights and its bias.
    places : (K, 2) float32
        Row and column of the centre of each one's cell, in pixels of the features.
    sides : (K,) float32
        Of each one's cell, in the same pixels.

    Returns
    -------
    (K, h, w) float32
        The logit that a pixel is of the instance.

    Examples
    --------
    A network of two hidden units that ignores the features and draws what lies below its cell:

    >>> parameters = np.array([[0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]], np.float32)
    >>> places, sides = np.array([[1, 1]], np.float32), np.array([2], np.float32)
    >>> draw_masks(np.ones((1, 4, 1), np.float32), parameters, places, sides)[0, :, 0]
    array([0.    , 0.    , 0.0625, 0.125 ], dtype=float32)
    """
    count, (planes, height, width) = len(parameters), features.shape
    hidden = (parameters.shape[1] - 1) // (planes + 4)
    ends = np.cumsum([hidden * planes, hidden * 2, hidden, hidden])
    own, way, bias, last, offset = np.split(parameters, ends, axis=1)
    rows, columns = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    down = (rows - places[:, :1]) / (CELLS * sides[:, None])
    right = (columns - places[:, 1:]) / (CELLS * sides[:, None])
    way = way.reshape(count, hidden, 2)
    flat = features.reshape(planes, -1)
    masks = np.empty((count, height, width), dtype=np.float32)
    for k in range(count):
        units = (own[k].reshape(hidden, planes) @ flat).reshape(hidden, height, width)
        units += (bias[k][:, None] + way[k, :, :1] * down[k])[:, :, None]
        units += (way[k, :, 1:] * right[k])[:, None]
        np.maximum(units, 0, out=units)
        masks[k] = np.tensordot(last[k], units, axes=1) + offset[k]
    return masks


def _kept(sure: BoolArray, scores: Float32Array) -> Int64Array:
    """Return the masks that are left, best first: none is mostly another one, or inside one."""
    order = np.argsort(-scores, kind="stable")
    areas = sure.sum(axis=1)
    shared = sure.astype(np.float32) @ sure.T.astype(np.float32)
    kept: list[int] = []
    for k in order:
        if areas[k] == 0:
            continue
        same = [
            shared[k, other] > SAME * (areas[k] + areas[other] - shared[k, other])
            or shared[k, other] > INSIDE * areas[k]
            for other in kept
        ]
        if not any(same):
            kept.append(int(k))
    return np.array(kept, dtype=np.int64)


def _owners(masks: Iterable[Float32Array], inside: BoolArray) -> Int32Array:
    """Return for each pixel the mask that is surest of it, (H, W) int32, 1..K; 0 = none."""
    owner = np.zeros(inside.shape, dtype=np.int32)
    best = np.full(inside.shape, OWN, dtype=np.float32)
    for k, mask in enumerate(masks, start=1):
        surer = inside & (mask > best)
        owner[surer] = k
        best[surer] = mask[surer]
    return owner


def _with_rests(
    owner: Int32Array, label_map: UInt8Array, class_ids: Int64Array, inside: BoolArray
) -> Int32Array:
    """Add to each instance what is of its class, of no instance, and touches it most.

    The mask of a large body may end before the body does; what is left of it was drawn by weak
    cells of its own, or by none. An area that is large beside the instance is rather another one.
    """
    free = inside & (owner == 0)
    count, areas = cv2.connectedComponents(free.view(np.uint8), connectivity=4)
    if count == 1 or not owner.any():
        return owner
    wide = len(class_ids) + 1
    contacts = np.zeros(count * wide, dtype=np.int64)
    whole, first, last = slice(None), slice(1, None), slice(None, -1)
    for one, two in (((first, whole), (last, whole)), ((whole, first), (whole, last))):
        for here, there in ((one, two), (two, one)):
            touch = (areas[here] > 0) & (owner[there] > 0)
            pairs = areas[here][touch] * wide + owner[there][touch]
            contacts += np.bincount(pairs, minlength=count * wide)
    table = contacts.reshape(count, wide)
    to = table.argmax(axis=1)
    sizes = np.bincount(areas.ravel(), minlength=count)
    alike = np.bincount(
        areas.ravel(), np.append(0, class_ids)[to][areas].ravel() == label_map.ravel(), count
    )
    joins = (table.max(axis=1) > 0) & (2 * alike > sizes)
    joins &= sizes <= REST * np.bincount(owner.ravel(), minlength=wide)[to]
    joins[0] = False
    return np.where(joins[areas], to[areas], owner).astype(np.int32)


def _softmax(logits: Float32Array) -> Float32Array:
    powers = np.exp(logits - logits.max(axis=0))
    return np.asarray(powers / powers.sum(axis=0), dtype=np.float32)
