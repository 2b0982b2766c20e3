"""Lay a subject over another background without the colours of the old one."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.errors import ArgumentError
from pixelwise.samples import check_image

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

SOFT_EDGE = 0.008
"""How far colours are averaged around a soft edge, as a share of the photo's longer side."""

SMALL = 160
"""Longer side in pixels of the picture on which these averages are made."""

STRIP = 120
"""Rows that are worked on at a time."""


def replace_background(
    image: UInt8Array, alpha: Float32Array, background: UInt8Array | tuple[int, int, int]
) -> UInt8Array:
    """Lay the subject over a colour or another photo.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.
    background : (r, g, b) of 0..255, or (h, w, 3) uint8
        A photo of another size is scaled to cover this one, and cut at both ends alike.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Shapes differ, or alpha leaves 0..1.
    """
    check_alpha(image, alpha)
    if isinstance(background, tuple):
        behind = np.empty_like(image)
        behind[:] = background
    else:
        behind = covering(background, alpha.shape[0], alpha.shape[1])
    return blend(image, alpha, behind, edge_contrast(image, alpha))


def cut_out(image: UInt8Array, alpha: Float32Array) -> npt.NDArray[np.uint8]:
    """Return the subject alone, transparent around it.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.

    Returns
    -------
    (H, W, 4) uint8
        RGBA, colours not multiplied by alpha, and free of the old background's; black where
        nothing is seen, so that nobody finds it there.

    Raises
    ------
    ArgumentError
        Shapes differ, or alpha leaves 0..1.
    """
    check_alpha(image, alpha)
    contrast = enlarged(edge_contrast(image, alpha), alpha.shape[0], alpha.shape[1])
    subject = image + (1 - alpha)[..., None] * contrast
    opaque = (alpha * 255).round()[..., None]
    subject = np.where(opaque > 0, subject, 0)
    return np.concatenate([subject.round().clip(0, 255), opaque], axis=2).astype(np.uint8)


def blend(
    image: UInt8Array, alpha: Float32Array, background: UInt8Array, contrast: Float32Array
) -> UInt8Array:
    """Mix the subject of a photo with another background by alpha.

    With the photo I = a F + (1 - a) B, where F is the subject's colour and B the background's,
    F is I + (1 - a)(F - B). So a F = a I + a (1 - a)(F - B), and only the difference F - B has to
    be estimated; it is needed at soft edges alone.

    Parameters
    ----------
    image, background : (H, W, 3) uint8
    alpha : (H, W) float32
        0..1.
    contrast : (h, w, 3) float32
        F - B of `edge_contrast`.

    Returns
    -------
    (H, W, 3) uint8
    """
    lifts = enlarged(contrast, *alpha.shape)
    mixed = np.empty_like(image)

    def strip(rows: slice) -> None:
        a = alpha[rows]
        b = 1 - a
        cv2.blendLinear(image[rows], background[rows], a, b, dst=mixed[rows])
        soft = a * b
        left, _, across, _ = cv2.boundingRect((soft > 0).view(np.uint8))
        if across:
            here = np.s_[rows, left : left + across]
            share = soft[:, left : left + across]
            lift = cv2.multiply(lifts[here], cv2.merge([share, share, share]))
            mixed[here] = cv2.add(mixed[here], lift, dtype=cv2.CV_8U)

    in_strips(strip, len(alpha))
    return mixed


def lifted(background: UInt8Array, alpha: Float32Array, contrast: Float32Array) -> UInt8Array:
    """Return a background that, mixed in by 1 - alpha, leaves the subject's own colours.

    `blend` with the lift made beforehand, for alphas that are enlarged afterwards.
    """
    lift = cv2.multiply(enlarged(contrast, *alpha.shape), cv2.merge([alpha, alpha, alpha]))
    return np.asarray(cv2.add(background, lift, dtype=cv2.CV_8U), dtype=np.uint8)


