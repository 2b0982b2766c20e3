"""Images of any size in bounded memory: overlapping tiles whose logits are blended."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.upsample import decide, upsampled
from pixelwise.io.image import resize_image
from pixelwise.samples import Float32Array, UInt8Array

GRAIN = 32
"""Tiles start at multiples of this many of the network's pixels, so that its strides coincide."""

OVERLAP, MARGIN = 4, 16
"""Neighbours share a fourth of a tile, in which the outer sixteenth of a tile has no weight."""

LOGITS_AT_ONCE = 1 << 27
"""Numbers, at most, that wait for the tiles below them (512 MB)."""

PIXELS_AT_ONCE = 1 << 22
"""Of the image, decided at once."""


def label_bands(
    predictor: Predictor,
    size: tuple[int, int],
    bands: Iterator[UInt8Array],
    tile: int,
    tta: tuple[str, ...] = (),
) -> Iterator[UInt8Array]:
    """Predict the label map of an image that comes from top to bottom.

    Parameters
    ----------
    predictor : Predictor
    size : (height, width)
        Of the image.
    bands : iterator of (n, W, 3) uint8
        RGB, one below the other; with levels that are stretched already if the network sees them
        so (the card's ``stretch_levels``), since a tile says nothing of the whole image's.
    tile : int
        Side of the tiles in pixels of the image. The network sees each at the size at which it
        sees a whole image, so this sets how much detail it gets; it is rounded to a whole number
        of pixels per pixel of the network's.
    tta : tuple of str
        As for `Predictor.predict`.

    Yields
    ------
    (n, W) uint8
        Class ids, one below the other, H rows in all. Away from the image's margins they are
        those of the whole image seen at the tiles' scale, if the network looks no further than a
        sixteenth of a tile; else nearly so.

    Raises
    ------
    ArgumentError
        The bands do not make an image of this size, or ``tile`` is below 1.

    Examples
    --------
    >>> image = np.zeros((48, 64, 3), np.uint8)
    >>> bands = label_bands(Predictor.load("nuclei"), (48, 64), iter([image[:20], image[20:]]), 32)
    >>> np.concatenate(list(bands)).shape
    (48, 64)
    """
    if tile < 1:
        raise ArgumentError(f"tile: expected at least 1 px, got {tile}")
    scale = predictor.card.image_scale
    shrink = max(1, round(1 / scale if scale else tile / predictor.card.side))
    finished = _blended(predictor, size, _reduced(bands, size, shrink), shrink, tta)
    left = size[0]
    kept: Float32Array | None = None
    above = 0  # rows of ``kept`` that are decided already, kept to upsample those below them
    for rows, last in finished:
        kept = rows if kept is None else np.concatenate([kept, rows], axis=1)
        at_once = max(1, PIXELS_AT_ONCE // (size[1] * shrink))
        # The last row waits for the one below it.
        end = kept.shape[1] if last else kept.shape[1] - 1
        while above < end:
            ready = min(at_once, end - above)
            below = min(kept.shape[1], above + ready + 1)
            part = np.ascontiguousarray(kept[:, :below])
            whole = decide(part, (part.shape[1] * shrink, part.shape[2] * shrink))
            labels = whole[above * shrink : (above + ready) * shrink, : size[1]][:left]
            left -= len(labels)
            yield labels
            kept = kept[:, above + ready - 1 :]
            end -= above + ready - 1
            above = 1


def _places(total: int, side: int) -> list[tuple[int, int]]:
    """Return where tiles start and end along one axis, in the network's pixels."""
    step = side - side // OVERLAP
    if 2 * (step // GRAIN * GRAIN) >= side:  # no pixel may lie in more than two tiles
        step = step // GRAIN * GRAIN
    places = [(0, min(side, total))]
    while places[-1][1] < total:
        start = places[-1][0] + step
        places.append((start, min(start + side, total)))
    return places


def _ramps(places: list[tuple[int, int]]) -> list[Float32Array]:
    """Return the weight of each pixel of each tile; where tiles overlap, weights add up to 1."""
    ramps = [np.ones(end - start, np.float32) for start, end in places]
    for i in range(len(places) - 1):
        shared = places[i][1] - places[i + 1][0]
        margin = min(shared // 2, (places[i][1] - places[i][0]) // MARGIN)
        steps = (np.arange(shared, dtype=np.float32) + 0.5 - margin) / max(1, shared - 2 * margin)
        up = steps.clip(0, 1)
        ramps[i + 1][:shared] *= up
        ramps[i][len(ramps[i]) - shared :] *= 1 - up
    return ramps


def _blended(
    predictor: Predictor,
    size: tuple[int, int],
    rows: Iterator[UInt8Array],
    shrink: int,
    tta: tuple[str, ...],
) -> Iterator[tuple[Float32Array, bool]]:
    """Yield blended logits, (C, n, w), from top to bottom, and whether they are the last."""
    height, width = math.ceil(size[0] / shrink), math.ceil(size[1] / shrink)
    side, classes = predictor.card.side, len(predictor.classes)
    tall = side
    while tall > 4 * GRAIN and classes * tall * width > LOGITS_AT_ONCE:
        tall -= GRAIN
    downwards, across = _places(height, tall), _places(width, side)
    fades_down, fades_across = _ramps(downwards), _ramps(across)
    waiting: list[UInt8Array] = []  # rows of the image from ``top`` of the current tiles on
    have = 0
    total = np.zeros((classes, downwards[0][1], width), np.float32)
    for i, (top, bottom) in enumerate(downwards):
        while have < bottom:
            band = next(rows)
            waiting.append(band)
            have += len(band)
        strip = np.concatenate(waiting)
        for (left, right), fade in zip(across, fades_across, strict=True):
            seen = np.ascontiguousarray(strip[: bottom - top, left:right])
            logits = _logits(predictor, seen, shrink, tta)
            logits *= fades_down[i][:, None] * fade
            total[:, : bottom - top, left:right] += logits
        last = i + 1 == len(downwards)
        done = bottom - top if last else downwards[i + 1][0] - top
        yield total[:, :done].copy(), last
        if not last:
            waiting = [strip[done:].copy()]
            fresh = np.zeros((classes, downwards[i + 1][1] - bottom, width), np.float32)
            total = np.concatenate([total[:, done : bottom - top], fresh], axis=1)


def _logits(
    predictor: Predictor, seen: UInt8Array, shrink: int, tta: tuple[str, ...]
) -> Float32Array:
    """Return the logits of a tile of the network's size, or of the image's if that is fixed."""
    size = seen.shape[0], seen.shape[1]
    scale = predictor.card.image_scale * shrink
    card = replace(predictor.card, side=max(size), image_scale=scale, stretch_levels=False)
    logits = replace(predictor, card=card).logits(seen, tta)
    if logits.shape[1:] != size:  # seen enlarged, or thinner than a network sees anything
        logits = np.stack([upsampled(plane, size) for plane in logits])
    return logits


def _reduced(
    bands: Iterator[UInt8Array], size: tuple[int, int], shrink: int
) -> Iterator[UInt8Array]:
    """Average blocks of ``shrink`` x ``shrink`` pixels; the last pixels fill up the last blocks."""
    height, seen = size[0], 0
    left = np.empty((0, size[1], 3), np.uint8)
    for band in bands:
        seen += len(band)
        if band.shape[1] != size[1] or seen > height:
            break
        left = np.concatenate([left, band]) if len(left) else band
        whole = len(left) // shrink
        # Rows in plenty, so that a row of tiles takes few calls.
        if whole and (whole >= 16 or seen == height or shrink > 1):
            yield _averaged(left[: whole * shrink], shrink)
            left = left[whole * shrink :]
    if seen != height:
        raise ArgumentError(f"the bands do not make an image of {size[1]} x {height} px")
    if len(left):
        yield _averaged(left, shrink)


def _averaged(rows: UInt8Array, shrink: int) -> UInt8Array:
    down, across = -len(rows) % shrink, -rows.shape[1] % shrink
    if down or across:
        filled = cv2.copyMakeBorder(rows, 0, down, 0, across, cv2.BORDER_REPLICATE)
        rows = np.asarray(filled, dtype=np.uint8)
    return resize_image(rows, (len(rows) // shrink, rows.shape[1] // shrink))
