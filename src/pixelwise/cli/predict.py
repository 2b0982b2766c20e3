"""``pixelwise predict``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Device, Inputs, Recursive, Weights, choice
from pixelwise.defaults import TILE, WEIGHTS
from pixelwise.errors import ArgumentError, ImageFileError

if TYPE_CHECKING:
    from pixelwise.io.depth import Range


def predict(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    weights: Weights = WEIGHTS,
    save: Annotated[
        list[str] | None,
        choice(
            "inference.outputs:KINDS",
            show_default="png, overlay, instances, instances_overlay",
            help="What to write; repeat it for more.",
        ),
    ] = None,
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
    device: Device = "cpu",
) -> None:
    """Predict the class of every pixel of images, and their instances.

    Writes STEM.png (class ids, with a palette) and STEM_overlay.jpg; if the weights find
    instances, STEM_instances.png (16-bit ids, 0 = none) and STEM_instances_overlay.jpg too.
    --save chooses other kinds.

    Folders are searched with all that lies below, and their tree is kept in --out; images of one
    name but of two kinds keep their suffix in the results' names. Images with results are skipped.
    Images that cannot be read are reported at the end.
    """
    from pixelwise.inference import Predictor, predict_files
    from pixelwise.io.folders import find_in

    found = find_in(inputs, recursive=recursive, skip=out)
    taken = _numbers(bands)
    predictor = replace(Predictor.load(weights, device=device), bands=taken)
    outcome = predict_files(
        predictor,
        found.names,
        out,
        save or (),
        overwrite=overwrite,
        min_area=min_area,
        tta=tuple(name for name in tta.split(",") if name),
        tile=tile,
    )
    skipped = f"; {len(outcome.skipped)} had results already" if outcome.skipped else ""
    print(f"predicted {len(outcome.written)} images into {out}{skipped}{found.said()}")
    say_ranges(outcome.written, taken, predictor.levels)
    if outcome.in_tiles:
        print(f"{len(outcome.in_tiles)} of them in tiles, without instances")
    if outcome.failed:
        first, *more = outcome.failed.values()
        others = f" (and {len(more)} more: {', '.join(str(p) for p in list(outcome.failed)[1:])})"
        raise ImageFileError(first + (others if more else ""))
    found.stop_on_unread()


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
