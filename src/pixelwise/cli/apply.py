"""``pixelwise predict`` and ``pixelwise blur``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.defaults import BLUR_SIGMA, WEIGHTS

NOTHING_FOUND = 3
"""Exit code where a photo shows no subject: nothing failed, but nothing was written."""

Weights = Annotated[str, typer.Option(help="A name (subjects) or a model.onnx.")]


def predict(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Photos or folders.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    weights: Weights = WEIGHTS,
) -> None:
    """Label the pixels of photos: DIR/<stem>.png (palette) and DIR/<stem>_overlay.jpg."""
    from pixelwise.drawing import overlay, with_legend
    from pixelwise.errors import ArgumentError
    from pixelwise.images import find_images, read_image, save_picture
    from pixelwise.inference import Predictor
    from pixelwise.masks import write_label_map
    from pixelwise.progress import track

    photos = find_images(inputs)
    stems = [photo.stem for photo in photos]
    twice = {stem for stem in stems if stems.count(stem) > 1}
    if twice:
        raise ArgumentError(
            f"several photos are called {sorted(twice)[0]!r} and would overwrite each other's "
            "results; predict them in separate calls"
        )
    results = {out / f"{stem}{end}" for stem in stems for end in (".png", "_overlay.jpg")}
    taken = {path.resolve() for path in results} & {photo.resolve() for photo in photos}
    if taken:
        raise ArgumentError(
            f"{min(taken)}: a result would overwrite this photo; choose another --out"
        )
    predictor = Predictor.load(weights)
    for photo in track(photos, "predicting"):
        image = read_image(photo)
        prediction = predictor.predict(image)
        labels, classes = prediction.label_map, prediction.classes
        write_label_map(out / f"{photo.stem}.png", labels, classes)
        drawn = with_legend(overlay(image, labels, classes), labels, classes)
        save_picture(out / f"{photo.stem}_overlay.jpg", drawn)
    print(f"wrote {len(photos)} label maps and overlays to {out}")


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
