"""One photo, three ways: its classes, its objects, its regions; and its background blurred.

python examples/three_ways.py [PHOTO ...] --out three_ways.jpg
python examples/three_ways.py [PHOTO ...] --blur --out blur.jpg     # the matte, and what it is for

Without a photo it takes some that come with scikit-image. The pictures in the README are made by
this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image, ImageDraw, ImageFont

import pixelwise
from pixelwise.drawing import outline_regions, overlay_instances
from pixelwise.io.image import resize_image, to_rgb

HEIGHT, GAP, CAPTION = 260, 10, 26


def columns(
    image: npt.NDArray[np.uint8], predictor: pixelwise.Predictor
) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    """Return five captioned pictures of one photo."""
    prediction = predictor.predict(image)
    found = prediction.found()
    blurred, subject = image, pixelwise.find_subject(predictor, image)
    if subject.names:
        blurred = pixelwise.blur_background(image, subject.alpha(image))
    coloured = pixelwise.overlay(image, prediction.label_map, predictor.classes)
    return [
        ("photo", image),
        ("semantic: " + (", ".join(found) or "none"), coloured),
        ("instance", overlay_instances(image, prediction.instances or ())),
        ("regions", outline_regions(image, pixelwise.hierarchy(image, "learned").cut(20))),
        ("background blurred", blurred),
    ]


def effects(
    image: npt.NDArray[np.uint8], predictor: pixelwise.Predictor
) -> list[tuple[str, npt.NDArray[np.uint8]]]:
    """Return four captioned pictures of a photo, its matte, and two new backgrounds."""
    alpha = pixelwise.find_subject(predictor, image).alpha(image)
    sigma = 0.03 * max(image.shape)
    return [
        ("photo", image),
        ("matte", to_rgb((alpha * 255).round().astype(np.uint8))),
        ("background blurred", pixelwise.blur_background(image, alpha, sigma, "disc")),
        ("another background", pixelwise.replace_background(image, alpha, (86, 180, 233))),
    ]


def main() -> None:
    """Read the photos, draw a row for each, and write the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--blur", action="store_true", help="the matte, and what it is for")
    parser.add_argument("--out", type=Path, default=Path("three_ways.jpg"))
    options = parser.parse_args()
    photos = [pixelwise.read_image(path) for path in options.photos]
    if not photos:
        names = ("chelsea", "astronaut" if options.blur else "camera")
        photos = [to_rgb(getattr(skimage.data, name)()) for name in names]
    predictor = pixelwise.Predictor.load()
    make = effects if options.blur else columns
    rows = [make(image, predictor) for image in photos]
    widths = [round(HEIGHT * image.shape[1] / image.shape[0]) for image in photos]
    sheet = Image.new(
        "RGB",
        (len(rows[0]) * (max(widths) + GAP) + GAP, len(rows) * (HEIGHT + CAPTION + GAP) + GAP),
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
