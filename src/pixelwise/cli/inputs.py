"""What a command is given: files, and where it is allowed, web addresses and standard input."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from pixelwise.errors import ArgumentError

PIPE = Path("-")
"""Standard input or output in the place of a file."""

URL = re.compile(r"https?://", re.IGNORECASE)
FILE_NAME = re.compile(r"[^\w.-]+")

AllowUrl = Annotated[
    bool,
    typer.Option("--allow-url", help="Fetch inputs that are web addresses: public ones, to 64 MB."),
]


@contextmanager
def local_files(inputs: Sequence[str], allow_url: bool) -> Iterator[list[tuple[Path, str]]]:
    """Give files for inputs; those of web addresses are there while the context lasts.

    Parameters
    ----------
    inputs : sequence of str
        Paths, ``-``, and web addresses.
    allow_url : bool

    Yields
    ------
    list of (Path, str)
        Each input's file, and what the person called it.

    Raises
    ------
    ArgumentError
        A web address that is not allowed.
    ImageFileError
        One that cannot be fetched.
    """
    with TemporaryDirectory() as folder:
        files: list[tuple[Path, str]] = []
        for number, text in enumerate(inputs):
            if not URL.match(text):
                files.append((_in_reach(text, Path(folder, str(number))), text))
                continue
            if not allow_url:
                raise ArgumentError(f"{text}: web addresses are fetched only with --allow-url")
            from pixelwise.io.remote import fetch

            name = FILE_NAME.sub("_", unquote(Path(urlsplit(text).path).name)).lstrip(".")
            path = Path(folder, str(number), name or "image")
            path.parent.mkdir()
            path.write_bytes(fetch(text))
            files.append((path, text))
        yield files


def _in_reach(text: str, folder: Path) -> Path:
    """Return where an input is: here, or in a storage; a clip of a storage is fetched."""
    from pixelwise.io.image import read_bytes
    from pixelwise.io.stored_path import StoredPath, locate
    from pixelwise.io.video import is_video

    path = locate(text)
    if isinstance(path, StoredPath) and is_video(path):
        folder.mkdir()
        fetched = folder / path.name
        fetched.write_bytes(read_bytes(path))
        return fetched
    return path


def read_stdin() -> bytes:
    """Return what standard input holds.

    Raises
    ------
    ArgumentError
        Nothing.
    """
    data = sys.stdin.buffer.read()
    if not data:
        raise ArgumentError("-: standard input is empty")
    return data
