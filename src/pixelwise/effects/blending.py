"""Composite a subject over another background without the colours of the old one."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from pixelwise.errors import ArgumentError
from pixelwise.io.image import fit_within
from pixelwise.samples import Float32Array, UInt8Array, check_image

SOFT_EDGE = 0.008
"""How far colours are averaged around a soft edge, as a share of the image's longer side."""

SMALL = 160
"""Longer side in pixels of the image on which these averages are made."""

STRIP = 120
"""Rows that are processed at a time."""


def replace_background(
    image: UInt8Array, alpha: Float32Array, background: UInt8Array | tuple[int, int, int]
) -> UInt8Array:
    """Replace the background by a colour or another image.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.
    background : (r, g, b) of 0..255, or (h, w, 3) uint8
        RGB. An image of another size is scaled to cover this one, and cropped at the centre.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    ArgumentError
        Shapes differ, or alpha has values outside 0..1.

    Examples
    --------
    >>> image = np.full((1, 2, 3), 200, dtype=np.uint8)
    >>> alpha = np.array([[1, 0]], dtype=np.float32)
    >>> replace_background(image, alpha, (0, 255, 0)).tolist()
    [[[200, 200, 200], [0, 255, 0]]]
    """
    check_alpha(image, alpha)
    if isinstance(background, tuple):
        behind = np.empty_like(image)
        behind[:] = background
    else:
        behind = covering(background, image.shape[:2])
    return blend(image, alpha, behind, edge_contrast(image, alpha))


def cut_out(
    image: UInt8Array, alpha: Float32Array, shade: Float32Array | None = None
) -> UInt8Array:
    """Return the subject alone, transparent around it.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.
    shade : (H, W) float32, optional
        Opacity, 0..1, of a black shadow behind the subject (`cast_shadow`).

    Returns
    -------
    (H, W, 4) uint8
        RGBA. Colours are not multiplied by alpha (straight alpha) and free of the old background;
        they are black where alpha is 0, so that the file does not hold what was hidden.

    Raises
    ------
    ArgumentError
        Shapes differ, or alpha has values outside 0..1.

    Examples
    --------
    >>> image = np.full((1, 2, 3), 200, dtype=np.uint8)
    >>> cut_out(image, np.array([[1, 0]], dtype=np.float32)).tolist()
    [[[200, 200, 200, 255], [0, 0, 0, 0]]]
    """
    check_alpha(image, alpha)
    contrast = enlarged(edge_contrast(image, alpha), alpha.shape)
    subject = image + (1 - alpha)[..., None] * contrast
    whole = alpha if shade is None else alpha + (1 - alpha) * shade
    opaque = (whole * 255).round()[..., None]
    share = 1 if shade is None else (alpha / np.maximum(whole, 1e-6))[..., None]
    subject = np.where(opaque > 0, subject * share, 0)
    return np.concatenate([subject.round().clip(0, 255), opaque], axis=2).astype(np.uint8)


def blend(
    image: UInt8Array, alpha: Float32Array, background: UInt8Array, contrast: Float32Array
) -> UInt8Array:
    """Mix the subject of an image with another background by alpha.

    With the image I = a F + (1 - a) B, where F is the subject's colour and B the background's,
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
    lifts = enlarged(contrast, alpha.shape)
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

    `blend` with the correction added beforehand, for alphas that are enlarged afterwards.

    Parameters
    ----------
    background : (H, W, 3) uint8
    alpha : (H, W) float32
        0..1.
    contrast : (h, w, 3) float32
        Of `edge_contrast`.

    Returns
    -------
    (H, W, 3) uint8
    """
    lift = cv2.multiply(enlarged(contrast, alpha.shape), cv2.merge([alpha, alpha, alpha]))
    return np.asarray(cv2.add(background, lift, dtype=cv2.CV_8U), dtype=np.uint8)


def in_strips(work: Callable[[slice], None], height: int) -> None:
    """Call ``work`` with strips of rows that fit into a processor's cache, on all cores."""
    strips = [slice(top, min(top + STRIP, height)) for top in range(0, height, STRIP)]
    if len(strips) < 5:  # starting a pool of threads would take longer
        for rows in strips:
            work(rows)
        return
    with ThreadPoolExecutor(min(len(strips), os.cpu_count() or 1)) as pool:
        for _ in pool.map(work, strips):
            pass


