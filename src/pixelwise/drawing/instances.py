"""Instances over their image: one colour and one number each."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from pixelwise.drawing.style import enlargement, font
from pixelwise.errors import ArgumentError
from pixelwise.samples import (
    BoolArray,
    Float32Array,
    Instance,
    UInt8Array,
    check_image,
    instance_ids,
)

LEAST_TEXT, MOST_TEXT = 9, 28
"""Height of the numbers on an image that is 640 px wide, px."""

GOLDEN = 0.618034
"""Step from one hue to the next, as a share of the colour circle."""

TONES = ((0.75, 0.95), (0.9, 0.75), (0.5, 1.0))
"""Saturation and value, in turn."""


def instance_colours(n: int) -> UInt8Array:
    """Return ``n`` colours of which consecutive ones differ well.

    Returns
    -------
    (N, 3) uint8
        RGB.

    Examples
    --------
    >>> instance_colours(2).tolist()
    [[242, 60, 60], [19, 69, 191]]
    """
    return np.array([_colour(k) for k in range(n)], dtype=np.uint8).reshape(n, 3)


def _colour(k: int) -> tuple[int, int, int]:
    """Return the colour at place ``k`` of `instance_colours`."""
    red, green, blue = colorsys.hsv_to_rgb(k * GOLDEN % 1, *TONES[k % len(TONES)])
    return int(255 * red), int(255 * green), int(255 * blue)


def overlay_instances(
    image: UInt8Array, instances: Sequence[Instance], opacity: float = 0.5, by_id: bool = False
) -> UInt8Array:
    """Blend a different colour over each instance, outline it, and write its number on it.

    The numbers are those of the instance map (`samples.instance_ids`).

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    instances : sequence of Instance
        Of the image's size; later ones lie over earlier ones.
    opacity : float
        Share of the colour, 0..1.
    by_id : bool
        An instance's colour follows from its id, so that it keeps it from frame to frame, and not
        from its place among the others. Ids are 1 or more.

    Returns
    -------
    (H, W, 3) uint8
        RGB. Numbers and outlines are readable when the image is shown 640 pixels wide.

    Raises
    ------
    ArgumentError
        An instance of another size, or an opacity out of range.

    Examples
    --------
    >>> mask = np.zeros((20, 30), dtype=bool)
    >>> mask[5:15, 5:25] = True
    >>> image = np.full((20, 30, 3), 100, dtype=np.uint8)
    >>> drawn = overlay_instances(image, [Instance.of(mask, class_id=1, id=1)])
    >>> drawn[0, 0].tolist(), drawn[5, 5].tolist()
    ([100, 100, 100], [242, 60, 60])
    """
    check_image(image)
    size = image.shape[:2]
    for instance in instances:
        if instance.size != size:
            raise ArgumentError(
                f"instance {instance.id} was made for {instance.size[0]} x {instance.size[1]}, the "
                f"image is {size[0]} x {size[1]} (height x width)"
            )
    if not 0 <= opacity <= 1:
        raise ArgumentError(f"opacity: expected 0..1, got {opacity}")
    painted = image.copy()
    around = _around(size)
    for place, instance in enumerate(instances):
        colour = np.array(_colour(instance.id - 1 if by_id else place), dtype=np.uint8)
        top, left, bottom, right = instance.box
        window = painted[top:bottom, left:right]
        blend = (1 - opacity) * window[instance.patch] + opacity * colour
        window[instance.patch] = blend.round().astype(np.uint8)
        window[_outline(instance, around)] = colour
    return _numbered(painted, instances)


def instance_layer(
    instances: Sequence[Instance], size: tuple[int, int], opacity: float = 0.5
) -> tuple[UInt8Array, Float32Array]:
    """Return what `overlay_instances` by id lays over an image, for images that are not RGB.

    Parameters
    ----------
    instances : sequence of Instance
        Ids are 1 or more.
    size : (height, width)
    opacity : float
        Share of the colour, 0..1.

    Returns
    -------
    colours : (H, W, 3) uint8
        RGB.
    share : (H, W) float32
        Of the colours, 0..1: outlines and numbers hide the image, areas let it through.

    Examples
    --------
    >>> mask = np.zeros((40, 60), dtype=bool)
    >>> mask[5:35, 5:55] = True
    >>> colours, share = instance_layer([Instance.of(mask, class_id=1, id=1)], (40, 60))
    >>> share[[0, 5, 9], [0, 5, 9]].tolist(), colours[9, 9].tolist()
    ([0.0, 1.0, 0.5], [242, 60, 60])
    """
    colours, share = np.zeros((*size, 3), dtype=np.uint8), np.zeros(size, dtype=np.float32)
    around = _around(size)
    for instance in instances:
        instance.within(colours)[instance.patch] = _colour(instance.id - 1)
        part = instance.within(share)
        part[instance.patch] = opacity
        part[_outline(instance, around)] = 1
    numbered = _numbered(colours, instances)
    red, green, blue = np.moveaxis(numbered != colours, 2, 0)
    share[red | green | blue] = 1
    return numbered, share


def _around(size: tuple[int, ...]) -> UInt8Array:
    """Return the square with which areas are eroded by the width of an outline."""
    thick = max(1, round(max(size) / 400))
    return np.ones((2 * thick + 1, 2 * thick + 1), dtype=np.uint8)


def _outline(instance: Instance, around: UInt8Array) -> BoolArray:
    # Outside the box is outside the instance: the outline runs along the box too.
    inner = cv2.erode(instance.patch.view(np.uint8), around, borderValue=0)
    return np.asarray(instance.patch & (inner == 0))


def _numbered(image: UInt8Array, instances: Sequence[Instance]) -> UInt8Array:
    """Return an image with each instance's number on it."""
    whole = Image.fromarray(image)
    draw = ImageDraw.Draw(whole)
    size = image.shape[:2]
    scale = enlargement(size[1])
    least, most = round(LEAST_TEXT * scale), round(MOST_TEXT * scale)
    for instance, number in zip(instances, instance_ids(tuple(instances)), strict=True):
        x, y, room = _middle(instance)
        height = int(np.clip(room, least, max(least, min(most, max(size) // 20))))
        draw.text(
            (x, y),
            str(number),
            fill=(255, 255, 255),
            stroke_fill=(0, 0, 0),
            stroke_width=max(1, height // 10),
            font=font(height),
            anchor="mm",
        )
    return np.asarray(whole)


def _middle(instance: Instance) -> tuple[float, float, float]:
    """Return x and y of the pixel farthest inside an instance, and its distance to outside, px."""
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
