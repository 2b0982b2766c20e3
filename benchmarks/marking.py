"""Draw the answers to thirty photos that no training set holds, to be marked by eye.

    python benchmarks/marking.py [DATA_FOLDER] --weights voc --out marking
    python benchmarks/marking.py --answers docs/images/voc_answers.png
    python benchmarks/marking.py --alphas docs/images/blur_answers.png

The photos are those of benchmarks/marking.txt, chosen before any result was seen: from each val
split the first by the SHA-1 of the name, and three of scikit-image. Each page shows, from left to
right, the photo, its classes, its instances, what is cut out, and the blurred background; these two
by the weights that `pixelwise blur` takes by itself. With --answers, one picture holds the label
maps alone, without the photos, with --alphas what is cut out, white on black.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import skimage.data
from timing import ROOT

from pixelwise import Predictor, blur_background, find_subject, read_image
from pixelwise.defaults import FOREGROUND_WEIGHTS
from pixelwise.drawing import overlay_instances, with_instance_legend, with_legend
from pixelwise.drawing.overlays import overlay
from pixelwise.effects import cut_out
from pixelwise.io.image import fit_within, resize_image, to_rgb, write_image
from pixelwise.samples import UInt8Array

LIST = Path(__file__).with_suffix(".txt")
HEIGHT, GAP, PER_PAGE = 360, 8, 3
SMALL, COLUMNS = 150, 6


def photos(data: Path) -> list[tuple[str, UInt8Array]]:
    found = []
    for line in LIST.read_text(encoding="utf-8").split():
        folder, _, name = line.partition("/")
        known = folder == "skimage"
        image = to_rgb(getattr(skimage.data, name)()) if known else read_image(data / line)
        found.append((line, image))
    return found


def beside(pictures: list[UInt8Array], height: int) -> UInt8Array:
    """Set pictures side by side at one height, on white."""
    parts = []
    for picture in pictures:
        size = height, max(1, round(picture.shape[1] * height / picture.shape[0]))
        parts += [resize_image(picture, size), np.full((height, GAP, 3), 255, np.uint8)]
    return np.hstack(parts[:-1])


def below(rows: list[UInt8Array]) -> UInt8Array:
    """Set rows one below the other, on white."""
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.vstack(padded)


def small(pictures: list[UInt8Array]) -> UInt8Array:
    """Return pictures in rows, small."""
    shrunk = [resize_image(p, fit_within(p.shape, SMALL)) for p in pictures]
    parts = [shrunk[i : i + COLUMNS] for i in range(0, len(shrunk), COLUMNS)]
    return below([beside(part, SMALL * 2 // 3) for part in parts])


def answers_of(predictor: Predictor, finder: Predictor, name: str, image: UInt8Array) -> UInt8Array:
    """Return a row of the photo and all that is said of it."""
    prediction, classes = predictor.predict(image), predictor.classes
    found = prediction.instances or ()
    subject = find_subject(finder, image)
    alpha = subject.alpha(image)
    kinds = [
        image,
        np.asarray(
            with_legend(
                overlay(image, prediction.label_map, classes), prediction.label_map, classes
            )
        ),
        np.asarray(with_instance_legend(overlay_instances(image, found), found, classes)),
        to_rgb(cut_out(image, alpha)),
        blur_background(image, alpha),
    ]
    named = ", ".join(f"{classes.names[i.class_id]} {i.score:.2f}" for i in found)
    print(f"{name}: {', '.join(prediction.found())} | {named} | {', '.join(subject.names)}")
    return beside(kinds, HEIGHT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--weights", default="voc")
    parser.add_argument("--foreground", default=FOREGROUND_WEIGHTS, help="weights of cut-outs")
    parser.add_argument("--out", type=Path, default=Path("marking"))
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--alphas", type=Path)
    options = parser.parse_args()
    predictor = Predictor.load(options.weights)
    everything = photos(options.data)
    finder = Predictor.load(options.foreground)
    if options.answers:
        colours = np.array(predictor.classes.colours, np.uint8)
        maps = [predictor.predict(image).label_map for _, image in everything]
        write_image(options.answers, small([colours[label_map % 255] for label_map in maps]))
    if options.alphas:
        alphas = [find_subject(finder, image).alpha(image) for _, image in everything]
        write_image(options.alphas, small([to_rgb((255 * a).astype(np.uint8)) for a in alphas]))
    if options.answers or options.alphas:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [answers_of(predictor, finder, name, image) for name, image in everything]
    for start in range(0, len(rows), PER_PAGE):
        write_image(options.out / f"{start // PER_PAGE:02d}.png", below(rows[start : start + 3]))


if __name__ == "__main__":
    main()
