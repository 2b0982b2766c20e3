"""A data set's folder copied to remote storage; what is there already is not sent again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pixelwise.io.stored_path import FETCHES, StoredPath
from pixelwise.progress import track

LISTS = "ImageSets"
"""The folder of VOC's layout without which it is no data set; it is sent last."""


def upload_folder(folder: Path, target: StoredPath) -> None:
    """Copy a folder to a URL.

    Parameters
    ----------
    folder : Path
        In VOC's layout; its lists are sent last, so that half of it is not taken for all of it.
    target : StoredPath
        What is there under the same name with the same size is left.

    Raises
    ------
    StorageError
        The storage does not answer, or does not allow it; what was sent stays.
    """
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    lists = [name for name in files if name.parts[0] == LISTS]
    others = [name for name in files if name.parts[0] != LISTS]

    def send(name: Path) -> None:
        there, content = target / name.as_posix(), (folder / name).read_bytes()
        if not (there.is_file() and there.stat().st_size == len(content)):
            there.upload(content)

    with ThreadPoolExecutor(FETCHES) as pool:
        for _ in track(pool.map(send, others), f"sending {folder.name}", len(others)):
            pass
    for name in track(lists, "sending its lists", len(lists)):
        send(name)
