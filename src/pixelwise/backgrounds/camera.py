"""Live video with its background blurred: from a camera into a window or a virtual camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.backgrounds.background import Background, Blur
from pixelwise.backgrounds.subject import ALL
from pixelwise.backgrounds.video import blurred_frames
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.io.camera import show_live

if TYPE_CHECKING:
    from av import VideoFrame


def blur_camera(
    predictor: Predictor,
    camera: str,
    out: Path | None = None,
    background: Background | None = None,
    subject: tuple[str, ...] = (ALL,),
) -> int:
    """Show what a camera sees with another background until its window is closed or Ctrl-C.

    Alpha is smoothed from earlier frames alone, and frames that arrive while one is processed are
    dropped, so that the video does not lag.

    Parameters
    ----------
    predictor : Predictor
    camera : str
        Its number or name; or a clip, whose frames are all used in its place.
    out : Path, optional
        A virtual camera, e.g. ``/dev/video10`` of v4l2loopback, or a clip to write; a window if
        not given.
    background : Background, optional
        As for `blur_video`.
    subject : tuple of str
        As for `find_subject`.

    Returns
    -------
    int
        Frames shown.

    Raises
    ------
    VideoFileError
        There is no such camera.
    ArgumentError
        ``out`` cannot be written, or there is no screen for a window.

    Examples
    --------
    >>> blur_camera(Predictor.load(), "0", Path("/dev/video10"))  # doctest: +SKIP
    """
    background = background or Blur()
    background.check_clip()
    if background.transparent:
        raise ArgumentError("--camera shows no transparency; give a colour, e.g. '#00ff00'")
    names: dict[str, None] = {}

    def change(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        return blurred_frames(predictor, frames, background, subject, 0, names, 0)

    return show_live(camera, out, change)
