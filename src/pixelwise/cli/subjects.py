"""What ``pixelwise blur`` and ``pixelwise cutout`` share: subjects, inputs and outputs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from pixelwise.cli.inputs import PIPE, local_files, read_stdin
from pixelwise.cli.predict import say_ranges
from pixelwise.errors import ArgumentError, ImageFileError, PixelwiseError

if TYPE_CHECKING:
    from pixelwise.backgrounds import Background, Selection
    from pixelwise.inference import Predictor
    from pixelwise.io.folders import Found

NOTHING_WRITTEN = 3
"""Exit code if no photo and no clip shows a subject: nothing failed, but nothing was written."""

PAUSE = 1.0
"""Seconds between two looks at a folder that is watched."""

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT", help="Photos, folders or globs of them, clips, or - for stdin."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="File to write, or - for stdout; a folder for several inputs."),
]
Subject = Annotated[
    list[str] | None,
    typer.Option(
        metavar="all | largest | person,dog | 2",
        help="What is kept: all that stands out, only its largest area, classes, or the instance "
        "of this number.",
    ),
]
At = Annotated[
    str | None, typer.Option(metavar="X,Y", help="Keep the instance at this pixel of a photo.")
]
Box = Annotated[
    str | None,
    typer.Option(
        metavar="LEFT,TOP,RIGHT,BOTTOM", help="Keep only what is inside this box of a photo."
    ),
]
Crop = Annotated[bool, typer.Option("--crop", help="Crop each photo to its subject.")]
Shadow = Annotated[
    bool,
    typer.Option("--shadow", help="Keep the shadow that the subject casts on plain ground."),
]
Watch = Annotated[
    bool,
    typer.Option("--watch", help="Wait for further photos in the folder; Ctrl-C ends it."),
]


@dataclass(frozen=True)
class Job:
    """Subjects to keep, and what comes behind them.

    Parameters
    ----------
    look : Background
    selection : Selection
    weights : str, optional
        Those that suit the selection if not given.
    crop : bool
    recursive : bool
        Search folders with all that lies below them.
    alpha, save_alpha : Path, optional
        As for `pixelwise.blur_files`.
    """

    look: Background
    selection: Selection
    weights: str | None = None
    crop: bool = False
    recursive: bool = True
    alpha: Path | None = None
    save_alpha: Path | None = None

    def run(
        self,
        inputs: Sequence[str],
        out: Path | None,
        watch: bool = False,
        allow_url: bool = False,
    ) -> None:
        """Change photos and clips, and say what was written.

        Parameters
        ----------
        inputs : sequence of str
            As the person gave them.
        out : Path, optional
        watch, allow_url : bool

        Raises
        ------
        ArgumentError
            Inputs and outputs that do not fit together.
        ImageFileError
            Some photos could not be read; the others are written.
        """
        if not inputs or out is None:
            meant = f", as in {' '.join(inputs[:-1])} --out {inputs[-1]}" if len(inputs) > 1 else ""
            raise ArgumentError(f"give a photo or a clip, and --out{meant}")
        with local_files(inputs, allow_url) as named:
            files = [path for path, _ in named]
            if watch:
                self._watch(files, out)
            else:
                self._change(files, out)

    def _change(self, inputs: Sequence[Path], out: Path) -> None:
        from pixelwise.io.folders import distinct_names, find_in
        from pixelwise.io.video import is_video
        from pixelwise.one_line import clip_name

        clips = [path for path in inputs if is_video(path)]
        photos = [path for path in inputs if path not in clips]
        if PIPE in inputs and len(inputs) > 1:
            raise ArgumentError("-: standard input is one photo; leave the other inputs out")
        if out == PIPE and (len(inputs) > 1 or clips or inputs[0].is_dir()):
            raise ArgumentError("--out -: only one photo can go to standard output")
        if len(inputs) > 1 and is_file_name(out):
            raise ArgumentError(f"{out}: several inputs need a folder, not a file")
        if clips:
            self._check_clips()
        predictor, written = self.predictor(bool(clips)), 0
        with piped(photos, out, self.look.suffixes) as (files, results):
            if photos:
                found = find_in(files, recursive=self.recursive, skip=out)
                written += self.photos(predictor, found, results, out == PIPE)
        for clip, name in distinct_names({clip: Path(clip.name) for clip in clips}).items():
            result = out if is_file_name(out) else out / clip_name(clip, name, self.look)
            written += self._clip(predictor, clip, result)
        if not written:
            raise typer.Exit(NOTHING_WRITTEN)

    def predictor(self, clips: bool) -> Predictor:
        """Load the weights. For clips on one thread: decoding, matte and encoding have theirs."""
        from pixelwise.inference import Predictor

        threads = 1 if clips else None
        weights = self.weights or self.selection.weights
        return Predictor.load(weights, threads, instances=self.selection.of_instances)

    def _check_clips(self) -> None:
        if self.alpha or self.save_alpha:
            raise ArgumentError("an alpha belongs to one photo; clips find their own")
        if self.crop or self.look.shadow or self.selection.of_instances or self.selection.box:
            raise ArgumentError(
                "--crop, --shadow, --box, --at and the number of an instance are for photos, since "
                "what they name moves in a clip"
            )

    def photos(self, predictor: Predictor, found: Found, out: Path, piped: bool = False) -> int:
        """Change photos and animations, report each, and return how many were written."""
        from pixelwise.backgrounds import blur_files
        from pixelwise.io.animation import is_animation
        from pixelwise.one_line import clip_name

        if len(found.names) > 1 and is_file_name(out):
            raise ArgumentError(f"{out}: several inputs need a folder, not a file")
        moving = [path for path in found.names if is_animation(path)]
        still = {path: name for path, name in found.names.items() if path not in moving}
        if moving:
            self._check_clips()
        written, report = 0, sys.stderr if piped else sys.stdout
        for path in moving:
            name = clip_name(path, found.names[path], self.look)
            result = out if is_file_name(out) else out / name
            written += self._clip(predictor, path, result, report)
        outcome = blur_files(
            *(predictor, still, out, self.look, self.selection),
            *(self.alpha, self.save_alpha, self.crop),
        )
        for path, names in outcome.written.items():
            print(f"wrote {'-' if piped else path}: {', '.join(names)} kept", file=report)
        for photo in outcome.without:
            print(f"{photo}: found {self._asked(predictor)}; nothing written", file=report)
        written += len(outcome.written)
        if not piped:
            say_ranges(still)
        if found.passed_over:
            print(f"{written} photos written{found.said()}", file=report)
        if outcome.failed:
            raise ImageFileError("; ".join(outcome.failed.values()))
        found.stop_on_unread()
        return written

    def _clip(
        self, predictor: Predictor, clip: Path, result: Path, report: TextIO = sys.stdout
    ) -> bool:
        """Change a clip, report it, and return whether it was written."""
        from pixelwise.backgrounds import blur_animation, blur_video
        from pixelwise.io.video import is_video

        blurred = blur_video if is_video(clip) else blur_animation
        outcome = blurred(predictor, clip, result, self.look, self.selection.names)
        if not outcome.names:
            print(f"{clip}: found {self._asked(predictor)}; nothing written", file=report)
            return False
        kept = ", ".join(outcome.names)
        print(f"wrote {result}: {outcome.frames} frames, {kept} kept", file=report)
        for trouble in outcome.trouble[:3]:
            print(f"{clip}: {trouble}; what could be read is written", file=report)
        return True

    def _asked(self, predictor: Predictor) -> str:
        """Say what was looked for and not found."""
        from pixelwise.backgrounds.subject import ALL, LARGEST, subject_ids

        if self.selection.at is not None:
            return f"nothing at {self.selection.at[0]},{self.selection.at[1]}"
        if self.selection.instance is not None:
            return f"no instance {self.selection.instance}"
        names = self.selection.names
        if predictor.card.foreground and not set(names) - {ALL, LARGEST}:
            return "nothing that stands out"
        asked = (predictor.classes.names[i] for i in subject_ids(predictor, names))
        return f"none of {', '.join(asked)}"

    def _watch(self, inputs: Sequence[Path], out: Path) -> None:
        """Change each photo that appears in a folder, until Ctrl-C."""
        if len(inputs) != 1 or not inputs[0].is_dir():
            raise ArgumentError("--watch: give one folder of photos")
        if is_file_name(out) or out.resolve() == inputs[0].resolve():
            raise ArgumentError("--watch: give another folder as --out")
        if self.alpha or self.save_alpha:
            raise ArgumentError("--watch: an alpha belongs to one photo")
        from pixelwise.io.folders import find_in

        predictor = self.predictor(clips=False)
        print(f"watching {inputs[0]}; Ctrl-C ends it", flush=True)
        first: dict[str, Path] = {}
        for photo in appearing(inputs[0]):
            # a.png after a.jpg: the cut-out of the other one is a.png already.
            own = first.setdefault(photo.stem, photo) == photo
            name = photo.stem if own else photo.name + photo.suffix
            try:
                found = replace(find_in([photo]), names={photo: name})
                self.photos(predictor, found, out)
            except PixelwiseError as error:
                print(error, file=sys.stderr)
            sys.stdout.flush()


def with_shadow(look: Background, shadow: bool) -> Background:
    """Return a background before which the subject's shadow stays, if that is asked for.

    Raises
    ------
    ArgumentError
        It is the photo's own.
    """
    from pixelwise.backgrounds import Blur

    if not shadow:
        return look
    if isinstance(look, Blur):
        raise ArgumentError("--shadow: a blurred background is the photo's own, shadows and all")
    return replace(look, shadow=True)  # type: ignore[type-var]


def is_file_name(out: Path) -> bool:
    """Tell whether results go into one file of this name; a folder may have a dot in its own."""
    return bool(out.suffix) and not out.is_dir()


def appearing(folder: Path, pause: float = PAUSE) -> Iterator[Path]:
    """Yield the images of a folder and each that appears there, when it has stopped growing.

    Parameters
    ----------
    folder : Path
    pause : float
        Seconds between two looks.
    """
    from pixelwise.io.image import images_in

    done: dict[Path, tuple[int, float]] = {}
    before: dict[Path, tuple[int, float]] = {}
    while True:
        there = {path: path.stat() for path in images_in(folder) if path.exists()}
        now = {path: (stat.st_size, stat.st_mtime) for path, stat in there.items()}
        for path, state in now.items():
            if done.get(path) != state and before.get(path) == state:
                done[path] = state
                yield path
        before = now
        time.sleep(pause)


@contextmanager
def piped(
    inputs: list[Path], out: Path, suffixes: tuple[str, ...]
) -> Iterator[tuple[list[Path], Path]]:
    """Give files in the place of standard input and output.

    Parameters
    ----------
    inputs : list of Path
    out : Path
    suffixes : tuple of str
        Of the files that can hold a result; any if empty.

    Yields
    ------
    inputs : list of Path
    out : Path
        What is written there goes to standard output afterwards.

    Raises
    ------
    ArgumentError
        Standard input is empty.
    """
    if PIPE not in (*inputs, out):
        yield inputs, out
        return
    with TemporaryDirectory() as folder:
        files = list(inputs)
        if PIPE in inputs:
            files = [Path(folder, "stdin")]
            files[0].write_bytes(read_stdin())
        suffix = inputs[0].suffix.lower()
        kept = suffix if suffix and suffix in (suffixes or (suffix,)) else ".png"
        result = Path(folder, f"stdout{kept}") if out == PIPE else out
        yield files, result
        if out == PIPE and result.is_file():
            sys.stdout.buffer.write(result.read_bytes())
            sys.stdout.buffer.flush()
