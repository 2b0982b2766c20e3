"""Files of remote storage on this machine's disk: bounded in size, the least used go first."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from pixelwise.defaults import CACHE_FOLDER, CACHE_SIZE, CACHE_SIZE_VARIABLE
from pixelwise.errors import ArgumentError, StorageError
from pixelwise.io.files import written_whole

KEPT = 0.9
"""The share of its size that a full cache keeps; it is searched once per tenth of it."""

POLL = 0.002
"""Seconds between two looks at a lock that somebody else has; counting a file takes less."""

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def bytes_of(size: str) -> int:
    """Return the bytes that a size means, in powers of 1,000.

    Raises
    ------
    ArgumentError
        Not a number above 0 with B, kB, MB, GB or TB.

    Examples
    --------
    >>> bytes_of("20GB"), bytes_of("1.5 MB"), bytes_of("300")
    (20000000000, 1500000, 300)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", size.strip(), re.IGNORECASE)
    if found is None or not (bytes_ := int(float(found[1]) * UNITS[found[2].lower()])):
        raise ArgumentError(f"cache size: expected a size such as 500MB or 20GB, got {size!r}")
    return bytes_


class FileCache:
    """A folder of files by key; several threads and processes may share it.

    Parameters
    ----------
    folder : Path
    limit : int
        Bytes that it holds at most.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     cache = FileCache(Path(folder), limit=10)
    ...     cache.get("ab12", lambda: b"pixels"), cache.get("ab12", lambda: b"not asked")
    (b'pixels', b'pixels')
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit

    @classmethod
    def usual(cls) -> FileCache:
        """Return the cache that the environment names: `CACHE_FOLDER`, `CACHE_SIZE_VARIABLE`.

        Raises
        ------
        ArgumentError
            The variable is no size.
        """
        base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        own = Path(base or Path.home() / ".cache", "pixelwise")
        limit = bytes_of(os.environ.get(CACHE_SIZE_VARIABLE) or CACHE_SIZE)
        return cls(Path(os.environ.get(CACHE_FOLDER) or own, "files"), limit)

    def holds(self, key: str) -> bool:
        """Return whether a file is there now."""
        return self._path(key).exists()

    def get(self, key: str, fetch: Callable[[], bytes]) -> bytes:
        """Return a file's content, which is fetched if it is not there, by one caller alone.

        Parameters
        ----------
        key : str
            Hexadecimal, two digits at least; another one if the content is another.
        fetch : callable
            Returns the content.

        Raises
        ------
        StorageError
            The file is larger than the cache, or the disk is full or not to be written.
        """
        found = self._read(key)
        if found is not None:
            return found
        with self._locked(key[:2]):
            # Another thread or process may have fetched it meanwhile.
            found = self._read(key)
            if found is None:
                found = fetch()
                self._keep(key, found)
        return found

    def trim(self) -> None:
        """Remove what is too much, if the cache held more when it was used before."""
        if self.folder.exists():
            with self._room(0):
                pass

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Keep other threads and processes out."""
        with self._said():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f"{name}.lock")
            lock.acquire(poll_interval=POLL)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Say what is wrong with the folder or its disk as an error of the family."""
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self.folder}: the cache cannot be used ({error.strerror or error}); "
                f"{CACHE_FOLDER} names another folder, --cache-size bounds it"
            ) from None

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _read(self, key: str) -> bytes | None:
        path = self._path(key)
        with self._said():
            try:
                # Whole, before anyone else may remove it; an open file outlives its removal.
                found = path.read_bytes()
            except FileNotFoundError:
                return None
        with suppress(OSError):  # removed meanwhile, or of another person
            os.utime(path)
        return found

    def _keep(self, key: str, content: bytes) -> None:
        if len(content) > self.limit:
            raise StorageError(
                f"a file of {len(content) / 1e6:,.1f} MB does not fit the cache of "
                f"{self.limit / 1e6:,.1f} MB; say a larger --cache-size"
            )
        with self._room(len(content)), written_whole(self._path(key)) as beside:
            beside.write_bytes(content)

    @contextmanager
    def _room(self, needed: int) -> Iterator[None]:
        """Make room for a file, which is written while the context lasts, by one caller alone."""
        counted = self.folder / "size"
        with self._locked("size"), self._said():
            try:
                total = int(counted.read_text(encoding="ascii"))
            except (OSError, ValueError):
                total = self.limit + 1  # nobody counted yet
            if total + needed > self.limit:
                total = self._evict(max(0, int(KEPT * self.limit) - needed))
            # Before the file: what a killed process counted and did not write does no harm.
            counted.write_text(str(total + needed), encoding="ascii")
            yield

    def _evict(self, most: int) -> int:
        """Remove the files that were not used for the longest time; return what is left, bytes."""
        found = []
        for inside in self.folder.iterdir():
            for entry in os.scandir(inside) if inside.is_dir() else ():
                stat = entry.stat()
                found.append((stat.st_mtime_ns, stat.st_size, entry.path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= most:
                break
            try:
                Path(path).unlink()
            except PermissionError:
                continue  # Windows removes no file that is being read
            except FileNotFoundError:
                pass
            total -= size
        return total
