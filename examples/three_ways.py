"""One photo, three ways: its classes, its regions, its background blurred, side by side.

python examples/three_ways.py [PHOTO ...] --out three_ways.jpg

Without a photo it takes the cat and the cameraman that come with scikit-image. The picture at the
top of the README is made by this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image, ImageDraw, ImageFont

import pixelwise
from pixelwise.drawing import outline_regions
from pixelwise.images import resize_image, to_rgb

HEIGHT, GAP, CAPTION = 260, 10, 26


def columns(
    image: npt.NDArray[np.uint8], predictor: pixelwise.Predictor
) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    """Return four captioned pictures of one photo."""
    prediction = predictor.predict(image)
    found = prediction.found()
    blurred = image
    if found:
        alpha = pixelwise.soft_alpha(image, prediction.probability(*found))
        blurred = pixelwise.blur_background(image, alpha)
    coloured = pixelwise.overlay(image, prediction.label_map, predictor.classes)
    return [
        ("photo", image),
        ("classes: " + (", ".join(found) or "none"), coloured),
        ("regions", outline_regions(image, pixelwise.graph_regions(image))),
        ("background blurred", blurred),
    ]


def main() -> None:
    """Read the photos, draw a row for each, and write the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=Path("three_ways.jpg"))
    options = parser.parse_args()
    photos = [pixelwise.read_image(path) for path in options.photos]
    if not photos:
        photos = [to_rgb(skimage.data.chelsea()), to_rgb(skimage.data.camera())]
    predictor = pixelwise.Predictor.load()
    rows = [columns(image, predictor) for image in photos]
    widths = [round(HEIGHT * image.shape[1] / image.shape[0]) for image in photos]
    sheet = Image.new(
        "RGB",
        (4 * max(widths) + 5 * GAP, len(rows) * (HEIGHT + CAPTION + GAP) + GAP),
        (255, 255, 255),
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for r, (row, width) in enumerate(zip(rows, widths, strict=True)):
        top = GAP + r * (HEIGHT + CAPTION + GAP)
        for c, (caption, picture) in enumerate(row):
            left = GAP + c * (max(widths) + GAP) + (max(widths) - width) // 2
            sheet.paste(Image.fromarray(resize_image(picture, (HEIGHT, width))), (left, top))
            draw.text((left, top + HEIGHT + 4), caption, fill=(30, 30, 30), font=font)
    sheet.save(options.out, quality=90)


if __name__ == "__main__":
    main()
