"""Label maps whose boundary with the background follows the image's edges."""

from __future__ import annotations

from pixelwise.classes import BACKGROUND, ClassMap
from pixelwise.effects import soft_alpha
from pixelwise.errors import ArgumentError
from pixelwise.inference.upsample import decide, probability
from pixelwise.samples import Float32Array, UInt8Array


def decide_along_edges(logits: Float32Array, image: UInt8Array) -> UInt8Array:
    """Decide first whether a pixel is background, along the image's edges, then its class.

    Whether it is background is one question: a pixel that is cat or dog, but surely one of them,
    is not, even if background is likelier than either.

    Parameters
    ----------
    logits : (C, h, w) float32
        At the network's size; class 0 is the background.
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W) uint8
        Class ids.

    Examples
    --------
    >>> logits = np.log(np.full((3, 4, 4), 0.3, np.float32))
    >>> logits[0] = np.log(0.4)
    >>> decide_along_edges(logits, np.zeros((4, 4, 3), np.uint8))[0]
    array([1, 1, 1, 1], dtype=uint8)
    """
    seen = logits.shape[1], logits.shape[2]
    alpha = soft_alpha(image, probability(logits, list(range(1, len(logits))), seen))
    label_map = decide(logits[1:], alpha.shape)
    label_map += 1
    label_map[alpha <= 0.5] = 0
    return label_map


def check_background(classes: ClassMap) -> None:
    """Raise ArgumentError unless class 0 is the background, and there are others.

    Examples
    --------
    >>> check_background(ClassMap(("background", "cat")))
    """
    if len(classes) < 2 or classes.names[0] not in BACKGROUND:
        raise ArgumentError(
            "refine_edges, copy_paste: expected class 0 to be the background and others after it, "
            f"got {', '.join(classes.names)}"
        )
