"""``pixelwise convert``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.options import DATA, Classes, Encoding, Format, Labels, Void, class_map


def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help=DATA)],
    target: Annotated[Path, typer.Argument(metavar="DST", help="A folder that is new.")],
    to: Annotated[str, typer.Option(help="voc, coco, yolo, labelme or pairs.")],
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Write what the format can hold, though not all.")
    ] = False,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Write a data set in another format; stops where something would be lost."""
    from pixelwise.datasets import convert

    convert(
        source,
        target,
        to,
        lossy=lossy,
        classes=class_map(classes),
        format=format,
        encoding=encoding,
        void=void,
        labels=labels,
    )
