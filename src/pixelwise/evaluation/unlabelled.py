"""What labels do not say, where a data set labels only some classes: neither right nor wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixelwise.classes import VOID
from pixelwise.samples import Instance, UInt8Array


def leave_out_pixels(
    truth: UInt8Array, label_map: UInt8Array, unlabelled: Sequence[int]
) -> UInt8Array:
    """Make the background void where a class is predicted that the data set does not label.

    Parameters
    ----------
    truth, label_map : (H, W) uint8
        Labelled and predicted class ids; 0 = background, 255 = void.
    unlabelled : sequence of int
        Classes that the data set does not label, or not completely.

    Returns
    -------
    (H, W) uint8
        The truth as far as it says something about the prediction.

    Examples
    --------
    >>> truth = np.array([[0, 0, 0, 1]], np.uint8)
    >>> leave_out_pixels(truth, np.array([[0, 1, 2, 2]], np.uint8), unlabelled=[2])
    array([[  0,   0, 255,   1]], dtype=uint8)
    """
    if not len(unlabelled):
        return truth
    silent = (truth == 0) & np.isin(label_map, unlabelled)
    return np.where(silent, np.uint8(VOID), truth)


def leave_out_instances(
    truth: UInt8Array, instances: Sequence[Instance], unlabelled: Sequence[int]
) -> tuple[Instance, ...]:
    """Leave out found instances of a class that the data set does not label.

    Those of which more than half lies on what is labelled background or void; over a labelled
    instance of another class they are wrong.

    Parameters
    ----------
    truth : (H, W) uint8
        Labelled class ids; 0 = background, 255 = void.
    instances : sequence of Instance
        Found ones.
    unlabelled : sequence of int
        As for `leave_out_pixels`.

    Examples
    --------
    >>> truth = np.array([[0, 0, 0, 1]], np.uint8)
    >>> beside = Instance.of(truth == 0, class_id=2, id=1)
    >>> over = Instance.of(truth == 1, class_id=2, id=2)
    >>> [i.id for i in leave_out_instances(truth, [beside, over], unlabelled=[2])]
    [2]
    """
    silent = (truth == 0) | (truth == VOID)
    return tuple(
        instance
        for instance in instances
        if instance.class_id not in unlabelled
        or 2 * np.count_nonzero(instance.within(silent)[instance.patch]) <= instance.area
    )
