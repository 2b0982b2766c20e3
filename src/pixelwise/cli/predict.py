"""``pixelwise predict``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.defaults import NAMED_WEIGHTS, TILE, WEIGHTS
from pixelwise.errors import ImageFileError

Weights = Annotated[str, typer.Option(help=NAMED_WEIGHTS)]


def predict(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Photos, folders, or '*.jpg' globs.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    weights: Weights = WEIGHTS,
    format: Annotated[
        list[str] | None,
        typer.Option(
            help="png, instances, overlay, npz, labelme, yolo or coco; give it again for more. "
            "png, overlay and, of weights that tell objects apart, instances where not given."
        ),
    ] = None,
    min_area: Annotated[
        int,
        typer.Option(
            min=0,
            help="Areas smaller than this, px, go to the class around them; objects are left out.",
        ),
    ] = 0,
    tta: Annotated[
        str, typer.Option(metavar="flip,scales", help="Look again, mirrored or at other scales.")
    ] = "",
    tile: Annotated[
        int,
        typer.Option(
            min=1, help="Photos longer than this, px, go in overlapping tiles of about this size."
        ),
    ] = TILE,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Label photos again whose results are there.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or coreml.")] = "cpu",
) -> None:
    """Label the pixels of photos: DIR/<stem>.png (palette) and DIR/<stem>_overlay.jpg.

    Of weights that tell objects apart DIR/<stem>_instances.png too: 16-bit ids, 0 = none.

    Photos whose results are there already are skipped.

    A photo that cannot be read is told at the end, and the rest is done.
    """
    from pixelwise.inference import Predictor, predict_files
    from pixelwise.io.image import find_images

    photos = find_images(inputs)
    predictor = Predictor.load(weights, device=device)
    outcome = predict_files(
        predictor,
        photos,
        out,
        format or (),
        overwrite=overwrite,
        min_area=min_area,
        tta=tuple(name for name in tta.split(",") if name),
        tile=tile,
    )
    skipped = f"; {len(outcome.skipped)} were there already" if outcome.skipped else ""
    print(f"labelled {len(outcome.written)} photos into {out}{skipped}")
    if outcome.in_tiles:
        print(f"{len(outcome.in_tiles)} of them went in tiles: no objects were told apart there")
    if outcome.failed:
        first, *more = outcome.failed.values()
        others = f" (and {len(more)} more: {', '.join(str(p) for p in list(outcome.failed)[1:])})"
        raise ImageFileError(first + (others if more else ""))
