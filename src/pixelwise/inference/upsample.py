"""From logits at the network's size to classes at the image's: upsample first, then decide."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.samples import Float32Array, UInt8Array


def upsampled(plane: Float32Array, size: tuple[int, int]) -> Float32Array:
    """Resize one plane bilinearly.

    Parameters
    ----------
    plane : (h, w) float32
    size : (height, width)

    Returns
    -------
    (height, width) float32

    Examples
    --------
    >>> upsampled(np.array([[0, 1]], np.float32), (1, 4))
    array([[0.  , 0.25, 0.75, 1.  ]], dtype=float32)
    """
    if plane.shape == size:
        return plane
    return np.asarray(
        cv2.resize(plane, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )


def enlarged(
    plane: Float32Array, stride: int, seen: tuple[int, int], size: tuple[int, ...]
) -> Float32Array:
    """Resample a plane that covers its image to whole strides, and may reach beyond it.

    Parameters
    ----------
    plane : (h, w) float32
        At 1 / ``stride`` of ``seen``, rounded up.
    stride : int
    seen : (height, width)
        Of the image as the network saw it.
    size : (height, width)
        Of the image itself.

    Returns
    -------
    (height, width) float32

    Examples
    --------
    Two columns at stride 2 stand for three; the fourth is beyond them:

    >>> enlarged(np.array([[0, 2]], np.float32), 2, (2, 3), (2, 3))[0]
    array([0. , 0.5, 1.5], dtype=float32)
    """
    height, width = (
        max(whole, round(n * stride * whole / small))
        for n, small, whole in zip(plane.shape, seen, size, strict=True)
    )
    return upsampled(plane, (height, width))[: size[0], : size[1]]


def decide(logits: Float32Array, size: tuple[int, int]) -> UInt8Array:
    """Return the class of the largest upsampled logit at each pixel of the image.

    Classes go one by one, so that a large image needs two planes and not one per class.

    Parameters
    ----------
    logits : (C, h, w) float32
        At the network's size.
    size : (height, width)
        Of the image.

    Returns
    -------
    (height, width) uint8
        Class ids; the lowest of equals.

    Examples
    --------
    >>> logits = np.array([[[0, 0]], [[-1, 3]]], np.float32)
    >>> decide(logits, (1, 4))
    array([[0, 0, 1, 1]], dtype=uint8)
    """
    best = upsampled(logits[0], size)
    label_map = np.zeros(size, dtype=np.uint8)
    for id_ in range(1, len(logits)):
        # A pixel mixes its neighbours' logits with the same weights in every class: one that is
        # nowhere above the first stays below it.
        if not (logits[id_] > logits[0]).any():
            continue
        plane = upsampled(logits[id_], size)
        np.copyto(label_map, np.uint8(id_), where=plane > best)
        best = np.maximum(best, plane)
    return label_map


def probability(logits: Float32Array, ids: list[int], size: tuple[int, int]) -> Float32Array:
    """Return the softmax probability that a pixel is one of some classes.

    Parameters
    ----------
    logits : (C, h, w) float32
        At the network's size.
    ids : list of int
        The classes whose probabilities are added.
    size : (height, width)
        Of the image.

    Returns
    -------
    (height, width) float32
        0..1. The logits are upsampled first, so that 0.5 lies where `decide` changes between two
        classes.

    Examples
    --------
    >>> probability(np.zeros((4, 1, 1), np.float32), [1, 2], (1, 1))
    array([[0.5]], dtype=float32)
    """
    best = upsampled(logits[0], size)
    for plane in logits[1:]:
        best = np.maximum(best, upsampled(plane, size))
    chosen, total = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for id_, plane in enumerate(logits):
        # Relative to the largest, no exponential overflows.
        share = np.exp(upsampled(plane, size) - best)
        total += share
        if id_ in ids:
            chosen += share
    return np.asarray(chosen / total, dtype=np.float32)
