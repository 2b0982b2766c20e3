"""What the benchmarks share: fair timing on a noisy machine."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import statistics
import sys
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


def write_figures(path: Path, figures: dict[str, object], **about: object) -> None:
    """Write what a benchmark measured as JSON, with the day, the machine and the command.

    ``docs/figures.py`` makes the tables of the README from such files.
    """
    command = shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *_without_paths()])
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    content = {"date": today, "machine": machine(), "command": command, **about, "figures": figures}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _without_paths() -> list[str]:
    """Return the arguments but ``--json FILE``; a folder elsewhere by its last part alone."""
    arguments = list(sys.argv[1:])
    if "--json" in arguments:
        at = arguments.index("--json")
        del arguments[at : at + 2]
    return [Path(a).name if Path(a).is_absolute() else a for a in arguments]
