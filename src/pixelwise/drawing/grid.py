"""Photos above, label maps below, and a legend that says what the colours mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pixelwise.classes import VOID, ClassMap
from pixelwise.drawing.overlays import colourise, overlay
from pixelwise.errors import ArgumentError
from pixelwise.io.image import resize_image
from pixelwise.io.mask import count_ids, resize_ids
from pixelwise.samples import Sample

GAP = 8
TEXT = 14
INK = (30, 30, 30)
PAPER = (255, 255, 255)


def present(label_maps: Iterable[npt.NDArray[np.uint8]]) -> list[int]:
    """Return the ids that occur in some label maps, ascending, void among them."""
    seen = sum(count_ids(label_map) for label_map in label_maps)
    return [int(i) for i in np.flatnonzero(seen)]


def legend(classes: ClassMap, ids: Sequence[int], width: int) -> Image.Image:
    """Draw a colour patch and a name for each id, in as many rows as fit ``width``.

    Parameters
    ----------
    classes : ClassMap
    ids : sequence of int
        Class ids; 255 is drawn as "void".
    width : int
        Of the picture, in pixels; a single name may need more, and then gets it.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    names = ["void" if i == VOID else classes.names[i] for i in ids]
    return colour_key(names, classes.palette[list(ids)], width)


def colour_key(names: Sequence[str], colours: npt.NDArray[np.uint8], width: int) -> Image.Image:
    """Draw a patch of each colour, (N, 3) uint8 RGB, and its name; else as `legend`."""
    font = ImageFont.load_default(TEXT)
    widths = [TEXT + 6 + round(font.getlength(name)) + 2 * GAP for name in names]
    width = max([width, *(w + 2 * GAP for w in widths)])
    places, x, y = [], GAP, GAP
    for item in widths:
        if x + item > width and x > GAP:
            x, y = GAP, y + TEXT + GAP
        places.append((x, y))
        x += item
    picture = Image.new("RGB", (width, y + TEXT + GAP), PAPER)
    draw = ImageDraw.Draw(picture)
    for (x, y), colour, name in zip(places, colours.tolist(), names, strict=True):
        draw.rectangle((x, y, x + TEXT, y + TEXT), fill=tuple(colour), outline=INK)
        draw.text((x + TEXT + 6, y + TEXT / 2), name, fill=INK, font=font, anchor="lm")
    return picture


def show(samples: Iterable[Sample], overlaid: bool = False, height: int = 160) -> Image.Image:
    """Draw a grid: one column a sample, its photo above, its label map below, and a legend.

    Parameters
    ----------
    samples : iterable of Sample
        At least one, all with the same classes; a `Dataset`, or a slice of one, will do.
    overlaid : bool
        Blend the label map over the photo in the lower row.
    height : int
        Of one picture, in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB; a notebook displays it.

    Raises
    ------
    ArgumentError
        No sample, or samples whose classes differ.
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
        # Panoramas and strips are fitted into three times their height.
        width = max(1, min(3 * height, round(w * height / h)))
        size = (height, width) if w * height / h <= 3 * height else (round(h * width / w), width)
        size = max(1, size[0]), size[1]
        photo, labels = resize_image(sample.image, size), resize_ids(sample.label_map, size)
        below = overlay(photo, labels, classes) if overlaid else colourise(labels, classes)
        columns.append((photo, below))
    total = sum(photo.shape[1] for photo, _ in columns) + GAP * (len(columns) + 1)
    # Ids are gathered from the full maps: a thin class must not vanish from the legend.
    names = legend(classes, present(s.label_map for s in samples), total)
    picture = Image.new(
        "RGB", (max(total, names.width), 2 * height + 3 * GAP + names.height), PAPER
    )
    x = GAP
    for photo, below in columns:
        picture.paste(Image.fromarray(photo), (x, GAP))
        picture.paste(Image.fromarray(below), (x, 2 * GAP + height))
        x += photo.shape[1] + GAP
    picture.paste(names, (0, 2 * height + 3 * GAP))
    return picture


def with_legend(
    image: npt.NDArray[np.uint8], label_map: npt.NDArray[np.uint8], classes: ClassMap
) -> Image.Image:
    """Put a legend of the classes in ``label_map`` under a picture.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    label_map : (H, W) uint8
        Class ids, 255 = void.
    classes : ClassMap

    Returns
    -------
    PIL.Image.Image
        RGB, higher than ``image`` by the legend.
    """
    return above(image, legend(classes, present([label_map]), image.shape[1]))


def above(image: npt.NDArray[np.uint8], key: Image.Image) -> Image.Image:
    """Put a picture, (H, W, 3) uint8 RGB, above its key."""
    width = max(image.shape[1], key.width)
    picture = Image.new("RGB", (width, image.shape[0] + key.height), PAPER)
    picture.paste(Image.fromarray(image), (0, 0))
    picture.paste(key, (0, image.shape[0]))
    return picture
