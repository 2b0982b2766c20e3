"""``pixelwise predict`` and ``pixelwise blur``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.defaults import BLUR_SIGMA, TILE, WEIGHTS
from pixelwise.errors import ImageFileError

NOTHING_FOUND = 3
"""Exit code where a photo shows no subject: nothing failed, but nothing was written."""

Weights = Annotated[str, typer.Option(help="A name (subjects, street) or a model.onnx.")]


def predict(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Photos, folders, or '*.jpg' globs.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    weights: Weights = WEIGHTS,
    format: Annotated[
        list[str] | None,
        typer.Option(
            help="png, overlay, npz, labelme or coco; give it again for more. png and overlay "
            "where not given."
        ),
    ] = None,
    min_area: Annotated[
        int, typer.Option(min=0, help="Areas smaller than this, px, go to the class around them.")
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

    Photos whose results are there already are skipped.

    A photo that cannot be read is told at the end, and the rest is done.
    """
    from pixelwise.images import find_images
    from pixelwise.inference import Predictor, predict_files

    photos = find_images(inputs)
    predictor = Predictor.load(weights, device=device)
    outcome = predict_files(
        predictor,
        photos,
        out,
        format or ("png", "overlay"),
        overwrite=overwrite,
        min_area=min_area,
        tta=tuple(name for name in tta.split(",") if name),
        tile=tile,
    )
    skipped = f"; {len(outcome.skipped)} were there already" if outcome.skipped else ""
    print(f"labelled {len(outcome.written)} photos into {out}{skipped}")
    if outcome.failed:
        first, *more = outcome.failed.values()
        others = f" (and {len(more)} more: {', '.join(str(p) for p in list(outcome.failed)[1:])})"
        raise ImageFileError(first + (others if more else ""))


def blur(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    out: Annotated[Path, typer.Option(help="Picture to write.")],
    sigma: Annotated[float, typer.Option(help="Strength of the blur, px.")] = BLUR_SIGMA,
    subject: Annotated[
        list[str] | None,
        typer.Option(help="Class that stays sharp; give it again for more. All where not given."),
    ] = None,
    weights: Weights = WEIGHTS,
) -> None:
    """Blur the background of a photo; its subjects stay sharp."""
    from pixelwise.effects import blur_background, soft_alpha
    from pixelwise.images import read_image, write_image
    from pixelwise.inference import Predictor

    predictor = Predictor.load(weights)
    image = read_image(photo)
    prediction = predictor.predict(image)
    names = tuple(subject or predictor.classes.names[1:])
    probability = prediction.probability(*names)
    shown = [name for name in prediction.found() if name in names]
    if not shown:
        print(f"{photo}: found none of {', '.join(names)}; nothing written")
        raise typer.Exit(NOTHING_FOUND)
    alpha = soft_alpha(image, probability)
    write_image(out, blur_background(image, alpha, sigma))
    print(f"wrote {out}: {', '.join(shown)} kept sharp")