def in_strips(work: Callable[[slice], None], height: int) -> None:
    """Call ``work`` for strips of rows, small enough for a processor's cache, on all cores."""
    strips = [slice(top, min(top + STRIP, height)) for top in range(0, height, STRIP)]
    if len(strips) < 5:  # less work than a pool of threads is
        for rows in strips:
            work(rows)
        return
    with ThreadPoolExecutor(min(len(strips), os.cpu_count() or 1)) as pool:
        for _ in pool.map(work, strips):
            pass


def edge_contrast(image: UInt8Array, alpha: Float32Array) -> Float32Array:
    """Estimate how the subject's colour differs from the background's, near soft edges.

    Each is an average of the photo near the pixel, weighted by how sure it is subject, or
    background.

    Parameters
    ----------
    image : (H, W, 3) uint8
    alpha : (H, W) float32
        0..1.

    Returns
    -------
    (h, w, 3) float32
        Subject minus background, -255..255, on a smaller grid; 0 where one of them is not near.
    """
    height, width = alpha.shape
    factor = max(1.0, max(height, width) / SMALL)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    photo, small = shrunk(image, size), shrunk(alpha, size)
    # Pixels that are nearly all the one or the other: mixed ones show neither colour. The power
    # was chosen on composites of known colours, of soft edges three and ten pixels wide.
    sides = [
        np.dstack([photo * weight[..., None], weight]).astype(np.float32)
        for weight in (small**8, (1 - small) ** 8)
    ]
    contrast = np.zeros(photo.shape, dtype=np.float32)
    # Far away at first, then near by, wherever both are within that reach.
    for share in (4 * SOFT_EDGE, SOFT_EDGE):
        reach = max(0.8, share * max(size))
        near = [cv2.GaussianBlur(side, (0, 0), reach).reshape(side.shape) for side in sides]
        subject, background = (n[..., :3] / np.maximum(n[..., 3:], 1e-6) for n in near)
        # A step between "there" and "not there" would show.
        sure = np.clip(500 * np.minimum(near[0][..., 3:], near[1][..., 3:]), 0, 1)
        contrast = np.asarray(sure * (subject - background) + (1 - sure) * contrast, np.float32)
    return contrast


def shrunk(values: UInt8Array | Float32Array, size: tuple[int, ...]) -> Float32Array:
    """Bring an array down to ``size`` = (width, height), as float32.

    Halved by averages as often as may be, which OpenCV does fastest by far; what then is left, a
    factor below two, needs no more than the nearest four pixels.
    """
    height, width = values.shape[:2]
    while width >= 2 * size[0] and height >= 2 * size[1]:
        height, width = (height + 1) // 2, (width + 1) // 2
        values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if (width, height) != size:
        values = cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return np.asarray(values, dtype=np.float32).reshape(size[1], size[0], *values.shape[2:])


def check_alpha(image: UInt8Array, alpha: Float32Array) -> None:
    """Stop unless alpha fits the photo and lies in 0..1.

    Raises
    ------
    ArgumentError
        With what is wrong.
    """
    check_image(image)
    if alpha.shape != image.shape[:2]:
        raise ArgumentError(f"photo {image.shape[:2]} and alpha {alpha.shape} differ in size")
    if alpha.dtype != np.float32:
        raise ArgumentError(f"alpha: expected float32, got {alpha.dtype}")
    # Written so that a value that is no number fails too.
    if not (alpha.min() >= 0 and alpha.max() <= 1):
        raise ArgumentError("alpha: expected values in 0..1")


def enlarged(values: Float32Array, height: int, width: int) -> Float32Array:
    """Enlarge (h, w) or (h, w, 3) float32 linearly to (height, width, ...)."""
    large = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32).reshape(height, width, *values.shape[2:])


def covering(photo: UInt8Array, height: int, width: int) -> UInt8Array:
    """Scale a photo so that it covers (height, width), and cut both ends alike."""
    check_image(photo)
    scale = max(height / photo.shape[0], width / photo.shape[1])
    size = max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    large = cv2.resize(photo, size, interpolation=how)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.asarray(large[top : top + height, left : left + width], dtype=np.uint8)
