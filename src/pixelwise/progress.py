"""Progress on a terminal, silence in a pipe: all of it goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

T = TypeVar("T")


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` and show a progress bar.

    Parameters
    ----------
    items : iterable
    what : str
        The words in front of the bar.
    total : int, optional
        The number of items, if ``len(items)`` does not say.

    Examples
    --------
    >>> list(track("abc", "reading"))
    ['a', 'b', 'c']
    """
    if not sys.stderr.isatty():
        yield from items
        return
    with _progress() as bar:
        yield from bar.track(items, total=total, description=what)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show that something of unknown length is going on, and for how long.

    Parameters
    ----------
    what : str
        What is going on.

    Examples
    --------
    >>> with waiting("loading torch"):
    ...     pass
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}")
    with _progress(SpinnerColumn(), text, TimeElapsedColumn()) as bar:
        bar.add_task(what, total=None)
        yield


@contextmanager
def transfer(what: str, total: int | None, start: int = 0) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with each number of bytes that came; shows them with their rate.

    Parameters
    ----------
    what : str
        The words in front of the bar.
    total : int or None
        Bytes in all, if that is known.
    start : int
        Bytes that were there before.

    Examples
    --------
    >>> with transfer("archive.tar", 100) as advance:
    ...     advance(100)
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    text = TextColumn("{task.description}")
    columns = (text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _progress(*columns) as bar:
        task = bar.add_task(what, total=total, completed=start)
        yield lambda n: bar.advance(task, n)


@contextmanager
def frame_bar(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each frame; shows frames per second and the time left.

    Parameters
    ----------
    what : str
        The words in front of the bar.
    total : int or None
        Frames in all, if that is known.

    Examples
    --------
    >>> with frame_bar("blurring", 1) as step:
    ...     step()
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:.1f} frames/s", style="progress.data.speed")

    text = TextColumn("{task.description}")
    columns = (text, BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with _progress(*columns) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _progress(*columns: ProgressColumn) -> Progress:
    """Return a display that vanishes when it is done; without columns it has the usual ones."""
    from rich.console import Console
    from rich.progress import Progress

    # What is printed meanwhile goes above the bar, but into the pipe if there is one.
    above = sys.stdout.isatty()
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, redirect_stdout=above)
