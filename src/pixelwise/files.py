"""Files that are either whole or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The parent folder is made. After an error, or Ctrl-C, the temporary file is removed and
    whatever stood at ``path`` before still stands there.

    Parameters
    ----------
    path : str or Path
        Where the finished file shall stand. The temporary one keeps its suffix, since
        writers choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def is_file(path: Path) -> bool:
    """Tell whether a path is a file; one that no disk could hold is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
