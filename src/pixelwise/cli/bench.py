"""``pixelwise bench``: how fast weights are on this machine.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pixelwise.cli.options import NAMED_WEIGHTS, Device
from pixelwise.defaults import TIMED_SIZES, WEIGHTS

SIZES = ",".join(f"{width}x{height}" for height, width in TIMED_SIZES)


def bench(
    weights: Annotated[str, typer.Argument(metavar="WEIGHTS", help=NAMED_WEIGHTS)] = WEIGHTS,
    sizes: Annotated[
        str, typer.Option(metavar="WxH,...", help="Width and height of the images, px.")
    ] = SIZES,
    threads: Annotated[
        str | None,
        typer.Option(metavar="N,...", show_default="1 and all cores", help="Numbers of threads."),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Time weights on this machine, by image size and number of threads."""
    from rich.console import Console
    from rich.table import Table

    from pixelwise.inference.timing import ROUNDS, time_weights
    from pixelwise.weights import read_card

    counts = _whole_numbers(threads, ",") if threads else None
    timings = time_weights(weights, [_size(text) for text in sizes.split(",")], counts, device)
    table = Table("image", "threads", "logits alone, ms", "whole call, ms", "images per second")
    for column in table.columns:
        column.justify = "right"
    for timing in timings:
        height, width = timing.size
        times = (f"{1000 * timing.logits:.1f}", f"{1000 * timing.predict:.1f}")
        row = (f"{width} x {height}", str(timing.threads), *times, f"{1 / timing.predict:.1f}")
        table.add_row(*row)
    console = Console()
    console.print(table)
    card = read_card(weights)
    scale = f"{card.image_scale:g} times the size" if card.image_scale else f"{card.side} px long"
    console.print(
        f"{card.name}, {card.design}; {device}; medians of {ROUNDS} rounds; "
        f"the network sees images {scale}; decoding is not counted",
        highlight=False,
        soft_wrap=True,
    )


def _size(text: str) -> tuple[int, int]:
    """Return (height, width) of ``WIDTHxHEIGHT``."""
    width, height = _whole_numbers(text, "x", 2)
    return height, width


def _whole_numbers(text: str, sign: str, count: int | None = None) -> list[int]:
    from pixelwise.errors import ArgumentError

    parts = text.split(sign)
    if not all(part.strip().isdecimal() for part in parts) or len(parts) != (count or len(parts)):
        raise ArgumentError(
            f"{text!r}: --sizes takes WIDTHxHEIGHT, e.g. 640x480,1280x720; --threads e.g. 1,2"
        )
    return [int(part) for part in parts]
