"""Files below a folder or a URL: listed as a stream, read, and written whole."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, unquote

from pixelwise.errors import DataError, ImageFileError, StorageError, missing_extra
from pixelwise.io.files import written_whole
from pixelwise.io.image import IMAGE_SUFFIXES

T = TypeVar("T")

TRIES = 4
"""How often a remote file is asked for before it counts as unreadable."""

PAUSE = 0.1
"""Seconds before the second try; three times as many before each further one."""

VERSIONS = (
    *("ETag", "etag", "md5Hash", "generation", "Content-MD5", "Digest", "Last-Modified"),
    *("LastModified", "last_modified", "updated", "mtime", "modified", "created"),
)
"""What storage says of a file that changes when its content does, the most exact first."""


@dataclass(frozen=True)
class Facts:
    """What a storage says of one name in it.

    Parameters
    ----------
    folder : bool
    size : int, optional
        In bytes; None if it does not say.
    version : str
        Differs when the content does; empty if it does not say.
    """

    folder: bool
    size: int | None = None
    version: str = ""


SILENCE = 60.0
"""Seconds without a byte after which a web server is asked again."""

SAFE = "/~!$&'()*+,;=:@"
"""Signs that stand as they are in the path of a web address (RFC 3986)."""


class Store(Protocol):
    """A folder, here or remote. Names are paths below it, with ``/``.

    Parameters
    ----------
    root : str
        As a person named it.
    """

    root: str

    def images(self) -> Iterator[str]:
        """Yield the names of the images, hidden ones left out, without holding them all."""

    def names(self, prefix: str) -> list[str]:
        """Return the files right in the folder whose name begins with a prefix, sorted."""

    def read(self, name: str) -> bytes:
        """Return a file's content."""

    def local(self, name: str) -> Any:
        """Return a context manager that gives a file's path on this machine."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


def is_remote(path: str | Path) -> bool:
    """Return whether this names a remote place, such as ``s3://bucket/photos``.

    Examples
    --------
    >>> is_remote("s3://bucket/photos"), is_remote("C:/photos"), is_remote(Path("photos"))
    (True, False, False)
    """
    scheme, found, _ = str(path).partition("://")
    return bool(found) and len(scheme) > 1 and scheme.isascii() and scheme[0].isalpha()


def open_store(root: str | Path) -> Store:
    """Open a folder or a URL of fsspec.

    Parameters
    ----------
    root : str or Path
        A folder, or a URL such as ``s3://bucket/photos``, ``gs://...`` or ``memory://...``.

    Raises
    ------
    DataError
        A URL whose kind of storage is not known, or whose package is not installed.
    MissingExtraError
        fsspec is not installed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = open_store(folder)
    ...     store.write("day1/a.jpg", b"pixels")
    ...     list(store.images()), store.read("day1/a.jpg")
    (['day1/a.jpg'], b'pixels')
    """
    return RemoteStore(str(root)) if is_remote(root) else LocalStore(str(root))


class LocalStore:
    """A folder on this machine."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._folder = Path(root)

    def images(self) -> Iterator[str]:
        """See `Store`."""
        if not self._folder.is_dir():
            raise ImageFileError(f"{self.root}: no such folder")
        yield from _images_below(self._folder, "", set())

    def names(self, prefix: str) -> list[str]:
        """See `Store`."""
        if not self._folder.is_dir():
            return []
        return sorted(p.name for p in self._folder.iterdir() if p.name.startswith(prefix))

    def read(self, name: str) -> bytes:
        """See `Store`."""
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise DataError(f"{self.root}/{name}: {error.strerror}") from None

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """See `Store`."""
        yield self._folder / name

    def write(self, name: str, data: bytes) -> None:
        """See `Store`."""
        try:
            with written_whole(self._folder / name) as beside:
                beside.write_bytes(data)
        except OSError as error:
            raise DataError(f"{self.root}/{name}: cannot be written: {error.strerror}") from None

    def remove(self, name: str) -> None:
        """See `Store`."""
        (self._folder / name).unlink(missing_ok=True)


