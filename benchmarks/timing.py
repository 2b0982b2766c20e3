"""What the benchmarks share: fair timing on a noisy machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
VOC = ROOT.parent / "shared" / "data" / "voc2012"


def paired(first: Callable[[], object], second: Callable[[], object], rounds: int) -> list[float]:
    """Time two functions in turn, A B A B ..., so that drift of the machine hits both.

    Returns
    -------
    list of float
        Median seconds of the first, of the second, and the median of the pairs' ratios
        first / second.
    """
    first(), second()  # warm-up
    times = []
    for _ in range(rounds):
        pair = []
        for function in (first, second):
            started = time.perf_counter()
            function()
            pair.append(time.perf_counter() - started)
        times.append(pair)
    a, b = zip(*times, strict=True)
    ratios = [x / y for x, y in times]
    return [statistics.median(a), statistics.median(b), statistics.median(ratios)]


def machine() -> str:
    """Name the processor and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        name = next(
            (s.partition(":")[2].strip() for s in lines if s.startswith("model name")), name
        )
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"
