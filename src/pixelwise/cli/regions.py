"""``pixelwise regions``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.options import Inputs, Recursive, choice
from pixelwise.cli.predict import say_ranges
from pixelwise.defaults import BOUNDARIES, CUT
from pixelwise.errors import ImageFileError


def regions(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    n: Annotated[
        int | None, typer.Option("-n", min=1, show_default=str(CUT), help="How many regions.")
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Instead of -n: keep boundaries at least this strong."),
    ] = None,
    boundaries: Annotated[
        str,
        choice(
            "regions.hierarchical:BOUNDARIES",
            help="Found by a small network, or from colour alone.",
        ),
    ] = BOUNDARIES,
    superpixels: Annotated[
        int | None,
        typer.Option(min=1, help="Instead: about this many small regions of even colour."),
    ] = None,
    recursive: Recursive = True,
) -> None:
    """Divide images into coherent regions, without classes.

    Writes STEM_regions.png (16-bit region ids), STEM_parts.jpg (mean colours) and, except for
    superpixels, STEM_boundaries.png (strength of every boundary, 0 to 65535).

    Folders are searched with all that lies below, and their tree is kept in --out; images of one
    name but of two kinds keep their suffix in the results' names.
    """
    from pixelwise.io.folders import find_in
    from pixelwise.regions import write_regions

    found = find_in(inputs, recursive=recursive, skip=out)
    outcome = write_regions(found.names, out, n, level, boundaries, superpixels)
    divided = f"divided {len(outcome.written)} of {len(found.names)} images into regions, in {out}"
    print(divided + found.said())
    say_ranges(outcome.written)
    if outcome.failed:
        raise ImageFileError("; ".join(outcome.failed.values()))
    found.stop_on_unread()
