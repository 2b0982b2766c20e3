"""Which part of a photo is the subject."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pixelwise.classes import BACKGROUND
from pixelwise.effects import soft_alpha
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.upsample import Float32Array, decide, probability
from pixelwise.io.mask import count_ids

ALL, LARGEST = "all", "largest"

SPECK = 1e-3
"""Share of a photo below which a class counts as not there."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What a network takes for the subject of a photo.

    Parameters
    ----------
    probability : (H', W') float32
        0..1, at the size the network saw.
    names : tuple of str
        Of its classes, largest first; none where there is no subject.
    """

    probability: Float32Array
    names: tuple[str, ...]

    def alpha(self, image: npt.NDArray[np.uint8]) -> Float32Array:
        """Return how much each pixel of the photo belongs to the subject, (H, W) float32, 0..1."""
        return soft_alpha(image, self.probability)


def subject_ids(predictor: Predictor, names: tuple[str, ...]) -> list[int]:
    """Return the class ids that names stand for; `ALL` is every class but the background.

    Raises
    ------
    ArgumentError
        An unknown name, or `ALL` where the weights know no background.
    """
    classes = predictor.classes
    wanted = [name for name in names if name not in (ALL, LARGEST)]
    if wanted:
        return [classes.index(name) for name in wanted]
    if classes.names[0] not in BACKGROUND:
        raise ArgumentError(
            f"weights {predictor.card.name!r} know no background, so everything would be subject; "
            f"name the subject: {', '.join(classes.names)}"
        )
    return list(range(1, len(classes)))


def find_subject(
    predictor: Predictor,
    image: npt.NDArray[np.uint8],
    names: tuple[str, ...] = (ALL,),
) -> Subject:
    """Find the subject of a photo.

    Parameters
    ----------
    predictor : Predictor
    image : (H, W, 3) uint8
        RGB.
    names : tuple of str
        Classes; ``"all"`` is every class but the background, and ``"largest"`` keeps only the
        largest connected area of the classes named beside it, or of all.

    Returns
    -------
    Subject

    Raises
    ------
    ArgumentError
        An unknown name, or ``"all"`` where the weights know no background.
    """
    ids = subject_ids(predictor, names)
    logits = predictor.logits(image)
    size = logits.shape[1], logits.shape[2]
    chance = probability(logits, ids, size)
    # Every fourth pixel tells which classes are there.
    few = np.ascontiguousarray(logits[:, ::2, ::2])
    label_map = decide(few, (few.shape[1], few.shape[2]))
    counts = count_ids(label_map)
    there = [i for i in sorted(ids, key=lambda i: -counts[i]) if counts[i] > SPECK * label_map.size]
    if LARGEST in names and there:
        chance = chance * _largest(chance > 0.5)
    return Subject(chance, tuple(predictor.classes.names[i] for i in there))


def _largest(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the pixels nearer to the largest connected area of a mask than to any other."""
    count, areas, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    if count < 3:
        return np.ones_like(mask)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    to_largest = cv2.distanceTransform((areas != largest).view(np.uint8), cv2.DIST_L2, 5)
    others = (areas != 0) & (areas != largest)
    to_others = cv2.distanceTransform((~others).view(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(to_largest < to_others)
