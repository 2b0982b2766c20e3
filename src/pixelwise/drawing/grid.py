"""Samples in a grid: images above, label maps below, and a legend."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image

from pixelwise.drawing.legends import legend, present
from pixelwise.drawing.overlays import colourise, overlay
from pixelwise.drawing.style import GAP, PAPER
from pixelwise.errors import ArgumentError
from pixelwise.io.image import resize_image
from pixelwise.io.mask import resize_ids
from pixelwise.samples import Sample


def show(samples: Iterable[Sample], overlaid: bool = False, height: int = 160) -> Image.Image:
    """Draw a grid: one column per sample, its image above, its label map below, and a legend.

    Parameters
    ----------
    samples : iterable of Sample
        At least one, all with the same classes; e.g. a `Dataset`, or a slice of one.
    overlaid : bool
        Blend the label map over the image in the lower row.
    height : int
        Of one image, in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB; a notebook displays it.

    Raises
    ------
    ArgumentError
        No sample, or samples whose classes differ.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes, open_dataset
    >>> with TemporaryDirectory() as folder:
    ...     grid = show(open_dataset(draw_shapes(folder), say=str)[:3], height=60)
    >>> grid.height > 2 * 60
    True
    """
    samples = list(samples)
    if not samples:
        raise ArgumentError("nothing to show: expected at least one sample")
    classes = samples[0].classes
    if any(sample.classes != classes for sample in samples):
        raise ArgumentError("the samples have different classes; show them one data set at a time")
    columns = []
    for sample in samples:
        h, w = sample.label_map.shape
        # Panoramas are fitted into a width of three times the height.
        width = max(1, min(3 * height, round(w * height / h)))
        size = (height, width) if w * height / h <= 3 * height else (round(h * width / w), width)
        size = max(1, size[0]), size[1]
        image, labels = resize_image(sample.image, size), resize_ids(sample.label_map, size)
        below = overlay(image, labels, classes) if overlaid else colourise(labels, classes)
        columns.append((image, below))
    total = sum(image.shape[1] for image, _ in columns) + GAP * (len(columns) + 1)
    # Ids are those of the full maps: a thin class must not vanish from the legend.
    names = legend(classes, present(s.label_map for s in samples), total)
    grid = Image.new("RGB", (max(total, names.width), 2 * height + 3 * GAP + names.height), PAPER)
    x = GAP
    for image, below in columns:
        grid.paste(Image.fromarray(image), (x, GAP))
        grid.paste(Image.fromarray(below), (x, 2 * GAP + height))
        x += image.shape[1] + GAP
    grid.paste(names, (0, 2 * height + 3 * GAP))
    return grid
