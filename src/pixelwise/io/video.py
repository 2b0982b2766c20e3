"""Clips in and out: changed frames, the same frame times, sound, rotation and colours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.errors import ArgumentError, VideoFileError, missing_extra
from pixelwise.io.files import written_whole
from pixelwise.samples import Float32Array, UInt8Array

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer, OutputContainer

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts", ".mpg", ".3gp", ".3g2"}
)
"""The file name suffixes that are taken for clips."""

ENCODERS = {
    ".webm": (("libvpx-vp9", {"crf": "28", "b": "0", "deadline": "realtime", "cpu-used": "6"}),),
    # H.264 in AVI, which has no times of its own, is shown a frame late.
    ".avi": (("mpeg4", {"qscale": "3"}),),
    "": (("libx264", {"preset": "superfast", "crf": "20"}), ("mpeg4", {"qscale": "3"})),
}
"""What a clip is encoded with, by its suffix: the first that the installed FFmpeg has.

x264's slower presets make smaller files of one quality, but on two cores they alone take longer
than a clip of 720p lasts; a blurred background compresses well anyway.
"""

QUICK = {"libx264": {"preset": "ultrafast", "crf": "20", "x264-params": "deblock=1"}}
"""Options for clips that are made to be looked at: of 720p, x264 takes 0.4 times as long as with
those above, and the file is 1.5 times as large at half a dB less."""

TRANSPARENT = {
    ".webm": ("libvpx-vp9", "yuva420p", ENCODERS[".webm"][0][1] | {"auto-alt-ref": "0"}),
    ".mov": ("prores_ks", "yuva444p10le", {"profile": "4444"}),
}
"""Encoder, pixel format and options of clips with transparency, by their suffix."""

DEEP_ENCODER = ("libx265", {"preset": "ultrafast", "crf": "20", "x265-params": "log-level=error"})
"""What clips of more than 8 bits are encoded with, HDR among them: players know its 10 bits."""

DEEP_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".ts", ".mts")
"""Of the containers that hold it."""

EIGHT_BITS, ODD_SIZES, TEN_BITS = "yuv420p", "yuv444p", "yuv420p10le"
PLANAR = (EIGHT_BITS, "yuvj420p", ODD_SIZES, TEN_BITS)
"""Pixel formats that are handed on; see `stored_format`."""

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
    transparent: bool = False,
    quick: bool = False,
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
    transparent : bool
        The changed frames have an alpha plane: RGBA, which the encoder is given in its own format.
    quick : bool
        Encode with `QUICK`.

    Returns
    -------
    Clip
        ``trouble`` says where a damaged clip broke; what could be read is in ``out``.

    Raises
    ------
    VideoFileError
        The clip cannot be read at all, or holds no video.
    ArgumentError
        ``out`` has a suffix for which there is no container, or none with transparency, or is the
        source itself.
    """
    if transparent and out.suffix.lower() not in TRANSPARENT:
        known = " or ".join(TRANSPARENT)
        raise ArgumentError(f"{out}: a clip with transparency needs a file that ends in {known}")
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
                changed = change(chain([first], frames), clip)
                _encode(container, target, changed, copies, clip, transparent, quick)
        except need_av().error.FFmpegError as error:
            raise ArgumentError(f"{out}: cannot be written ({error.strerror})") from None
    return clip


@contextmanager
def opened_clip(source: Path) -> Iterator[tuple[Clip, Iterator[VideoFrame]]]:
    """Read a clip frame by frame, as `rewrite` does; nothing is written.

    Parameters
    ----------
    source : Path

    Yields
    ------
    clip : Clip
        Its rotation is known once a frame has been read.
    frames : iterator of av.VideoFrame

    Raises
    ------
    VideoFileError
        The clip cannot be read at all, or holds no video.
    """
    with closing(_opened(source)) as container:
        clip = _clip(container, source)
        frames = _frames(container, clip, deque())
        first = next(frames, None)
        if first is None:
            why = f" ({clip.trouble[0]})" if clip.trouble else ""
            raise VideoFileError(f"{source}: no frame of it can be read{why}")
        clip.rotation = first.rotation
        yield clip, chain([first], frames)


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
            rate, unit = video.average_rate, video.time_base
            if container.format.name == "avi" and rate and unit:
                # It says when frames are decoded, not when they are shown.
                frame.pts, frame.time_base = round(clip.read / (rate * unit)), unit
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
    transparent: bool,
    quick: bool,
) -> None:
    source = container.streams.video[0]
    target.metadata.update(container.metadata)
    suffix = Path(target.name).suffix
    deep = is_deep(source.codec_context.format)
    name, options = _encoder(suffix, transparent, deep)
    pix_fmt = TRANSPARENT[suffix.lower()][1] if transparent else None
    takes = {format_.name for format_ in need_av().Codec(name, "w").video_formats or ()}
    if deep and TEN_BITS not in takes and not transparent:
        clip.trouble.append(f"{suffix}: its encoder takes 8 bits, the clip has more")
    video: Any = target.add_stream(name, rate=source.average_rate or 25)
    video.options = QUICK.get(name, options) if quick else options
    context, old = video.codec_context, source.codec_context
    context.height, context.width = clip.size
    context.time_base = source.time_base
    if name == DEEP_ENCODER[0] and suffix.lower() in (".mp4", ".mov", ".m4v"):
        context.codec_tag = "hvc1"  # the tag without which Apple's players refuse it
    context.thread_type = "AUTO"
    if old.sample_aspect_ratio:
        context.sample_aspect_ratio = old.sample_aspect_ratio
    for colour in ("color_range", "colorspace", "color_primaries", "color_trc"):
        setattr(context, colour, getattr(old, colour))
    if clip.rotation:
        video.set_display_rotation(clip.rotation)
    # Sound fits most containers, subtitles seldom any but their own.
    fitting = COPIED if suffix == clip.path.suffix else COPIED[:1]
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
        kind = pix_fmt or (frame.format.name if frame.format.name in takes else EIGHT_BITS)
        given = frame if frame.format.name == kind else planar(frame, kind)
        if not context.is_open:
            context.pix_fmt = given.format.name
        given.pict_type = 0  # the encoder chooses anew
        target.mux(video.encode(given))
        copy()
    target.mux(video.encode(None))
    copy()


