"""Label maps whose border to the background follows the photo's edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixelwise.classes import BACKGROUND, ClassMap
from pixelwise.effects import soft_alpha
from pixelwise.errors import ArgumentError
from pixelwise.inference.upsample import Float32Array, decide, probability


def decide_along_edges(logits: Float32Array, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Decide first whether a pixel is background, along the photo's edges, then what it is.

    That it is none of the known things is one question: a pixel that is cat or dog, but surely
    one of them, is no background, even where background is likelier than either.

    Parameters
    ----------
    logits : (C, h, w) float32
        Raw scores at the network's size; class 0 is the background.
    image : (H, W, 3) uint8
        RGB.

    Returns
    -------
    (H, W) uint8
        Class ids.
    """
    seen = logits.shape[1], logits.shape[2]
    alpha = soft_alpha(image, probability(logits, list(range(1, len(logits))), seen))
    label_map = decide(logits[1:], alpha.shape)
    label_map += 1
    label_map[alpha <= 0.5] = 0
    return label_map


def check_edges(classes: ClassMap) -> None:
    """Stop where there is no background, so that nothing has a border to it.

    Raises
    ------
    ArgumentError
        Class 0 is no background, or the only class.
    """
    if len(classes) < 2 or classes.names[0] not in BACKGROUND:
        raise ArgumentError(
            f"edges, paste: class 0 would have to be the background, it is {classes.names[0]!r}"
        )
