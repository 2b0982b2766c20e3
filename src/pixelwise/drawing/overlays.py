"""Label maps as colours, alone or over their photo."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import ArgumentError
from pixelwise.samples import check_image, check_label_map

UInt8Array = npt.NDArray[np.uint8]


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
    """
    check_label_map(label_map)
    return classes.palette[label_map]


def overlay(
    image: UInt8Array, label_map: UInt8Array, classes: ClassMap, opacity: float = 0.5
) -> UInt8Array:
    """Blend the colours of the classes over a photo and outline each area.

    Background (id 0) and void keep the photo as it is.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    label_map : (H, W) uint8
        Class ids, 255 = void, of the photo's size.
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
    """
    check_image(image)
    check_label_map(label_map)
    if image.shape[:2] != label_map.shape:
        raise ArgumentError(f"photo {image.shape[:2]} and label map {label_map.shape} differ")
    if not 0 <= opacity <= 1:
        raise ArgumentError(f"opacity: expected 0..1, got {opacity}")
    painted = cv2.addWeighted(image, 1 - opacity, colourise(label_map, classes), opacity, 0)
    plain = (label_map == 0) | (label_map == VOID)
    blended = np.where(plain[..., None], image, painted)
    # A border pixel has a neighbour of another class; thickness follows the photo's size.
    thick = max(1, round(max(label_map.shape) / 400))
    around = np.ones((2 * thick + 1, 2 * thick + 1), dtype=np.uint8)
    border = cv2.dilate(label_map, around) != cv2.erode(label_map, around)
    blended[border & ~plain] = colourise(label_map, classes)[border & ~plain]
    return np.asarray(blended, dtype=np.uint8)


def outline_regions(image: UInt8Array, region_map: npt.NDArray[np.int32]) -> UInt8Array:
    """Fill each region with its mean colour and draw the borders between regions.

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
    """
    check_image(image)
    if image.shape[:2] != region_map.shape:
        raise ArgumentError(f"photo {image.shape[:2]} and region map {region_map.shape} differ")
    flat = region_map.ravel()
    areas = np.bincount(flat)
    means = [np.bincount(flat, image[..., c].ravel()) / np.maximum(areas, 1) for c in range(3)]
    painted = np.stack(means, axis=-1).round().astype(np.uint8)[region_map]
    border = np.zeros(region_map.shape, dtype=bool)
    border[:, 1:] |= region_map[:, 1:] != region_map[:, :-1]
    border[1:] |= region_map[1:] != region_map[:-1]
    painted[border] = 255
    return painted
