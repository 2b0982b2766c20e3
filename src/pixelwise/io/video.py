"""Clips in and out: changed frames, the same frame times, sound, rotation and colours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.errors import ArgumentError, VideoFileError, missing_extra
from pixelwise.io.files import written_whole

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer, OutputContainer

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mpg"})
"""The file name suffixes that are taken for clips."""

ENCODERS = {
    ".webm": (("libvpx-vp9", {"crf": "28", "b": "0", "deadline": "realtime", "cpu-used": "6"}),),
    "": (("libx264", {"preset": "superfast", "crf": "20"}), ("mpeg4", {"qscale": "3"})),
}
"""What a clip is encoded with, by its suffix: the first that the installed FFmpeg has.

x264's slower presets make smaller files of one quality, but on two cores they alone take longer
than a clip of 720p lasts; a blurred background compresses well anyway.
"""

PLANAR = ("yuv420p", "yuvj420p", "yuv444p")
"""Pixel formats that are handed on; others become the first, or at odd sizes the last."""

COPIED = ("audio", "subtitle")

LATE = 0.5
"""Seconds by which a clip may end before the time its header says."""


@dataclass
class Clip:
    """What a clip's header says, and what was found while reading it.

    Parameters
    ----------
    path : Path
    size : (height, width)
        Of the pixels as they are stored.
    frames : int
        0 if the header does not say.
    seconds : float
        0 if the header does not say.
    rotation : int
        Degrees by which a player turns the frames, counterclockwise.
    read : int
        Frames read so far.
    trouble : list of str
        What was wrong on the way, with the time in the clip.
    """

    path: Path
    size: tuple[int, int]
    frames: int
    seconds: float
    rotation: int = 0
    read: int = 0
    trouble: list[str] = field(default_factory=list)


def is_video(path: str | Path) -> bool:
    """Return whether a file's suffix is that of a clip.

    Examples
    --------
    >>> is_video("walk.MP4"), is_video("walk.jpg")
    (True, False)
    """
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def rewrite(
    source: Path,
    out: Path,
    change: Callable[[Iterator[VideoFrame], Clip], Iterator[VideoFrame]],
) -> Clip:
    """Write a clip with its frames changed. Sound is copied, frame times are kept.

    Parameters
    ----------
    source, out : Path
        The suffix of ``out`` chooses the container and the encoder.
    change : callable
        From an iterator of frames to one of as many frames of the same size, in the same order.
        The frames come as they are stored, in one of `PLANAR`; each of the changed ones must
        carry the ``pts`` of its original.

    Returns
    -------
    Clip
        ``trouble`` says where a damaged clip broke; what could be read is in ``out``.

    Raises
    ------
    VideoFileError
        The clip cannot be read at all, or holds no video.
    ArgumentError
        ``out`` has a suffix for which there is no container, or is the source itself.
    """
    if source.resolve() == out.resolve():
        raise ArgumentError(f"{out}: would overwrite the clip; choose another --out")
    with closing(_opened(source)) as container, written_whole(out) as beside:
        copies: deque[Any] = deque()
        clip = _clip(container, source)
        frames = _frames(container, clip, copies)
        first = next(frames, None)
        if first is None:
            why = f" ({clip.trouble[0]})" if clip.trouble else ""
            raise VideoFileError(f"{source}: no frame of it can be read{why}")
        clip.rotation = first.rotation
        try:
            with closing(_created(beside)) as target:
                _encode(container, target, change(chain([first], frames), clip), copies, clip)
        except need_av().error.FFmpegError as error:
            raise ArgumentError(f"{out}: cannot be written ({error.strerror})") from None
    return clip


def need_av() -> Any:
    """Return PyAV.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        import av
        import av.error
    except ImportError:
        raise missing_extra("video", "PyAV", "video") from None
    return av


