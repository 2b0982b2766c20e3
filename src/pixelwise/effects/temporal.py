"""Keep an alpha from flickering over time, without making it lag behind what moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

import cv2
import numpy as np

from pixelwise.effects.blending import Float32Array, UInt8Array, shrunk

T = TypeVar("T")

AHEAD = 8
"""Frames that are looked at in advance."""

FORGET = 0.85
"""Weight of each further frame, against the one before it, where nothing moves."""

COMPARED = 160
"""Longer side in pixels of the pictures that are compared."""

STILL = (2.0, 4.0)
"""Least and most grey levels of difference that are taken for the sensor's noise."""


def steady(
    frames: Iterable[tuple[T, UInt8Array, Float32Array]], look_ahead: int = AHEAD
) -> Iterator[tuple[T, Float32Array]]:
    """Average each alpha with those before and after it, wherever the picture stays the same.

    What was seen at other times counts less with every frame, and nothing from the moment on at
    which the picture changed there: so what stands still is steady, and what moves is taken from
    its own frame alone. Looking both ways keeps slow changes in their place.

    Parameters
    ----------
    frames : iterable of (anything, (H, W, 3) uint8, (h, w) float32)
        What goes with a frame, the frame, and its alpha; all of one size.
    look_ahead : int
        Frames that are waited for; 0 looks back only, as a live picture must.

    Yields
    ------
    (the thing that goes with the frame, (h, w) float32)
    """
    waiting: deque[tuple[T, Float32Array]] = deque()
    same: deque[Float32Array] = deque()  # between each of those that wait and the next
    past: Float32Array = np.zeros((1, 1), np.float32)
    total: Float32Array = past
    before: Float32Array | None = None

    def emit() -> tuple[T, Float32Array]:
        nonlocal past, total
        thing, alpha = waiting.popleft()
        past, total = past + alpha, total + np.ones_like(alpha)
        mean, count, weight = past.copy(), total.copy(), np.ones_like(alpha)
        for likeness, (_, later) in zip(same, waiting, strict=True):
            weight = weight * likeness
            mean += weight * later
            count += weight
        if same:
            likeness = same.popleft()
            past, total = past * likeness, total * likeness
        return thing, mean / count

    for thing, image, alpha in frames:
        now = _small(image)
        if before is not None and waiting:
            same.append(FORGET * _likeness(before, now, alpha.shape))
        elif before is not None:
            likeness = FORGET * _likeness(before, now, alpha.shape)
            past, total = past * likeness, total * likeness
        waiting.append((thing, alpha))
        before = now
        if len(waiting) > look_ahead:
            yield emit()
    while waiting:
        yield emit()


def _small(image: UInt8Array) -> Float32Array:
    factor = max(1.0, max(image.shape[:2]) / COMPARED)
    size = max(1, round(image.shape[1] / factor)), max(1, round(image.shape[0] / factor))
    return np.asarray(cv2.GaussianBlur(shrunk(image, size), (0, 0), 1.0), dtype=np.float32)


def still_share(before: UInt8Array, now: UInt8Array) -> float:
    """Return how much of a picture stands still from one frame to the next, 0..1."""
    return float((_still(_small(before), _small(now)) > 0.5).mean())


def _likeness(before: Float32Array, now: Float32Array, size: tuple[int, ...]) -> Float32Array:
    """Return how surely nothing moved, (h, w) float32 of 0..1."""
    # What moves has its edge nearby.
    still = cv2.erode(_still(before, now), np.ones((5, 5), np.uint8))
    large = cv2.resize(still, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32)


def _still(before: Float32Array, now: Float32Array) -> Float32Array:
    change = np.abs(before - now).max(axis=2)
    # Most of a picture stands still, and changes by its noise; a camera that moves changes it all.
    noise = float(np.clip(4 * np.median(change), *STILL))
    return np.asarray(np.clip(2 - change / noise, 0, 1), dtype=np.float32)
