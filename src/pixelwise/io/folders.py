"""The images among what a person names: files, folders with what lies below, and globs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.errors import ImageFileError
from pixelwise.io.image import (
    HEIC_SUFFIXES,
    IMAGE_SUFFIXES,
    NEEDS_HEIF,
    heic_is_read,
    is_image_file,
)
from pixelwise.io.stored_path import StoredPath


@dataclass(frozen=True)
class Found:
    """Images, and what else lay in the folders.

    Parameters
    ----------
    names : dict of Path to str
        Each image, and what to call its results: its path below the folder that was named,
        without the suffix where that suffices.
    passed_over : dict of str to int
        Suffixes of files that are no images, and how many there are.
    unread : tuple of Path
        Images that an extra would read which is not installed; they are passed over, too.

    Examples
    --------
    >>> Found({}, {".txt": 2, ".heic": 1}, ()).said()
    '; 3 files of other kinds passed over: .heic 1, .txt 2'
    """

    names: dict[Path, str]
    passed_over: dict[str, int]
    unread: tuple[Path, ...] = ()

    def said(self) -> str:
        """Return the end of a command's last line, empty if nothing was passed over."""
        total = sum(self.passed_over.values())
        listed = ", ".join(f"{suffix} {n:,}" for suffix, n in sorted(self.passed_over.items()))
        files = "file of another kind" if total == 1 else "files of other kinds"
        return f"; {total:,} {files} passed over: {listed}" if total else ""

    def stop_on_unread(self) -> None:
        """Raise an error if images were passed over that an extra would read.

        Raises
        ------
        ImageFileError
            Names the first of them and the extra.
        """
        if self.unread:
            more = f" (and {len(self.unread) - 1} more)" if len(self.unread) > 1 else ""
            raise ImageFileError(f"{self.unread[0]}{more}: {NEEDS_HEIF}")


def find_in(
    paths: Sequence[Path],
    *,
    recursive: bool = True,
    skip: Path | None = None,
    keep: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
) -> Found:
    """Find the images among files, folders and globs such as ``*.jpg``.

    Hidden files and folders are left out and not counted.

    Parameters
    ----------
    paths : sequence of Path
    recursive : bool
        Search folders with all that lies below them.
    skip : Path, optional
        A folder that is left out, for results that lie among the images.
    keep : callable, optional
        From all images to those that are kept, before they are named.

    Returns
    -------
    Found
        In the order of the paths, sorted within each.

    Raises
    ------
    ImageFileError
        A path does not exist, or a folder holds no image.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from pixelwise import write_image
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("a.png", "day1/a.png", "day1/a.jpg"):
    ...         Path(folder, name).parent.mkdir(exist_ok=True)
    ...         write_image(Path(folder, name), np.zeros((2, 3, 3), np.uint8))
    ...     list(find_in([Path(folder)]).names.values())
    ['a', 'day1/a.jpg', 'day1/a.png']
    """
    below: dict[Path, Path] = {}
    passed: Counter[str] = Counter()
    unread: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = list(_files(path, recursive, skip))
            images = [p for p in inside if is_image_file(p)]
            others = [p for p in inside if not is_image_file(p)]
            heic = [p for p in images if p.suffix.lower() in HEIC_SUFFIXES]
            heic = [] if heic_is_read() else heic
            images = [p for p in images if p not in heic]
            unread += heic
            passed.update(p.suffix.lower() or "without suffix" for p in (*others, *heic))
            if not images and not heic:
                raise ImageFileError(
                    f"{path}: no image in this folder; looked for "
                    + " ".join(sorted(IMAGE_SUFFIXES))
                )
            below |= {p: p.relative_to(path) for p in images if p not in below}
        elif path.exists():
            below.setdefault(path, Path(path.name))
        elif matches := _matches(path):
            below |= {p: Path(p.name) for p in matches if p not in below}
        else:
            raise ImageFileError(f"{path}: no such file or folder")
    if keep is not None:
        below = {path: below[path] for path in keep(below)}
    return Found(distinct_names(below), dict(passed), tuple(unread))


def distinct_names(below: dict[Path, Path]) -> dict[Path, str]:
    """Return a name for each image, without its suffix where that suffices.

    Parameters
    ----------
    below : dict of Path to Path
        Each image, and its path below the folder that was named.

    Examples
    --------
    >>> paths = [Path("x/a.jpg"), Path("x/a.png"), Path("y/b.png"), Path("z/b.png")]
    >>> list(distinct_names({p: Path(p.name) for p in paths}).values())
    ['a.jpg', 'a.png', 'y/b', 'z/b']
    """
    alike: dict[str, list[Path]] = {}
    for path, relative in below.items():
        alike.setdefault(relative.with_suffix("").as_posix(), []).append(path)
    names: dict[Path, str] = {}
    for group in alike.values():
        names |= _distinguished({path: below[path] for path in group})
    return {path: names[path] for path in below}


def _distinguished(group: dict[Path, Path]) -> dict[Path, str]:
    """Return names that differ: with suffixes, else with the folders above."""
    deepest = max(len(path.absolute().parts) for path in group)
    names: dict[Path, str] = {}
    for further in range(deepest + 1):
        for with_suffix in (False, True):
            names = {}
            for path, relative in group.items():
                parts = path.absolute().parts[1:]
                longer = Path(*parts[-(len(relative.parts) + further) :])
                names[path] = (longer if with_suffix else longer.with_suffix("")).as_posix()
            if len(set(names.values())) == len(names):
                return names
    return names


def _files(folder: Path, recursive: bool, skip: Path | None) -> Iterator[Path]:
    """Yield the files in a folder that are not hidden, sorted."""
    if isinstance(folder, StoredPath) and folder.is_stored:
        return iter(sorted(p for p in _stored_below(folder, recursive) if p != skip))
    left_out = None if skip is None else skip.resolve()
    found: list[Path] = []
    visited: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in visited:  # a link to a folder above
            folders.clear()
            continue
        visited.add(real)
        kept = [f for f in folders if not f.startswith(".")]
        kept = [f for f in kept if left_out is None or Path(place, f).resolve() != left_out]
        folders[:] = kept if recursive else []
        found += [Path(place, file) for file in files if not file.startswith(".")]
    return iter(sorted(found))


def _stored_below(folder: StoredPath, recursive: bool) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif recursive:
            yield from _stored_below(path, recursive)


def _matches(pattern: Path) -> list[Path]:
    """Return the images that a glob names, for shells that do not expand globs."""
    if not any(sign in pattern.name for sign in "*?["):
        return []
    return sorted(p for p in pattern.parent.glob(pattern.name) if is_image_file(p))
