"""From logits at the network's size to answers at the photo's: upsample first, then decide."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]


def upsampled(plane: Float32Array, size: tuple[int, int]) -> Float32Array:
    """Bilinearly resize one (h, w) float32 plane to ``size`` = (height, width)."""
    if plane.shape == size:
        return plane
    return np.asarray(
        cv2.resize(plane, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )


def decide(logits: Float32Array, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return the class of the largest upsampled logit at each pixel of the photo.

    Classes go one by one, so that a large photo needs two planes and not one a class.

    Parameters
    ----------
    logits : (C, h, w) float32
        Raw scores at the network's size.
    size : (height, width)
        Of the photo.

    Returns
    -------
    (height, width) uint8
        Class ids; the lowest of equals.
    """
    best = upsampled(logits[0], size)
    label_map = np.zeros(size, dtype=np.uint8)
    for id_ in range(1, len(logits)):
        plane = upsampled(logits[id_], size)
        np.copyto(label_map, np.uint8(id_), where=plane > best)
        best = np.maximum(best, plane)
    return label_map


def probability(logits: Float32Array, ids: list[int], size: tuple[int, int]) -> Float32Array:
    """Return the softmax probability that a pixel is one of some classes.

    Parameters
    ----------
    logits : (C, h, w) float32
        Raw scores at the network's size.
    ids : list of int
        The classes to add up.
    size : (height, width)
        Of the photo.

    Returns
    -------
    (height, width) float32
        0..1. The logits are upsampled first, so that 0.5 lies where `decide` changes its mind
        between two classes.
    """
    best = upsampled(logits[0], size)
    for plane in logits[1:]:
        best = np.maximum(best, upsampled(plane, size))
    chosen, total = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for id_, plane in enumerate(logits):
        # Against the largest, no power overflows.
        share = np.exp(upsampled(plane, size) - best)
        total += share
        if id_ in ids:
            chosen += share
    return np.asarray(chosen / total, dtype=np.float32)
