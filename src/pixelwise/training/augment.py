"""Random changes to an image and its maps: one warp, one colour matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.samples import Float64Array, UInt8Array, UInt16Array
from pixelwise.training.settings import Settings

UNKNOWN = 65535
"""In an instance map: pixels whose instance is not labelled."""

WHOLE = (0.8, 1.15)
"""Longer side of an image in a crop that shows (nearly) all of it, as a multiple of the crop's."""

GREY = np.array([0.299, 0.587, 0.114])
MEAN = (124, 116, 104)


class Labelled(NamedTuple):
    """An image and what it is labelled with.

    Parameters
    ----------
    image : (H, W, 3) uint8
    label_map : (H, W) uint8
        Class ids, 255 = void. Of a crop: (H / stride, W / stride).
    instance_map : (H, W) uint16, or None
        Of the label map's size: instances 1, 2, ...; 0 = none, `UNKNOWN` = unlabelled. None if
        the whole image is unlabelled.
    foreground_map : (H, W) uint8, or None
        1 = stands out, 0 = does not, 255 = unknown. None if it is not to be learnt. Of a crop: of a
        size of its own.
    only_whole : bool
        Whether crops show all of the image: what stands out cannot be told from a part.
    """

    image: UInt8Array
    label_map: UInt8Array
    instance_map: UInt16Array | None = None
    foreground_map: UInt8Array | None = None
    only_whole: bool = False


def augment(
    image: Labelled,
    crop: int,
    strides: tuple[int, int],
    settings: Settings,
    rng: np.random.Generator,
) -> Labelled:
    """Cut a random crop: flipped, scaled, stretched, turned, shifted and recoloured.

    Parameters
    ----------
    image : Labelled
    crop : int
        Side of the crop in pixels, a multiple of the strides.
    strides : (int, int)
        Pixels of the crop under one of its maps', and under one of its foreground map's: the loss
        at 2 costs a quarter.
    settings : Settings
    rng : numpy.random.Generator

    Returns
    -------
    Labelled
        (crop, crop, 3), mean grey where the crop reaches beyond the image. Its maps have 1 / stride
        of the side: they are sampled at the centres of blocks of the crop, without interpolation;
        void and `UNKNOWN` beyond the image.
    """
    scale = (0.0, *WHOLE) if image.only_whole else (settings.image_scale, *settings.scale)
    warp = _warp(image.image.shape[:2], crop, scale, settings, rng)
    pixels = cv2.warpAffine(
        image.image, warp, (crop, crop), flags=cv2.INTER_LINEAR, borderValue=MEAN
    )

    def warped(numbers: npt.NDArray[Any], beyond: int, stride: int) -> npt.NDArray[Any]:
        # Pixel i of a map sits at stride * (i + 0.5) - 0.5 of the crop.
        small = warp / stride
        small[:, 2] += 0.5 / stride - 0.5
        side = crop // stride
        return cv2.warpAffine(
            numbers, small, (side, side), flags=cv2.INTER_NEAREST, borderValue=beyond
        )

    coloured = cv2.transform(pixels, recolour(settings.colour, rng))
    stride, front_stride = strides
    instances, foreground = image.instance_map, image.foreground_map
    return Labelled(
        np.asarray(coloured, np.uint8),
        warped(image.label_map, VOID, stride),
        None if instances is None else warped(instances, UNKNOWN, stride),
        None if foreground is None else warped(foreground, VOID, front_stride),
    )


def paste(crop: Labelled, other: Labelled) -> Labelled:
    """Paste another crop, all but its background, over a crop.

    "Simple copy-paste" (Ghiasi et al., 2021): a subject is learnt apart from where it was seen, and
    apart from others of its kind that it touches.

    Parameters
    ----------
    crop, other : Labelled
        Of `augment`. Class 0 is the background.

    Returns
    -------
    Labelled
    """
    there = (other.label_map != 0) & (other.label_map != VOID)
    # Enlarged and softened by about a pixel, as a lens does: the network would learn a hard rim.
    alpha = cv2.resize(there.astype(np.float32), crop.image.shape[1::-1])
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1)
    mixed = cv2.blendLinear(other.image, crop.image, alpha, 1 - alpha)
    labels = np.where(there, other.label_map, crop.label_map)
    instances = None
    if crop.instance_map is not None or other.instance_map is not None:
        below, above = _instance_map(crop), _instance_map(other)
        highest = below[below != UNKNOWN].max(initial=0)
        renumbered = np.where(above % UNKNOWN, above + highest, above)
        instances = np.where(there, renumbered, below).astype(np.uint16)
    foreground = crop.foreground_map
    if foreground is not None and other.foreground_map is not None:
        # What stands out where it was pasted from does so here; of the rest it is not known, nor
        # along the rim, which has the detail of the label map only.
        front_there = cv2.resize(
            there.view(np.uint8), foreground.shape[::-1], interpolation=cv2.INTER_NEAREST
        )
        rim = cv2.morphologyEx(front_there, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        above_front = np.where(other.foreground_map == 1, 1, VOID).astype(np.uint8)
        foreground = np.where(front_there > 0, above_front, foreground)
        foreground[rim > 0] = VOID
    return Labelled(np.asarray(mixed, dtype=np.uint8), labels, instances, foreground)


def _instance_map(crop: Labelled) -> UInt16Array:
    if crop.instance_map is None:
        return np.full(crop.label_map.shape, UNKNOWN, dtype=np.uint16)
    return crop.instance_map


def _warp(
    size: tuple[int, ...],
    crop: int,
    scales: tuple[float, float, float],
    settings: Settings,
    rng: np.random.Generator,
) -> Float64Array:
    image_scale, low, high = scales
    scale = (image_scale or crop / max(size)) * np.exp(rng.uniform(np.log(low), np.log(high)))
    stretch = np.exp(rng.uniform(-settings.stretch, settings.stretch) / 2)
    flip = 1 if rng.random() < 1 - settings.flip else -1
    angle = np.deg2rad(rng.uniform(-settings.rotate, settings.rotate))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([flip * scale * stretch, scale / stretch])
    # Any shift that keeps the image's extent over the crop, or inside it if it is smaller.
    height, width = size[0] * scale / stretch, size[1] * scale * stretch
    room = np.abs(np.array([width - crop, height - crop]))
    centre = (crop - 1) / 2 + rng.uniform(-0.5, 0.5, 2) * room
    middle = (np.array([size[1], size[0]]) - 1) / 2
    return np.hstack([matrix, (centre - matrix @ middle)[:, None]])


def recolour(strength: float, rng: np.random.Generator) -> Float64Array:
    """Return the 3 x 4 matrix of a random saturation, brightness, tint and contrast."""
    grey = rng.random() < 0.1 and strength > 0
    saturation = 0.0 if grey else rng.uniform(1 - strength, 1 + strength)
    colour = saturation * np.eye(3) + (1 - saturation) * GREY[None, :]
    colour *= rng.uniform(1 - strength, 1 + strength)
    colour *= rng.uniform(1 - strength / 5, 1 + strength / 5, 3)[:, None]
    contrast = rng.uniform(1 - strength, 1 + strength)
    offset = np.full((3, 1), (1 - contrast) * float(np.mean(MEAN)))
    return np.hstack([contrast * colour, offset])
