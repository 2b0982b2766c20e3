"""Answers of the bundled weights that a change of the code must not change.

The label maps and instance maps under ``golden/`` are what the weights said of 20 images of VOC
2012 val. Processors round differently, so a few pixels may differ.

To write them anew, after new weights and never to make a test pass:
``python -m tests.test_golden``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import pixelwise
from tests.conftest import SHARED, real

GOLDEN = Path(__file__).parent / "golden"

TOLERANCE = 0.002
"""Share of an image's pixels that may differ; 0 on the machine that wrote the files."""

STEMS = sorted(path.stem for path in (GOLDEN / "voc").glob("*.png"))


@cache
def predictor(weights: str) -> pixelwise.Predictor:
    return pixelwise.Predictor.load(weights)


def answer(weights: str, image: npt.NDArray[np.uint8]) -> dict[str, Image.Image]:
    """Return a label map as a palette image, and an instance map where there are instances."""
    prediction = predictor(weights).predict(image)
    found = {weights: Image.fromarray(prediction.label_map, "P")}
    if prediction.instance_map is not None:
        found[f"{weights}_instances"] = Image.fromarray(prediction.instance_map)
    return found


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("weights", ["voc", "street"])
def test_bundled_weights_answer_as_before(weights: str, stem: str) -> None:
    image = pixelwise.read_image(real("voc2012") / "JPEGImages" / f"{stem}.jpg")
    for folder, picture in answer(weights, image).items():
        with Image.open(GOLDEN / folder / f"{stem}.png") as before:
            different = np.asarray(before) != np.asarray(picture)
        assert different.mean() <= TOLERANCE, f"{folder}/{stem}: {different.sum()} pixels differ"


def write_all() -> None:
    """Write the answers of today, for every seventh image of the val list."""
    root = SHARED / "voc2012"
    listed = (root / "ImageSets/Segmentation/val.txt").read_text().split()
    for stem in listed[::7][:20]:
        image = pixelwise.read_image(root / "JPEGImages" / f"{stem}.jpg")
        for weights in ("voc", "street"):
            for folder, picture in answer(weights, image).items():
                (GOLDEN / folder).mkdir(parents=True, exist_ok=True)
                if picture.mode == "P":
                    picture.putpalette(sum(predictor(weights).classes.colours, ()))
                picture.save(GOLDEN / folder / f"{stem}.png", optimize=True)


if __name__ == "__main__":
    write_all()
