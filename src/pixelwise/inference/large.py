"""One large image to its results, none of which is ever whole in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pixelwise.drawing import overlay, with_legend
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.preprocess import stretching_table
from pixelwise.inference.tiles import label_bands
from pixelwise.io.image import resize_image, save_pillow
from pixelwise.io.png_rows import label_rows
from pixelwise.io.tiff import image_rows, large_size
from pixelwise.samples import UInt8Array

OVERLAY_SIDE = 2048
"""Longer side of the overlay of a large image, px, at most."""


def goes_in_tiles(size: tuple[int, int], tile: int) -> bool:
    """Tell whether an image of this (height, width) is predicted in tiles.

    One that is long but thinner than a pixel of its own overlay is small enough as a whole.

    Examples
    --------
    >>> goes_in_tiles((9000, 12000), 8192), goes_in_tiles((3000, 4000), 8192)
    (True, False)
    """
    return max(size) > tile and min(size) >= _step(size)


def own_tile(predictor: Predictor, tile: int) -> int:
    """Return the side of tiles, px, for weights that may see images enlarged.

    Parameters
    ----------
    predictor : Predictor
    tile : int
        Px that the network may see at once.
    """
    return max(1, round(tile / max(1.0, predictor.card.image_scale)))


def _step(size: tuple[int, int]) -> int:
    return math.ceil(max(size) / OVERLAY_SIDE)


def label_large(
    predictor: Predictor,
    image_path: Path,
    label_map: Path,
    overlay_path: Path | None,
    tile: int,
    tta: tuple[str, ...] = (),
) -> None:
    """Predict an image in tiles and write the label map as it comes.

    Parameters
    ----------
    predictor : Predictor
    image_path : Path
        A TIFF is read in bands; other formats are decoded whole first.
    label_map : Path
        Palette PNG to write, of the image's size.
    overlay_path : Path or None
        Overlay to write, at most `OVERLAY_SIDE` px long.
    tile : int
        As for `pixelwise.inference.tiles.label_bands`.
    tta : tuple of str
        As for `Predictor.predict`.

    Raises
    ------
    ImageFileError
        The image cannot be read.
    """
    size = large_size(image_path, predictor.bands)
    step = _step(size)
    small = _Thumbnail(size, step), _Thumbnail(size, step)
    table = _stretching(predictor, image_path) if predictor.card.stretch_levels else None
    with (
        image_rows(image_path, predictor.bands, predictor.levels) as bands,
        label_rows(label_map, size, predictor.classes) as out,
    ):
        seen = small[0].watched(bands)
        if table is not None:
            seen = (table[band] for band in seen)
        for labels in label_bands(predictor, size, seen, tile, tta):
            small[1].add(labels)
            out.write(labels)
    if overlay_path is not None:
        image, labels = small[0].array(), small[1].array()
        drawn = overlay(image, labels, predictor.classes)
        save_pillow(overlay_path, with_legend(drawn, labels, predictor.classes))


def _stretching(predictor: Predictor, image_path: Path) -> UInt8Array:
    """Return the table that stretches the levels of an image, which is read once for it."""
    counts = np.zeros(256, dtype=np.int64)
    with image_rows(image_path, predictor.bands, predictor.levels) as bands:
        for band in bands:
            counts += np.bincount(band.ravel(), minlength=256)
    return stretching_table(counts)


class _Thumbnail:
    """An image, or a label map, at 1 / step, made from the rows that pass."""

    def __init__(self, size: tuple[int, int], step: int) -> None:
        self.step, self.width = step, size[1] // step * step
        self._left: list[UInt8Array] = []
        self._rows: list[UInt8Array] = []

    def watched(self, bands: Iterator[UInt8Array]) -> Iterator[UInt8Array]:
        for band in bands:
            self.add(band)
            yield band

    def add(self, rows: UInt8Array) -> None:
        left = np.concatenate([*self._left, rows[:, : self.width]])
        whole = len(left) // self.step
        self._left = [left[whole * self.step :].copy()]
        if not whole:
            return
        block = left[: whole * self.step]
        if rows.ndim == 2:
            middle = self.step // 2
            self._rows.append(block[middle :: self.step, middle :: self.step].copy())
        else:
            self._rows.append(resize_image(block, (whole, self.width // self.step)))

    def array(self) -> UInt8Array:
        return np.concatenate(self._rows)
