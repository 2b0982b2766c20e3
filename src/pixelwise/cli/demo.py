"""``pixelwise demo``: every kind of result on sample photos, in one page.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pixelwise.defaults import BOUNDARIES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pixelwise.drawing.page import Section
    from pixelwise.inference import Predictor

T = TypeVar("T")

PHOTOS = {
    "astronaut": "An astronaut",
    "chelsea": "A cat",
    "coffee": "A cup",
    "camera": "A cameraman",
}
"""Sample photographs of scikit-image, by the name of its function, and what to call them."""


CUTS = (8, 25, 80)
"""How many regions are shown, side by side."""


def demo(
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("pixelwise-demo.html"),
) -> None:
    """Segment sample images in every way and write one HTML page."""
    import skimage.data

    from pixelwise.drawing.page import render_page
    from pixelwise.inference import Predictor
    from pixelwise.io.files import write_text
    from pixelwise.io.image import to_rgb
    from pixelwise.progress import track

    predictor = Predictor.load()
    sections: list[Section] = []
    for name, title in track(PHOTOS.items(), "photos", len(PHOTOS)):
        image = to_rgb(getattr(skimage.data, name)())
        sections += _photo(f"{title} ({name})", image, predictor)
    sections.append(_grid())
    text = (
        f"Photos of scikit-image, labelled by the bundled weights '{predictor.card.name}' "
        f"({predictor.card.design}). Times are of this machine, one call each."
    )
    write_text(out, render_page("pixelwise demo", text, sections))
    print(f"wrote {out.resolve()}")


def _photo(
    title: str, image: npt.NDArray[np.uint8], predictor: Predictor
) -> tuple[Section, Section]:
    from pixelwise.blur import find_subject
    from pixelwise.drawing import outline_regions, overlay
    from pixelwise.drawing.kinds import instance_panel
    from pixelwise.drawing.page import Figure, Section
    from pixelwise.effects import blur_background
    from pixelwise.regions import hierarchy

    classes = predictor.classes
    prediction, predict_ms = _timed(lambda: predictor.predict(image))
    found = prediction.found()
    drawn = overlay(image, prediction.label_map, classes)
    legend = [(name, classes.colours[classes.index(name)]) for name in found]
    parts, regions_ms = _timed(lambda: hierarchy(image, BOUNDARIES))

    def blurred() -> npt.NDArray[np.uint8]:
        return blur_background(image, find_subject(predictor, image).alpha(image))

    picture, blur_ms = _timed(blurred) if found else (image, 0.0)
    objects = instance_panel(image, prediction.instances or (), classes)
    whole = Section(
        title,
        f"{image.shape[1]} x {image.shape[0]} pixels",
        [
            Figure(image, "Photo"),
            Figure(drawn, "Semantic", f"{predict_ms:.0f} ms", legend)
            if found
            else Figure(drawn, "Semantic", f"{predict_ms:.0f} ms; none of the known classes found"),
            Figure(objects.image, "Instance", "one colour and number an object", objects.key)
            if prediction.instances
            else Figure(image, "Instance", "no objects found"),
            Figure(picture, "Background blur", f"{blur_ms:.0f} ms")
            if found
            else Figure(picture, "Background blur", "no subject found, left as it is"),
        ],
    )
    cuts = [Figure(outline_regions(image, parts.cut(n)), f"{n} regions") for n in CUTS]
    return whole, Section(
        "Its regions", f"Without labels; all cut from one tree, {regions_ms:.0f} ms", cuts
    )


def _grid() -> Section:
    from pixelwise.datasets import draw_shapes, open_dataset
    from pixelwise.drawing import show
    from pixelwise.drawing.page import Figure, Section

    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(draw_shapes(folder), say=str)
        picture = show(dataset[:6])
    return Section(
        "A data set",
        "Drawn on the fly, written to disk and read back; your own: pixelwise show FOLDER.",
        [Figure(picture, "Photos above, label maps below.", dataset.found, wide=True)],
    )


def _timed(function: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = function()
    return result, 1000 * (time.perf_counter() - started)