def planar(frame: VideoFrame, kind: str) -> VideoFrame:
    """Return a frame in another pixel format, at the same time."""
    made: VideoFrame = frame.reformat(format=kind)
    made.pts, made.time_base = frame.pts, frame.time_base
    return made


def is_deep(format_: Any) -> bool:
    """Return whether a pixel format of PyAV has more than 8 bits per value."""
    return format_ is not None and any(part.bits > 8 for part in format_.components)


def stored_format(frame: VideoFrame) -> str:
    """Return which of `PLANAR` a frame is worked on in."""
    if frame.width % 2 or frame.height % 2:
        return ODD_SIZES
    if frame.format.name in PLANAR:
        return frame.format.name
    return TEN_BITS if is_deep(frame.format) else EIGHT_BITS


def _encoder(suffix: str, transparent: bool, deep: bool) -> tuple[str, dict[str, str]]:
    av = need_av()
    known = ENCODERS.get(suffix.lower(), ENCODERS[""])
    if deep and suffix.lower() in DEEP_SUFFIXES:
        known = (DEEP_ENCODER, *known)
    if transparent:
        codec, _, settings = TRANSPARENT[suffix.lower()]
        known = ((codec, settings),)
    for name, options in known:
        if name in av.codecs_available:
            return name, options
    raise ArgumentError(f"{suffix}: the installed PyAV has no encoder for it; try .mp4")


def mix_into(frame: VideoFrame, background: UInt8Array, alpha: Float32Array, rotation: int) -> None:
    """Blend an upright background into the planes of a frame, by 1 - alpha; the frame changes.

    Parameters
    ----------
    frame : av.VideoFrame
        In one of `PLANAR`.
    background : (h, w, 3) uint8
        RGB, as a player shows it; of any size.
    alpha : (h, w) float32
        Share of the frame, 0..1.
    rotation : int
        Degrees counterclockwise by which a player turns the frame.
    """
    from av import VideoFrame

    background = np.rot90(background, -rotation // 90)
    alpha = np.ascontiguousarray(np.rot90(alpha, -rotation // 90))
    changed = _box_below_one(alpha)
    if changed is None:
        return
    even = background.shape[0] // 2 * 2, background.shape[1] // 2 * 2
    rgb = np.ascontiguousarray(background[: even[0], : even[1]])
    behind = VideoFrame.from_ndarray(rgb, format="rgb24")
    behind = behind.reformat(format=frame.format.name, dst_colorspace=matrix_of(frame), threads=1)
    frame.make_writable()
    kind = np.dtype(np.uint16 if is_deep(frame.format) else np.uint8)
    shares: dict[tuple[int, int], Any] = {}  # by (width, height), as OpenCV takes it
    for plane, other in zip(frame.planes, behind.planes, strict=True):
        size = plane.width, plane.height
        own = pixels_of(plane, kind)
        if size not in shares:  # both colour planes have the same size
            shares[size] = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
        box = _enlarged_box(changed, alpha.shape, own.shape)
        share = shares[size][box]
        new = cv2.resize(pixels_of(other, kind), size, interpolation=cv2.INTER_LINEAR)[box]
        own = own[box]
        if own.dtype == np.uint8:
            cv2.blendLinear(own, new, share, 1 - share, dst=own)
        else:  # OpenCV blends no 16-bit integers
            own[:] = np.rint(new + share * (own.astype(np.float32) - new))


def _box_below_one(alpha: Float32Array) -> tuple[slice, slice] | None:
    """Return the smallest box around all that is not 1."""
    below = alpha < 1
    rows, columns = np.flatnonzero(below.any(axis=1)), np.flatnonzero(below.any(axis=0))
    if not rows.size:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _enlarged_box(
    box: tuple[slice, slice], size: tuple[int, ...], other: tuple[int, ...]
) -> tuple[slice, slice]:
    """Return where a box lies in an image of another size, with all that it is mixed into."""
    rows, columns = (
        slice(max(0, (s.start - 1) * new // old - 1), min(new, -(-(s.stop + 1) * new // old) + 1))
        for s, old, new in zip(box, size, other, strict=True)
    )
    return rows, columns


def pixels_of(plane: Any, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the pixels of a plane, (h, w) of a dtype."""
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    return rows[: plane.height, : plane.width]


def matrix_of(frame: VideoFrame) -> int:
    """Return FFmpeg's number of a frame's colour matrix; if unknown, what players assume."""
    stated = int(frame.colorspace)
    return stated if stated in (1, 4, 5, 6, 7, 9) else 1 if frame.height >= 720 else 5
