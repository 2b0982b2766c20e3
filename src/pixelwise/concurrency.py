"""Reading ahead: the next items are made in threads while the caller works on this one.

`prefetch` calls a function on each item; `run_ahead` runs an iterator.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

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


def run_ahead(items: Iterator[T], most: int = 4) -> Generator[T, None, None]:
    """Yield the items of an iterator that runs in a thread of its own, some items ahead.

    Closing the generator stops the thread after the item it is working on.

    Parameters
    ----------
    items : iterator
        What it raises is raised here.
    most : int
        Items that may wait.

    Yields
    ------
    object

    Examples
    --------
    >>> list(run_ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    waiting: Queue[tuple[bool, Any]] = Queue(most)
    stopped = Event()

    def put(item: tuple[bool, Any]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        while True:
            more, item = waiting.get()
            if not more:
                if item is not None:
                    raise item
                return
            yield item
    finally:
        stopped.set()
        # The thread may wait for room in the queue.
        while True:
            try:
                waiting.get_nowait()
            except Empty:
                break
        thread.join()
