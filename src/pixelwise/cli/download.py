"""``pixelwise download``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def download(
    name: Annotated[
        Literal["voc2012", "voc2007"], typer.Argument(metavar="NAME", help="voc2012 or voc2007.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to put it into.")] = Path("data"),
    archive: Annotated[
        Path | None, typer.Option(help="The archive, if you have it; nothing is downloaded.")
    ] = None,
) -> None:
    """Download a data set, check its hash, and unpack it; an interrupted download is resumed."""
    from pixelwise.datasets import download

    path = download(name, out, archive)
    print(f"{name} is in {path}")
