"""Animated images whose background is blurred or replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from pixelwise.backgrounds.background import Background, Blur, Mask
from pixelwise.backgrounds.photos import with_background
from pixelwise.backgrounds.subject import ALL, Selection, find_subject
from pixelwise.backgrounds.video import VideoOutcome
from pixelwise.effects.temporal import steady
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.io.animation import SUFFIXES, opened_animation, write_animation
from pixelwise.progress import track
from pixelwise.samples import Float32Array, UInt8Array


def blur_animation(
    predictor: Predictor,
    source: str | Path,
    out: str | Path,
    background: Background | None = None,
    subject: Selection | Sequence[str] = (ALL,),
) -> VideoOutcome:
    """Blur or replace the background of a GIF, WebP or APNG; frame times and loop are kept.

    Parameters
    ----------
    predictor : Predictor
    source, out : str or Path
        The ending of ``out`` chooses the format. A GIF has 256 colours, and its pixels are either
        opaque or not.
    background : Background, optional
        `Blur` if not given.
    subject : Selection, or sequence of str
        As for `find_subject`; one instance is not followed from frame to frame.

    Returns
    -------
    VideoOutcome
        If no frame shows a subject, nothing is written and ``names`` is empty.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    ArgumentError
        ``out`` is no animated image or the source itself, an unknown subject, or a background that
        is for photos only.

    Examples
    --------
    >>> blur_animation(Predictor.load(), "in.gif", "out.gif")  # doctest: +SKIP
    VideoOutcome(frames=12, names=('cat',), trouble=())
    """
    source, out = Path(source), Path(out)
    look = background or Blur()
    look.check_clip()
    if out.suffix.lower() not in SUFFIXES:
        raise ArgumentError(f"{out}: an animation ends in one of {', '.join(SUFFIXES)}")
    if source.resolve() == out.resolve():
        raise ArgumentError(f"{out}: would overwrite the animation; choose another --out")
    names: dict[str, None] = {}
    with opened_animation(source) as (animation, frames):

        def seen() -> Iterator[tuple[UInt8Array, UInt8Array, Float32Array]]:
            for frame in track(frames, "blurring", animation.frames):
                found = find_subject(predictor, frame, subject)
                names.update(dict.fromkeys(found.names))
                yield frame, frame, found.alpha(frame)

        # Every frame is seen before the first is written: a subject may come late.
        matted = [(frame, _packed(alpha)) for frame, alpha in steady(seen())]
        if not names:
            return VideoOutcome(0, (), ())
        write_animation(out, _changed(matted, look), animation)
    return VideoOutcome(animation.frames, tuple(names), ())


def _packed(alpha: Float32Array) -> UInt8Array:
    return np.asarray((alpha * 255).round(), dtype=np.uint8)


def _changed(
    matted: Iterable[tuple[UInt8Array, UInt8Array]], look: Background
) -> Iterator[UInt8Array]:
    for frame, packed in matted:
        changed = with_background(frame, packed.astype(np.float32) / np.float32(255), look)
        yield cv2.cvtColor(changed, cv2.COLOR_GRAY2RGB) if isinstance(look, Mask) else changed  # type: ignore[misc]
