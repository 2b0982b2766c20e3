"""``pixelwise blur``: photos, clips, and the camera.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Recursive, Weights, choice
from pixelwise.cli.predict import say_ranges
from pixelwise.defaults import BLUR_STRENGTH, WEIGHTS
from pixelwise.errors import ArgumentError, ImageFileError

if TYPE_CHECKING:
    from pixelwise.blur import Background
    from pixelwise.inference import Predictor
    from pixelwise.io.folders import Found

NOTHING_WRITTEN = 3
"""Exit code if no photo and no clip shows a subject: nothing failed, but nothing was written."""


def blur(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT", help="Photos, folders or globs of them, or clips."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; a folder for several inputs.")
    ] = None,
    sigma: Annotated[float | None, typer.Option(help="Strength of the blur, px.")] = None,
    strength: Annotated[
        float, typer.Option(help="Strength of the blur, percent of the longer side.")
    ] = BLUR_STRENGTH,
    subject: Annotated[
        list[str] | None,
        typer.Option(
            metavar="person,dog | largest | all",
            help="What stays sharp: classes, only the largest area, or all but the background.",
        ),
    ] = None,
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
            metavar="blur | transparent | #rrggbb | FILE", help="What to put behind the subject."
        ),
    ] = "blur",
    ground: Annotated[
        bool, typer.Option("--ground", help="Keep the ground at the subject's feet sharper.")
    ] = False,
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
    recursive: Recursive = True,
    weights: Weights = WEIGHTS,
) -> None:
    """Blur or replace the background of photos and clips; their subjects stay sharp.

    Folders are searched with all that lies below, and their tree is kept in --out. A photo
    without a subject is reported; if nothing at all was written, the exit code is 3.
    """
    from pixelwise.blur import Blur, parse_background
    from pixelwise.inference import Predictor
    from pixelwise.io.folders import find_in
    from pixelwise.io.video import is_video

    look = parse_background(background, Blur(sigma, strength, shape, ground))
    wanted = tuple(name for names in subject or ["all"] for name in names.split(",") if name)
    clips = [path for path in inputs or () if is_video(path)]
    photos = [path for path in inputs or () if not is_video(path)]
    if alpha and subject:
        raise ArgumentError("--alpha says what the subject is; leave --subject out")
    if clips and (alpha or save_alpha):
        raise ArgumentError("an alpha belongs to one photo; clips find their own")
    if camera is not None and inputs:
        raise ArgumentError("--camera takes no other input")
    # One thread for the network of clips; decoding, matte and encoding have theirs.
    predictor = Predictor.load(weights, threads=1 if clips else None, instances=False)
    if camera is not None:
        from pixelwise.blur.camera import blur_camera

        blur_camera(predictor, camera, out, look, wanted)
        return
    if not inputs or out is None:
        raise ArgumentError("give a photo or a clip, and --out")
    if len(inputs) > 1 and out.suffix:
        raise ArgumentError(f"{out}: several inputs need a folder, not a file")
    written = 0
    if photos:
        found = find_in(photos, recursive=recursive, skip=out)
        written += _photos(predictor, found, out, look, wanted, alpha, save_alpha)
    for clip in clips:
        written += _clip(predictor, clip, out if out.suffix else out / clip.name, look, wanted)
    if not written:
        raise typer.Exit(NOTHING_WRITTEN)


def _photos(
    predictor: Predictor,
    found: Found,
    out: Path,
    look: Background,
    wanted: tuple[str, ...],
    alpha: Path | None,
    save_alpha: Path | None,
) -> int:
    """Blur photos, report each, and return how many were written."""
    from pixelwise.blur import blur_files

    if len(found.names) > 1 and out.suffix:
        raise ArgumentError(f"{out}: several inputs need a folder, not a file")
    outcome = blur_files(predictor, found.names, out, look, wanted, alpha, save_alpha)
    for path, names in outcome.written.items():
        print(f"wrote {path}: {', '.join(names)} kept")
    for photo in outcome.without:
        print(f"{photo}: found none of {_asked(predictor, wanted)}; nothing written")
    say_ranges(found.names)
    if found.passed_over:
        print(f"{len(outcome.written)} photos blurred{found.said()}")
    if outcome.failed:
        raise ImageFileError("; ".join(outcome.failed.values()))
    found.stop_on_unread()
    return len(outcome.written)


def _clip(
    predictor: Predictor, clip: Path, result: Path, look: Background, wanted: tuple[str, ...]
) -> bool:
    """Blur a clip, report it, and return whether it was written."""
    from pixelwise.blur import blur_video

    outcome = blur_video(predictor, clip, result, look, wanted)
    if not outcome.names:
        print(f"{clip}: found none of {_asked(predictor, wanted)}; nothing written")
        return False
    print(f"wrote {result}: {outcome.frames} frames, {', '.join(outcome.names)} kept")
    for trouble in outcome.trouble[:3]:
        print(f"{clip}: {trouble}; what could be read is written")
    return True


def _asked(predictor: Predictor, wanted: tuple[str, ...]) -> str:
    from pixelwise.blur.subject import subject_ids

    return ", ".join(predictor.classes.names[i] for i in subject_ids(predictor, wanted))
