"""From centres and offsets to instances: every pixel goes to the centre that it points at."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.inference.upsample import upsampled
from pixelwise.instances import instances_by_score
from pixelwise.samples import (
    Float32Array,
    Float64Array,
    Instance,
    Int32Array,
    Int64Array,
    UInt8Array,
)
from pixelwise.weights.card import ModelCard

LEAST_HEAT = 0.1
"""Heat from which on a local maximum is a centre."""

SAMPLED = 2**18
"""Pixels of a large image whose probabilities are looked at."""

HEAT_POWER, INSTANCE_POWER = 0.5, 2
"""In an instance's score; chosen on 66 train images of nuclei, among 18 pairs."""


def group_by_centres(
    branch: tuple[Float32Array, ...], logits: Float32Array, label_map: UInt8Array, card: ModelCard
) -> tuple[UInt8Array, tuple[Instance, ...]]:
    """Group the pixels of an image into instances.

    The grouping of "Panoptic-DeepLab" (Cheng et al., 2020), section 3.3: centres are the local
    maxima of the heat map, and a pixel belongs to the centre nearest to where it points. The
    nearest centre of every place is drawn once, so that the time does not grow with the number
    of instances.

    Parameters
    ----------
    branch : tuple of one (3, h, w) float32
        Output of `pixelwise.networks.centre_branch.CentreBranch`: logits of centres, and the
        offset to the centre from each pixel, down and right, in pixels of the image as the network
        sees it; at 1 / ``card.stride`` of that size.
    logits : (C, h', w') float32
        Of the classes.
    label_map : (H, W) uint8
        The class of each pixel of the image.
    card : ModelCard
        Its instance classes, the window of a centre, the stride of the branch, and the score
        below which instances are left out: mostly specks, and slivers between others.

    Returns
    -------
    label_map : (H, W) uint8
        As given.
    instances : tuple of Instance
        Best score first, ids 1, 2, ...; each pixel of an instance class belongs to at most one. An
        instance has the class that most of its pixels have. Its score is the root of the heat at
        its centre, times the square of its pixels' mean probability of the instance classes, times
        the share of its class in that probability.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from pixelwise.weights import read_card
    >>> card = replace(read_card("nuclei"), nms_window=3)
    >>> branch = np.zeros((3, 2, 2), np.float32)
    >>> branch[0] = [[9, -9], [-9, -9]]  # one centre, and offsets of 0
    >>> logits = np.stack([np.full((4, 4), -9), np.full((4, 4), 9)]).astype(np.float32)
    >>> _, (found,) = group_by_centres((branch,), logits, np.ones((4, 4), np.uint8), card)
    >>> found.class_id, found.area, round(found.score, 2)
    (1, 16, 1.0)
    """
    is_wanted = np.zeros(256, dtype=np.bool_)
    is_wanted[list(card.instance_classes)] = True
    inside = is_wanted[label_map]
    (planes,) = branch
    heat = (1 / (1 + np.exp(-planes[0]))).astype(np.float32)
    centres = _centres(heat, card.nms_window)
    if not len(centres) or not inside.any():
        return label_map, ()
    nearest = _nearest(centres, heat.shape)
    owner = _owners(nearest, planes[1:], label_map.shape, card.stride)
    owner[~inside] = 0

    n_classes = len(logits)
    votes = np.bincount(
        owner.ravel() * n_classes + np.minimum(label_map.ravel(), n_classes - 1),
        minlength=(len(centres) + 1) * n_classes,
    ).reshape(-1, n_classes)
    class_ids = votes.argmax(axis=1)
    # Some of the pixels give the mean well enough.
    step = max(card.stride // card.logits_stride, int(np.sqrt(logits[0].size / SAMPLED)))
    some = np.ascontiguousarray(logits[:, ::step, ::step])
    small = cv2.resize(owner.astype(np.float32), some.shape[:0:-1], interpolation=cv2.INTER_NEAREST)
    shares = _probabilities(some, small.astype(np.int32), class_ids, card.instance_classes)
    wanted, own = (share[1:] for share in shares)
    scores = heat[centres[:, 0], centres[:, 1]] ** HEAT_POWER * wanted**INSTANCE_POWER
    scores *= own / np.maximum(wanted, 1e-6)
    return label_map, instances_by_score(owner, scores, class_ids[1:], card.score_threshold)


def _centres(heat: Float32Array, window: int) -> Int64Array:
    """Return the local maxima of a heat map, (K, 2) row and column; of a plateau its first."""
    highest = cv2.dilate(heat, np.ones((window, window), np.uint8))
    peaks = (heat == highest) & (heat >= LEAST_HEAT)
    places = np.argwhere(peaks)
    _, plateaus = cv2.connectedComponents(peaks.astype(np.uint8))
    _, first = np.unique(plateaus[places[:, 0], places[:, 1]], return_index=True)
    return np.asarray(places[first], dtype=np.int64)


def _nearest(centres: Int64Array, size: tuple[int, ...]) -> Int32Array:
    """Return which centre, 1..K, each place is nearest to."""
    elsewhere = np.ones(size, dtype=np.uint8)
    elsewhere[centres[:, 0], centres[:, 1]] = 0
    _, areas = cv2.distanceTransformWithLabels(
        elsewhere, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # OpenCV numbers the centres in an order of its own.
    number = np.zeros(len(centres) + 1, dtype=np.int32)
    number[areas[centres[:, 0], centres[:, 1]]] = np.arange(1, len(centres) + 1)
    return np.asarray(number[areas], dtype=np.int32)


def _owners(
    nearest: Int32Array, offsets: Float32Array, size: tuple[int, ...], stride: int
) -> Int32Array:
    """Return the centre nearest to where each pixel of the image points."""
    height, width = nearest.shape
    targets = []
    for offset, small, whole, axis in zip(offsets, (height, width), size, (0, 1), strict=True):
        places = (np.arange(whole, dtype=np.float32) + 0.5) * (small / whole) - 0.5
        where = upsampled(offset, (size[0], size[1])) * np.float32(1 / stride)
        where += places[:, None] if axis == 0 else places[None, :]
        targets.append(np.clip(where, 0, small - 1, out=where))
    # float32 holds every whole number up to 2^24.
    found = cv2.remap(
        nearest.astype(np.float32), targets[1], targets[0], interpolation=cv2.INTER_NEAREST
    )
    return np.asarray(found, dtype=np.int32)


def _probabilities(
    logits: Float32Array,
    owner: Int32Array,
    class_ids: Int64Array,
    instance_classes: tuple[int, ...],
) -> tuple[Float64Array, Float64Array]:
    """Return two means over each instance's pixels: of all instance classes, and of its own class.

    Both are probabilities, (K,) float64, by the number of the owner; 0 without any pixel.
    """
    pixels = np.flatnonzero(owner)
    ids = owner.ravel()[pixels]
    values = logits.reshape(len(logits), -1)[:, pixels]
    values = np.exp(values - values.max(axis=0))
    total, n = values.sum(axis=0), len(class_ids)
    wanted = values[list(instance_classes)].sum(axis=0) / total
    own = values[class_ids[ids], np.arange(len(ids))] / total
    counts = np.maximum(np.bincount(ids, minlength=n), 1)
    mean_wanted, mean_own = (np.bincount(ids, p, minlength=n) / counts for p in (wanted, own))
    return mean_wanted, mean_own
