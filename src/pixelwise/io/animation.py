"""Animated images: GIF, WebP and APNG, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.decoders import MAX_PIXELS
from pixelwise.io.files import written_whole
from pixelwise.io.image import to_rgb
from pixelwise.samples import UInt8Array

ANIMATED = {"GIF": ".gif", "WEBP": ".webp", "PNG": ".png"}
"""Formats that hold several frames, by Pillow's names, and the suffix of each."""

SUFFIXES = (*ANIMATED.values(), ".apng")

USUAL = 100.0
"""Milliseconds that a frame is shown if its file does not say."""

DAMAGED = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
"""What Pillow raises on files that are no image, or a broken one."""

SOLID = 128
"""Alpha of 0..255 from which on a pixel of a GIF is opaque: it knows no other."""


@dataclass(frozen=True)
class Animation:
    """What an animated file says of all its frames.

    Parameters
    ----------
    frames : int
    loop : int
        How often it is played; 0 is forever.
    milliseconds : tuple of float
        How long each frame is shown.
    """

    frames: int
    loop: int
    milliseconds: tuple[float, ...]


def is_animation(path: str | Path) -> bool:
    """Return whether a file is a GIF, WebP or PNG of several frames.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "still.gif")
    ...     Image.new("L", (3, 2)).save(path)
    ...     is_animation(path)
    False
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        return False
    try:
        with Image.open(path, formats=tuple(ANIMATED)) as picture:
            return getattr(picture, "n_frames", 1) > 1
    # What cannot be read is reported by whoever reads it.
    except DAMAGED:
        return False


@contextmanager
def opened_animation(path: str | Path) -> Iterator[tuple[Animation, Iterator[UInt8Array]]]:
    """Open an animated image.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    animation : Animation
    frames : iterator of (H, W, 3) uint8
        RGB, complete, transparency laid over white.

    Raises
    ------
    ImageFileError
        The file is missing, damaged, too large or no such image.
    """
    try:
        with Image.open(path, formats=tuple(ANIMATED)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ImageFileError(f"{path}: {picture.width} x {picture.height} pixels")
            shown = tuple(map(_milliseconds, ImageSequence.Iterator(picture)))
            loop = int(picture.info.get("loop", 1))
    except UnidentifiedImageError:
        raise ImageFileError(f"{path}: not an image that can be read") from None
    except DAMAGED as error:
        raise ImageFileError(f"{path}: cannot be read ({error})") from None
    with Image.open(path, formats=tuple(ANIMATED)) as picture:
        yield Animation(len(shown), loop, shown), _frames(picture, path)


def _milliseconds(frame: Image.Image) -> float:
    frame.load()  # a WebP knows no sooner
    return float(frame.info.get("duration", USUAL))


def _frames(picture: Image.Image, path: str | Path) -> Iterator[UInt8Array]:
    try:
        for frame in ImageSequence.Iterator(picture):
            yield to_rgb(np.array(frame.convert("RGBA")))
    except DAMAGED as error:
        raise ImageFileError(f"{path}: cannot be read ({error})") from None


def write_animation(path: Path, frames: Iterable[UInt8Array], animation: Animation) -> None:
    """Write an animated image whole or not at all.

    Parameters
    ----------
    path : Path
        Its suffix, one of `SUFFIXES`, chooses the format.
    frames : iterable of (H, W, 3) or (H, W, 4) uint8
        RGB or RGBA; at least one.
    animation : Animation
        Times and loop.

    Raises
    ------
    ArgumentError
        Another suffix.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> frames = [np.full((4, 6, 3), level, np.uint8) for level in (0, 255)]
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "blink.gif")
    ...     write_animation(path, frames, Animation(2, 0, (40.0, 80.0)))
    ...     with opened_animation(path) as (animation, read):
    ...         animation.milliseconds, [int(frame.mean()) for frame in read]
    ((40.0, 80.0), [0, 255])
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ArgumentError(f"{path}: an animation ends in one of {', '.join(SUFFIXES)}")
    pictures = (_picture(frame, suffix == ".gif") for frame in frames)
    first = next(pictures)
    options = {"duration": [round(ms) for ms in animation.milliseconds], "loop": animation.loop}
    if suffix == ".gif":
        # Each frame replaces the one before it, so that no ghost of it shines through.
        options["disposal"] = 2
    kind = {".gif": "GIF", ".webp": "WEBP"}.get(suffix, "PNG")
    if kind == "WEBP":
        options["quality"] = 90
    with written_whole(path) as beside:
        first.save(beside, kind, save_all=True, append_images=list(pictures), **options)


def _picture(frame: UInt8Array, solid: bool) -> Image.Image:
    if solid and frame.shape[2] == 4:
        frame = frame.copy()
        frame[..., 3] = np.where(frame[..., 3] >= SOLID, 255, 0)
    return Image.fromarray(frame)