def _opened(path: Path) -> InputContainer:
    av = need_av()
    try:
        container: InputContainer = av.open(str(path))
    except FileNotFoundError:
        raise VideoFileError(f"{path}: no such file") from None
    except av.error.FFmpegError as error:
        raise VideoFileError(f"{path}: not a clip that can be read ({error.strerror})") from None
    if not container.streams.video:
        container.close()
        raise VideoFileError(f"{path}: holds no video")
    return container


def _clip(container: InputContainer, path: Path) -> Clip:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    seconds = (container.duration or 0) / 1e6
    size = stream.codec_context.height, stream.codec_context.width
    return Clip(path, size, stream.frames, seconds)


def _frames(container: InputContainer, clip: Clip, copies: deque[Any]) -> Iterator[VideoFrame]:
    """Yield the frames; packets that are to be copied are put aside on the way."""
    av = need_av()
    video = container.streams.video[0]
    copied = [s for s in container.streams if s.type in COPIED]
    packets = container.demux(video, *copied)
    last, end = 0.0, 0.0
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except av.error.FFmpegError as error:
            clip.trouble.append(f"cannot be read beyond {end:.2f} s ({error.strerror})")
            break
        if packet.stream.type in COPIED:
            if packet.dts is not None:
                copies.append(packet)
            continue
        try:
            decoded: list[Any] = packet.decode()
        except av.error.FFmpegError as error:
            clip.trouble.append(f"damaged after {end:.2f} s ({error.strerror})")
            continue
        for frame in decoded:
            clip.read += 1
            last, end = end, max(end, frame.time or 0.0)
            if frame.is_corrupt:
                clip.trouble.append(f"damaged at {frame.time or 0:.2f} s")
            yield frame
    begin = (container.start_time or 0) / 1e6
    missing = clip.frames - clip.read if clip.frames else 0
    if missing > 1 or (clip.seconds and clip.seconds + begin - (2 * end - last) > LATE):
        clip.trouble.append(f"ends at {end:.2f} s of {clip.seconds:.2f} s")


def _created(path: Path) -> OutputContainer:
    av = need_av()
    try:
        return av.open(str(path), "w")  # type: ignore[no-any-return]
    except (ValueError, av.error.FFmpegError):
        raise ArgumentError(f"{path.suffix!r}: not a clip; try .mp4, .mkv or .webm") from None


def _encode(
    container: InputContainer,
    target: OutputContainer,
    frames: Iterator[VideoFrame],
    copies: deque[Any],
    clip: Clip,
) -> None:
    source = container.streams.video[0]
    target.metadata.update(container.metadata)
    name, options = _encoder(Path(target.name).suffix)
    video: Any = target.add_stream(name, rate=source.average_rate or 25)
    video.options = options
    context, old = video.codec_context, source.codec_context
    context.height, context.width = clip.size
    context.time_base = source.time_base
    context.thread_type = "AUTO"
    if old.sample_aspect_ratio:
        context.sample_aspect_ratio = old.sample_aspect_ratio
    for colour in ("color_range", "colorspace", "color_primaries", "color_trc"):
        setattr(context, colour, getattr(old, colour))
    if clip.rotation:
        video.set_display_rotation(clip.rotation)
    # Sound fits most containers, subtitles seldom any but their own.
    fitting = COPIED if Path(target.name).suffix == clip.path.suffix else COPIED[:1]
    streams = {
        s.index: target.add_stream_from_template(s)
        for s in container.streams
        if s.type in fitting and s.codec_context is not None
    }

    def copy() -> None:
        while copies:
            packet = copies.popleft()
            if packet.stream.index in streams:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)

    for frame in frames:
        if not context.is_open:
            context.pix_fmt = frame.format.name
        frame.pict_type = 0  # the encoder chooses anew
        target.mux(video.encode(frame))
        copy()
    target.mux(video.encode(None))
    copy()


def _encoder(suffix: str) -> tuple[str, dict[str, str]]:
    av = need_av()
    for name, options in ENCODERS.get(suffix.lower(), ENCODERS[""]):
        if name in av.codecs_available:
            return name, options
    raise ArgumentError(f"{suffix}: the installed PyAV has no encoder for it; try .mp4")
