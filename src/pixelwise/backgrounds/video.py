"""Clips whose background is blurred or replaced: decoding, network, matte, encoding in parallel."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from pixelwise.backgrounds.background import Background, Blur
from pixelwise.backgrounds.subject import ALL, find_subject
from pixelwise.concurrency import run_ahead
from pixelwise.effects.blending import cut_out, edge_contrast, lifted
from pixelwise.effects.matte import soft_alpha
from pixelwise.effects.temporal import AHEAD, steady, still_share
from pixelwise.inference.predictor import Predictor
from pixelwise.io.image import fit_within
from pixelwise.io.video import (
    Clip,
    matrix_of,
    mix_into,
    planar,
    rewrite,
    stored_format,
)
from pixelwise.progress import frame_bar
from pixelwise.samples import Float32Array, UInt8Array

if TYPE_CHECKING:
    from av import VideoFrame

T = TypeVar("T")
Seen = tuple["VideoFrame", UInt8Array]
"""A frame as it is stored, and a small upright (h, w, 3) uint8 RGB image of it."""

WORK = 352
"""Longer side in pixels of the images on which alpha and background are computed."""

CALM, NEVER = 0.7, 2.0
"""Share of a frame that stands still from which on every other frame skips the network."""


@dataclass(frozen=True)
class VideoOutcome:
    """The result of `blur_video`.

    Parameters
    ----------
    frames : int
        Frames written.
    names : tuple of str
        Classes that were found in it; empty if nothing was written.
    trouble : tuple of str
        Where the clip was damaged.

    Examples
    --------
    >>> VideoOutcome(frames=250, names=("person",), trouble=()).names
    ('person',)
    """

    frames: int
    names: tuple[str, ...]
    trouble: tuple[str, ...]


class NothingFoundError(Exception):
    """No frame shows a subject; the unfinished clip is discarded."""


def blur_video(
    predictor: Predictor,
    source: str | Path,
    out: str | Path,
    background: Background | None = None,
    subject: tuple[str, ...] = (ALL,),
    on_frame: Callable[[int, int], object] | None = None,
) -> VideoOutcome:
    """Blur or replace the background of a clip; sound, frame times and rotation are kept.

    Alpha is smoothed over time where the frames stand still (`effects.temporal.steady`). Memory
    does not grow with the clip. Each frame is seen once: a second look, as at photos, costs speed.

    Parameters
    ----------
    predictor : Predictor
    source, out : str or Path
        The ending of ``out`` chooses container and encoder.
    background : Background, optional
        `Blur` if not given; without a sharper ground. A transparent one needs a clip that ends in
        ``.webm`` (VP9) or ``.mov`` (ProRes 4444).
    subject : tuple of str
        As for `find_subject`.
    on_frame : callable, optional
        Called after each frame with how many are done and how many there are, 0 if that is not
        known. An error that it raises ends the work, and nothing is written.

    Returns
    -------
    VideoOutcome
        If no frame shows a subject, nothing is written and ``names`` is empty.

    Raises
    ------
    VideoFileError
        The clip cannot be read at all.
    ArgumentError
        A background that clips cannot have, an unknown subject, or an ``out`` that cannot be
        written.

    Examples
    --------
    >>> blur_video(Predictor.load(), "in.mp4", "out.mp4", Blur(sigma=12))  # doctest: +SKIP
    VideoOutcome(frames=250, names=('person',), trouble=())
    """
    background = background or Blur()
    background.check_clip()
    names: dict[str, None] = {}

    def change(frames: Iterator[VideoFrame], clip: Clip) -> Iterator[VideoFrame]:
        with frame_bar("blurring", clip.frames or None) as step:
            blurred = blurred_frames(predictor, frames, background, subject, clip.rotation, names)
            for done, frame in enumerate(blurred, start=1):
                step()
                if on_frame is not None:
                    on_frame(done, clip.frames or 0)
                yield frame
        if not names:
            raise NothingFoundError

    # The stages are threads already; those of OpenCV would compete with them.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        clip = rewrite(Path(source), Path(out), change, background.transparent)
    except NothingFoundError:
        return VideoOutcome(0, (), ())
    finally:
        cv2.setNumThreads(threads)
    return VideoOutcome(clip.read, tuple(names), tuple(clip.trouble))


def blurred_frames(
    predictor: Predictor,
    frames: Iterator[VideoFrame],
    background: Background,
    subject: tuple[str, ...],
    rotation: int,
    names: dict[str, None],
    look_ahead: int = AHEAD,
) -> Generator[VideoFrame, None, None]:
    """Yield frames with another background; each stage runs in a thread of its own.

    Parameters
    ----------
    predictor : Predictor
    frames : iterator of av.VideoFrame
        As they are stored.
    background : Background
    subject : tuple of str
    rotation : int
        Degrees counterclockwise by which a player turns them; the network sees them turned.
    names : dict of str
        The classes that are found are added.
    look_ahead : int
        As for `steady`; 0 for live video, in which nothing may wait either.
    """
    most, calm = (4, CALM) if look_ahead else (1, NEVER)
    with ExitStack() as stages:

        def threaded(stage: Iterator[T]) -> Iterator[T]:
            return stages.enter_context(closing(run_ahead(stage, most)))

        shrunk = threaded(_shrunk(frames, rotation))
        matted = threaded(_matted(_probabilities(predictor, shrunk, subject, names, calm)))
        yield from threaded(_composited(steady(matted, look_ahead), background, rotation))


def _shrunk(frames: Iterator[VideoFrame], rotation: int) -> Iterator[Seen]:
    """Yield frames in one of the `PLANAR` formats, each with its small image."""
    for frame in frames:
        kind = stored_format(frame)
        stored = frame if frame.format.name == kind else planar(frame, kind)
        yield stored, _small(stored, rotation)


def _matted(
    seen: Iterator[tuple[VideoFrame, UInt8Array, Float32Array]],
) -> Iterator[tuple[Seen, UInt8Array, Float32Array]]:
    """Yield what `steady` takes: frame and small image, the small image, and its alpha."""
    for frame, small, probability in seen:
        yield (frame, small), small, soft_alpha(small, probability)


def _composited(
    matted: Iterator[tuple[Seen, Float32Array]], background: Background, rotation: int
) -> Iterator[VideoFrame]:
    """Yield frames with the background composited into them."""
    fitted: Background | None = None
    for (frame, small), alpha in matted:
        if fitted is None:
            scale = max(small.shape[:2]) / max(frame.height, frame.width)
            fitted = background.for_frames(alpha.shape, scale)
        contrast = edge_contrast(small, alpha)
        behind = fitted.behind(small, alpha, contrast)
        if behind is None:
            yield _cut_out(frame, alpha, rotation)
            continue
        mix_into(frame, lifted(behind, alpha, contrast), alpha, rotation)
        yield frame


def _probabilities(
    predictor: Predictor,
    shrunk: Iterable[Seen],
    subject: tuple[str, ...],
    names: dict[str, None],
    calm: float,
) -> Iterator[tuple[VideoFrame, UInt8Array, Float32Array]]:
    """Yield frame, small image, and the probability that each of its pixels is subject.

    While the share of a frame that stands still is at least ``calm``, every other frame gets the
    mean of its neighbours; the matte then fits it to the frame's own edges.
    """
    once = predictor.once()

    def see(small: UInt8Array) -> Float32Array:
        found = find_subject(once, small, subject)
        names.update(dict.fromkeys(found.names))
        return found.probability

    last: tuple[UInt8Array, Float32Array] | None = None
    skipped: tuple[VideoFrame, UInt8Array] | None = None
    for frame, small in shrunk:
        if last and not skipped and still_share(last[0], small) >= calm:
            skipped = frame, small
            continue
        probability = see(small)
        if skipped and last:
            yield *skipped, np.float32(0.5) * (last[1] + probability)
        yield frame, small, probability
        last, skipped = (small, probability), None
    if skipped:
        yield *skipped, see(skipped[1])


def _small(frame: VideoFrame, rotation: int) -> UInt8Array:
    """Return a frame as players show it, upright, but small, (h, w, 3) uint8."""
    height, width = (max(2, side) for side in fit_within((frame.height, frame.width), WORK))
    rgb = frame.reformat(
        width,
        height,
        format="rgb24",
        src_colorspace=matrix_of(frame),
        interpolation="AREA",
        threads=1,
    )
    return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), rotation // 90))


def _cut_out(frame: VideoFrame, alpha: Float32Array, rotation: int) -> VideoFrame:
    """Return a frame as RGBA, with an upright alpha."""
    from av import VideoFrame

    rgb = frame.reformat(format="rgb24", src_colorspace=matrix_of(frame), threads=1)
    turned = np.ascontiguousarray(np.rot90(alpha, -rotation // 90))
    large = cv2.resize(turned, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR)
    pixels = np.asarray(rgb.to_ndarray(), dtype=np.uint8)
    made = VideoFrame.from_ndarray(cut_out(pixels, np.clip(large, 0, 1)), format="rgba")
    made.pts, made.time_base = frame.pts, frame.time_base
    return made
