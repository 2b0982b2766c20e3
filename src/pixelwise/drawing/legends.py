"""Legends: patches of colour with what they stand for, alone or below an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from pixelwise.classes import VOID, ClassMap
from pixelwise.drawing.instances import instance_colours
from pixelwise.drawing.overlays import is_painted
from pixelwise.drawing.style import GAP, INK, PAPER, TEXT, enlargement, font
from pixelwise.io.mask import count_ids
from pixelwise.samples import Instance, UInt8Array, instance_ids

NAMED = 24
"""Instances that a legend lists; more would take more room than the image."""

Entry = tuple[str, tuple[int, int, int]]
"""A name and its colour, RGB in 0..255."""


def present(label_maps: Iterable[UInt8Array]) -> list[int]:
    """Return the ids that occur in some (H, W) uint8 label maps, ascending, void included.

    Examples
    --------
    >>> present([np.array([[0, 3]], dtype=np.uint8), np.array([[255]], dtype=np.uint8)])
    [0, 3, 255]
    """
    seen = sum(count_ids(label_map) for label_map in label_maps)
    return [int(i) for i in np.flatnonzero(seen)]


def legend(classes: ClassMap, ids: Sequence[int], width: int, text: int = TEXT) -> Image.Image:
    """Draw a colour patch and a name for each id, in as many rows as fit ``width``.

    Parameters
    ----------
    classes : ClassMap
    ids : sequence of int
        Class ids; 255 is drawn as "void".
    width : int
        Of the legend, in pixels; wider if a single name needs it.
    text : int
        Height of the text, in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Examples
    --------
    >>> legend(ClassMap(("background", "cat")), [0, 1, 255], 300).size
    (300, 30)
    """
    names = ["void" if i == VOID else classes.names[i] for i in ids]
    entries = list(zip(names, _colours(classes.palette[list(ids)]), strict=True))
    return drawn_legend(entries, width, text)


def instance_entries(instances: Sequence[Instance], classes: ClassMap) -> list[Entry]:
    """Return number, class and score of the first `NAMED` instances, with their colours.

    Examples
    --------
    >>> one = Instance.of(np.ones((2, 2), dtype=bool), class_id=1, id=1)
    >>> instance_entries([one], ClassMap(("background", "cat")))
    [('1 cat 1.00', (242, 60, 60))]
    """
    colours = _colours(instance_colours(len(instances)))
    ids = instance_ids(tuple(instances))
    entries = [
        (f"{number} {classes.names[instance.class_id]} {instance.score:.2f}", colour)
        for number, instance, colour in zip(ids, instances, colours, strict=True)
    ]
    if len(entries) > NAMED:
        name, colour = entries[NAMED - 1]
        entries[NAMED - 1] = (f"{name}, and {len(entries) - NAMED} more", colour)
    return entries[:NAMED]


def drawn_legend(entries: Sequence[Entry], width: int, text: int = TEXT) -> Image.Image:
    """Draw a patch of colour and a name for each entry; else as `legend`."""
    scale = text / TEXT
    gap, beside = round(GAP * scale), round(6 * scale)
    letters = font(text)
    widths = [text + beside + round(letters.getlength(name)) + 2 * gap for name, _ in entries]
    width = max([width, *(w + 2 * gap for w in widths)])
    places, x, y = [], gap, gap
    for item in widths:
        if x + item > width and x > gap:
            x, y = gap, y + text + gap
        places.append((x, y))
        x += item
    drawn = Image.new("RGB", (width, y + text + gap), PAPER)
    draw = ImageDraw.Draw(drawn)
    for (x, y), (name, colour) in zip(places, entries, strict=True):
        draw.rectangle((x, y, x + text, y + text), fill=colour, outline=INK)
        draw.text((x + text + beside, y + text / 2), name, fill=INK, font=letters, anchor="lm")
    return drawn


def with_legend(image: UInt8Array, label_map: UInt8Array, classes: ClassMap) -> Image.Image:
    """Put a legend of the classes in ``label_map`` below what `overlay` drew.

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
        RGB, higher than ``image`` by the legend, which is readable when 640 pixels wide. Classes
        that `overlay` does not paint are left out.

    Examples
    --------
    >>> classes, label_map = ClassMap(("background", "cat")), np.eye(200, dtype=np.uint8)
    >>> image = np.zeros((200, 200, 3), dtype=np.uint8)
    >>> with_legend(image, label_map, classes).size
    (200, 230)
    """
    width, painted = image.shape[1], is_painted(classes)
    ids = [i for i in present([label_map]) if painted[i]]
    return above(image, legend(classes, ids, width, _text(width)))


def with_instance_legend(
    image: UInt8Array, instances: Sequence[Instance], classes: ClassMap
) -> Image.Image:
    """Put number, class and score of the instances below what `overlay_instances` drew.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    instances : sequence of Instance
        Best score first; the first `NAMED` are listed.
    classes : ClassMap

    Returns
    -------
    PIL.Image.Image
        RGB, higher than ``image`` by the legend, which is readable when 640 pixels wide.

    Examples
    --------
    >>> one = Instance.of(np.ones((200, 200), dtype=bool), class_id=1, id=1)
    >>> image = np.zeros((200, 200, 3), dtype=np.uint8)
    >>> with_instance_legend(image, [one], ClassMap(("background", "cat"))).size
    (200, 230)
    """
    width = image.shape[1]
    entries = instance_entries(instances, classes)
    return above(image, drawn_legend(entries, width, _text(width)))


def above(image: UInt8Array, key: Image.Image) -> Image.Image:
    """Put an image, (H, W, 3) uint8 RGB, above its legend."""
    width = max(image.shape[1], key.width)
    whole = Image.new("RGB", (width, image.shape[0] + key.height), PAPER)
    whole.paste(Image.fromarray(image), (0, 0))
    whole.paste(key, (0, image.shape[0]))
    return whole


def _text(width: int) -> int:
    return round(TEXT * enlargement(width))


def _colours(palette: UInt8Array) -> list[tuple[int, int, int]]:
    return [(red, green, blue) for red, green, blue in palette.tolist()]
