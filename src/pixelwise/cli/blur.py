"""``pixelwise blur``: photos, clips, and the camera.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.predict import Weights
from pixelwise.defaults import BLUR_STRENGTH, WEIGHTS
from pixelwise.errors import ArgumentError, ImageFileError

if TYPE_CHECKING:
    from pixelwise.blur import Look
    from pixelwise.inference import Predictor

NOTHING_FOUND = 3
"""Exit code where a photo shows no subject: nothing failed, but nothing was written."""


def blur(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT...", help="Photos, folders or globs of them, or clips."),
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
            metavar="person,dog|largest|all",
            help="What stays sharp: classes, only the largest area, or all but the background.",
        ),
    ] = None,
    shape: Annotated[str, typer.Option(help="gaussian, or disc: spots as of a lens.")] = "gaussian",
    background: Annotated[
        str,
        typer.Option(
            metavar="blur|transparent|#rrggbb|IMAGE", help="What is seen behind the subject."
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
        Path | None, typer.Option(help="Write the photo's alpha here, as a grey picture.")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            help="Blur live from this camera (0, /dev/video0); into a window, or into the "
            "virtual camera given as --out."
        ),
    ] = None,
    weights: Weights = WEIGHTS,
) -> None:
    """Blur or replace the background of photos and clips; their subjects stay sharp.

    Where nothing shows a subject, nothing is written, and the exit code is 3.
    """
    from pixelwise.blur import Look
    from pixelwise.inference import Predictor
    from pixelwise.io.image import find_images
    from pixelwise.io.video import is_video

    look = Look(background, sigma, strength, shape, ground)
    wanted = tuple(name for names in subject or ["all"] for name in names.split(",") if name)
    if alpha and subject:
        raise ArgumentError("--alpha says what the subject is; leave --subject away")
    if camera is not None:
        from pixelwise.blur.camera import blur_camera

        if inputs:
            raise ArgumentError("--camera takes no other input")
        blur_camera(Predictor.load(weights), camera, out, look, wanted)
        return
    if not inputs or out is None:
        raise ArgumentError("give a photo or a clip, and --out")
    clips = [path for path in inputs if is_video(path)]
    photos = [path for path in inputs if not is_video(path)]
    if clips and (alpha or save_alpha):
        raise ArgumentError("an alpha belongs to one photo; clips find their own")
    nothing = False
    if photos:
        predictor = Predictor.load(weights)
        found = find_images(photos)
        nothing = _photos(predictor, found, out, look, wanted, alpha, save_alpha, bool(clips))
    if clips:
        # One thread for the network; decoding, matte and encoding have theirs.
        nothing |= _clips(Predictor.load(weights, threads=1), clips, out, look, wanted)
    if nothing:
        raise typer.Exit(NOTHING_FOUND)


def _photos(
    predictor: Predictor,
    photos: list[Path],
    out: Path,
    look: Look,
    wanted: tuple[str, ...],
    alpha: Path | None,
    save_alpha: Path | None,
    into_folder: bool,
) -> bool:
    from pixelwise.blur import blur_files

    if (into_folder or len(photos) > 1) and out.suffix:
        raise ArgumentError(f"{out}: several inputs need a folder, not a file")
    outcome = blur_files(predictor, photos, out, look, wanted, alpha, save_alpha)
    for path, names in outcome.written.items():
        print(f"wrote {path}: {', '.join(names)} kept")
    for photo in outcome.without:
        print(f"{photo}: found none of {_asked(predictor, wanted)}; nothing written")
    if outcome.failed:
        raise ImageFileError("; ".join(outcome.failed.values()))
    return bool(outcome.without)


def _clips(
    predictor: Predictor, clips: list[Path], out: Path, look: Look, wanted: tuple[str, ...]
) -> bool:
    from pixelwise.blur import blur_video

    if len(clips) > 1 and out.suffix:
        raise ArgumentError(f"{out}: several inputs need a folder, not a file")
    nothing = False
    for clip in clips:
        result = out if out.suffix else out / clip.name
        outcome = blur_video(predictor, clip, result, look, wanted)
        if not outcome.names:
            nothing = True
            print(f"{clip}: found none of {_asked(predictor, wanted)}; nothing written")
            continue
        print(f"wrote {result}: {outcome.frames} frames, {', '.join(outcome.names)} kept")
        for trouble in outcome.trouble[:3]:
            print(f"{clip}: {trouble}; what could be read is written")
    return nothing


def _asked(predictor: Predictor, wanted: tuple[str, ...]) -> str:
    from pixelwise.blur.subject import subject_ids

    return ", ".join(predictor.classes.names[i] for i in subject_ids(predictor, wanted))
