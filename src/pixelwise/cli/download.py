"""``pixelwise download``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def download(
    name: Annotated[str, typer.Argument(help="voc2012 or voc2007.")],
    root: Annotated[Path, typer.Option(help="Folder to put it into.")] = Path("data"),
    archive: Annotated[
        Path | None, typer.Option(help="The archive, where it is here already.")
    ] = None,
) -> None:
    """Fetch a data set, check it by its hash, and unpack it; the same command resumes."""
    from pixelwise.datasets import download

    path = download(name, root, archive)
    print(f"{name} is in {path}")
