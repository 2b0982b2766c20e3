"""``pixelwise download``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of {datasets:DOWNLOADS}.")],
    out: Annotated[Path, typer.Option(help="Folder to put it into, or a URL.")] = Path("data"),
    archive: Annotated[
        Path | None, typer.Option(help="The archive, if you have it; nothing is downloaded.")
    ] = None,
) -> None:
    """Download a data set, check its hash, and unpack it; an interrupted download is resumed."""
    from pixelwise.datasets import download

    path = download(name, out, archive)
    print(f"{name} is in {path}")
