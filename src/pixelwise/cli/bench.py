"""``pixelwise bench``: how fast weights are on this machine.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from pixelwise.cli.options import NAMED_WEIGHTS, Device
from pixelwise.defaults import WEIGHTS

ROUNDS = 7
SHORT = 0.05
"""Seconds that a round takes at least, so that the clock does not matter."""


def bench(
    weights: Annotated[str, typer.Argument(metavar="WEIGHTS", help=NAMED_WEIGHTS)] = WEIGHTS,
    sizes: Annotated[
        str, typer.Option(metavar="WxH,...", help="Width and height of the images, px.")
    ] = "320x240,640x480,1280x720,1920x1080",
    threads: Annotated[
        str | None,
        typer.Option(metavar="N,...", show_default="1 and all cores", help="Numbers of threads."),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Time weights on this machine, by image size and number of threads."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from pixelwise.errors import ArgumentError
    from pixelwise.inference import Predictor

    cores = os.cpu_count() or 1
    try:
        pairs = [tuple(int(v) for v in size.split("x")) for size in sizes.split(",")]
        counts = [int(v) for v in threads.split(",")] if threads else sorted({1, cores})
        bad = any(len(pair) != 2 or min(pair) < 1 for pair in pairs) or min(counts) < 1
    except ValueError:
        bad = True
    if bad:
        raise ArgumentError("--sizes takes WIDTHxHEIGHT, e.g. 640x480,1280x720; --threads e.g. 1,2")
    table = Table("photo", "threads", "logits alone, ms", "whole call, ms", "photos a second")
    for column in table.columns:
        column.justify = "right"
    rng = np.random.default_rng(0)
    for count in counts:
        predictor = Predictor.load(weights, threads=count, device=device)
        for width, height in pairs:
            image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            network = _median(partial(predictor.logits, image))
            whole = _median(partial(predictor.predict, image))
            row = (f"{1000 * network:.1f}", f"{1000 * whole:.1f}", f"{1 / whole:.1f}")
            table.add_row(f"{width} x {height}", str(count), *row)
    console = Console()
    console.print(table)
    zoom, side = predictor.card.image_scale, predictor.card.side
    seen = f"photos at {zoom:g} times their size" if zoom else f"the longer side at {side} px"
    console.print(
        f"{predictor.card.name}, {predictor.card.design}; {device}; medians of {ROUNDS} rounds; "
        f"the network sees {seen}; decoding is not counted",
        highlight=False,
    )


def _median(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(ROUNDS):
        started, calls = time.perf_counter(), 0
        while time.perf_counter() - started < SHORT:
            call()
            calls += 1
        times.append((time.perf_counter() - started) / calls)
    return statistics.median(times)
