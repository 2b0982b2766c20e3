"""Random changes to a photo and its label map: one warp, one colour matrix."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.training.settings import Settings

UInt8Array = npt.NDArray[np.uint8]

LABEL_STRIDE = 2
"""Label maps of crops are made at half the crop's size: the loss there costs a quarter."""

GREY = np.array([0.299, 0.587, 0.114])
MEAN = (124, 116, 104)


def augment(
    image: UInt8Array,
    label_map: UInt8Array,
    crop: int,
    settings: Settings,
    rng: np.random.Generator,
) -> tuple[UInt8Array, UInt8Array]:
    """Cut a random crop: flipped, scaled, stretched, turned, shifted and recoloured.

    Parameters
    ----------
    image : (H, W, 3) uint8
    label_map : (H, W) uint8
        Class ids, 255 = void.
    crop : int
        Side of the crop in pixels, even.
    settings : Settings
    rng : numpy.random.Generator

    Returns
    -------
    image : (crop, crop, 3) uint8
        Mean grey where the crop reaches beyond the photo.
    label_map : (crop / 2, crop / 2) uint8
        Sampled at the centres of 2 x 2 blocks of the crop, without interpolation; void beyond
        the photo.
    """
    warp = _warp(image.shape[:2], crop, settings, rng)
    photo = cv2.warpAffine(image, warp, (crop, crop), flags=cv2.INTER_LINEAR, borderValue=MEAN)
    # Pixel i of the small map sits at 2 i + 0.5 of the crop, hence the quarter pixel.
    half = warp / LABEL_STRIDE
    half[:, 2] += 0.5 / LABEL_STRIDE - 0.5
    side = crop // LABEL_STRIDE
    labels = cv2.warpAffine(
        label_map, half, (side, side), flags=cv2.INTER_NEAREST, borderValue=VOID
    )
    return cv2.transform(photo, recolour(settings.colour, rng)), labels  # type: ignore[return-value]


def paste(
    image: UInt8Array, label_map: UInt8Array, other: UInt8Array, other_labels: UInt8Array
) -> tuple[UInt8Array, UInt8Array]:
    """Lay what another crop shows, all but its background, over a crop.

    "Simple copy-paste" (Ghiasi et al., 2021): a subject is learnt apart from where it was seen.

    Parameters
    ----------
    image, other : (S, S, 3) uint8
        Crops of `augment`.
    label_map, other_labels : (S / 2, S / 2) uint8
        Class ids, 0 = background, 255 = void.

    Returns
    -------
    image : (S, S, 3) uint8
    label_map : (S / 2, S / 2) uint8
    """
    there = (other_labels != 0) & (other_labels != VOID)
    # Enlarged and softened by about a pixel, as a lens does: a hard rim would give it away.
    alpha = cv2.resize(there.astype(np.float32), image.shape[1::-1])
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1)
    mixed = cv2.blendLinear(other, image, alpha, 1 - alpha)
    return np.asarray(mixed, dtype=np.uint8), np.where(there, other_labels, label_map)


def _warp(
    size: tuple[int, ...], crop: int, settings: Settings, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    low, high = np.log(settings.scale)
    scale = crop / max(size) * np.exp(rng.uniform(low, high))
    stretch = np.exp(rng.uniform(-settings.stretch, settings.stretch) / 2)
    flip = 1 if rng.random() < 0.5 else -1
    angle = np.deg2rad(rng.uniform(-settings.rotate, settings.rotate))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([flip * scale * stretch, scale / stretch])
    # Any shift that keeps the photo's extent over the crop, or inside it where it is smaller.
    height, width = size[0] * scale / stretch, size[1] * scale * stretch
    room = np.abs(np.array([width - crop, height - crop]))
    centre = (crop - 1) / 2 + rng.uniform(-0.5, 0.5, 2) * room
    middle = (np.array([size[1], size[0]]) - 1) / 2
    return np.hstack([matrix, (centre - matrix @ middle)[:, None]])


def recolour(strength: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the 3 x 4 matrix of a random saturation, brightness, tint and contrast."""
    grey = rng.random() < 0.1
    saturation = 0.0 if grey else rng.uniform(1 - strength, 1 + strength)
    colour = saturation * np.eye(3) + (1 - saturation) * GREY[None, :]
    colour *= rng.uniform(1 - strength, 1 + strength)
    colour *= rng.uniform(1 - strength / 5, 1 + strength / 5, 3)[:, None]
    contrast = rng.uniform(1 - strength, 1 + strength)
    offset = np.full((3, 1), (1 - contrast) * float(np.mean(MEAN)))
    return np.hstack([contrast * colour, offset])
