"""``pixelwise blur``: photos, clips, and the camera.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.inputs import AllowUrl
from pixelwise.cli.options import Recursive, SubjectWeights, choice
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
from pixelwise.defaults import BLUR_STRENGTH
from pixelwise.errors import ArgumentError


def blur(
    inputs: Inputs = None,
    out: Out = None,
    sigma: Annotated[float | None, typer.Option(help="Strength of the blur, px.")] = None,
    strength: Annotated[
        float, typer.Option(help="Strength of the blur, percent of the longer side.")
    ] = BLUR_STRENGTH,
    subject: Subject = None,
    at: At = None,
    box: Box = None,
    shape: Annotated[
        str,
        choice(
            "effects:SHAPES",
            help="Of the blur; disc turns bright spots into discs, as a lens does.",
        ),
    ] = "gaussian",
    background: Annotated[
        str,
        typer.Option(
            metavar="blur | transparent | mask | #rrggbb | FILE",
            help="What to put behind the subject.",
        ),
    ] = "blur",
    ground: Annotated[
        bool, typer.Option("--ground", help="Keep the ground at the subject's feet sharper.")
    ] = False,
    crop: Crop = False,
    shadow: Shadow = False,
    alpha: Annotated[
        Path | None,
        typer.Option(help="Alpha or label map of the photo to use instead of the network's."),
    ] = None,
    save_alpha: Annotated[
        Path | None, typer.Option(help="Write the photo's alpha here, as a grey image.")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            help="Blur live from this camera (0, /dev/video0); into a window, or into the "
            "virtual camera given as --out."
        ),
    ] = None,
    watch: Watch = False,
    recursive: Recursive = True,
    weights: SubjectWeights = None,
    allow_url: AllowUrl = False,
) -> None:
    """Blur or replace the background of photos and clips; their subjects stay sharp.

    Folders are searched with all that lies below, and their tree is kept in --out. A photo
    without a subject is reported; if nothing at all was written, the exit code is 3.
    """
    from pixelwise.backgrounds import Blur, Selection, parse_background

    plain = Blur(sigma, strength, shape, ground)
    look = with_shadow(parse_background(background, plain), shadow)
    selection = Selection.parse(subject or (), at, box)
    if alpha and (subject or at or box):
        raise ArgumentError("--alpha says what the subject is; leave --subject, --at and --box out")
    job = Job(look, selection, weights, crop, recursive, alpha, save_alpha)
    if camera is None:
        job.run(inputs or [], out, watch, allow_url)
        return
    if inputs or selection.of_instances:
        raise ArgumentError("--camera takes no other input and no number of an instance")
    from pixelwise.backgrounds.camera import blur_camera

    blur_camera(job.predictor(clips=False), camera, out, look, selection.names)
