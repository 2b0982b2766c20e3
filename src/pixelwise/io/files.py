"""Files that are either whole or not there at all."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pixelwise.errors import ArgumentError

SCHEME = re.compile(r"([A-Za-z][\w+.:-]+):/+")
"""How a URL begins; a path keeps one slash of it. A letter alone is a drive of Windows."""


@runtime_checkable
class Uploading(Protocol):
    """A path in remote storage (`pixelwise.io.stored_path`), which imports this file."""

    @property
    def is_stored(self) -> bool:
        """Whether it names a place in remote storage."""

    def upload(self, content: bytes) -> None:
        """Write the file there, whole or not at all."""


def stay_here(path: str | Path) -> Path:
    """Return a path for results if it is one of this machine.

    Raises
    ------
    ArgumentError
        It is a URL, of which a folder called ``s3:`` would be made.

    Examples
    --------
    >>> stay_here("s3://bucket/run")
    Traceback (most recent call last):
    pixelwise.errors.ArgumentError: s3://bucket/run: a folder of this machine is written to, no URL
    """
    found = SCHEME.match(str(path).replace("\\", "/"))
    if found is not None and not Path(found[1] + ":").exists():
        url = f"{found[1]}://{str(path)[found.end() :]}"
        raise ArgumentError(f"{url}: a folder of this machine is written to, no URL")
    return path if isinstance(path, Path) else Path(path)


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The parent folder is made. After an error, or Ctrl-C, the temporary file is removed and
    what was at ``path`` before is still there.

    Parameters
    ----------
    path : str or Path
        Of the finished file. The temporary one keeps its suffix, since writers choose the
        format by it. A `StoredPath` is written here and uploaded.

    Raises
    ------
    ArgumentError
        A URL that is not a `StoredPath`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with written_whole(f"{folder}/a.bin") as beside:
    ...         n = beside.write_bytes(b"pixels")
    ...     Path(folder, "a.bin").read_bytes()
    b'pixels'
    """
    if isinstance(path, Uploading) and path.is_stored:
        with tempfile.TemporaryDirectory(prefix="pixelwise-") as folder:
            beside = Path(folder, Path(str(path)).name)
            yield beside
            path.upload(beside.read_bytes())
        return
    path = stay_here(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield a new folder beside ``path``; it takes that one's place when the block succeeds.

    The parent folder is made. After an error, or Ctrl-C, the new folder is removed and what was at
    ``path`` before is still there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("before.txt", "after.txt"):
    ...         with folder_written_whole(Path(folder, "masks")) as beside:
    ...             n = Path(beside, name).write_text("text")
    ...     [path.name for path in Path(folder, "masks").iterdir()]
    ['after.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as made:
        beside = Path(made, path.name)
        beside.mkdir()
        yield beside
        if path.exists():
            path.rename(Path(made, "before"))
        beside.rename(path)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_text(Path(folder, "new", "a.txt"), "text")
    ...     Path(folder, "new", "a.txt").read_text()
    'text'
    """
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any, indent: int | None = 1) -> None:
    """Write a JSON file, UTF-8 and with a final newline, whole or not at all.

    Parameters
    ----------
    path : str or Path
    content : object
        Of dicts, lists, strings, numbers, booleans and None.
    indent : int, optional
        Spaces per level; None puts all on one line.
    """
    write_text(path, json.dumps(content, indent=indent, ensure_ascii=False) + "\n")


def visible(folder: Path, pattern: str) -> list[Path]:
    """Return the files that fit a pattern, sorted; those whose names begin with a dot are left out.

    macOS leaves ``._a.json`` beside ``a.json`` on other systems' disks.
    """
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def is_file(path: Path) -> bool:
    """Return whether a path is a file; False for a path that no disk can hold."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
