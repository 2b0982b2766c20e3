"""``pixelwise convert``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import DATA, read_options

if TYPE_CHECKING:
    from pixelwise.datasets import ReadOptions


@read_options
def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help=DATA)],
    target: Annotated[Path, typer.Argument(metavar="DST", help="A folder that is new.")],
    to: Annotated[str, typer.Option(help="voc, coco, yolo, labelme or pairs.")],
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Write what the format can hold, though not all.")
    ] = False,
    *,
    options: ReadOptions,
) -> None:
    """Write a data set in another format; stops where something would be lost."""
    from pixelwise.datasets import convert

    convert(source, target, to, options, lossy=lossy)
