"""Objects over their photo: one colour and one number each."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pixelwise.classes import VOID, ClassMap
from pixelwise.drawing.grid import above, colour_key, present
from pixelwise.drawing.overlays import overlay
from pixelwise.errors import ArgumentError
from pixelwise.samples import Instance, check_image, instance_ids

UInt8Array = npt.NDArray[np.uint8]

LEAST_TEXT, MOST_TEXT = 9, 28
"""Height of the numbers, px."""

NAMED = 24
"""Objects that the key lists; more would fill the picture."""

GOLDEN = 0.618034
"""Of the circle of hues: so far apart are those of objects that follow each other."""


def instance_colours(n: int) -> UInt8Array:
    """Return ``n`` colours of which neighbours differ well.

    Returns
    -------
    (N, 3) uint8
        RGB.
    """
    tones = ((0.75, 0.95), (0.9, 0.75), (0.5, 1.0))
    colours = [colorsys.hsv_to_rgb(k * GOLDEN % 1, *tones[k % len(tones)]) for k in range(n)]
    return (255 * np.array(colours).reshape(n, 3)).astype(np.uint8)


def overlay_instances(
    image: UInt8Array, instances: Sequence[Instance], opacity: float = 0.5
) -> UInt8Array:
    """Blend a colour of its own over each object, outline it, and write its number on it.

    The numbers are those of the instance map (`types.numbers`).

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    instances : sequence of Instance
        Of the photo's size; later ones lie over earlier ones.
    opacity : float
        Share of the colour, 0..1.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        An object of another size, or an opacity out of range.
    """
    check_image(image)
    size = image.shape[:2]
    if any(instance.size != size for instance in instances):
        raise ArgumentError(f"an object is not of the photo's size, {size[1]} x {size[0]}")
    if not 0 <= opacity <= 1:
        raise ArgumentError(f"opacity: expected 0..1, got {opacity}")
    colours = instance_colours(len(instances))
    painted = image.copy()
    thick = max(1, round(max(size) / 600))
    around = np.ones((2 * thick + 1, 2 * thick + 1), dtype=np.uint8)
    for instance, colour in zip(instances, colours, strict=True):
        top, left, bottom, right = instance.box
        window = painted[top:bottom, left:right]
        blend = (1 - opacity) * window[instance.patch] + opacity * colour
        window[instance.patch] = blend.round().astype(np.uint8)
        # What lies outside the box is outside the object: the border runs along the box too.
        inner = cv2.erode(instance.patch.astype(np.uint8), around, borderValue=0)
        window[instance.patch & (inner == 0)] = colour
    picture = Image.fromarray(painted)
    draw = ImageDraw.Draw(picture)
    for instance, number in zip(instances, instance_ids(tuple(instances)), strict=True):
        x, y, room = _middle(instance)
        height = int(np.clip(room, LEAST_TEXT, max(LEAST_TEXT, min(MOST_TEXT, max(size) // 20))))
        draw.text(
            (x, y),
            str(number),
            fill=(255, 255, 255),
            stroke_fill=(0, 0, 0),
            stroke_width=max(1, height // 10),
            font=ImageFont.load_default(height),
            anchor="mm",
        )
    return np.asarray(picture)


def _middle(instance: Instance) -> tuple[float, float, float]:
    """Return x and y of the pixel that is deepest inside an object, and how deep, px."""
    padded = cv2.copyMakeBorder(
        instance.patch.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0
    )
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return (
        instance.corner[1] + column + 0.5,
        instance.corner[0] + row + 0.5,
        float(depth[row, column]),
    )


def instances_with_legend(
    image: UInt8Array, instances: Sequence[Instance], label_map: UInt8Array, classes: ClassMap
) -> Image.Image:
    """Draw objects over their photo, what is none in its class's colour, and a key of both.

    The key says number, class and score of the first `NAMED` objects.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    instances : sequence of Instance
        Best score first.
    label_map : (H, W) uint8
        Class ids, 255 = void.
    classes : ClassMap

    Returns
    -------
    PIL.Image.Image
        RGB, higher than the photo by the key.
    """
    rest = label_map.copy()
    for instance in instances:
        instance.within(rest)[instance.patch] = 0
    below = overlay(image, rest, classes)
    ids = present([rest])
    named = instances[:NAMED]
    names = [
        f"{number} {classes.names[i.class_id]} {i.score:.2f}"
        for number, i in zip(instance_ids(tuple(instances)), named, strict=False)
    ]
    if len(instances) > NAMED:
        names[-1] += f", and {len(instances) - NAMED} more"
    names += ["void" if i == VOID else classes.names[i] for i in ids]
    colours = np.concatenate([instance_colours(len(named)), classes.palette[ids]])
    return above(overlay_instances(below, instances), colour_key(names, colours, image.shape[1]))
