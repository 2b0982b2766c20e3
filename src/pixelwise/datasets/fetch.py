"""Data sets from the network: whole and checked, or a part that the next call resumes."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from pixelwise.datasets.unpack import unpack
from pixelwise.datasets.upload import upload_folder
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.file_cache import FileCache
from pixelwise.io.stored_path import StoredPath, locate
from pixelwise.progress import transfer, waiting

CHUNK = 1 << 18

LAST = "ImageSets/Segmentation/val.txt"
"""What `upload_folder` sends last."""


@dataclass(frozen=True)
class Download:
    """A data set that can be downloaded.

    Parameters
    ----------
    archive : str
        The file's name, a tar in any compression.
    hash : str
        ``"sha1:..."``, or another algorithm of hashlib, in hexadecimal.
    mirrors : tuple of str
        URLs of the folders that hold the file, the official one first.
    folder : str
        What is kept of the archive, as a path in it.

    Examples
    --------
    >>> DOWNLOADS["voc2012"].folder
    'VOCdevkit/VOC2012'
    """

    archive: str
    hash: str
    mirrors: tuple[str, ...]
    folder: str


DOWNLOADS: dict[str, Download] = {
    "voc2012": Download(
        "VOCtrainval_11-May-2012.tar",
        "sha1:4e443f8a2eca6b1dac8a6c57641b67dd40621a49",
        (
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
            "http://d2l-data.s3-accelerate.amazonaws.com/",
        ),
        "VOCdevkit/VOC2012",
    ),
    "voc2007": Download(
        "VOCtrainval_06-Nov-2007.tar",
        "sha1:34ed68851bce2a36e2a223fa52c661d592c66b3c",
        ("http://host.robots.ox.ac.uk/pascal/VOC/voc2007/",),
        "VOCdevkit/VOC2007",
    ),
}
"""What can be downloaded, by name; a new one is an entry here."""


class _HashError(Exception):
    """The file is whole, but its hash differs."""


def download(
    name: str,
    root: str | Path = "data",
    archive: str | Path | None = None,
    *,
    timeout: float = 30.0,
    tries: int = 5,
    pause: float = 1.0,
    say: Callable[[str], object] = print,
) -> Path:
    """Fetch a data set, check its hash, and unpack it.

    An interrupted download is resumed by the next call. Proxies are taken from the environment
    (``http_proxy``, ``https_proxy``, ``no_proxy``).

    Parameters
    ----------
    name : str
        One of `DOWNLOADS`.
    root : str or Path
        The folder to put it into; or a URL such as ``s3://bucket/data``: it is fetched, checked
        and unpacked in the cache's folder (`pixelwise.defaults.CACHE_FOLDER`), sent, and removed.
    archive : str or Path, optional
        The archive, if it has been downloaded already; nothing is fetched then.
    timeout : float
        Seconds without a byte after which a connection counts as broken.
    tries : int
        How often in a row a mirror may fail without sending anything new.
    pause : float
        Seconds before the second try; it doubles with each further one, up to 30.
    say : callable
        Takes each line of the report.

    Returns
    -------
    Path
        The data set's folder, ready for `open_dataset`. It appears once it is complete.

    Raises
    ------
    ArgumentError
        An unknown name.
    DataError
        No mirror could be reached, the hash differs, the disk has no room, or the archive
        holds something it must not.

    Examples
    --------
    >>> root = download("voc2012", "data")  # doctest: +SKIP
    >>> dataset = open_dataset(root, "train")  # doctest: +SKIP
    """
    if name not in DOWNLOADS:
        raise ArgumentError(f"unknown data set {name!r}; there is: {', '.join(DOWNLOADS)}")
    wanted, root = DOWNLOADS[name], locate(root)
    target = root / wanted.folder
    how: dict[str, Any] = {"timeout": timeout, "tries": tries, "pause": pause, "say": say}
    if isinstance(target, StoredPath):
        if (target / LAST).is_file():
            say(f"{target} exists already")
            return target
        here = download(name, FileCache.usual().folder.parent / "downloads", archive, **how)
        upload_folder(here, target)
        shutil.rmtree(here)
        return target
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{wanted.archive}.lock"):
        if target.exists():
            say(f"{target} exists already")
            return target
        if archive is not None:
            given = Path(archive)
            if not given.is_file():
                raise DataError(f"{given}: no such file")
            if _hash_of(given, wanted.hash).hexdigest() != wanted.hash.partition(":")[2]:
                raise DataError(
                    f"{given}: not {wanted.archive}; its {wanted.hash.split(':')[0]} differs"
                )
            unpack(given, root, wanted.folder)
            return target
        part = root / f"{wanted.archive}.part"
        _fetch(wanted, part, timeout, tries, pause, say)
        say(f"{wanted.archive}: hash is right; unpacking")
        unpack(part, root, wanted.folder)
        part.unlink()
    return target


def _fetch(
    wanted: Download,
    part: Path,
    timeout: float,
    tries: int,
    pause: float,
    say: Callable[[str], object],
) -> None:
    """Fill ``part`` from the mirrors, one after the other, until its hash is right."""
    failures = []
    for mirror in wanted.mirrors:
        url, failed = mirror + wanted.archive, 0
        while failed < tries:
            before = part.stat().st_size if part.exists() else 0
            try:
                _fetch_once(url, part, wanted, timeout)
                return
            except _HashError as error:
                # Whatever is wrong with it, no byte of it can be trusted.
                part.unlink()
                reason, failed = str(error), failed + 1
                if before == 0:
                    failed = tries
            except urllib.error.HTTPError as error:
                reason = f"{error.code} {error.reason}"
                # A file that is missing or forbidden will be so in a second, too.
                failed = tries if 400 <= error.code < 500 else failed + 1
            except (OSError, http.client.HTTPException, ValueError) as error:
                # A timeout, a reset, no route, an unknown host, a line that is not HTTP.
                reason = str(getattr(error, "reason", "") or error) or type(error).__name__
                after = part.stat().st_size if part.exists() else 0
                failed = 1 if after > before else failed + 1
            say(f"{url}: {reason}" + (f"; try {failed + 1} of {tries}" if failed < tries else ""))
            if failed < tries:
                time.sleep(min(30.0, pause * 2 ** (failed - 1)))
        failures.append(f"{mirror} ({reason})")
    raise DataError(
        f"{wanted.archive}: no mirror could give it: {'; '.join(failures)}. The same command "
        "resumes; with a copy from elsewhere, say --archive FILE"
    )


def _fetch_once(url: str, part: Path, wanted: Download, timeout: float) -> None:
    digest = _hash_of(part, wanted.hash)
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "pixelwise"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        # An opener of our own: urlopen's global one keeps the proxies of its first use.
        response = urllib.request.build_opener().open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing lies beyond what is here
            _compare(digest, wanted)
            return
        raise
    with response, part.open("ab") as file:
        if have and response.status != 206:
            # The server ignores Range and sends everything from the start.
            have, digest = 0, hashlib.new(wanted.hash.partition(":")[0])
            file.truncate(0)
        elif have and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise http.client.HTTPException("the server sent another part than was requested")
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        if total is not None:
            _check_disk(part.parent, total - have + total)
        with transfer(wanted.archive, total, have) as advance:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                have += len(chunk)
                advance(len(chunk))
        if total is not None and have < total:
            raise http.client.HTTPException(f"cut off after {have:,} of {total:,} bytes")
    _compare(digest, wanted)


def _check_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"{folder}: fetching and unpacking needs {needed / 1e9:.1f} GB, "
            f"but {free / 1e9:.1f} GB are free; choose another folder"
        )


def _hash_of(path: Path, hash_: str) -> Any:
    digest = hashlib.new(hash_.partition(":")[0])
    if path.exists():
        with waiting(f"checking {path.name}"), path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest


def _compare(digest: Any, wanted: Download) -> None:
    name, _, right = wanted.hash.partition(":")
    if digest.hexdigest() != right:
        raise _HashError(f"the file is whole, but its {name} is {digest.hexdigest()}, not {right}")