def edge_contrast(image: UInt8Array, alpha: Float32Array) -> Float32Array:
    """Estimate how the subject's colour differs from the background's, near soft edges.

    Each is an average of the image near the pixel, weighted by how surely a pixel is subject, or
    background.

    Parameters
    ----------
    image : (H, W, 3) uint8
    alpha : (H, W) float32
        0..1.

    Returns
    -------
    (h, w, 3) float32
        Subject minus background, -255..255, on a smaller grid; 0 if one of them is not near.
    """
    size = fit_within(alpha.shape, SMALL)
    colours, small = shrunk(image, size), shrunk(alpha, size)
    # Only pixels that are almost entirely subject or background: mixed ones show neither colour.
    # The power was chosen on composites of known colours, with soft edges three and ten
    # pixels wide.
    sides = [
        np.dstack([colours * weight[..., None], weight]).astype(np.float32)
        for weight in (small**8, (1 - small) ** 8)
    ]
    contrast = np.zeros(colours.shape, dtype=np.float32)
    # First from a wide window, then from a narrow one where both sides are within its reach.
    for share in (4 * SOFT_EDGE, SOFT_EDGE):
        reach = max(0.8, share * max(size))
        near = [cv2.GaussianBlur(side, (0, 0), reach).reshape(side.shape) for side in sides]
        subject, background = (n[..., :3] / np.maximum(n[..., 3:], 1e-6) for n in near)
        # A hard step between "known" and "unknown" would be visible.
        sure = np.clip(500 * np.minimum(near[0][..., 3:], near[1][..., 3:]), 0, 1)
        contrast = np.asarray(sure * (subject - background) + (1 - sure) * contrast, np.float32)
    return contrast


def shrunk(values: UInt8Array | Float32Array, size: tuple[int, int]) -> Float32Array:
    """Shrink an array to a size, as float32.

    It is halved by averages as often as possible, which OpenCV does fastest by far; the rest, a
    factor below two, is interpolated from the nearest four pixels.

    Parameters
    ----------
    values : (H, W) or (H, W, 3), uint8 or float32
    size : (height, width)
        No larger than the array.

    Returns
    -------
    (height, width) or (height, width, 3) float32

    Examples
    --------
    >>> shrunk(np.array([[0, 2], [4, 6]], dtype=np.uint8), (1, 1)).tolist()
    [[3.0]]
    """
    height, width = values.shape[:2]
    while height >= 2 * size[0] and width >= 2 * size[1]:
        height, width = (height + 1) // 2, (width + 1) // 2
        values = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if (height, width) != size:
        values = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return np.asarray(values, dtype=np.float32).reshape(*size, *values.shape[2:])


def check_alpha(image: UInt8Array, alpha: Float32Array) -> None:
    """Raise unless alpha has the image's size and lies in 0..1.

    Raises
    ------
    ArgumentError
        Another size, dtype or range.
    """
    check_image(image)
    if alpha.shape != image.shape[:2]:
        raise ArgumentError(f"image {image.shape[:2]} and alpha {alpha.shape} differ in size")
    if alpha.dtype != np.float32:
        raise ArgumentError(f"alpha: expected float32, got {alpha.dtype}")
    # Written so that NaN fails too.
    if not (alpha.min() >= 0 and alpha.max() <= 1):
        raise ArgumentError("alpha: expected values in 0..1")


def enlarged(values: Float32Array, size: tuple[int, ...]) -> Float32Array:
    """Enlarge an array linearly.

    Parameters
    ----------
    values : (h, w) or (h, w, 3) float32
    size : (height, width)

    Returns
    -------
    (height, width) or (height, width, 3) float32
    """
    large = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32).reshape(*size, *values.shape[2:])


def covering(image: UInt8Array, size: tuple[int, ...]) -> UInt8Array:
    """Scale an image so that it covers a size, and crop it to that at its centre.

    Parameters
    ----------
    image : (h, w, 3) uint8
    size : (height, width)

    Returns
    -------
    (height, width, 3) uint8

    Examples
    --------
    >>> covering(np.zeros((10, 40, 3), dtype=np.uint8), (5, 5)).shape
    (5, 5, 3)
    """
    check_image(image)
    (height, width), own = size, image.shape
    scale = max(height / own[0], width / own[1])
    whole = max(height, round(own[0] * scale)), max(width, round(own[1] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    large = cv2.resize(image, whole[::-1], interpolation=how)
    top, left = (whole[0] - height) // 2, (whole[1] - width) // 2
    return np.asarray(large[top : top + height, left : left + width], dtype=np.uint8)
