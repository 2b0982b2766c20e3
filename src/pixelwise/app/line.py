"""One thing at a time: a network run takes all cores, so that two at once would each take twice."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

Work = Callable[[], Any]


class Line:
    """Work that is done in the order in which it came, in a thread of its own.

    The thread is a daemon: Ctrl-C does not wait for it.

    Examples
    --------
    >>> line = Line()
    >>> line.join("a", lambda: 1).result()
    1
    >>> line.place("a")
    0
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Hashable, Future[Any], Work]] = deque()
        self._later: deque[Work] = deque()
        self._changed = threading.Condition()
        self._running: tuple[Hashable, Future[Any]] | None = None
        threading.Thread(target=self._work, name="network", daemon=True).start()

    def join(self, key: Hashable, work: Work) -> Future[Any]:
        """Put work at the end, or return what is in the line under the same key already.

        Parameters
        ----------
        key : hashable
            What the work is, for example ("answer", photo).
        work : callable
            Without arguments.

        Returns
        -------
        Future
            Of what ``work`` returns.
        """
        with self._changed:
            if self._running is not None and self._running[0] == key:
                return self._running[1]
            for known, future, _ in self._waiting:
                if known == key:
                    return future
            future = Future()
            self._waiting.append((key, future, work))
            self._changed.notify()
            return future

    def later(self, work: Work) -> None:
        """Do work when nobody waits; its errors are left to whoever asks for the same."""
        with self._changed:
            self._later.append(work)
            self._changed.notify()

    def place(self, key: Hashable) -> int:
        """Return how many are before this key; 0 if it is in work or not in the line."""
        with self._changed:
            running = int(self._running is not None)
            for place, (known, _, _) in enumerate(self._waiting):
                if known == key:
                    return place + running
            return 0

    def _work(self) -> None:
        while True:
            with self._changed:
                self._running = None
                while not self._waiting and not self._later:
                    self._changed.wait()
                if self._waiting:
                    key, future, work = self._waiting.popleft()
                else:
                    key, future, work = object(), Future(), self._later.popleft()
                self._running = key, future
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
