"""Clips whose background is blurred or replaced: decode, network, matte and encode side by side."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.blur.photos import TRANSPARENT, Look
from pixelwise.blur.subject import ALL, find_subject
from pixelwise.effects.blending import covering, edge_contrast, lifted
from pixelwise.effects.blur import backdrop
from pixelwise.effects.matte import soft_alpha
from pixelwise.effects.temporal import AHEAD, steady, still_share
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.io.image import read_image
from pixelwise.io.video import PLANAR, Clip, ahead, rewrite
from pixelwise.progress import frame_bar

if TYPE_CHECKING:
    from av import VideoFrame

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

WORK = 352
"""Longer side in pixels of the pictures on which alpha and background are made."""

NEVER = 2.0
CALM = 0.7
"""Share of the picture that stands still where every other frame may do without the network."""


@dataclass(frozen=True)
class VideoOutcome:
    """What became of a clip.

    Parameters
    ----------
    frames : int
        Written.
    names : tuple of str
        Classes that were found in it; none where nothing was written.
    trouble : tuple of str
        Where the clip was damaged.
    """

    frames: int
    names: tuple[str, ...]
    trouble: tuple[str, ...]


class NothingFoundError(Exception):
    """No frame shows a subject; the clip that was begun is thrown away."""


def blur_video(
    predictor: Predictor,
    source: Path,
    out: Path,
    look: Look | None = None,
    subject: tuple[str, ...] = (ALL,),
) -> VideoOutcome:
    """Blur or replace the background of a clip; sound, frame times and rotation are kept.

    Alpha is smoothed over time where the picture stands still (`effects.steady`). Memory does not
    grow with the clip.

    Parameters
    ----------
    predictor : Predictor
    source, out : Path
        The ending of ``out`` chooses container and encoder.
    look : Look, optional
        Any but a transparent background or a sharper ground.
    subject : tuple of str
        As for `find_subject`.

    Returns
    -------
    VideoOutcome
        Where no frame shows a subject, nothing is written and it names none.

    Raises
    ------
    VideoFileError
        The clip cannot be read at all.
    ArgumentError
        A look or a subject that cannot be, or an ``out`` that cannot be written.
    """
    look = look or Look()
    check_look(look)
    names: dict[str, None] = {}

    def change(frames: Iterator[VideoFrame], clip: Clip) -> Iterator[VideoFrame]:
        with frame_bar("blurring", clip.frames or None) as step:
            for frame in blurred_frames(predictor, frames, look, subject, clip.rotation, names):
                step()
                yield frame
        if not names:
            raise NothingFoundError

    # The stages are threads already; those of OpenCV would only wait for each other.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        clip = rewrite(source, out, change)
    except NothingFoundError:
        return VideoOutcome(0, (), ())
    finally:
        cv2.setNumThreads(threads)
    return VideoOutcome(clip.read, tuple(names), tuple(clip.trouble))


def check_look(look: Look) -> None:
    """Stop at what moving pictures cannot have.

    Raises
    ------
    ArgumentError
        A transparent background or a sharper ground.
    """
    if look.background == TRANSPARENT:
        raise ArgumentError("clips hold no transparency; give a colour, e.g. '#00ff00'")
    if look.ground:
        raise ArgumentError("--ground is for photos; in clips the background is blurred alike")


def blurred_frames(
    predictor: Predictor,
    frames: Iterator[VideoFrame],
    look: Look,
    subject: tuple[str, ...],
    rotation: int,
    names: dict[str, None],
    look_ahead: int = AHEAD,
) -> Generator[VideoFrame, None, None]:
    """Yield the frames with another background.

    Parameters
    ----------
    predictor : Predictor
    frames : iterator of av.VideoFrame
        As they are stored.
    look : Look
    subject : tuple of str
    rotation : int
        Degrees counterclockwise by which a player turns them; the network sees them so.
    names : dict of str
        The classes that are found are added.
    look_ahead : int
        As for `steady`; 0 for a live picture, in which nothing may wait either.
    """
    most = 4 if look_ahead else 1
    behind = look.behind
    photo = read_image(behind) if isinstance(behind, Path) else behind or (0, 0, 0)

    def seen() -> Iterator[tuple[VideoFrame, UInt8Array]]:
        for frame in frames:
            odd = frame.width % 2 or frame.height % 2
            fits = frame.format.name in (PLANAR[2:] if odd else PLANAR)
            stored = frame if fits else _planar(frame, PLANAR[2] if odd else PLANAR[0])
            yield stored, _small(stored, rotation)

    def matted() -> Iterator[tuple[tuple[VideoFrame, UInt8Array], UInt8Array, Float32Array]]:
        with closing(ahead(seen(), most)) as pictures:
            # A live picture cannot wait for the next frame.
            calm = CALM if look_ahead else NEVER
            for frame, small, chance in _chances(predictor, pictures, subject, names, calm):
                yield (frame, small), small, soft_alpha(small, chance)

    def finished() -> Iterator[VideoFrame]:
        with closing(ahead(matted(), most)) as mattes:
            for (frame, small), alpha in steady(mattes, look_ahead):
                _mix(frame, background(frame, small, alpha), alpha, rotation)
                yield frame

    def background(frame: VideoFrame, small: UInt8Array, alpha: Float32Array) -> UInt8Array:
        contrast = edge_contrast(small, alpha)
        if behind is None:
            sigma = look.pixels((frame.height, frame.width))
            sigma *= max(small.shape) / max(frame.height, frame.width)
            made = backdrop(small, alpha, contrast, sigma, look.shape)
        else:
            made = behind_all(small.shape[0], small.shape[1])
        return lifted(made, alpha, contrast)

    @lru_cache(1)
    def behind_all(height: int, width: int) -> UInt8Array:
        if isinstance(photo, tuple):
            return np.full((height, width, 3), photo, np.uint8)
        return covering(photo, height, width)

    with closing(ahead(finished(), most)) as done:
        yield from done


def _chances(
    predictor: Predictor,
    pictures: Iterable[tuple[VideoFrame, UInt8Array]],
    subject: tuple[str, ...],
    names: dict[str, None],
    calm: float,
) -> Iterator[tuple[VideoFrame, UInt8Array, Float32Array]]:
    """Yield frames with the probability that each pixel is subject.

    In a calm clip every other frame gets the mean of its neighbours; the matte then fits it to the
    frame's own edges.
    """

    def see(small: UInt8Array) -> Float32Array:
        found = find_subject(predictor, small, subject)
        names.update(dict.fromkeys(found.names))
        return found.probability

    last: tuple[UInt8Array, Float32Array] | None = None
    skipped: tuple[VideoFrame, UInt8Array] | None = None
    for frame, small in pictures:
        if last and not skipped and still_share(last[0], small) >= calm:
            skipped = frame, small
            continue
        chance = see(small)
        if skipped and last:
            yield *skipped, np.float32(0.5) * (last[1] + chance)
        yield frame, small, chance
        last, skipped = (small, chance), None
    if skipped:
        yield *skipped, see(skipped[1])


def _planar(frame: VideoFrame, kind: str) -> VideoFrame:
    planar: VideoFrame = frame.reformat(format=kind)
    planar.pts, planar.time_base = frame.pts, frame.time_base
    return planar


def _small(frame: VideoFrame, rotation: int) -> UInt8Array:
    """Return a frame as people see it, upright and small, (h, w, 3) uint8."""
    factor = max(1.0, max(frame.width, frame.height) / WORK)
    size: dict[str, Any] = {
        "width": max(2, round(frame.width / factor)),
        "height": max(2, round(frame.height / factor)),
    }
    rgb = frame.reformat(
        **size, format="rgb24", src_colorspace=_matrix(frame), interpolation="AREA", threads=1
    )
    return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), rotation // 90))


def _mix(frame: VideoFrame, background: UInt8Array, alpha: Float32Array, rotation: int) -> None:
    """Lay an upright background into the planes of a frame, where alpha leaves it."""
    from av import VideoFrame

    background = np.rot90(background, -rotation // 90)
    alpha = np.ascontiguousarray(np.rot90(alpha, -rotation // 90))
    even = background.shape[1] // 2 * 2, background.shape[0] // 2 * 2
    rgb = np.ascontiguousarray(background[: even[1], : even[0]])
    behind = VideoFrame.from_ndarray(rgb, format="rgb24")
    behind = behind.reformat(format=frame.format.name, dst_colorspace=_matrix(frame), threads=1)
    frame.make_writable()
    shares: dict[tuple[int, int], Any] = {}
    for plane, other in zip(frame.planes, behind.planes, strict=True):
        size = plane.width, plane.height
        own = _pixels(plane)
        if size not in shares:  # both planes of colour have one size
            shares[size] = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
        share = shares[size]
        new = cv2.resize(_pixels(other), size, interpolation=cv2.INTER_LINEAR)
        cv2.blendLinear(own, new, share, 1 - share, dst=own)


def _pixels(plane: Any) -> UInt8Array:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _matrix(frame: VideoFrame) -> int:
    """Return which colours a frame's numbers stand for; as players guess where it does not say."""
    said = int(frame.colorspace)
    return said if said in (1, 4, 5, 6, 7, 9) else 1 if frame.height >= 720 else 5
