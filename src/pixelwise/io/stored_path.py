"""Paths in remote storage that are read as files on this machine are, through the cache."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import re
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import url2pathname

from pixelwise.errors import StorageError
from pixelwise.io.file_cache import FileCache
from pixelwise.io.image import IMAGE_SUFFIXES
from pixelwise.io.storage import Facts, RemoteStore
from pixelwise.progress import track

if TYPE_CHECKING:
    LocalPath = Path
else:
    LocalPath = type(Path())

SCHEME = re.compile(r"([A-Za-z][\w+.:-]+):/+")
"""How a URL begins; a path keeps one slash of it. A letter alone is a drive of Windows."""

FRESH = 60.0
"""Seconds after which a listing is read again when a data set is opened."""

FETCHES = 16
"""Files that are fetched at once: what takes the time is waiting."""

SMALL = 1 << 20
"""Bytes; annotations up to this size are fetched along with the first of their folder."""

_LISTED: dict[str, tuple[float, dict[str, Facts]]] = {}
"""What this process was told of folders, by URL, and when."""

_SINGLE: dict[str, Facts] = {}
"""What it was told of files one by one."""

_ALONG: set[tuple[str, str]] = set()
"""The folders and suffixes whose annotations were fetched along."""


class StoredPath(LocalPath):
    """A path in remote storage; formats read it as they read any other `Path`.

    Listings are asked for when a folder is looked at, and files are fetched when they are read,
    into the `FileCache` that the environment names. Nothing can be written. As text it is its URL.

    Paths derived from it (``parent``, ``/``) are of this class, too; those that are absolute on
    this machine behave as `Path` does.
    """

    def with_segments(self, *segments: Any) -> StoredPath:
        """Make the paths derived from this one (Python 3.12)."""
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
        text = super().__str__()
        return _restored, (text, _known(str(self)) if self.is_stored else None)

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

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether there is a file or a folder of this name."""
        if not self.is_stored:
            return bool(super().exists())
        return self.is_dir() or self.is_file()

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether it is a folder with something in it."""
        if not self.is_stored:
            return bool(super().is_dir())
        url, above = str(self), str(self.parent)
        if url not in _LISTED and above in _LISTED:
            known = _LISTED[above][1].get(self.name)
            return known is not None and known.folder
        return _has_names(_listed(url))

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether it is a file."""
        if not self.is_stored:
            return bool(super().is_file())
        known = _known(str(self))
        if known is None and str(self.parent) not in _LISTED:
            # Its own listing may be allowed where that of the folder above is not.
            own = _listed(str(self))
            known = own.get("")
            if known is None and not own:
                known = _listed(str(self.parent)).get(self.name)
        return known is not None and not known.folder

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return its size, and as its time a number that changes when its content does."""
        if not self.is_stored:
            return super().stat(follow_symlinks=follow_symlinks)
        facts = self._facts()
        mode = stat.S_IFDIR if facts.folder else stat.S_IFREG
        number = int.from_bytes(_digest(facts.version, 7), "big")
        seconds = number // 10**9
        plain = (mode | 0o444, 0, 0, 1, 0, 0, facts.size or 0, seconds, seconds, seconds)
        return os.stat_result(plain, {"st_mtime_ns": number})

    def iterdir(self) -> Iterator[StoredPath]:  # type: ignore[override]
        """Yield what lies in the folder."""
        if not self.is_stored:
            yield from map(StoredPath, super().iterdir())
            return
        if not self.is_dir():
            raise FileNotFoundError(2, "No such file or directory", str(self))
        yield from (self / name for name in _listed(str(self)) if name)

    def glob(self, pattern: str, **_: Any) -> Iterator[StoredPath]:  # type: ignore[override]
        """Yield what fits a pattern such as ``*/*.png``."""
        if not self.is_stored:
            yield from map(StoredPath, super().glob(pattern))
            return
        first, slash, rest = pattern.partition("/")
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatchcase(path.name, first):
                if not slash:
                    yield path
                elif path.is_dir():
                    yield from path.glob(rest)

    def rglob(self, pattern: str, **_: Any) -> Iterator[StoredPath]:  # type: ignore[override]
        """Yield what lies anywhere below and has a name that fits."""
        if not self.is_stored:
            yield from map(StoredPath, super().rglob(pattern))
            return
        for path in self.iterdir() if self.is_dir() else ():
            if fnmatchcase(path.name, pattern):
                yield path
            if path.is_dir():
                yield from path.rglob(pattern)

    def open(self, mode: str = "r", *args: Any, **options: Any) -> Any:  # type: ignore[override]
        """Open the file for reading."""
        if not self.is_stored:
            return super().open(mode, *args, **options)
        if set(mode) - set("rbt"):
            raise PermissionError(1, "remote storage is read only", str(self))
        content = io.BytesIO(self.read_bytes())
        return content if "b" in mode else io.TextIOWrapper(content, **options)

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
            self._fetch_along()
        return self._content()

    def read_text(self, encoding: str | None = None, *args: Any, **options: Any) -> str:
        """Return the file's text."""
        if not self.is_stored:
            return super().read_text(encoding, *args, **options)
        text = self.read_bytes().decode(encoding or "utf-8", *args, **options)
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _facts(self) -> Facts:
        """Return what is known of it, and ask if it is not enough to read it by."""
        url = str(self)
        known = _known(url)
        if known is None and not self.exists():
            raise FileNotFoundError(2, "No such file or directory", url)
        known = known or _known(url) or Facts(folder=True)
        if not known.folder and not known.version and url not in _SINGLE:
            # Web servers list names; the rest they say of one file at a time.
            store, name = _store_of(url)
            known = _SINGLE[url] = store.facts(name)
        return known

    def _content(self) -> bytes:
        facts, url = self._facts(), str(self)
        if facts.folder:
            raise IsADirectoryError(21, "Is a directory", url)
        store, name = _store_of(url)

        def fetch() -> bytes:
            content = store.fetch(name)
            if facts.size not in (None, len(content)) and store.facts(name).size != len(content):
                raise StorageError(f"{url}: cut off after {len(content):,} bytes")
            return content

        try:
            return FileCache.usual().get(_key(url, facts), fetch)
        except StorageError as error:
            text = str(error)
            raise StorageError(text if url in text else f"{url}: {text}") from None

    def _fetch_along(self) -> None:
        """Fetch the small annotations beside this one, many at once, when the first is read."""
        group = str(self.parent), self.suffix.lower()
        if group in _ALONG:
            return
        _ALONG.add(group)
        beside = [p for p in self.parent.iterdir() if p.suffix.lower() == group[1] and p != self]
        cache = FileCache.usual()

        def fetch(path: StoredPath) -> None:
            facts = path._facts()  # noqa: SLF001 -- of its own class
            if not facts.folder and (facts.size or 0) <= SMALL:
                path._content()  # noqa: SLF001

        def is_missing(path: StoredPath) -> bool:
            known = _known(str(path))
            if known is None or known.folder or (known.size or 0) > SMALL:
                return False
            return not known.version or not cache.holds(_key(str(path), known))

        missing = [path for path in beside if is_missing(path)]
        total = sum((_known(str(p)) or Facts(False)).size or 0 for p in missing)
        if not missing or total > cache.limit // 2:
            return
        with ThreadPoolExecutor(FETCHES) as pool:
            done = track(pool.map(fetch, missing), f"fetching {self.parent.name}/", len(missing))
            for _ in done:
                pass


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
        A `StoredPath` for a URL.

    Examples
    --------
    >>> locate("photos") == Path("photos"), str(locate("s3://bucket/voc/"))
    (True, 's3://bucket/voc')
    >>> str(locate(Path("s3://bucket/voc")) / "JPEGImages")
    's3://bucket/voc/JPEGImages'
    """
    if isinstance(path, StoredPath):
        _forget(str(path))
        return path
    text = str(path).replace("\\", "/")
    found = SCHEME.match(text)
    if found is None or ("://" not in text and Path(path).exists()):
        return Path(path)
    if found[1].lower() in ("file", "local"):
        return Path(url2pathname("/" + text[found.end() :]))
    stored = StoredPath(text)
    RemoteStore(str(stored))  # says what is wrong with the URL's kind, or which extra is missing
    _forget(str(stored))
    return stored


def _restored(text: str, facts: Facts | None) -> StoredPath:
    path = StoredPath(text)
    if facts is not None and _known(str(path)) is None:
        _SINGLE[str(path)] = facts
    return path


def _known(url: str) -> Facts | None:
    """Return what is known of a file or folder without asking."""
    if url in _SINGLE:
        return _SINGLE[url]
    above, _, name = url.rpartition("/")
    return _LISTED[above][1].get(name) if above in _LISTED else None


def _listed(url: str) -> dict[str, Facts]:
    """Return what lies in a folder, asked for once; of a file, itself under an empty name."""
    if url not in _LISTED:
        store, name = _store_of(url)
        _LISTED[url] = time.monotonic(), store.folder(name)
        if (own := _LISTED[url][1].get("")) is not None:
            _SINGLE[url] = own
    return _LISTED[url][1]


def _has_names(listed: dict[str, Facts]) -> bool:
    return len(listed) > ("" in listed)


def _forget(url: str) -> None:
    """Forget what is known of a place and what lies below it, but for what is fresh."""
    now = time.monotonic()
    old = [u for u, (when, _) in _LISTED.items() if now - when > FRESH and _is_below(u, url)]
    for folder in old:
        del _LISTED[folder]
    if old:
        for file in [u for u in _SINGLE if _is_below(u, url)]:
            del _SINGLE[file]


def _is_below(url: str, other: str) -> bool:
    return url == other or url.startswith(f"{other}/")


def _store_of(url: str) -> tuple[RemoteStore, str]:
    """Return the store that a URL is in, and its name there."""
    scheme, _, rest = url.partition("://")
    first, _, name = rest.partition("/")
    return _opened(f"{scheme}://{first}", os.getpid()), name


@lru_cache
def _opened(root: str, process: int) -> RemoteStore:  # noqa: ARG001 -- a fork opens its own
    return RemoteStore(root)


def _key(url: str, facts: Facts) -> str:
    return _digest(f"{url}\0{facts.version}\0{facts.size}", 16).hex()


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()
