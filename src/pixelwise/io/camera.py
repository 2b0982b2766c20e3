"""A camera's frames, and where live frames go: a window, a virtual camera or a clip."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from pixelwise.errors import ArgumentError, VideoFileError
from pixelwise.io.video import need_av

if TYPE_CHECKING:
    from av import VideoFrame

SYSTEMS = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}"),
    "win32": ("dshow", "video={}"),
}
"""FFmpeg's name for a system's cameras, and for one of them."""


def show_live(camera: str, out: Path | None, change: Callable[[Iterator[VideoFrame]], Any]) -> int:
    """Show what a camera sees, changed, until its window is closed or Ctrl-C.

    Frames that arrive while one is processed are dropped, so that the video does not lag.

    Parameters
    ----------
    camera : str
        Its number or name; or a clip, whose frames are all used in its place.
    out : Path, optional
        A virtual camera, e.g. ``/dev/video10`` of v4l2loopback, or a clip to write; a window if
        not given.
    change : callable
        From an iterator of frames to a generator of the changed ones.

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
    """
    clip, shown = Path(camera).is_file(), 0
    with closing(_opened(camera)) as container:
        frames = container.decode(video=0) if clip else _newest(container.decode(video=0))
        with closing(change(frames)) as made, suppress(KeyboardInterrupt):
            for _ in _window(made) if out is None else _written(made, out):
                shown += 1
    return shown


def _opened(camera: str) -> Any:
    av = need_av()
    try:
        if Path(camera).is_file():
            return av.open(camera)
        kind, name = SYSTEMS.get(sys.platform, SYSTEMS["linux"])
        return av.open(name.format(camera) if camera.isdigit() else camera, format=kind)
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise VideoFileError(f"camera {camera}: cannot be opened ({error})") from None


def _newest(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield the newest frame whenever one is asked for; those in between are dropped."""
    latest: Queue[Any] = Queue(1)
    stopped = Event()

    def run() -> None:
        last: Any = None
        try:
            for frame in frames:
                if stopped.is_set():
                    return
                _replace(latest, frame)
        except BaseException as error:
            last = error
        _replace(latest, last)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        while True:
            frame = latest.get()
            if frame is None:
                return
            if isinstance(frame, BaseException):
                raise frame
            yield frame
    finally:
        stopped.set()
        thread.join()


def _replace(latest: Queue[Any], item: Any) -> None:
    with suppress(Empty):
        latest.get_nowait()
    latest.put(item)


def _written(frames: Iterator[VideoFrame], out: Path) -> Iterator[None]:
    """Write raw frames into a virtual camera, or a clip; yields after each."""
    av = need_av()
    virtual = out.is_char_device()
    try:
        target = av.open(str(out), "w", format="v4l2" if virtual else None)
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise ArgumentError(f"{out}: cannot be written ({error})") from None
    with closing(target):
        stream: Any = None
        for frame in frames:
            if stream is None:
                stream = target.add_stream("rawvideo" if virtual else "libx264", rate=30)
                stream.width, stream.height = frame.width, frame.height
                stream.pix_fmt = frame.format.name
                stream.codec_context.time_base = frame.time_base
            frame.pict_type = 0
            target.mux(stream.encode(frame))
            yield
        if stream is not None:
            target.mux(stream.encode(None))


def _window(frames: Iterator[VideoFrame]) -> Iterator[None]:
    """Show frames in a window until it is closed; yields after each."""
    try:
        import tkinter

        from PIL import ImageTk

        root = tkinter.Tk()
    except ImportError as error:
        raise ArgumentError(f"no window can be opened ({error}); give --out") from None
    except tkinter.TclError as error:
        raise ArgumentError(f"no window can be opened ({error}); give --out") from None
    root.title("pixelwise")
    label = tkinter.Label(root)
    label.pack()
    closed = []
    root.protocol("WM_DELETE_WINDOW", lambda: closed.append(True))
    try:
        for frame in frames:
            shown = ImageTk.PhotoImage(frame.to_image())  # type: ignore[no-untyped-call]
            label.configure(image=shown)
            root.update()
            yield
            if closed:
                return
    finally:
        root.destroy()
