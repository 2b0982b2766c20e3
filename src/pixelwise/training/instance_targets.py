"""What the instance branch learns from: centres and offsets of an instance map, and their loss."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from pixelwise.classes import VOID
from pixelwise.instances import components
from pixelwise.samples import Float32Array, Instance, UInt8Array, UInt16Array
from pixelwise.training.augment import UNKNOWN

NARROWEST = 1.0
"""Standard deviation of the smallest instances' spot on the heat map, in its own pixels."""

COMPACT = 0.85
"""Share of its convex hull from which on a single area is taken for one instance.

Of 125 such areas of animals in a train split of VOC 2012, 6 % are two that touch; of 169 from 0.7
to 0.85, 18 %.
"""

SPECK = 1e-3
"""Share of an image below which an area is a splinter of a partly hidden instance."""


def instance_map_of(
    label_map: UInt8Array,
    instances: tuple[Instance, ...] | None,
    kind: str,
    complete: bool = True,
) -> UInt16Array | None:
    """Give each instance of an image a number.

    Parameters
    ----------
    label_map : (H, W) uint8
        Class ids, 0 = background, 255 = void.
    instances : tuple of Instance, or None
        As the data has them; later ones lie over earlier ones.
    kind : str
        One of `settings.INSTANCE_SOURCES`. ``"areas"``: each connected area of a class is one,
        void separates those that touch. ``"single"``: a class's area is one instance if it is
        the only one of the class in the image and compact, else unlabelled. ``"one"``: all that
        is labelled is one; the image may show others that are not labelled.
    complete : bool
        Every instance of the model's classes is labelled. If not, all is unlabelled outside the
        boxes of those that are.

    Returns
    -------
    (H, W) uint16, or None
        Instances 1, 2, ...; 0 = none, `UNKNOWN` = unlabelled. None if the whole image is
        unlabelled.
    """
    numbers = np.zeros(label_map.shape, dtype=np.uint16)
    if kind == "one":
        there = (label_map != 0) & (label_map != VOID)
        instances = (Instance.of(there, 1, 1),) if there.any() else ()
        complete = complete and not there.any()
    if kind in ("areas", "single"):
        ids = [int(i) for i in np.unique(label_map) if 0 < i < VOID]
        instances = tuple(components(label_map, ids, 1))
    if instances is None:
        return None
    least = SPECK * label_map.size if kind in ("areas", "single") else 0
    if kind == "single":
        instances = _single(instances, least)
    beside = np.ones(label_map.shape, dtype=np.bool_)
    for number, instance in enumerate(instances[: UNKNOWN - 1], start=1):
        unknown = instance.crowd or instance.class_id == VOID or instance.area < least
        instance.within(numbers)[instance.patch] = UNKNOWN if unknown else number
        if not unknown:
            instance.within(beside)[:] = False
    # What is background to the model may lie over an instance that is unknown to it.
    numbers[(label_map == 0) & (numbers != UNKNOWN)] = 0
    if not complete:
        numbers[beside] = UNKNOWN
    return numbers


def _single(instances: tuple[Instance, ...], least: float) -> tuple[Instance, ...]:
    """Mark as crowds all areas but the compact ones that are the only one of their class."""
    counts = Counter(i.class_id for i in instances if i.area >= least)
    marked = []
    for instance in instances:
        outline = cv2.findNonZero(instance.patch.astype(np.uint8))
        hull = cv2.contourArea(cv2.convexHull(outline))
        single = counts[instance.class_id] == 1 and instance.area >= COMPACT * hull
        marked.append(replace(instance, crowd=not single))
    return tuple(marked)


def instance_targets(
    instance_map: UInt16Array | None, label_map: UInt8Array, centre_sigma: float, stride: int
) -> tuple[Float32Array]:
    """Draw the centres of instances and the way from each of their pixels there.

    Parameters
    ----------
    instance_map : (h, w) uint16, or None
        Of a crop, at 1 / ``stride`` of its size; as for `augment.Labelled`.
    label_map : (h, w) uint8
        255 = void: unlabelled there, too.
    centre_sigma : float
        Standard deviation of a centre's spot as a share of the instance's size, the root of its
        area.
    stride : int
        Pixels of the crop under one of the map's.

    Returns
    -------
    tuple of one (4, h, w) float32
        Heat 0..1, -1 where unlabelled; down and right to the centre of mass, in pixels of the
        crop; and the weight of an error of these: 1 / size of the instance, 0 outside instances.
    """
    found = np.zeros((4, *label_map.shape), dtype=np.float32)
    if instance_map is None:
        found[0] = -1
        return (found,)
    numbers = np.where(instance_map == UNKNOWN, 0, instance_map)
    areas = np.bincount(numbers.ravel())
    ids = np.flatnonzero(areas)
    ids = ids[ids > 0]
    places = np.indices(numbers.shape, dtype=np.float32)
    middles = np.zeros((len(areas), 2), dtype=np.float32)
    for axis in (0, 1):
        sums = np.bincount(numbers.ravel(), places[axis].ravel(), len(areas))
        middles[ids, axis] = sums[ids] / areas[ids]
    inside = numbers > 0
    found[1:3, inside] = stride * (middles[numbers[inside]].T - places[:, inside])
    found[3, inside] = 1 / (stride * np.sqrt(areas[numbers[inside]]))
    for id_ in ids:
        deviation = max(NARROWEST, centre_sigma * float(np.sqrt(areas[id_])))
        # The spot's peak stands on a pixel, so that one pixel is the centre.
        middle = np.round(middles[int(id_)]).astype(np.int64)
        reach = int(3 * deviation) + 1
        top, left = np.maximum(middle - reach, 0)
        bottom, right = middle + reach + 1
        window = found[0, top:bottom, left:right]
        down = np.arange(top, top + window.shape[0]) - middle[0]
        along = np.arange(left, left + window.shape[1]) - middle[1]
        spot = np.exp(-(down[:, None] ** 2 + along[None] ** 2) / (2 * deviation**2))
        np.maximum(window, spot.astype(np.float32), out=window)
    unknown = (instance_map == UNKNOWN) | (label_map == VOID)
    found[0, unknown & ~inside] = -1
    return (found,)


def instance_loss(branch: tuple[torch.Tensor, ...], targets: torch.Tensor) -> torch.Tensor:
    """How far the instance branch is from its targets; unlabelled pixels do not count.

    Centres by the quality focal loss (Li et al., "Generalized focal loss", 2020), as a share of
    all heat there is; offsets by their absolute error as a share of the instance's size, a mean
    over the instances' pixels. CenterNet's focal loss, with one true pixel per instance, was tried
    first: the middle of a large instance is not known to the pixel, and its heat stayed low.

    Parameters
    ----------
    branch : tuple of one (N, 3, h, w) float
        Of `pixelwise.networks.centre_branch.CentreBranch`.
    targets : (N, 4, h, w) float32
        Of `instance_targets`.

    Returns
    -------
    () float32
    """
    found = branch[0].float()
    logits, heat = found[:, 0], targets[:, 0]
    labelled = (heat >= 0).float()
    heat = heat.clamp(min=0)
    error = F.binary_cross_entropy_with_logits(logits, heat, reduction="none")
    surprise = (torch.sigmoid(logits) - heat) ** 2
    centres = (labelled * surprise * error).sum() / heat.sum().clamp(min=1)
    weight = targets[:, 3]
    errors = (found[:, 1:] - targets[:, 1:3]).abs().sum(dim=1) * weight
    offsets = errors.sum() / (weight > 0).sum().clamp(min=1)
    return centres + offsets
