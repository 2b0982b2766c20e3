"""Archives unpacked so that nothing leaves its folder, and all of it appears at once."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from pixelwise.errors import DataError
from pixelwise.progress import track

EXPANSION = 100
"""An archive may hold at most this many times its own size, and a megabyte more."""


def unpack(archive: Path, root: Path, folder: str) -> Path:
    """Unpack a tar archive and keep one folder of it.

    Parameters
    ----------
    archive : Path
        In any compression that Python reads.
    root : Path
        Where the kept folder appears, under its own name, when all of it is there.
    folder : str
        Path in the archive of what is kept.

    Returns
    -------
    Path
        ``root / folder``.

    Raises
    ------
    DataError
        It is damaged, lacks the folder, holds more than the disk or `EXPANSION` allows, or
        holds something that is not a plain file or folder within it: a path leading out, a
        link, a device.
    """
    scratch = root / f".{archive.name}.unpacked"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True)
        try:
            _extract(archive, scratch)
        except DataError:
            raise
        except OSError as error:
            if error.errno is None:  # tarfile's and lzma's own are OSErrors, too
                raise DataError(f"{archive}: damaged ({error})") from None
            raise DataError(f"{archive}: cannot be unpacked ({error.strerror})") from None
        # tarfile meets damaged archives with many kinds of exception.
        except Exception as error:
            raise DataError(f"{archive}: damaged or not a tar archive ({error})") from None
        if not (scratch / folder).is_dir():
            raise DataError(f"{archive}: holds no {folder}")
        (root / folder).parent.mkdir(parents=True, exist_ok=True)
        (scratch / folder).replace(root / folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return root / folder


def _extract(archive: Path, scratch: Path) -> None:
    room = min(EXPANSION * archive.stat().st_size + 2**20, shutil.disk_usage(scratch).free)
    with tarfile.open(archive) as tar:
        for member in track(tar, f"unpacking {archive.name}"):
            path = _inside(scratch, member, archive)
            room -= max(0, member.size)
            if room < 0:
                raise DataError(f"{archive}: holds more than the disk or its own size allows")
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            if source is None:
                raise DataError(f"{archive}: {member.name!r} has no content")
            with source, path.open("xb") as file:
                shutil.copyfileobj(source, file)


def _inside(scratch: Path, member: tarfile.TarInfo, archive: Path) -> Path:
    name = PurePosixPath(member.name.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.name or "\0" in member.name:
        raise DataError(f"{archive}: {member.name!r} leads out of the archive; refused")
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise DataError(f"{archive}: {member.name!r} is a link or a device; refused")
    return scratch / name
