"""Listings of remote storage that this process has fetched; old ones are fetched again."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Any

from pixelwise.io.storage import Facts, RemoteStore

FRESH = 5.0
"""Seconds after which `forget` forgets: the splits of a data set are opened one by one."""

_FOLDERS: dict[str, tuple[float, dict[str, Facts]]] = {}
"""When each folder was listed, by URL, and what lay in it."""

_FILES: dict[str, tuple[float, Facts]] = {}
"""Facts of single files, by URL, and when they were fetched."""


def known(url: str) -> Facts | None:
    """Return what is known of a file or folder without asking."""
    if url in _FILES:
        return _FILES[url][1]
    above, _, name = url.rpartition("/")
    return _FOLDERS[above][1].get(name) if above in _FOLDERS else None


def note(url: str, facts: Facts) -> Facts:
    """Note what is known of one file, and return it."""
    _FILES[url] = time.monotonic(), facts
    return facts


def wrote(url: str, size: int, version: str) -> None:
    """Note a file that this process wrote, so that its folder need not be listed again."""
    facts = note(url, Facts(False, size, version))
    above, _, name = url.rpartition("/")
    while not above.endswith(":/"):
        if above in _FOLDERS:
            _FOLDERS[above][1][name] = facts
        facts = Facts(folder=True)
        above, _, name = above.rpartition("/")


def names_in(url: str) -> list[str]:
    """Return the names of what lies right in a folder; none of what is no folder.

    Raises
    ------
    StorageError
        The storage does not answer, or not to these credentials; as everywhere here.
    """
    return [name for name in _listed(url) if name]


def is_folder(url: str) -> bool:
    """Return whether there is a folder with something in it."""
    above = url.rpartition("/")[0]
    if url not in _FOLDERS and above in _FOLDERS:
        facts = known(url)
        return facts is not None and facts.folder
    return bool(names_in(url))


def is_file(url: str) -> bool:
    """Return whether there is a file."""
    facts = known(url)
    above, _, name = url.rpartition("/")
    if facts is None and above not in _FOLDERS:
        # Its own listing may be allowed where that of the folder above is not.
        own, is_root = _listed(url), above.endswith(":/")
        facts = own.get("") if own or is_root else _listed(above).get(name)
    return facts is not None and not facts.folder


def facts_of(url: str) -> Facts:
    """Return what is known of a file or folder, and ask if it is not enough to read it by.

    Raises
    ------
    FileNotFoundError
    """
    above, _, name = url.rpartition("/")
    facts = known(url)
    if facts is None and not above.endswith(":/"):
        facts = _listed(above).get(name)
    if facts is None and is_folder(url):
        return Facts(folder=True)
    if facts is None:
        raise FileNotFoundError(2, "No such file or directory", url)
    if not facts.folder and not facts.version and url not in _FILES:
        # Web servers list names; the rest they say of one file at a time.
        store, inside = store_of(url)
        return note(url, store.facts(inside))
    return facts


def forget(url: str) -> None:
    """Forget what is known of the folders above, and of what lies below if it is old."""
    now = time.monotonic()
    tables: tuple[dict[str, tuple[float, Any]], ...] = (_FOLDERS, _FILES)
    for table in tables:
        for other, (when, _) in list(table.items()):
            above = other != url and _is_below(url, other)
            if above or (now - when > FRESH and _is_below(other, url)):
                table.pop(other, None)


def store_of(url: str) -> tuple[RemoteStore, str]:
    """Return the storage that a URL is in, and its name there."""
    scheme, _, rest = url.partition("://")
    first, _, name = rest.partition("/")
    return _opened(f"{scheme}://{first}", os.getpid()), name


@lru_cache
def _opened(root: str, process: int) -> RemoteStore:  # noqa: ARG001 -- a fork opens its own
    return RemoteStore(root)


def _listed(url: str) -> dict[str, Facts]:
    """Return what lies in a folder; of a file, itself under an empty name."""
    if url not in _FOLDERS:
        store, name = store_of(url)
        found = store.folder(name)
        _FOLDERS[url] = time.monotonic(), found
        if "" in found:
            note(url, found[""])
    return _FOLDERS[url][1]


def _is_below(url: str, other: str) -> bool:
    return url == other or url.startswith(f"{other}/")
