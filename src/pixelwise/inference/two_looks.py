"""Two looks at an image: closely for its outlines, and from further away for what things are."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.inference.upsample import upsampled
from pixelwise.samples import Float32Array

SHARE = 1 / 24
"""Of the longer side: the standard deviation of the detail in which the second look has no say."""

LEAST = -7.0
"""Logarithm of the least probability that counts: a look that is sure has no more say than that."""


def joined(closely: Float32Array, smaller: Float32Array) -> Float32Array:
    """Take the mean of the logits of two looks, but detail from the first alone.

    A network that learnt from parts of photos mistakes parts of a large object, which in a smaller
    image is one that it knows. Outlines are coarse there. So half of the difference is added,
    blurred.

    Parameters
    ----------
    closely : (C, h, w) float32
        Logits of classes; with C = 1 that of one thing against all else.
    smaller : (C, h', w') float32
        Those of a smaller image of the same.

    Returns
    -------
    (C, h, w) float32

    Examples
    --------
    >>> float(joined(np.full((1, 4, 6), 5, np.float32), np.zeros((1, 2, 3), np.float32))[0, 0, 0])
    2.5
    """
    height, width = smaller.shape[1:]
    size = closely.shape[1], closely.shape[2]
    parts = []
    for first, second in zip(_bounded(closely), _bounded(smaller), strict=True):
        # What is blurred anyway is worked out on the smaller grid.
        shrunk = cv2.resize(first, (width, height), interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(second - shrunk, (0, 0), SHARE * max(height, width))
        parts.append(first + upsampled(np.float32(0.5) * blurred, size))
    return np.stack(parts)


def _bounded(logits: Float32Array) -> Float32Array:
    if len(logits) == 1:
        return np.clip(logits, LEAST, -LEAST)
    shifted = logits - logits.max(axis=0)
    shifted -= np.log(np.exp(shifted).sum(axis=0))
    return np.asarray(np.maximum(shifted, LEAST), dtype=np.float32)
