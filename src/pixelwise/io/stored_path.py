"""Paths in remote storage that are read as files on this machine are, through a cache."""

from __future__ import annotations

import hashlib
import io
import math
import os
import posixpath
import stat
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import url2pathname

from pixelwise.errors import StorageError
from pixelwise.io.file_cache import FileCache
from pixelwise.io.files import SCHEME
from pixelwise.io.image import IMAGE_SUFFIXES
from pixelwise.io.listings import (
    facts_of,
    forget,
    is_file,
    is_folder,
    known,
    names_in,
    note,
    store_of,
    wrote,
)
from pixelwise.io.storage import Facts, RemoteStore
from pixelwise.progress import track

if TYPE_CHECKING:
    LocalPath = Path
else:
    LocalPath = type(Path())

FETCHES = 16
"""Files that are fetched at once: what takes the time is waiting."""

SMALL = 1 << 20
"""Bytes; annotations up to this size are fetched along with the first of their folder."""

_ALONG: set[tuple[str, str]] = set()
"""The folders and suffixes whose annotations were fetched along."""


class StoredPath(LocalPath):
    """A path in remote storage, which formats read as any other `Path`; as text it is its URL.

    Listings are asked for when a folder is looked at, and files are fetched when they are read,
    into the `FileCache` that the environment names. `written_whole` writes to it. Paths made of
    it (``parent``, ``/``) are of this class; one that is absolute on this machine is as a `Path`.
    """

    def with_segments(self, *segments: Any) -> StoredPath:
        """Make the paths derived from this one (from Python 3.12)."""
        return StoredPath(*segments)

    def __str__(self) -> str:
        text = super().__str__()
        plain = text.replace("\\", "/")
        found = SCHEME.match(plain)
        return text if found is None else f"{found[1]}://{plain[found.end() :]}"

    def __fspath__(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # With what is known of it, so that another process need not list its folder again.
        return _restored, (super().__str__(), known(str(self)) if self.is_stored else None)

    @property
    def is_stored(self) -> bool:
        """Whether it names a place in remote storage."""
        return SCHEME.match(super().__str__().replace("\\", "/")) is not None

    def resolve(self, strict: bool = False) -> StoredPath:
        """Return the path without ``..``; there are no links in remote storage."""
        if not self.is_stored:
            return StoredPath(super().resolve(strict))
        return StoredPath(posixpath.normpath(self.as_posix())) if ".." in self.parts else self

    def absolute(self) -> StoredPath:
        """Return the path, which is absolute."""
        return self if self.is_stored else StoredPath(super().absolute())

    def exists(self, **how: Any) -> bool:
        """Return whether there is a file or a folder of this name."""
        return self.is_dir() or self.is_file() if self.is_stored else super().exists(**how)

    def is_dir(self, **how: Any) -> bool:
        """Return whether it is a folder with something in it."""
        return is_folder(str(self)) if self.is_stored else super().is_dir(**how)

    def is_file(self, **how: Any) -> bool:
        """Return whether it is a file."""
        return is_file(str(self)) if self.is_stored else super().is_file(**how)

    def stat(self, **how: Any) -> os.stat_result:
        """Return its size, and as its time a number that changes when its content does."""
        if not self.is_stored:
            return super().stat(**how)
        facts = facts_of(str(self))
        mode = stat.S_IFDIR if facts.folder else stat.S_IFREG
        number = int.from_bytes(_digest(facts.version, 7), "big")
        seconds = number // 10**9
        plain = (mode | 0o444, 0, 0, 1, 0, 0, facts.size or 0, seconds, seconds, seconds)
        return os.stat_result(plain, {"st_mtime_ns": number})

    def iterdir(self) -> Generator[StoredPath]:
        """Yield what lies in the folder."""
        if not self.is_stored:
            yield from map(StoredPath, super().iterdir())
        elif not self.is_dir():
            raise FileNotFoundError(2, "No such file or directory", str(self))
        else:
            yield from (self / name for name in names_in(str(self)))

    def glob(self, pattern: str, **how: Any) -> Iterator[StoredPath]:  # type: ignore[override]
        """Yield what fits a pattern such as ``*/*.png``."""
        if not self.is_stored:
            yield from map(StoredPath, super().glob(pattern, **how))
            return
        first, slash, rest = pattern.partition("/")
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatchcase(path.name, first):
                if not slash:
                    yield path
                elif path.is_dir():
                    yield from path.glob(rest)

    def rglob(self, pattern: str, **how: Any) -> Iterator[StoredPath]:  # type: ignore[override]
        """Yield what lies anywhere below and has a name that fits."""
        if not self.is_stored:
            yield from map(StoredPath, super().rglob(pattern, **how))
            return
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatchcase(path.name, pattern):
                yield path
            if path.is_dir():
                yield from path.rglob(pattern)

    def open(self, mode: str = "r", *args: Any, **how: Any) -> Any:
        """Open the file for reading."""
        if not self.is_stored:
            return super().open(mode, *args, **how)
        if set(mode) - set("rbt"):
            raise PermissionError(1, "open for reading only; `written_whole` writes", str(self))
        content = io.BytesIO(self.read_bytes())
        return content if "b" in mode else io.TextIOWrapper(content, **how)

    def read_bytes(self) -> bytes:
        """Return the file's content, from the cache or from the storage.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
        StorageError
            The storage does not answer, or the cache has no room.
        """
        if not self.is_stored:
            return super().read_bytes()
        if self.suffix.lower() not in IMAGE_SUFFIXES:
            _fetch_along(self)
        return _content(str(self))

    def mkdir(self, *args: Any, **how: Any) -> None:
        """Make a folder; in remote storage there are files alone, whose names have slashes."""
        if not self.is_stored:
            super().mkdir(*args, **how)

    def upload(self, content: bytes) -> None:
        """Write the file, which appears when all of it has arrived.

        Raises
        ------
        StorageError
            The storage does not answer, or does not allow it.
        """
        url = str(self)
        store, name = store_of(url)
        store.put(name, content)
        wrote(url, len(content), f"written {hashlib.blake2b(content).hexdigest()}")

    def read_text(self, encoding: str | None = None, *args: Any, **how: Any) -> str:
        """Return the file's text."""
        if not self.is_stored:
            return super().read_text(encoding, *args, **how)
        text = self.read_bytes().decode(encoding or "utf-8", *args, **how)
        return text.replace("\r\n", "\n").replace("\r", "\n")


def locate(path: str | Path) -> Path:
    """Return where a path or a URL leads; what is at a URL is read through the cache.

    Parameters
    ----------
    path : str or Path
        A path of this machine, ``file://...``, or a URL that fsspec knows. `Path` makes one slash
        of the two in a URL, which does not matter here.

    Returns
    -------
    Path
        A `StoredPath` for a URL. What is known of the place is asked for again unless it is fresh.

    Raises
    ------
    DataError
        A URL of an unknown kind.
    MissingExtraError
        fsspec is not installed.

    Examples
    --------
    >>> locate("photos") == Path("photos"), str(locate("memory://bucket/voc/"))
    (True, 'memory://bucket/voc')
    >>> str(locate(Path("memory://bucket/voc")) / "JPEGImages")
    'memory://bucket/voc/JPEGImages'
    """
    text = str(path).replace("\\", "/")
    found = SCHEME.match(text)
    if found is None or ("://" not in text and Path(path).exists()):
        return Path(path)
    if found[1].lower() in ("file", "local"):
        return Path(url2pathname("/" + text[found.end() :]))
    stored = StoredPath(text)
    RemoteStore(str(stored))  # says what is wrong with the URL's kind, or which extra is missing
    forget(str(stored))
    FileCache.usual().trim()
    return stored


def readers_of(path: Path) -> int:
    """Return how many threads read files: one per core, of remote storage `FETCHES` at least."""
    cores = os.cpu_count() or 1
    return max(cores, FETCHES) if isinstance(path, StoredPath) else cores


def _restored(text: str, facts: Facts | None) -> StoredPath:
    path = StoredPath(text)
    if facts is not None and known(str(path)) is None:
        note(str(path), facts)
    return path


def _content(url: str) -> bytes:
    """Return a file's content from the cache, or from the storage whose content goes there."""
    facts = facts_of(url)
    if facts.folder:
        raise IsADirectoryError(21, "Is a directory", url)
    store, name = store_of(url)

    def fetch() -> bytes:
        content = store.fetch(name)
        if facts.size not in (None, len(content)) and store.facts(name).size != len(content):
            raise StorageError(f"{url}: cut off after {len(content):,} of {facts.size:,} bytes")
        return content

    try:
        return FileCache.usual().get(_key(url, facts), fetch)
    except StorageError as error:
        text = str(error)
        raise StorageError(text if url in text else f"{url}: {text}") from None


def _fetch_along(path: StoredPath) -> None:
    """Fetch the small annotations beside one, many at once, when the first of them is read."""
    group = str(path.parent), path.suffix.lower()
    if group in _ALONG or not path.suffix:
        return
    _ALONG.add(group)
    beside = (
        f"{group[0]}/{name}" for name in names_in(group[0]) if name.lower().endswith(group[1])
    )
    _fetch_missing([url for url in beside if _size(url) <= SMALL], path.parent.name, SMALL)


def fetch_ahead(paths: Iterable[Path]) -> None:
    """Fetch files that are going to be read one after the other, many at once; those here are.

    Parameters
    ----------
    paths : iterable of Path
        If together they are more than half of the cache, they are left for then.
    """
    stored = [str(path) for path in paths if isinstance(path, StoredPath)]
    if stored:
        _fetch_missing(stored, Path(stored[0]).parent.name)


def _fetch_missing(urls: list[str], what: str, largest: float = math.inf) -> None:
    cache = FileCache.usual()

    def is_here(url: str) -> bool:
        facts = known(url)
        return facts is not None and bool(facts.version) and cache.holds(_key(url, facts))

    def fetch(url: str) -> None:
        with suppress(FileNotFoundError, IsADirectoryError):  # said where it is to be read
            if (facts_of(url).size or 0) <= largest:
                _content(url)

    missing = [url for url in urls if not is_here(url)]
    if len(missing) < 2 or sum(map(_size, missing)) > cache.limit // 2:
        return
    with ThreadPoolExecutor(FETCHES) as pool:
        for _ in track(pool.map(fetch, missing), f"fetching {what}/", len(missing)):
            pass


def _size(url: str) -> int:
    """Return a file's size, 0 if it is not known without asking."""
    facts = known(url)
    return 0 if facts is None else facts.size or 0


def _key(url: str, facts: Facts) -> str:
    return _digest(f"{url}\0{facts.version}\0{facts.size}", 16).hex()


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()
