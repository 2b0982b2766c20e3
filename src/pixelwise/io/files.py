"""Files that are either whole or not there at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The parent folder is made. After an error, or Ctrl-C, the temporary file is removed and
    what was at ``path`` before is still there.

    Parameters
    ----------
    path : str or Path
        Of the finished file. The temporary one keeps its suffix, since writers choose the
        format by it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with written_whole(f"{folder}/a.bin") as beside:
    ...         n = beside.write_bytes(b"pixels")
    ...     Path(folder, "a.bin").read_bytes()
    b'pixels'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


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


def is_file(path: Path) -> bool:
    """Return whether a path is a file; False for a path that no disk can hold."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
