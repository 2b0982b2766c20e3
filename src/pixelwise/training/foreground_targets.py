"""What stands out in an image, from its labels, and the loss of the network's answer."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from pixelwise.classes import VOID, ClassMap
from pixelwise.instances import components
from pixelwise.samples import Instance, UInt8Array

CARRIERS = ("chair", "couch", "dining table", "diningtable", "sofa", "bed", "bench")
"""Classes that stand out only where nothing else does: more often, a subject is on them."""

LEAST_MAIN, LEAST_FURTHER = 0.05, 0.02
"""Share of the image that the largest subject has at least, and each further one."""

LEAST_RATIO = 1 / 3
"""Share of the largest subject's area that a further one has at least."""

LEAST_KNOWN = 0.03
"""Share of the image that is foreground at least, where all that is labelled stands out."""

FARTHEST = 0.33
"""Share of the image's height and width that the largest subject's middle is off at most."""


def foreground_map_of(
    label_map: UInt8Array, instances: tuple[Instance, ...] | None, classes: ClassMap, kind: str
) -> UInt8Array:
    """Say what stands out: the large instances, if the largest of them is in the middle.

    Instances smaller than that, and `CARRIERS` beside other subjects, may stand out or not. If
    there is no instance that is large and central enough, nothing is known of the whole image:
    what it is a photo of may be of no class at all.

    Parameters
    ----------
    label_map : (H, W) uint8
        Class ids, 0 = background, 255 = void.
    instances : tuple of Instance, or None
        As the data has them; if None, each connected area of a class is one.
    classes : ClassMap
        Names of the ids.
    kind : str
        One of `settings.FOREGROUND_SOURCES`: empty for the rule above; else all that is labelled
        stands out, and nothing else does.

    Returns
    -------
    (H, W) uint8
        1 = stands out, 0 = does not, 255 = unknown.

    Examples
    --------
    >>> label_map = np.zeros((9, 9), np.uint8)
    >>> label_map[3:6, 3:6], label_map[8, 8] = 1, 1
    >>> foreground_map_of(label_map, None, ClassMap(("background", "dog")), "")[[0, 4, 8], 8 - 4]
    array([0, 1, 0], dtype=uint8)
    >>> int(foreground_map_of(label_map, None, ClassMap(("background", "dog")), "")[8, 8])
    255
    """
    found = np.where(label_map == VOID, VOID, label_map > 0).astype(np.uint8)
    unknown = np.full_like(found, VOID)
    if kind:
        return found if np.mean(found == 1) >= LEAST_KNOWN else unknown
    if instances is None:
        ids = [int(i) for i in np.unique(label_map) if 0 < i < VOID]
        instances = tuple(components(label_map, ids, 1))
    subjects = [i for i in instances if not i.crowd and 0 < i.class_id < VOID]
    least = LEAST_FURTHER * label_map.size
    carried = [i for i in subjects if classes.names[i.class_id] not in CARRIERS]
    if any(i.area >= least for i in carried):
        subjects = carried
    largest = max(subjects, key=lambda i: i.area, default=None)
    if largest is None or largest.area < LEAST_MAIN * label_map.size or not _central(largest):
        return unknown
    found[found == 1] = VOID
    for instance in subjects:
        if instance.area >= max(least, LEAST_RATIO * largest.area):
            instance.within(found)[instance.patch] = 1
    found[label_map == VOID] = VOID
    return found


def _central(instance: Instance) -> bool:
    """Return whether the middle of an instance's pixels is near the image's."""
    places = np.argwhere(instance.patch).mean(axis=0) + instance.corner
    return bool(np.all(np.abs(places / instance.size - 0.5) <= FARTHEST))


def foreground_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy over the pixels of which it is known, and the lack of overlap.

    The latter is 1 - IoU with probabilities in place of sets (Rahman and Wang, "Optimizing
    intersection-over-union in deep neural networks", 2016), a mean over the images in which
    something is known to stand out: a small thing counts as much as a large one.

    Parameters
    ----------
    logits : (N, h, w) float
    targets : (N, h, w) uint8
        1, 0, or 255 = unknown.

    Returns
    -------
    () float32
        0 if nothing is known.
    """
    logits, known, front = logits.float(), (targets != VOID).float(), (targets == 1).float()
    losses = F.binary_cross_entropy_with_logits(logits, front, reduction="none")
    chance = logits.sigmoid() * known
    both, one = (chance * front).sum((1, 2)), (chance + front - chance * front).sum((1, 2))
    shows = (front.sum((1, 2)) > 0).float()
    lack = ((1 - both / one.clamp(min=1)) * shows).sum() / shows.sum().clamp(min=1)
    return (losses * known).sum() / known.sum().clamp(min=1) + lack