def _images_below(folder: Path, below: str, visited: set[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in visited:  # a link to a folder above
        return
    visited.add(real)
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(entry.name)
            elif _is_image(entry.name):
                yield f"{below}{entry.name}"
    for name in sorted(folders):
        yield from _images_below(folder / name, f"{below}{name}/", visited)


class RemoteStore:
    """Storage that fsspec knows; credentials come from the environment, as usual there."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/") if not root.endswith("://") else root
        try:
            import fsspec
        except ImportError:
            raise missing_extra("reading URLs", "fsspec", "remote") from None
        try:
            options = OPTIONS.get(self.root.partition("://")[0], dict)
            self._files, self._path = fsspec.core.url_to_fs(self.root, **options())
        except (ImportError, ValueError) as error:
            raise DataError(f"{root}: {error}") from None

    def images(self) -> Iterator[str]:
        """See `Store`. Of S3 one page of a thousand names is held, of others one folder."""
        listed = PAGES.get(self._protocol(), _by_folder)(self._files, self._path)
        found = False
        while (path := self._asked("", lambda: next(listed, None), tries=1)) is not None:
            name = self._below(path)
            if _is_image(name):
                found = True
                yield name
        if not found and not self._asked("", lambda: self._files.exists(self._path)):
            raise ImageFileError(f"{self.root}: no such folder or bucket")

    def _protocol(self) -> str:
        protocol = self._files.protocol
        return str(protocol if isinstance(protocol, str) else protocol[0])

    def folder(self, name: str) -> dict[str, Facts]:
        """Return what lies right in a folder, by name; what is known of a file is under "".

        Parameters
        ----------
        name : str
            Below the root; empty for the root itself.

        Returns
        -------
        dict of str to Facts
            Empty if there is nothing of this name.

        Raises
        ------
        StorageError
            It does not answer, or not to these credentials.
        """

        def listed() -> list[dict[str, Any]]:
            self._files.invalidate_cache()
            try:
                return list(self._files.ls(self._whole(name), detail=True))
            except (FileNotFoundError, NotADirectoryError):
                return []

        start = f"{name}/" if name else ""
        found = {}
        for entry in self._tried(name, listed):
            path = self._below(str(entry["name"])).rstrip("/")
            # A file is listed as itself, and so is a folder that is kept as an empty object.
            below = "" if path == name else path.removeprefix(start)
            if "/" not in below and not (self._web and set(below) & set("?#")):
                found[below] = _facts(entry)
        if len(found) > 1 or (found.get("") and found[""].folder):
            found.pop("", None)
        return found

    def facts(self, name: str) -> Facts:
        """Ask what is known of one file; `folder` of a web server knows names alone.

        Raises
        ------
        FileNotFoundError
            It is not there.
        StorageError
            It does not answer, or not to these credentials.
        """
        return self._tried(name, lambda: _facts(self._files.info(self._whole(name))))

    def fetch(self, name: str) -> bytes:
        """Return a file's content, as `read` does, but with the errors of `facts`."""
        return self._tried(name, lambda: bytes(self._files.cat_file(self._whole(name))))

    def names(self, prefix: str) -> list[str]:
        """See `Store`."""

        def listed() -> list[str]:
            self._files.invalidate_cache()
            if not self._files.exists(self._path):
                return []
            return [str(path) for path in self._files.ls(self._path, detail=False)]

        names = (path.rsplit("/", 1)[-1] for path in self._asked("", listed))
        return sorted(name for name in names if name.startswith(prefix))

    def read(self, name: str) -> bytes:
        """See `Store`."""
        return self._asked(name, lambda: bytes(self._files.cat_file(self._whole(name))))

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """See `Store`. The file is fetched, and removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="pixelwise-") as folder:
            path = Path(folder, name.rsplit("/", 1)[-1])
            path.write_bytes(self.read(name))
            yield path

    def write(self, name: str, data: bytes) -> None:
        """See `Store`. An object appears when all of it has arrived."""
        self._asked(name, lambda: self._files.pipe_file(self._whole(name), data))

    def put(self, name: str, content: bytes) -> None:
        """Write a file, as `write` does, but with the errors of `fetch`."""
        try:
            self._tried(name, lambda: self._files.pipe_file(self._whole(name), content))
        except FileNotFoundError:
            raise StorageError(f"{self._called(name)}: no such bucket or folder") from None

    def remove(self, name: str) -> None:
        """See `Store`."""

        def removed() -> None:
            if self._files.exists(self._whole(name)):
                self._files.rm_file(self._whole(name))

        self._asked(name, removed)

    @property
    def _web(self) -> bool:
        """Whether names are parts of web addresses, in which a space is ``%20``."""
        return self._protocol() in ("http", "https")

    def _whole(self, name: str) -> str:
        if not name:
            return str(self._path)
        return f"{self._path.rstrip('/')}/{quote(name, safe=SAFE) if self._web else name}"

    def _below(self, path: str) -> str:
        """Return the name of what a listing calls by its whole path."""
        name = path[len(self._path.rstrip("/")) :].lstrip("/")
        return unquote(name) if self._web else name

    def _asked(self, name: str, ask: Callable[[], T], tries: int = TRIES) -> T:
        """Ask the storage, and say what is wrong as an error of the family."""
        try:
            return self._tried(name, ask, tries)
        except FileNotFoundError:
            raise DataError(f"{self._called(name)}: no such file, folder or bucket") from None

    def _called(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}" if name else self.root

    def _tried(self, name: str, ask: Callable[[], T], tries: int = TRIES) -> T:
        """Ask the storage, again after an error that may pass.

        A listing that is read in steps is asked once: half of one must not pass for all of it.
        """
        where, said = self._called(name), ""
        for number in range(tries):
            if number:
                time.sleep(PAUSE * 3 ** (number - 1))
            try:
                return ask()
            except FileNotFoundError:
                raise
            except PermissionError as error:
                raise StorageError(
                    f"{where}: not allowed; check the credentials ({error})"
                ) from None
            except Exception as error:
                # Each kind of storage has errors of its own, and no common family.
                if "redentials" in f"{type(error).__name__} {error}":
                    raise StorageError(f"{where}: no credentials ({error})") from None
                said = (str(error) or type(error).__name__).splitlines()[0]
        raise StorageError(f"{where}: {said}")


def _options_of_s3() -> dict[str, Any]:
    # Else s3fs asks for the size of each file before it asks for the file.
    return {"max_concurrency": 1}


def _options_of_web() -> dict[str, Any]:
    import aiohttp

    # Else a file may take five minutes in all, and a server that is gone is waited for as long.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)
    return {"client_kwargs": {"timeout": timeout}}


OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "s3": _options_of_s3,
    "http": _options_of_web,
    "https": _options_of_web,
}
"""Options of fsspec, by the scheme of a URL."""


def _facts(entry: dict[str, Any]) -> Facts:
    version = next((str(entry[key]) for key in VERSIONS if entry.get(key)), "")
    size = entry.get("size")
    return Facts(entry.get("type") == "directory", None if size is None else int(size), version)


def _is_image(name: str) -> bool:
    """Return whether this is the name of an image, neither hidden nor in a hidden folder."""
    hidden = name.startswith(".") or "/." in name
    return not hidden and f".{name.rpartition('.')[2].lower()}" in IMAGE_SUFFIXES


def _by_folder(files: Any, path: str) -> Iterator[str]:
    for entry in sorted(files.ls(path, detail=True), key=lambda e: (e["type"], e["name"])):
        name = str(entry["name"])
        if entry["type"] == "directory":
            yield from _by_folder(files, name)
        else:
            yield name


def _by_page_of_s3(files: Any, path: str) -> Iterator[str]:
    bucket, _, prefix = path.partition("/")
    asked: dict[str, str] = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    while True:
        page = files.call_s3("list_objects_v2", **asked)
        yield from (f"{bucket}/{entry['Key']}" for entry in page.get("Contents", ()))
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


PAGES: dict[str, Callable[[Any, str], Iterator[str]]] = {"s3": _by_page_of_s3}
"""Storage whose listings come in pages, and how they are read."""
