"""``pixelwise demo``: every kind of result on photos, in one page.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pixelwise.defaults import BOUNDARIES, FOREGROUND_WEIGHTS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pixelwise.drawing.page import Section
    from pixelwise.inference import Predictor

T = TypeVar("T")

SAMPLES = {
    "astronaut": "An astronaut",
    "chelsea": "A cat",
    "coffee": "A cup",
    "camera": "A cameraman",
}
"""Sample photos of scikit-image: the name of its function, and a title."""

CUTS = (8, 25, 80)
"""Numbers of regions that are shown side by side."""


def demo(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PHOTO", show_default="sample photos", help="Photos of your own."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("pixelwise-demo.html"),
) -> None:
    """Segment images in every way and write one HTML page.

    The sample photos are those of scikit-image, which the extra demo installs.
    """
    # Printed before the imports: they alone may take seconds on a slow machine.
    count = len(photos or SAMPLES)
    whose = "photos" if photos else "photos of scikit-image"
    print(f"segmenting {count} {whose}", flush=True)
    images = _read(photos) if photos else _samples()

    from pixelwise.drawing.page import render_page
    from pixelwise.inference import Predictor
    from pixelwise.io.files import write_text
    from pixelwise.progress import track

    predictor = Predictor.load()
    sections: list[Section] = []
    for name, title, image in track(images, "photos", count):
        (whole, regions), ms = _timed(partial(_photo, title, image, predictor))
        sections += [whole, regions]
        print(f"{name}: {ms / 1000:.1f} s", flush=True)
    sections.append(_grid())
    text = (
        f"{whose.capitalize()}, labelled by the bundled weights '{predictor.card.name}' "
        f"({predictor.card.design}). Times are of this machine, one call each."
    )
    write_text(out, render_page("pixelwise demo", text, sections))
    print(f"wrote {out.resolve()}")


def _read(photos: list[Path]) -> Iterator[tuple[str, str, npt.NDArray[np.uint8]]]:
    """Yield what to call each photo, its title, and its pixels."""
    from pixelwise.io.image import read_image

    for path in photos:
        yield path.name, path.name, read_image(path)


def _samples() -> Iterator[tuple[str, str, npt.NDArray[np.uint8]]]:
    from pixelwise.errors import MissingExtraError, missing_extra
    from pixelwise.io.image import to_rgb

    try:
        import skimage.data
    except ImportError:
        error = missing_extra("demo without photos", "scikit-image", "demo")
        raise MissingExtraError(f"{error}; or name photos of your own: demo PHOTO") from None
    for name, title in SAMPLES.items():
        yield name, f"{title} ({name})", to_rgb(getattr(skimage.data, name)())


def _photo(
    title: str, image: npt.NDArray[np.uint8], predictor: Predictor
) -> tuple[Section, Section]:
    from pixelwise.backgrounds import find_subject
    from pixelwise.drawing import outline_regions, overlay
    from pixelwise.drawing.page import Figure, Section
    from pixelwise.drawing.panels import instance_panel
    from pixelwise.effects import blur_background
    from pixelwise.one_line import kept_predictor
    from pixelwise.regions import hierarchy

    classes, foreground = predictor.classes, kept_predictor(FOREGROUND_WEIGHTS)
    prediction, predict_ms = _timed(lambda: predictor.predict(image))
    found = prediction.found()
    drawn = overlay(image, prediction.label_map, classes)
    legend = [(name, classes.colours[classes.index(name)]) for name in found]
    parts, regions_ms = _timed(lambda: hierarchy(image, BOUNDARIES))

    def blurred() -> npt.NDArray[np.uint8] | None:
        subject = find_subject(foreground, image)
        return blur_background(image, subject.alpha(image)) if subject.names else None

    other, blur_ms = _timed(blurred)
    instances = instance_panel(image, prediction.instances or (), classes)
    whole = Section(
        title,
        f"{image.shape[1]} x {image.shape[0]} pixels",
        [
            Figure(image, "Photo"),
            Figure(drawn, "Semantic", f"{predict_ms:.0f} ms", legend)
            if found
            else Figure(drawn, "Semantic", f"{predict_ms:.0f} ms; none of the known classes found"),
            Figure(instances.image, "Instance", "number, class and score", instances.key)
            if prediction.instances
            else Figure(image, "Instance", "no instances found"),
            Figure(other, "Background blur", f"{blur_ms:.0f} ms")
            if other is not None
            else Figure(image, "Background blur", "no subject found, unchanged"),
        ],
    )
    cuts = [Figure(outline_regions(image, parts.cut(n)), f"{n} regions") for n in CUTS]
    return whole, Section(
        "Its regions", f"Without labels; all from one tree, {regions_ms:.0f} ms", cuts
    )


def _grid() -> Section:
    from pixelwise.datasets import draw_shapes, open_dataset
    from pixelwise.drawing import show
    from pixelwise.drawing.page import Figure, Section

    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(draw_shapes(folder), say=str)
        grid = show(dataset[:6])
    return Section(
        "A data set",
        "Drawn, written to disk and read back; for your own: pixelwise show FOLDER.",
        [Figure(grid, "Images above, label maps below.", dataset.found, wide=True)],
    )


def _timed(function: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = function()
    return result, 1000 * (time.perf_counter() - started)
