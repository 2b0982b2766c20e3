"""The kinds of segmentation of one image side by side, so that they explain each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from pixelwise.classes import ClassMap
from pixelwise.drawing.instances import overlay_instances
from pixelwise.drawing.legends import Entry, drawn_legend, instance_entries, present
from pixelwise.drawing.overlays import is_painted, outline_regions, overlay
from pixelwise.drawing.style import DIM, GAP, INK, PAPER, TEXT, font
from pixelwise.errors import ArgumentError
from pixelwise.io.image import resize_image
from pixelwise.samples import Instance, Int32Array, UInt8Array

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
    image : (H, W, 3) uint8
        RGB.
    key : sequence of (str, (r, g, b))
        What the colours stand for.
    """

    name: str
    what: str
    image: UInt8Array
    key: Sequence[Entry] = ()


def semantic_panel(image: UInt8Array, label_map: UInt8Array, classes: ClassMap) -> Panel:
    """Draw the classes, (H, W) uint8, over an image, (H, W, 3) uint8 RGB."""
    painted = is_painted(classes)
    ids = [i for i in present([label_map]) if painted[i]]
    key = [(classes.names[i], classes.colours[i]) for i in ids]
    drawn = overlay(image, label_map, classes)
    return Panel("semantic", "of which class is each pixel?", drawn, key)


def instance_panel(image: UInt8Array, instances: Sequence[Instance], classes: ClassMap) -> Panel:
    """Draw instances over an image, (H, W, 3) uint8 RGB."""
    drawn = overlay_instances(image, instances)
    what = "which instance does it belong to?"
    return Panel("instance", what, drawn, instance_entries(instances, classes))


def regions_panel(image: UInt8Array, region_map: Int32Array) -> Panel:
    """Draw the regions, (H, W) int32, of an image, (H, W, 3) uint8 RGB, in their mean colours."""
    n = int(region_map.max()) + 1
    drawn = outline_regions(image, region_map)
    return Panel("regions", f"what belongs together? {n} parts, no classes", drawn)


def side_by_side(panels: Sequence[Panel], height: int = 300) -> Image.Image:
    """Draw panels in a row, each below its name and above a legend of its colours.

    Parameters
    ----------
    panels : sequence of Panel
        At least one.
    height : int
        Of each image, px; panoramas are fitted into twice that width.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    ArgumentError
        No panel.

    Examples
    --------
    >>> image = np.zeros((40, 60, 3), dtype=np.uint8)
    >>> halves = np.repeat([[0, 1]], 30, axis=1).repeat(40, axis=0).astype(np.int32)
    >>> side_by_side([Panel("image", "", image), regions_panel(image, halves)], 40).height
    114
    """
    if not panels:
        raise ArgumentError("nothing to show: expected at least one panel")
    title, text = font(TITLE), font(TEXT)
    top = 2 * GAP + TITLE + TEXT + GAP
    columns = []
    for panel in panels:
        h, w = panel.image.shape[:2]
        scale = min(height / h, 2 * height / w)
        size = max(1, round(h * scale)), max(1, round(w * scale))
        width = max(size[1], round(title.getlength(panel.name)), round(text.getlength(panel.what)))
        key = drawn_legend(panel.key, width) if panel.key else None
        width = max(width, key.width) if key else width
        columns.append((panel, resize_image(panel.image, size), width, key))
    total = sum(width for *_, width, _ in columns) + 2 * GAP * len(columns) + 2 * GAP
    below = max((key.height for *_, key in columns if key), default=0)
    sheet = Image.new("RGB", (total, top + height + below + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    x = 2 * GAP
    for panel, image, width, key in columns:
        draw.text((x, GAP), panel.name, fill=INK, font=title)
        draw.text((x, 2 * GAP + TITLE), panel.what, fill=DIM, font=text)
        sheet.paste(Image.fromarray(image), (x, top))
        if key:
            # Without its own margin, the legend is aligned with the image's left side.
            sheet.paste(key, (x - GAP, top + height))
        x += width + 2 * GAP
    return sheet
