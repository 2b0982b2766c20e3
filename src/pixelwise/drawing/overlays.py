"""Label maps and region maps as colours, alone or over their image."""

from __future__ import annotations

import cv2
import numpy as np

from pixelwise.classes import BACKGROUND, VOID, ClassMap
from pixelwise.errors import ArgumentError
from pixelwise.samples import BoolArray, Int32Array, UInt8Array, check_image, check_label_map


def colourise(label_map: UInt8Array, classes: ClassMap) -> UInt8Array:
    """Paint a label map in the colours of its classes.

    Parameters
    ----------
    label_map : (H, W) uint8
        Class ids, 255 = void.
    classes : ClassMap

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Examples
    --------
    >>> from pixelwise import VOC
    >>> colourise(np.array([[0, 15]], dtype=np.uint8), VOC).tolist()
    [[[0, 0, 0], [192, 128, 128]]]
    """
    check_label_map(label_map)
    return classes.palette[label_map]


def overlay(
    image: UInt8Array, label_map: UInt8Array, classes: ClassMap, opacity: float = 0.5
) -> UInt8Array:
    """Blend the colours of the classes over an image and outline each area.

    What `is_painted` leaves out stays unchanged: background and void.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    label_map : (H, W) uint8
        Class ids, 255 = void, of the image's size.
    classes : ClassMap
    opacity : float
        Share of the colour, 0..1.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Sizes differ, or an opacity out of range.

    Examples
    --------
    >>> from pixelwise import VOC
    >>> label_map = np.zeros((9, 9), dtype=np.uint8)
    >>> label_map[3:6, 3:6] = 15
    >>> drawn = overlay(np.full((9, 9, 3), 100, dtype=np.uint8), label_map, VOC)
    >>> drawn[0, 0].tolist(), drawn[3, 3].tolist(), drawn[4, 4].tolist()
    ([100, 100, 100], [192, 128, 128], [146, 114, 114])
    """
    check_image(image)
    check_label_map(label_map)
    if image.shape[:2] != label_map.shape:
        raise ArgumentError(f"image {image.shape[:2]} and label map {label_map.shape} differ")
    if not 0 <= opacity <= 1:
        raise ArgumentError(f"opacity: expected 0..1, got {opacity}")
    painted = cv2.addWeighted(image, 1 - opacity, colourise(label_map, classes), opacity, 0)
    plain = ~is_painted(classes)[label_map]
    blended = np.where(plain[..., None], image, painted)
    # An outline pixel has a neighbour of another class; thickness follows the image's size.
    thick = max(1, round(max(label_map.shape) / 400))
    around = np.ones((2 * thick + 1, 2 * thick + 1), dtype=np.uint8)
    outline = (cv2.dilate(label_map, around) != cv2.erode(label_map, around)) & ~plain
    blended[outline] = classes.palette[label_map[outline]]
    return np.asarray(blended, dtype=np.uint8)


def is_painted(classes: ClassMap) -> BoolArray:
    """Return whether `overlay` paints each id, (256,) bool: not void, nor id 0 if a background.

    Examples
    --------
    >>> is_painted(ClassMap(("background", "cat")))[[0, 1, 255]].tolist()
    [False, True, False]
    >>> is_painted(ClassMap(("sky", "road")))[[0, 1, 255]].tolist()
    [True, True, False]
    """
    painted = np.ones(256, dtype=np.bool_)
    painted[VOID] = False
    painted[0] = classes.names[0] not in BACKGROUND
    return painted


def outline_regions(image: UInt8Array, region_map: Int32Array) -> UInt8Array:
    """Fill each region with its mean colour and draw the boundaries between regions in white.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    region_map : (H, W) int32
        Regions 0..K-1.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Sizes differ.

    Examples
    --------
    >>> image = np.array([[[0, 0, 0], [20, 20, 20], [90, 90, 90], [90, 90, 90]]], dtype=np.uint8)
    >>> outline_regions(image, np.array([[0, 0, 1, 1]], dtype=np.int32))[0, :, 0].tolist()
    [10, 10, 255, 90]
    """
    check_image(image)
    if image.shape[:2] != region_map.shape:
        raise ArgumentError(f"image {image.shape[:2]} and region map {region_map.shape} differ")
    flat = region_map.ravel()
    areas = np.bincount(flat)
    means = [np.bincount(flat, image[..., c].ravel()) / np.maximum(areas, 1) for c in range(3)]
    painted = np.stack(means, axis=-1).round().astype(np.uint8)[region_map]
    boundary = np.zeros(region_map.shape, dtype=np.bool_)
    boundary[:, 1:] |= region_map[:, 1:] != region_map[:, :-1]
    boundary[1:] |= region_map[1:] != region_map[:-1]
    painted[boundary] = 255
    return painted
