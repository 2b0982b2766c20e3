"""How fast weights are on this machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pixelwise.defaults import TIMED_SIZES
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.progress import track

ROUNDS = 7
SHORTEST_ROUND = 0.05
"""Seconds that a round takes at least, so that the resolution of the clock does not matter."""


@dataclass(frozen=True)
class Timing:
    """The times of one image size and number of threads.

    Parameters
    ----------
    size : (height, width)
        Of the image, in pixels.
    threads : int
        That the network may use.
    logits, predict : float
        Seconds that `Predictor.logits` and `Predictor.predict` take; medians of `ROUNDS` rounds.

    Examples
    --------
    >>> Timing((480, 640), threads=2, logits=0.04, predict=0.05).size
    (480, 640)
    """

    size: tuple[int, int]
    threads: int
    logits: float
    predict: float


def time_weights(
    weights: str | Path,
    sizes: Sequence[tuple[int, int]] = TIMED_SIZES,
    threads: Sequence[int] | None = None,
    device: str = "cpu",
) -> list[Timing]:
    """Time weights on images of random noise, which are in memory: decoding is not counted.

    Parameters
    ----------
    weights : str or Path
        A bundled name or a ``model.onnx``.
    sizes : sequence of (height, width)
        Of the images, in pixels.
    threads : sequence of int, optional
        Numbers of threads; 1 and one per core if not given.
    device : str
        As for `Predictor.load`.

    Returns
    -------
    list of Timing
        One per number of threads and size, in this order.

    Raises
    ------
    ArgumentError
        A size or a number of threads below 1, or an unknown device.
    WeightsError
        ``weights`` cannot be read.

    Examples
    --------
    >>> (timing,) = time_weights("nuclei", [(16, 24)], [1])
    >>> timing.size, timing.threads, 0 < timing.logits
    ((16, 24), 1, True)
    """
    threads = sorted({1, os.cpu_count() or 1}) if threads is None else threads
    numbers = [*threads, *(side for size in sizes for side in size)]
    if min(numbers, default=1) < 1:
        raise ArgumentError(f"sizes and threads: expected at least 1, got {min(numbers)}")
    predictors = {n: Predictor.load(weights, threads=n, device=device) for n in threads}
    rng = np.random.default_rng(0)
    timings = []
    jobs = [(n, size) for n in threads for size in sizes]
    for n, size in track(jobs, "timing", len(jobs)):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        logits = _median(partial(predictors[n].logits, image))
        timings.append(Timing(size, n, logits, _median(partial(predictors[n].predict, image))))
    return timings


def _median(call: Callable[[], object]) -> float:
    call()  # the first one allocates
    times = []
    for _ in range(ROUNDS):
        started, calls = time.perf_counter(), 0
        while time.perf_counter() - started < SHORTEST_ROUND:
            call()
            calls += 1
        times.append((time.perf_counter() - started) / calls)
    return statistics.median(times)
