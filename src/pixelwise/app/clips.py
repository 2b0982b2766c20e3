"""Clips whose background is replaced: they wait in the same line as photos."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from pixelwise.app.line import Line
from pixelwise.app.photos import safe_name
from pixelwise.backgrounds import Background, blur_video
from pixelwise.errors import ArgumentError, PixelwiseError
from pixelwise.inference.predictor import Predictor
from pixelwise.io.video import need_av

MOST_CLIPS = 4
"""Clips that are kept; the oldest that is done goes."""


@dataclass(eq=False)
class Clip:
    """A clip on its way.

    Parameters
    ----------
    id, name : str
    source, out : Path
    done : float
        0..1.
    state : str
        ``waiting``, ``running``, ``done`` or ``failed``.
    message : str
        Why it failed.
    """

    id: str
    name: str
    source: Path
    out: Path
    done: float = 0.0
    state: str = "waiting"
    message: str = ""

    def as_json(self) -> dict[str, object]:
        """Return what the page shows of it."""
        names = ("id", "name", "done", "state", "message")
        return {name: getattr(self, name) for name in names}


class Clips:
    """The clips of a page.

    Parameters
    ----------
    folder : Path
        For their files.
    line : Line
    """

    def __init__(self, folder: Path, line: Line) -> None:
        self._folder, self._line = folder, line
        self._clips: dict[str, Clip] = {}
        self._numbers = itertools.count(1)

    def __getitem__(self, id_: str) -> Clip:
        """Return a clip; KeyError if there is none."""
        return self._clips[id_]

    def add(self, name: str, data: bytes, predictor: Predictor, background: Background) -> Clip:
        """Put a clip into the line.

        Raises
        ------
        MissingExtraError
            PyAV is not installed.
        ArgumentError
            A transparent background, which browsers do not play.
        """
        need_av()
        if background.transparent:
            raise ArgumentError("clips here need a colour or blur behind the subject")
        number = str(next(self._numbers))
        stem = f"clip_{number}"
        source = self._folder / f"{stem}_{safe_name(name)}"
        source.write_bytes(data)
        clip = Clip(number, safe_name(name), source, self._folder / f"{stem}.mp4")
        self._clips[number] = clip
        over = [c for c in self._clips.values() if c.state in ("done", "failed")]
        for oldest in over[: max(0, len(self._clips) - MOST_CLIPS)]:
            del self._clips[oldest.id]
            oldest.out.unlink(missing_ok=True)
        self._line.join(("clip", number), lambda: self._blur(clip, predictor, background))
        return clip

    def _blur(self, clip: Clip, predictor: Predictor, background: Background) -> None:
        def on_frame(done: int, total: int) -> None:
            clip.done = min(0.99, done / total) if total else 0.5

        clip.state = "running"
        try:
            outcome = blur_video(predictor, clip.source, clip.out, background, on_frame=on_frame)
        except PixelwiseError as error:
            clip.state, clip.message = "failed", str(error).replace(str(clip.source), clip.name)
        except Exception as error:
            # Whatever it was, who waits for the clip has to learn that it will not come.
            clip.state, clip.message = "failed", f"{clip.name}: {error}"
            raise
        else:
            found = bool(outcome.frames)
            clip.state, clip.done = ("done", 1.0) if found else ("failed", 0.0)
            clip.message = "" if found else f"{clip.name}: no frame shows a subject"
        finally:
            clip.source.unlink(missing_ok=True)
