"""The kinds of segmentation of one photo side by side, so that they explain each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pixelwise.classes import VOID, ClassMap
from pixelwise.drawing.grid import GAP, INK, PAPER, TEXT, colour_key, present
from pixelwise.drawing.instances import NAMED, instance_colours, overlay_instances
from pixelwise.drawing.overlays import outline_regions, overlay
from pixelwise.errors import ArgumentError
from pixelwise.io.image import resize_image
from pixelwise.samples import Instance, instance_ids

UInt8Array = npt.NDArray[np.uint8]

TITLE = 20
"""Height of a panel's name, px."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One kind of segmentation, drawn.

    Parameters
    ----------
    name : str
    what : str
        The question it answers, in a few words.
    picture : (H, W, 3) uint8
        RGB.
    key : sequence of (str, colour)
        What the colours stand for, red, green, blue in 0..255.
    """

    name: str
    what: str
    picture: UInt8Array
    key: Sequence[tuple[str, tuple[int, int, int]]] = ()


def semantic_panel(image: UInt8Array, label_map: UInt8Array, classes: ClassMap) -> Panel:
    """Draw the classes, (H, W) uint8, of a photo, (H, W, 3) uint8 RGB."""
    ids = [i for i in present([label_map]) if i != VOID]
    key = [(classes.names[i], classes.colours[i]) for i in ids]
    drawn = overlay(image, label_map, classes)
    return Panel("semantic", "of which class is each pixel?", drawn, key)


def instance_panel(image: UInt8Array, instances: Sequence[Instance], classes: ClassMap) -> Panel:
    """Draw the objects of a photo, (H, W, 3) uint8 RGB."""
    named = list(zip(instance_ids(tuple(instances)), instances, strict=True))[:NAMED]
    colours = instance_colours(len(instances)).tolist()
    key = [
        (f"{number} {classes.names[instance.class_id]}", (red, green, blue))
        for (number, instance), (red, green, blue) in zip(named, colours, strict=False)
    ]
    more = f" The first {NAMED} of {len(instances)} are named." if len(instances) > NAMED else ""
    what = "which object does it belong to?" + more
    return Panel("instance", what, overlay_instances(image, instances), key)


def regions_panel(image: UInt8Array, region_map: npt.NDArray[np.int32]) -> Panel:
    """Draw the regions, (H, W) int32, of a photo, (H, W, 3) uint8 RGB, in their mean colours."""
    n = int(region_map.max()) + 1
    drawn = outline_regions(image, region_map)
    return Panel("regions", f"what belongs together? {n} parts, no classes", drawn)


def side_by_side(panels: Sequence[Panel], height: int = 300) -> Image.Image:
    """Draw panels in a row, each under its name, with a key of the colours below each.

    Parameters
    ----------
    panels : sequence of Panel
        At least one.
    height : int
        Of each picture, px; panoramas are fitted into twice that width.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    if not panels:
        raise ArgumentError("nothing to show: expected at least one panel")
    title, text = ImageFont.load_default(TITLE), ImageFont.load_default(TEXT)
    top = 2 * GAP + TITLE + TEXT + GAP
    columns = []
    for panel in panels:
        h, w = panel.picture.shape[:2]
        scale = min(height / h, 2 * height / w)
        size = max(1, round(h * scale)), max(1, round(w * scale))
        width = max(size[1], round(title.getlength(panel.name)), round(text.getlength(panel.what)))
        names = [name for name, _ in panel.key]
        colours = np.array([colour for _, colour in panel.key], np.uint8).reshape(-1, 3)
        key = colour_key(names, colours, width) if names else None
        width = max(width, key.width) if key else width
        columns.append((panel, resize_image(panel.picture, size), width, key))
    total = sum(width for *_, width, _ in columns) + 2 * GAP * len(columns) + 2 * GAP
    below = max((key.height for *_, key in columns if key), default=0)
    sheet = Image.new("RGB", (total, top + height + below + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    x = 2 * GAP
    for panel, picture, width, key in columns:
        draw.text((x, GAP), panel.name, fill=INK, font=title)
        draw.text((x, 2 * GAP + TITLE), panel.what, fill=(100, 100, 100), font=text)
        sheet.paste(Image.fromarray(picture), (x, top))
        if key:
            # The key's own margin would set it off from the picture's edge.
            sheet.paste(key, (x - GAP, top + height))
        x += width + 2 * GAP
    return sheet
