"""Reading ahead: the next items are made in threads while the caller works on this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(
    function: Callable[[T], R], items: Iterable[T], ahead: int = 1, threads: int = 1
) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order; later ones are computed in threads.

    Parameters
    ----------
    function : callable
        Takes an item. What it raises is raised here, in the item's turn, and ends the iteration.
    items : iterable
        Consumed as results are, never more than ``ahead`` + 1 items early.
    ahead : int
        How many results may be under way or waiting beside the one that is yielded.
    threads : int
        How many calls may run at once.

    Yields
    ------
    object
        What ``function`` returned.

    Examples
    --------
    >>> list(prefetch(lambda n: n * n, [1, 2, 3]))
    [1, 4, 9]
    """
    remaining = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[R]] = deque(
            pool.submit(function, item) for item in islice(remaining, ahead + 1)
        )
        try:
            while waiting:
                result = waiting.popleft().result()
                # The place that this result leaves is filled before the caller works on it.
                waiting.extend(pool.submit(function, item) for item in islice(remaining, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
