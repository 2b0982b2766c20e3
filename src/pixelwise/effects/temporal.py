"""Smooth an alpha over time without making it lag behind what moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

import cv2
import numpy as np

from pixelwise.effects.blending import shrunk
from pixelwise.io.image import fit_within
from pixelwise.samples import Float32Array, UInt8Array

T = TypeVar("T")

AHEAD = 8
"""Later frames that are averaged in."""

DECAY = 0.93
"""Weight of each further frame, relative to the one before it, where nothing moves.

At 0.85 a still alpha flickers 0.19 to 0.23 times as much as frame by frame, here 0.14 to 0.18; the
IoU of moving clips is the same, also at 0.97 (`benchmarks/blur.py flicker`).
"""

COMPARED = 160
"""Longer side in pixels of the frames that are compared."""

STILL = (2.0, 4.0)
"""Least and most grey levels of difference that count as the sensor's noise."""


def steady(
    frames: Iterable[tuple[T, UInt8Array, Float32Array]], look_ahead: int = AHEAD
) -> Iterator[tuple[T, Float32Array]]:
    """Average each alpha with those before and after it, wherever the frames stay the same.

    The weight of other frames falls with every frame between, and to 0 once the pixels have
    changed: what stands still is averaged, what moves is taken from its own frame alone. Averaging
    in both directions keeps slow changes in their place.

    Parameters
    ----------
    frames : iterable of (object, (H, W, 3) uint8, (h, w) float32)
        What goes with a frame, the frame, and its alpha; all frames of one size.
    look_ahead : int
        Later frames that are waited for; 0 averages earlier ones only, for live video.

    Yields
    ------
    object, (h, w) float32
        What goes with the frame, and its smoothed alpha, 0..1.

    Examples
    --------
    >>> still = np.zeros((8, 8, 3), dtype=np.uint8)
    >>> alphas = [np.full((8, 8), level, dtype=np.float32) for level in (0, 1)]
    >>> [(i, round(float(a.mean()), 2)) for i, a in steady(zip("ab", [still] * 2, alphas))]
    [('a', 0.48), ('b', 0.52)]
    """
    waiting: deque[tuple[T, Float32Array]] = deque()
    same: deque[Float32Array] = deque()  # between each of those that wait and the next
    past: Float32Array = np.zeros((1, 1), np.float32)
    total: Float32Array = past
    before: Float32Array | None = None

    def emit() -> tuple[T, Float32Array]:
        nonlocal past, total
        item, alpha = waiting.popleft()
        past, total = past + alpha, total + np.ones_like(alpha)
        mean, count, weight = past.copy(), total.copy(), np.ones_like(alpha)
        for likeness, (_, later) in zip(same, waiting, strict=True):
            weight = weight * likeness
            mean += weight * later
            count += weight
        if same:
            likeness = same.popleft()
            past, total = past * likeness, total * likeness
        return item, mean / count

    for item, image, alpha in frames:
        now = _small(image)
        if before is not None and waiting:
            same.append(DECAY * _likeness(before, now, alpha.shape))
        elif before is not None:
            likeness = DECAY * _likeness(before, now, alpha.shape)
            past, total = past * likeness, total * likeness
        waiting.append((item, alpha))
        before = now
        if len(waiting) > look_ahead:
            yield emit()
    while waiting:
        yield emit()


def _small(image: UInt8Array) -> Float32Array:
    small = shrunk(image, fit_within(image.shape, COMPARED))
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), dtype=np.float32)


def still_share(before: UInt8Array, now: UInt8Array) -> float:
    """Return the share of pixels, 0..1, that stand still between two (H, W, 3) uint8 frames."""
    return float((_still(_small(before), _small(now)) > 0.5).mean())


def _likeness(before: Float32Array, now: Float32Array, size: tuple[int, ...]) -> Float32Array:
    """Return how surely nothing moved at each pixel, (height, width) float32 of 0..1."""
    # Near the edge of what moves, pixels may look the same by chance.
    still = cv2.erode(_still(before, now), np.ones((5, 5), np.uint8))
    large = cv2.resize(still, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32)


def _still(before: Float32Array, now: Float32Array) -> Float32Array:
    change = np.abs(before - now).max(axis=2)
    # In most frames more than half stands still and differs by noise only; a moving camera changes
    # all of it.
    noise = float(np.clip(4 * np.median(change), *STILL))
    return np.asarray(np.clip(2 - change / noise, 0, 1), dtype=np.float32)
