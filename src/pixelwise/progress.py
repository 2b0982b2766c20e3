"""Progress on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` and show a progress bar on standard error where that is a terminal.

    Parameters
    ----------
    items : iterable
    what : str
        The words in front of the bar.
    total : int, optional
        How many items come, where ``len(items)`` does not tell.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(items, total=total, description=what)


@contextmanager
def transfer(what: str, total: int | None, start: int = 0) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with each number of bytes that came; shows them with their rate.

    Parameters
    ----------
    what : str
        The words in front of the bar.
    total : int or None
        Bytes in all, where they are known.
    start : int
        Bytes that were there before.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, completed=start)
        yield lambda n: bar.advance(task, n)
