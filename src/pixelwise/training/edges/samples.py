"""What the boundary network learns from: crops of images that several people have divided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.datasets.bsds import BsdsSample
from pixelwise.samples import Float32Array, Float64Array, Int64Array, UInt8Array
from pixelwise.training.augment import recolour
from pixelwise.training.batches import Crop
from pixelwise.training.settings import Settings


class BoundarySamples:
    """Images of BSDS500 with the share of the people who drew each boundary.

    Parameters
    ----------
    samples : list of BsdsSample
    settings : Settings
    stride : int
        Pixels of a crop under one of its targets'.
    """

    def __init__(self, samples: list[BsdsSample], settings: Settings, stride: int) -> None:
        self._samples, self._settings, self._stride = samples, settings, stride

    def __len__(self) -> int:
        return len(self._samples)

    def epoch(self, rng: np.random.Generator) -> Int64Array:
        """Return the numbers of an epoch's images, (length,) int64: each once."""
        return np.asarray(rng.permutation(len(self)), dtype=np.int64)

    def name(self, number: int) -> str:
        """Return the name of an image's file."""
        return self._samples[number].name

    def crop(self, number: int, side: int, rng: np.random.Generator) -> Crop:
        """Cut a random crop: turned by any quarter and a little, scaled, stretched, mirrored.

        Region maps are warped, not boundaries: a boundary stays one pixel wide.

        Returns
        -------
        image : (side, side, 3) uint8
        targets : tuple
            Of one, (side / stride, side / stride) float32: see `people_share`.
        """
        sample = self._samples[number]
        warp, size = self._warp(sample.image.shape[:2], side, rng), (side, side)
        beyond = cv2.BORDER_REFLECT_101
        image = cv2.warpAffine(sample.image, warp, size, flags=cv2.INTER_LINEAR, borderMode=beyond)
        nearest = cv2.INTER_NEAREST
        region_maps = [
            cv2.warpAffine(m.astype(np.float32), warp, size, flags=nearest, borderMode=beyond)
            for m in sample.region_maps
        ]
        coloured: UInt8Array = np.asarray(
            cv2.transform(image, recolour(self._settings.colour, rng)), dtype=np.uint8
        )
        return coloured, (people_share(region_maps, self._stride),)

    def _warp(self, image: tuple[int, ...], side: int, rng: np.random.Generator) -> Float64Array:
        settings = self._settings
        scale = np.exp(rng.uniform(*np.log(settings.scale)))
        stretch = np.exp(rng.uniform(-settings.stretch, settings.stretch) / 2)
        degrees = rng.uniform(-settings.rotate, settings.rotate) + 90 * rng.integers(4)
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        flip = 1 if rng.random() < 1 - settings.flip else -1
        matrix = turn @ np.diag([flip * scale * stretch, scale / stretch])
        half, (height, width) = side / 2 / scale, image
        middle = [rng.uniform(min(half, n / 2), max(n - half, n / 2)) for n in (width, height)]
        shift = (side - 1) / 2 - matrix @ np.array(middle)
        return np.hstack([matrix, shift[:, None]])


def people_share(region_maps: Sequence[npt.NDArray[Any]], stride: int) -> Float32Array:
    """Return which share of the people drew a boundary through each block of pixels.

    Parameters
    ----------
    region_maps : sequence of (H, W)
        One per person.
    stride : int
        Side of a block, px.

    Returns
    -------
    (H / stride, W / stride) float32
        0..1; sizes are rounded up.
    """
    height, width = region_maps[0].shape
    total = np.zeros((-(-height // stride), -(-width // stride)), dtype=np.float32)
    for region_map in region_maps:
        drawn = np.zeros((stride * total.shape[0], stride * total.shape[1]), dtype=np.uint8)
        drawn[:height, : width - 1] |= region_map[:, :-1] != region_map[:, 1:]
        drawn[: height - 1, :width] |= region_map[:-1] != region_map[1:]
        blocks = drawn.reshape(total.shape[0], stride, total.shape[1], stride)
        total += blocks.max(axis=(1, 3))
    return np.asarray(total / len(region_maps), dtype=np.float32)
