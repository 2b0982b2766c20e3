"""Which part of an image is the subject."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pixelwise.classes import BACKGROUND
from pixelwise.effects import soft_alpha
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.upsample import decide, probability
from pixelwise.io.mask import count_ids
from pixelwise.samples import BoolArray, Float32Array, UInt8Array

ALL, LARGEST = "all", "largest"

SPECK = 1e-3
"""Share of an image below which a class counts as absent."""


@dataclass(frozen=True, eq=False)
class Subject:
    """The subject of an image, as a network found it.

    Parameters
    ----------
    probability : (H', W') float32
        0..1, at the size the network saw.
    names : tuple of str
        Its classes, largest first; empty if there is no subject.

    Examples
    --------
    >>> image = np.zeros((4, 6, 3), dtype=np.uint8)
    >>> Subject(np.ones((2, 3), dtype=np.float32), ("cat",)).alpha(image).shape
    (4, 6)
    """

    probability: Float32Array
    names: tuple[str, ...]

    def alpha(self, image: UInt8Array) -> Float32Array:
        """Return how much each pixel of the image belongs to the subject, (H, W) float32, 0..1."""
        return soft_alpha(image, self.probability)


def subject_ids(predictor: Predictor, names: tuple[str, ...]) -> list[int]:
    """Return the class ids that names stand for; `ALL` is every class but the background.

    Raises
    ------
    ArgumentError
        An unknown name, or `ALL` if the weights have no background class.
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
    image: UInt8Array,
    names: tuple[str, ...] = (ALL,),
) -> Subject:
    """Find the subject of an image.

    Parameters
    ----------
    predictor : Predictor
    image : (H, W, 3) uint8
        RGB.
    names : tuple of str
        Classes; ``"all"`` is every class but the background, and ``"largest"`` keeps only the
        largest connected area of the other classes named, or of all.

    Returns
    -------
    Subject

    Raises
    ------
    ArgumentError
        An unknown name, or ``"all"`` if the weights have no background class.

    Examples
    --------
    >>> import skimage.data
    >>> image = skimage.data.astronaut()
    >>> subject = find_subject(Predictor.load(), image, ("person",))
    >>> subject.names, subject.alpha(image).shape
    (('person',), (512, 512))
    """
    ids = subject_ids(predictor, names)
    logits = predictor.logits(image)
    size = logits.shape[1], logits.shape[2]
    chance = probability(logits, ids, size)
    # Every fourth pixel is enough to see which classes occur.
    few = np.ascontiguousarray(logits[:, ::2, ::2])
    label_map = decide(few, (few.shape[1], few.shape[2]))
    counts = count_ids(label_map)
    found = [i for i in sorted(ids, key=lambda i: -counts[i]) if counts[i] > SPECK * label_map.size]
    if LARGEST in names and found:
        chance = chance * _largest(chance > 0.5)
    return Subject(chance, tuple(predictor.classes.names[i] for i in found))


def _largest(mask: BoolArray) -> BoolArray:
    """Return the pixels nearer to the largest connected area of a mask than to any other."""
    count, areas, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    if count < 3:
        return np.ones_like(mask)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    to_largest = cv2.distanceTransform((areas != largest).view(np.uint8), cv2.DIST_L2, 5)
    others = (areas != 0) & (areas != largest)
    to_others = cv2.distanceTransform((~others).view(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(to_largest < to_others)
