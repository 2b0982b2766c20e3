"""``pixelwise show``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.reading import DATA, Classes, Encoding, Format, Labels, Void, opened


def show(
    path: Annotated[Path, typer.Argument(help=DATA)],
    split: Annotated[
        str | None, typer.Option(help="Which part of it; train where not given.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many samples.")] = 5,
    out: Annotated[Path, typer.Option(help="Picture to write.")] = Path("grid.png"),
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Blend the label maps over the photos.")
    ] = False,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Draw a grid of a data set: photos above, their label maps below, with a legend."""
    from pixelwise.drawing import show
    from pixelwise.images import save_picture

    dataset = opened(path, split, format, encoding, void, labels, classes)
    save_picture(out, show(dataset[:n], overlaid=overlay))
    print(f"wrote {out}: {min(n, len(dataset))} of {len(dataset)} samples")
