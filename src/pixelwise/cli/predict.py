"""``pixelwise predict``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.elsewhere import named_camera
from pixelwise.cli.inputs import PIPE, AllowUrl, local_files, read_stdin
from pixelwise.cli.options import Device, Recursive, Weights, choice
from pixelwise.defaults import DEVICE, PART, TILE, WEIGHTS
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.files import stay_here

if TYPE_CHECKING:
    from pixelwise.inference import Prediction, Predictor
    from pixelwise.io.depth import Range
    from pixelwise.io.folders import Found

FEW = 6
"""Classes, the background among them, that are named where none was found."""

SHOWN = 20
"""Instances that the table of an image lists, those of the best scores."""


def predict(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="Images, folders, globs such as '*.jpg', clips, or - for stdin.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder for the results, or - for stdout. Without it, what was found is printed, "
            "and --save writes beside each image."
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            help="Predict live from this camera (0, /dev/video0); into a window, or into the "
            "virtual camera or clip given as --out."
        ),
    ] = None,
    weights: Weights = WEIGHTS,
    save: Annotated[
        list[str] | None,
        choice(
            "inference.outputs:ALL_KINDS",
            show_default="png, overlay, instances, instances_overlay",
            help="What to write; repeat it for more.",
        ),
    ] = None,
    least_score: Annotated[
        float | None,
        typer.Option(
            show_default="the weights' own", help="Leave out instances that score less, 0 to 1."
        ),
    ] = None,
    classes: Annotated[
        str, typer.Option(metavar="person,dog", help="Only these classes, and the background.")
    ] = "",
    min_area: Annotated[
        int,
        typer.Option(
            min=0,
            help="Areas of fewer pixels go to the class around them; such instances are left out.",
        ),
    ] = 0,
    tta: Annotated[
        str,
        typer.Option(
            metavar="{inference.predictor:TTA}",
            help="Test-time augmentation: average over the mirrored image, other scales, or both.",
        ),
    ] = "",
    tile: Annotated[
        int,
        typer.Option(
            min=1,
            help="Images longer than this, px, are predicted in overlapping tiles of this size.",
        ),
    ] = TILE,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Predict again where the results exist.")
    ] = False,
    bands: Annotated[
        str,
        typer.Option(
            metavar="R,G,B",
            help="Which bands of TIFF files are red, green and blue, or the grey one, from 1.",
        ),
    ] = "",
    recursive: Recursive = True,
    device: Device = DEVICE,
    allow_url: AllowUrl = False,
    engine: Annotated[
        str,
        typer.Option(
            metavar="threads | ray", help="What --save parquet runs on: this process, or Ray."
        ),
    ] = "threads",
    workers: Annotated[int | None, typer.Option(min=1, help="Networks at once on Ray.")] = None,
    part: Annotated[
        int, typer.Option(min=1, help="Images per part of a table: what is written at once.")
    ] = PART,
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster.")] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="With --save parquet: predict what failed again."),
    ] = False,
) -> None:
    """Predict the class of every pixel of images, and their instances.

    Writes STEM.png (class ids, with a palette) and STEM_overlay.jpg; if the weights find
    instances, STEM_instances.png (16-bit ids, 0 = none) and STEM_instances_overlay.jpg too.
    --save chooses other kinds. Without --out and --save it prints what it found. Clips become
    STEM_overlay with their sound; --save png, instances and json (YouTube-VIS) are for them, too.

    Folders are searched with all that lies below, and their tree is kept in --out; images of one
    name but of two kinds keep their suffix in the results' names. Images with results are skipped.
    Images that cannot be read are reported at the end.

    --save parquet writes tables instead: a row per image and per instance. INPUT is one folder or
    URL then (s3://bucket/photos), --out another; the same command resumes.
    """
    from pixelwise.inference.outputs import TABLE
    from pixelwise.io.stored_path import locate
    from pixelwise.io.video import is_video
    from pixelwise.one_line import kept_predictor

    names = tuple(name.strip() for name in classes.split(",") if name.strip())
    views = tuple(name for name in tta.split(",") if name)
    if TABLE in (save or ()):
        if camera is not None or len(inputs or ()) != 1 or out is None or save != [TABLE]:
            raise ArgumentError("--save parquet: expected one INPUT, --out, and no other --save")
        options: dict[str, Any] = {"classes": names, "tta": views, "bands": _numbers(bands)}
        options |= {"least_score": least_score, "min_area": min_area}
        how: dict[str, Any] = {"weights": weights, "part": part, "device": device}
        how |= {"engine": engine, "workers": workers, "address": address}
        _table(inputs[0] if inputs else "", out, options, how, retry_failed)
        return
    # For clips on one thread: decoding, drawing and encoding have theirs.
    threads = 1 if any(is_video(text) for text in inputs or ()) else None
    if camera is None and not inputs:
        raise ArgumentError(
            "INPUT: expected an image, a folder, a clip or --camera 0. See pixelwise predict --help"
        )
    if inputs and camera is None and named_camera(inputs[0]):
        raise ArgumentError(f"{inputs[0]}: no such file. A camera is --camera 0")
    if camera is not None and inputs:
        raise ArgumentError("--camera takes no other input")
    if overwrite and camera is None and (out == str(PIPE) or (out is None and not save)):
        raise ArgumentError("--overwrite: only with --save, or a folder as --out")
    predictor = kept_predictor(weights, device, names or None, threads)
    if least_score is not None:
        predictor = predictor.at_least(least_score)
    if camera is not None:
        from pixelwise.inference.clips import predict_camera

        predict_camera(predictor, camera, None if out is None else stay_here(out))
        return
    job = Job(
        replace(predictor, bands=_numbers(bands)),
        *(tuple(save or ()), overwrite, min_area, views, tile, recursive),
    )
    with local_files(inputs or (), allow_url) as files, piped_in(dict(files)) as given:
        job.run(given, None if out is None else locate(out))


def _table(
    source: str, target: str, options: dict[str, Any], how: dict[str, Any], retry_failed: bool
) -> None:
    """Write tables of what is found in the images of a folder or URL."""
    from pixelwise.errors import missing_extra

    try:
        from pixelwise.cluster import Job as TableJob
        from pixelwise.cluster import predict_table
        from pixelwise.cluster.work import Options
    except ModuleNotFoundError as error:
        raise missing_extra("--save parquet", str(error.name), "table") from None
    summary = predict_table(
        TableJob(source, target, options=Options(**options), **how), retry_failed=retry_failed
    )
    known = f"; {summary.known:,} had rows already" if summary.known else ""
    print(f"predicted {summary.predicted:,} images into {target}{known}")
    if summary.failed:
        raise ImageFileError(
            f"{summary.failed:,} images could not be read: the column error says why; "
            "--retry-failed predicts them again"
        )


@dataclass(frozen=True)
class Job:
    """How images are predicted, and what becomes of the predictions.

    Parameters
    ----------
    predictor : Predictor
    save, overwrite, min_area, tta, tile
        As for `pixelwise.predict_files`.
    recursive : bool
        Search folders with all that lies below them.
    """

    predictor: Predictor
    save: tuple[str, ...]
    overwrite: bool
    min_area: int
    tta: tuple[str, ...]
    tile: int
    recursive: bool

    def run(self, files: dict[Path, str], out: Path | None) -> None:
        """Predict files, which a person calls something, and write or print the results.

        Raises
        ------
        ArgumentError
            Inputs and outputs that do not fit together.
        ImageFileError
            Some images could not be read; the others are predicted.
        """
        from pixelwise.inference.outputs import without_results
        from pixelwise.io.folders import find_in
        from pixelwise.io.stored_path import StoredPath
        from pixelwise.io.video import is_video

        clips = [path for path in files if is_video(path)]
        files = {path: name for path, name in files.items() if path not in clips}
        if out == PIPE and not clips:
            self._to_stdout(files)
            return
        self._clips(clips, out)
        if not files:
            return
        # Results that lie beside their images are not predicted in turn.
        folders = (path if path.is_dir() else path.parent for path in files)
        beside = bool(self.save) if out is None else out.resolve() in {f.resolve() for f in folders}
        keep = without_results if beside else None
        found = find_in(list(files), recursive=self.recursive, skip=out, keep=keep)
        if out is None and not self.save:
            self._print(found, files)
            return
        if out is None:
            if any(isinstance(path, StoredPath) for path in found.names):
                raise ArgumentError("images at a URL: say where the results go (--out)")
            if "coco" in self.save:
                raise ArgumentError("--save coco makes one file of all images; give --out")
            alike = Counter(p.with_suffix("") for p in found.names)
            own = {p: p if alike[p.with_suffix("")] > 1 else p.with_suffix("") for p in found.names}
            names = {p: str(name.absolute()) for p, name in own.items()}
            found, out = replace(found, names=names), Path()
        self._write(found, out)

    def _clips(self, clips: Sequence[Path], out: Path | None) -> None:
        """Predict clips, report each, and write an overlay or what --save says."""
        from pixelwise.inference import predict_video
        from pixelwise.io.folders import distinct_names

        if clips and out in (None, PIPE):
            raise ArgumentError(f"{clips[0]}: a clip needs a folder as --out")
        if clips and out is not None:
            stay_here(out)
        if clips and (self.min_area or self.tta or self.predictor.bands):
            raise ArgumentError("--min-area, --tta and --bands are for images, not for clips")
        for clip, name in distinct_names({clip: Path(clip.name) for clip in clips}).items():
            # The results are called as the clip is: what distinguishes it is their folder.
            place = Path(out or "", name)
            folder = place.parent if place.name == clip.stem else place
            outcome = predict_video(self.predictor, clip, folder, self.save or ("overlay",))
            counts = Counter(outcome.tracks.values()).most_common()
            said = ", ".join(f"{n} x {name}" for name, n in counts)
            print(f"{clip}: {outcome.frames} frames" + (f"; followed {said}" if said else ""))
            for path in outcome.written:
                print(f"wrote {path}")
            for trouble in outcome.trouble[:3]:
                print(f"{clip}: {trouble}; what could be read is written")

    def _write(self, found: Found, out: Path) -> None:
        from pixelwise.inference import predict_files

        outcome = predict_files(
            self.predictor,
            found.names,
            out,
            self.save,
            overwrite=self.overwrite,
            min_area=self.min_area,
            tta=self.tta,
            tile=self.tile,
        )
        skipped = f"; {len(outcome.skipped)} had results already" if outcome.skipped else ""
        where = "beside them" if out == Path() else f"into {out}"
        print(f"predicted {len(outcome.written)} images {where}{skipped}{found.said()}")
        say_ranges(outcome.written, self.predictor.bands, self.predictor.levels)
        if outcome.in_tiles:
            print(f"{len(outcome.in_tiles)} of them in tiles, without instances")
        _stop_on(outcome.failed)
        found.stop_on_unread()

    def _to_stdout(self, files: dict[Path, str]) -> None:
        """Write one kind of result of one image to standard output."""
        from pixelwise.inference import predict_files
        from pixelwise.inference.outputs import output_path

        kind = self.save[0] if self.save else "png"
        if len(files) != 1 or next(iter(files)).is_dir() or len(self.save) > 1:
            raise ArgumentError("--out -: expected one image, and --save at most once")
        if kind in ("coco", "crops"):
            raise ArgumentError(f"--out -: --save {kind} is more than one file; give a folder")
        with TemporaryDirectory() as folder:
            (path,) = files
            outcome = predict_files(
                self.predictor,
                {path: "result"},
                Path(folder),
                (kind,),
                min_area=self.min_area,
                tta=self.tta,
                tile=self.tile,
            )
            _stop_on(outcome.failed)
            sys.stdout.buffer.write(output_path(Path(folder), "result", kind).read_bytes())
            sys.stdout.buffer.flush()

    def _print(self, found: Found, files: dict[Path, str]) -> None:
        """Print what each image shows; nothing is written."""
        from pixelwise.inference.large import goes_in_tiles, own_tile
        from pixelwise.io.tiff import large_size

        failed: dict[Path, str] = {}
        tile = own_tile(self.predictor, self.tile)
        for path in found.names:
            try:
                if goes_in_tiles(large_size(path, self.predictor.bands), tile):
                    raise ImageFileError(
                        f"{path}: predicted in tiles, which are only written; give --out FOLDER, "
                        "or a larger --tile"
                    )
                image = self.predictor.read(path)
            except ImageFileError as error:
                failed[path] = str(error)
                continue
            prediction = self.predictor.predict(image, self.tta)
            if self.min_area:
                prediction = prediction.without_specks(self.min_area)
            print("\n".join(table(prediction, files.get(path, str(path)))), flush=True)
        print(f"nothing written; --out FOLDER writes masks and overlays{found.said()}")
        _stop_on(failed)
        found.stop_on_unread()


def table(prediction: Prediction, name: str) -> list[str]:
    """Return the lines that say what was found in an image: instances, or classes."""
    height, width = prediction.size
    pixels, found = height * width, prediction.instances
    names = prediction.classes.names
    lines = [f"{name}: {width} x {height} px"]
    rows: list[tuple[str, ...]]
    shares = [(n, f"{prediction.mask(n).mean():.1%}") for n in prediction.found()]
    if found is None:
        rows = [("class", "area"), *shares]
    else:
        rows = [("", "class", "score", "area", "left", "top", "right", "bottom")]
        for instance in found[:SHOWN]:
            top, left, bottom, right = map(str, instance.box)
            score, area = f"{instance.score:.2f}", f"{instance.area / pixels:.1%}"
            label = names[instance.class_id]
            rows.append((str(instance.id), label, score, area, left, top, right, bottom))
    if len(rows) == 1 and shares:
        return [*lines, "  no instances; " + ", ".join(f"{n} {share}" for n, share in shares)]
    if len(rows) == 1:
        few = ", ".join(names[1:]) if len(names) <= FEW else f"the {len(names) - 1} classes"
        return [*lines, f"  nothing of {few}"]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    text = 1 if found is not None else 0
    for row in rows:
        cells = [
            cell.ljust(w) if k == text else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    if found is not None and len(found) > SHOWN:
        lines.append(f"  and {len(found) - SHOWN} more")
    return lines


@contextmanager
def piped_in(files: dict[Path, str]) -> Iterator[dict[Path, str]]:
    """Give a file in the place of standard input.

    Raises
    ------
    ArgumentError
        Standard input is empty, or there are other inputs beside it.
    """
    if PIPE not in files:
        yield files
        return
    if len(files) > 1:
        raise ArgumentError("-: standard input is one image; leave the other inputs out")
    with TemporaryDirectory() as folder:
        path = Path(folder, "stdin")
        path.write_bytes(read_stdin())
        yield {path: "stdin"}


def _stop_on(failed: dict[Path, str]) -> None:
    if failed:
        first, *more = failed.values()
        others = f" (and {len(more)} more: {', '.join(str(p) for p in list(failed)[1:])})"
        raise ImageFileError(first + (others if more else ""))


def _numbers(bands: str) -> tuple[int, ...]:
    """Return the bands that ``--bands`` names."""
    names = [name.strip() for name in bands.split(",")] if bands else []
    if len(names) not in (0, 1, 3) or not all(n.isdecimal() and int(n) for n in names):
        raise ArgumentError(f"--bands: expected three numbers from 1 such as 3,2,1, got {bands!r}")
    return tuple(int(name) for name in names)


def say_ranges(
    images: Iterable[Path], bands: tuple[int, ...] = (), range_of: Range | None = None
) -> None:
    """Print which levels of images of more than 8 bits were seen as 0 to 255."""
    from pixelwise.io.image import levels_used

    used = []
    for path in images:
        with suppress(ImageFileError):  # reported, with its name, where it was to be read
            if (levels := levels_used(path, bands, range_of)) is not None:
                used.append((path, levels))
    if used:
        path, (low, high) = used[0]
        more = f" (and {len(used) - 1} more, each by its own range)" if len(used) > 1 else ""
        print(f"{path}: levels {low:g} to {high:g} of more than 8 bits were seen as 0 to 255{more}")
