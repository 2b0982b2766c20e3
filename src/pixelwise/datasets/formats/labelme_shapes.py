"""labelme's shapes: drawn as labelme itself draws them, by Pillow and with their borders."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pixelwise.errors import LabelError
from pixelwise.instances import outlines
from pixelwise.io.image import open_picture
from pixelwise.io.rle import points_of
from pixelwise.samples import BoolArray, Float64Array, Instance


def draw_shape(shape: Mapping[str, Any], size: tuple[int, int], where: str) -> BoolArray:
    """Draw one shape, (H, W) bool.

    Raises
    ------
    LabelError
        It is a point or a line, or its points are none.
    """
    kind, raw = shape.get("shape_type") or "polygon", shape.get("points")
    if not isinstance(raw, list):
        raise LabelError(f"{where}: expected a list of points")
    if kind in ("polygon", "oriented_rectangle"):
        points = points_of(raw, size, where)
    elif kind in ("rectangle", "circle", "mask"):
        if len(raw) != 2:
            raise LabelError(f"{where}: a {kind} has two points, got {len(raw)}")
        points = points_of([*raw, raw[-1]], size, where)[:2]
    else:
        raise LabelError(
            f"{where}: a {kind!r} bounds no pixels; draw a polygon, rectangle, circle or mask"
        )
    if kind == "mask":
        return _pasted(shape, points, size, where)
    picture = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(picture)
    if kind == "rectangle":
        low, high = points.min(axis=0), points.max(axis=0)
        draw.rectangle((*low.tolist(), *high.tolist()), outline=1, fill=1)
    elif kind == "circle":
        (x, y), radius = points[0].tolist(), float(np.linalg.norm(points[1] - points[0]))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    else:
        draw.polygon([(x, y) for x, y in points.tolist()], outline=1, fill=1)
    return np.array(picture, dtype=np.bool_)


def shapes_of(instance: Instance) -> list[dict[str, Any]]:
    """Return the shapes whose pixels together are exactly the object's."""
    top, left, bottom, right = instance.box
    parts, holes = outlines(instance.patch)
    if not holes and all(len(part) > 2 for part in parts):
        corners = [(part + np.array([left, top])).tolist() for part in parts]
        shapes = [{"shape_type": "polygon", "points": points} for points in corners]
        drawn = [draw_shape(shape, instance.size, "outline") for shape in shapes]
        if (np.logical_or.reduce(drawn) == instance.mask).all():
            return shapes
    buffer = io.BytesIO()
    Image.fromarray(instance.patch).save(buffer, "PNG")
    return [
        {
            "shape_type": "mask",
            "points": [[left, top], [right - 1, bottom - 1]],
            "mask": base64.b64encode(buffer.getvalue()).decode("ascii"),
        }
    ]


def _pasted(
    shape: Mapping[str, Any], points: Float64Array, size: tuple[int, int], where: str
) -> BoolArray:
    raw = shape.get("mask")
    try:
        data = base64.b64decode(raw if isinstance(raw, str) else "", validate=True)
    except (binascii.Error, ValueError):
        raise LabelError(f"{where}: its mask is no base64") from None
    with open_picture(where, data) as picture:
        patch = np.array(picture.convert("L")) > 0
    left, top = points.min(axis=0).astype(int).tolist()
    mask = np.zeros(size, dtype=np.bool_)
    height, width = patch.shape
    if left < 0 or top < 0 or top + height > size[0] or left + width > size[1]:
        raise LabelError(f"{where}: its mask reaches out of the photo")
    mask[top : top + height, left : left + width] = patch
    return mask
