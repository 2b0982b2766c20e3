"""Paths of another machine: never followed, but looked for by their last names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from pixelwise.errors import DataError
from pixelwise.io.files import is_file


def slashed(name: str) -> str:
    r"""Return a path with slashes, whatever system wrote it.

    Examples
    --------
    >>> slashed(r"images\a.jpg")
    'images/a.jpg'
    """
    return name.replace("\\", "/")


def is_foreign(name: str) -> bool:
    r"""Return whether a path is absolute, on a drive, a URL, or leads out of its folder.

    Examples
    --------
    >>> [is_foreign(name) for name in ("a/b.jpg", "/a.jpg", r"C:\\a.jpg", r"..\a.jpg")]
    [False, True, True, True]
    """
    path = PurePosixPath(slashed(name))
    return path.is_absolute() or ".." in path.parts or bool(re.match(r"[A-Za-z][\w+.-]*:", name))


def find_below(
    name: str,
    folders: Iterable[Path],
    where: str | Path,
    is_there: Callable[[Path], bool] = is_file,
) -> Path | None:
    """Look for a path in some folders: as it is, then by its last parts alone.

    Parameters
    ----------
    name : str
        As another machine wrote it. A part that leads out of a folder is not followed.
    folders : iterable of Path
        In the order of preference.
    where : str or Path
        What to call the file that holds the name in an error.
    is_there : callable
        Says whether a path is of the kind that is looked for.

    Returns
    -------
    Path or None
        None if it is nowhere.

    Raises
    ------
    DataError
        The last parts of a foreign path are found in two folders.
    """
    folders = list(dict.fromkeys(folders))
    if "?d=" in name or "%" in name:
        # Label Studio writes some paths as its own address would have them.
        plain = unquote(name.rpartition("?d=")[2])
        plain = f"/{plain}" if is_foreign(name) and not is_foreign(plain) else plain
        if plain != name and "\0" not in plain:
            found_plain = find_below(plain, folders, where, is_there)
            if found_plain is not None:
                return found_plain
    parts = PurePosixPath(slashed(name)).parts
    if not is_foreign(name):
        own = next((f / Path(*parts) for f in folders if is_there(f / Path(*parts))), None)
        if own is not None:
            return own
        if len(parts) > 1 and any((f / parts[0]).is_dir() for f in folders):
            return None  # it would be another photo of the same name
    last = [part for part in parts if part not in ("/", ".", "..") and not part.endswith(":")]
    for start in range(len(last)):
        ends = [f / Path(*last[start:]) for f in folders]
        found = list(dict.fromkeys(p.resolve() for p in ends if is_there(p)))
        if len(found) > 1:
            raise DataError(
                f"{where}: {name!r} is of another machine, and {'/'.join(last[start:])!r} is in "
                f"two folders: {found[0].parent} and {found[1].parent}; keep one of them"
            )
        if found:
            return next(p for p in ends if is_there(p))
    return None
