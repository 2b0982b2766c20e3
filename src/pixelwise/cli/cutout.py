"""``pixelwise cutout``: subjects without their background."""

from __future__ import annotations

from typing import Annotated

import typer

from pixelwise.cli.inputs import AllowUrl
from pixelwise.cli.options import Recursive, SubjectWeights
from pixelwise.cli.subjects import (
    At,
    Box,
    Crop,
    Inputs,
    Job,
    Out,
    Shadow,
    Subject,
    Watch,
    with_shadow,
)


def cutout(
    inputs: Inputs = None,
    out: Out = None,
    subject: Subject = None,
    at: At = None,
    box: Box = None,
    crop: Crop = False,
    shadow: Shadow = False,
    mask_only: Annotated[
        bool, typer.Option("--mask-only", help="Write the mask alone, as a grey image.")
    ] = False,
    background: Annotated[
        str,
        typer.Option(
            metavar="transparent | #rrggbb | FILE", help="What to put behind the subject."
        ),
    ] = "transparent",
    watch: Watch = False,
    recursive: Recursive = True,
    weights: SubjectWeights = None,
    allow_url: AllowUrl = False,
) -> None:
    """Cut subjects out of photos: PNG or WebP with transparency.

    Folders are searched with all that lies below, and their tree is kept in --out. A photo
    without a subject is reported; if nothing at all was written, the exit code is 3.
    """
    from pixelwise.backgrounds import Selection, parse_background

    look = with_shadow(parse_background("mask" if mask_only else background), shadow)
    selection = Selection.parse(subject or (), at, box)
    job = Job(look, selection, weights, crop, recursive)
    job.run(inputs or [], out, watch, allow_url)
