"""A network restricted to some of its classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from pixelwise.samples import Float32Array, Instance, UInt8Array
from pixelwise.weights.card import ModelCard


@dataclass(frozen=True)
class Restriction:
    """Which classes of a network are kept; class 0 stands for all the others, too.

    Parameters
    ----------
    whole : ModelCard
        Of the whole network.
    kept : tuple of int
        Ids of the classes that are kept, in their new order; 0 first.

    Examples
    --------
    >>> from pixelwise.weights import read_card
    >>> restriction = Restriction(read_card("voc"), (0, 12))
    >>> logits = np.zeros((21, 1, 1), np.float32)
    >>> np.exp(restriction.merged(logits)).ravel().round(2)
    array([20.,  1.], dtype=float32)
    """

    whole: ModelCard
    kept: tuple[int, ...]

    def merged(self, logits: Float32Array) -> Float32Array:
        """Return logits whose softmax adds the classes that are left out to class 0.

        Parameters
        ----------
        logits : (C, h, w) float32
            Of the whole network.

        Returns
        -------
        (K, h, w) float32
            Of the kept classes; that of class 0 is the logarithm of the sum of its exponential
            and theirs.
        """
        rest = [0, *(c for c in range(len(logits)) if c not in self.kept)]
        highest = logits[rest].max(axis=0)
        total = np.zeros_like(highest)
        for c in rest:
            total += np.exp(logits[c] - highest)
        return np.stack([np.log(total) + highest, *logits[list(self.kept[1:])]])

    def grouping_card(self, card: ModelCard) -> ModelCard:
        """Return a card of the restricted network with the classes of the whole one."""
        whole = self.whole
        return replace(card, classes=whole.classes, instance_classes=whole.instance_classes)

    def translated(
        self, label_map: UInt8Array, whole_map: UInt8Array, instances: Iterable[Instance]
    ) -> tuple[UInt8Array, tuple[Instance, ...]]:
        """Translate the instances of the whole network; those of other classes are left out.

        They are found among all classes first, since an instance that had only the kept classes
        to choose from would turn from a chair into a person.

        Parameters
        ----------
        label_map : (H, W) uint8
            What the merged logits say; changed in place.
        whole_map : (H, W) uint8
            In which each instance of the whole network has its class.
        instances : iterable of Instance
            Of the whole network, best score first.

        Returns
        -------
        label_map : (H, W) uint8
            With the whole network's classes in the instances that are left.
        instances : tuple of Instance
            Without the pixels whose class is left out; ids 1, 2, ...
        """
        new_ids = np.zeros(256, dtype=np.uint8)
        new_ids[list(self.kept)] = np.arange(len(self.kept))
        found: list[Instance] = []
        for instance in instances:
            class_ids = new_ids[instance.within(whole_map)]
            pixels = instance.patch & (class_ids > 0)
            if new_ids[instance.class_id] and pixels.any():
                instance.within(label_map)[pixels] = class_ids[pixels]
                renamed = replace(
                    instance, class_id=int(new_ids[instance.class_id]), id=len(found) + 1
                )
                found.append(renamed.cut(pixels))
        return label_map, tuple(found)
