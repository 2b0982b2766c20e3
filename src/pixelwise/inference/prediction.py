"""The prediction for one image.

It stands here and not beside `Sample` since it resamples logits, which needs OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pixelwise.classes import BACKGROUND, ClassMap
from pixelwise.errors import ArgumentError
from pixelwise.inference.upsample import probability
from pixelwise.instances import without_specks
from pixelwise.io.mask import count_ids
from pixelwise.samples import (
    BoolArray,
    Float32Array,
    Instance,
    UInt8Array,
    UInt16Array,
    check_label_map,
    paint_instance_map,
)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network predicts for one image, at the image's own size.

    Parameters
    ----------
    label_map : (H, W) uint8
        The class id of each pixel.
    classes : ClassMap
        What the ids mean.
    logits : (C, h, w) float32
        At the size the network saw, or at a fraction of it (`ModelCard.logits_stride`).
    instances : tuple of Instance, or None
        Best score first; None if the weights find no instances.

    Raises
    ------
    ArgumentError
        An array of another shape or dtype.

    Examples
    --------
    >>> label_map = np.array([[0, 0, 1]], dtype=np.uint8)
    >>> logits = np.array([[[2, 2, 0]], [[0, 0, 2]]], dtype=np.float32)
    >>> prediction = Prediction(label_map, ClassMap(("background", "dog")), logits)
    >>> prediction.found(), prediction.mask("dog").tolist()
    (('dog',), [[False, False, True]])
    >>> prediction.probability("dog").round(2)
    array([[0.12, 0.12, 0.88]], dtype=float32)
    """

    label_map: UInt8Array
    classes: ClassMap
    logits: Float32Array
    instances: tuple[Instance, ...] | None = None

    def __post_init__(self) -> None:
        check_label_map(self.label_map)
        if self.logits.ndim != 3 or len(self.logits) != len(self.classes):
            raise ArgumentError(
                f"logits: expected ({len(self.classes)}, h, w), got {self.logits.shape}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        height, width = self.label_map.shape
        return height, width

    @property
    def instance_map(self) -> UInt16Array | None:
        """(H, W) uint16: 0 = none, else the instance's id; None if there are none to find."""
        return None if self.instances is None else paint_instance_map(self.instances, self.size)

    def without_specks(self, min_area: int) -> Prediction:
        """Return the same without small areas and small instances.

        Parameters
        ----------
        min_area : int
            Pixels below which a connected area goes to the class nearest to it, and below which
            an instance is left out.
        """
        label_map = without_specks(self.label_map, min_area)
        if self.instances is None:
            return replace(self, label_map=label_map)
        kept = []
        for instance in self.instances:
            same = instance.within(label_map) == instance.within(self.label_map)
            stays = instance.patch & same
            if np.count_nonzero(stays) >= max(1, min_area):
                kept.append(instance.cut(stays))
        return replace(self, label_map=label_map, instances=tuple(kept))

    def mask(self, *names: str) -> BoolArray:
        """Return where the image shows one of some classes.

        Parameters
        ----------
        *names : str
            Class names, e.g. ``"dog"``.

        Returns
        -------
        (H, W) bool

        Raises
        ------
        ArgumentError
            An unknown name; the message lists the known ones.
        """
        return np.isin(self.label_map, self._ids(names))

    def probability(self, *names: str) -> Float32Array:
        """Return the probability that a pixel is one of some classes.

        Parameters
        ----------
        *names : str
            Class names, e.g. ``"dog"``; the probabilities of several are added.

        Returns
        -------
        (H, W) float32
            Softmax probability, 0..1.

        Raises
        ------
        ArgumentError
            An unknown name; the message lists the known ones.
        """
        return probability(self.logits, self._ids(names), self.size)

    def found(self) -> tuple[str, ...]:
        """Return the names of the classes that occur, largest area first, background left out."""
        counts = count_ids(self.label_map)[: len(self.classes)]
        order = np.argsort(-counts, kind="stable")
        names = self.classes.names
        return tuple(names[i] for i in order if counts[i] and (i or names[i] not in BACKGROUND))

    def _ids(self, names: tuple[str, ...]) -> list[int]:
        if not names:
            raise ArgumentError("name at least one class: " + ", ".join(self.classes.names))
        return [self.classes.index(name) for name in names]
