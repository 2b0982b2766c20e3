"""COCO's two ways to write a mask: run-length codes and polygons.

Both give what pycocotools gives, the reference that everybody's COCO figures come from. Files are
not trusted: sizes and coordinates are checked before memory is taken for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from pixelwise.errors import LabelError
from pixelwise.samples import BoolArray, Float64Array, Int64Array


def encode_rle(mask: BoolArray) -> dict[str, Any]:
    """Encode a mask as compressed COCO RLE.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    dict
        ``{"size": [H, W], "counts": str}``, ready for JSON.

    Examples
    --------
    >>> encode_rle(np.array([[False, True], [False, True]]))
    {'size': [2, 2], 'counts': '22'}
    """
    code = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(v) for v in code["size"]], "counts": code["counts"].decode("ascii")}


def decode_rle(code: Mapping[str, Any], size: tuple[int, int], where: str = "RLE") -> BoolArray:
    """Decode COCO RLE, compressed (a string) or not (a list of counts).

    Parameters
    ----------
    code : mapping
        ``{"size": [H, W], "counts": ...}``.
    size : (height, width)
        Of the image it belongs to.
    where : str
        What to call it in an error.

    Returns
    -------
    (H, W) bool

    Raises
    ------
    LabelError
        It is for another size, its counts do not add up to it, or it is not RLE.

    Examples
    --------
    >>> decode_rle({"size": [2, 2], "counts": [2, 2]}, (2, 2)).astype(int).tolist()
    [[0, 1], [0, 1]]
    """
    if code.get("size") not in (list(size), tuple(size)):
        raise LabelError(
            f"{where}: the RLE is for {code.get('size')}, but the image is {list(size)} "
            "([height, width])"
        )
    raw = code.get("counts")
    try:
        if isinstance(raw, str | bytes):
            counts = _counts_of(raw.encode("ascii") if isinstance(raw, str) else raw)
        else:
            counts = np.array(raw, dtype=np.int64)
    except (ValueError, TypeError, OverflowError):
        raise LabelError(f"{where}: its counts are no RLE") from None
    # The runs are checked one by one first: a sum of huge ones could wrap around.
    pixels = size[0] * size[1]
    fits = counts.ndim == 1 and bool(((counts >= 0) & (counts <= pixels)).all())
    if not fits or counts.sum() != pixels:
        raise LabelError(f"{where}: its counts do not add up to {pixels} pixels")
    runs = np.zeros(len(counts), dtype=np.bool_)
    runs[1::2] = True
    return np.ascontiguousarray(np.repeat(runs, counts).reshape(size[1], size[0]).T)


def draw_polygons(
    polygons: Sequence[Sequence[float]], size: tuple[int, int], where: str = "polygon"
) -> BoolArray:
    """Draw the polygons of one instance as pycocotools does.

    Parameters
    ----------
    polygons : sequence of [x0, y0, x1, y1, ...]
        In pixels; at least three points each. Parts outside the image are cut off.
    size : (height, width)
    where : str
        What to call it in an error.

    Returns
    -------
    (H, W) bool

    Raises
    ------
    LabelError
        Too few points, a value that is not a number, or a point further outside than the
        image is large.

    Examples
    --------
    >>> draw_polygons([[1, 0, 3, 0, 3, 2, 1, 2]], (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0]]
    """
    flat = [
        points_of(np.array(polygon, dtype=object).ravel(), size, where).ravel().tolist()
        for polygon in polygons
    ]
    if not flat:
        raise LabelError(f"{where}: no polygon in it")
    return decode_rle(coco.merge(coco.frPyObjects(flat, *size)), size, where)


def draw_segmentation(
    segmentation: object, size: tuple[int, int], where: str = "segmentation"
) -> BoolArray:
    """Draw what COCO keeps under ``segmentation``: RLE, polygons, or one polygon alone.

    Returns
    -------
    (H, W) bool

    Raises
    ------
    LabelError
        It is none of these, or cannot be drawn.
    """
    if isinstance(segmentation, dict):
        return decode_rle(segmentation, size, where)
    if not isinstance(segmentation, list) or not segmentation:
        raise LabelError(f"{where}: it has a box but no segmentation")
    if not all(isinstance(part, list) for part in segmentation):
        segmentation = [segmentation]
    return draw_polygons(segmentation, size, where)


def points_of(
    values: npt.NDArray[Any] | Sequence[Any], size: tuple[int, int], where: str
) -> Float64Array:
    """Check the outline of an instance.

    Parameters
    ----------
    values : sequence
        x, y in pixels, alternating or in pairs.
    size : (height, width)
        Of the image.
    where : str
        What to call it in an error.

    Returns
    -------
    (N, 2) float64
        x, y; N at least 3.

    Raises
    ------
    LabelError
        As for `draw_polygons`.
    """
    try:
        flat = np.array(values, dtype=np.float64).ravel()
    except (ValueError, TypeError, OverflowError):
        raise LabelError(f"{where}: an outline is made of numbers x, y, x, y, ...") from None
    if len(flat) < 6 or len(flat) % 2:
        raise LabelError(
            f"{where}: an outline needs x and y of three points or more, got {len(flat)} numbers"
        )
    points = flat.reshape(-1, 2)
    limit = np.array([size[1], size[0]])
    # Written so that NaN fails, too. Drawing takes memory and time by the length of the outline.
    if not bool(((points >= -limit) & (points <= 2 * limit)).all()):
        raise LabelError(f"{where}: a point lies far outside the image of {limit[0]} x {limit[1]}")
    return points


def _counts_of(text: bytes) -> Int64Array:
    """Undo COCO's compression: base 32 with a sign, from the third run on as differences."""
    if not text:
        raise ValueError("empty")
    digits = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    last = digits & 32 == 0
    if digits.min() < 0 or digits.max() > 63 or not last[-1]:
        raise ValueError("not RLE")
    starts = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    group = np.cumsum(last) - last
    place = np.arange(len(digits)) - starts[group]
    if place.max() > 6:
        raise ValueError("a count beyond 35 bits")
    values = np.add.reduceat((digits & 31) << (5 * place), starts)
    negative = (digits[last] & 16) != 0
    values -= negative.astype(np.int64) << (5 * (place[last] + 1))
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return np.asarray(values, dtype=np.int64)
