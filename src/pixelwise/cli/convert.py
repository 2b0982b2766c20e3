"""``pixelwise convert``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Data, choice, read_options

if TYPE_CHECKING:
    from pixelwise.datasets import ReadOptions


@read_options
def convert(
    source: Data,
    to: Annotated[str, choice("datasets.registry:WRITTEN", help="The format to write.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist.")],
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Write what the format can hold, even if it is not all.")
    ] = False,
    *,
    options: ReadOptions,
) -> None:
    """Write a data set in another format; stops if something would be lost."""
    from pixelwise.datasets import convert

    convert(source, out, to, options, lossy=lossy)
