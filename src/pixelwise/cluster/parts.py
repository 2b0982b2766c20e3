"""Parts of a table: written whole, found again, cleaned of what a killed run left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pixelwise.cluster.schema import IMAGES, INSTANCES, Row, from_bytes, to_bytes
from pixelwise.errors import DataError
from pixelwise.io.storage import Store

IMAGE_PARTS, INSTANCE_PARTS, SUFFIX = "images-", "instances-", ".parquet"


def part_id(paths: Iterable[str]) -> str:
    """Return what the part of some images is called: the same images, the same name.

    Examples
    --------
    >>> part_id(["a.jpg", "b.jpg"])
    'f7199d4ec1aed67f'
    """
    return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]


def write_part(
    store: Store, images: Sequence[Row], instances: Sequence[Row], facts: Mapping[str, Any]
) -> None:
    """Write the rows of some images and of their instances.

    The part of the images comes last: without it, that of the instances does not count.
    """
    name = part_id(row["path"] for row in images)
    store.write(f"{INSTANCE_PARTS}{name}{SUFFIX}", to_bytes(instances, INSTANCES, facts))
    store.write(f"{IMAGE_PARTS}{name}{SUFFIX}", to_bytes(images, IMAGES, facts))


class Done:
    """The images that have rows, held as 8 bytes each.

    Parameters
    ----------
    store : Store
        Of the results.
    facts : mapping
        Of this run; parts of another one are refused.
    retry : bool
        Remove the rows of images that could not be read, so that they are predicted again.

    Raises
    ------
    DataError
        The folder holds results of other weights or options.
    """

    def __init__(self, store: Store, facts: Mapping[str, Any], *, retry: bool = False) -> None:
        self.failed = 0
        # What a killed run was writing; see `written_whole`.
        for unfinished in (f".{IMAGE_PARTS}", f".{INSTANCE_PARTS}"):
            for part in store.names(unfinished):
                store.remove(part)
        parts = store.names(IMAGE_PARTS)
        found = [self._read(store, part, facts, retry) for part in parts]
        known = set(parts)
        for part in store.names(INSTANCE_PARTS):
            if part.replace(INSTANCE_PARTS, IMAGE_PARTS, 1) not in known:
                store.remove(part)
        self._known = np.unique(np.concatenate([np.empty(0, np.uint64), *found]))

    def _read(
        self, store: Store, part: str, facts: Mapping[str, Any], retry: bool
    ) -> np.ndarray[Any, np.dtype[np.uint64]]:
        # The masks are needed only where a part may be written again.
        columns = None if retry else ("path", "error")
        table, made = from_bytes(store.read(part), f"{store.root}/{part}", columns)
        for what, value in facts.items():
            if made.get(what) != value:
                raise DataError(
                    f"{store.root}: holds results with {what} {made.get(what)!r}, not {value!r}; "
                    "choose another folder, or the same weights and options"
                )
        valid = table["error"].null_count
        failed = table.num_rows - valid
        if retry and failed:
            table, failed = table.filter(table["error"].is_null()), 0
            if valid:
                store.write(part, to_bytes(table.to_pylist(), IMAGES, facts))
            else:
                store.remove(part)
        self.failed += failed
        return np.array([_key(path) for path in table["path"].to_pylist()], dtype=np.uint64)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, path: str) -> bool:
        key = _key(path)
        at = int(np.searchsorted(self._known, key))
        return at < len(self._known) and self._known[at] == key


def _key(path: str) -> np.uint64:
    digest = hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))
