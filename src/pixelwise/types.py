"""The record that travels between the rooms of pixelwise. It checks itself when made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError, LabelError

UInt8Array = npt.NDArray[np.uint8]


def check_image(image: npt.NDArray[np.generic], where: str = "image") -> None:
    """Raise ArgumentError unless ``image`` is an (H, W, 3) uint8 array with a pixel in it."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ArgumentError(
            f"{where}: expected an (H, W, 3) uint8 RGB array, got {image.shape} {image.dtype}; "
            "read files with pixelwise.read_image"
        )


def check_label_map(label_map: npt.NDArray[np.generic], where: str = "label_map") -> None:
    """Raise ArgumentError unless ``label_map`` is an (H, W) uint8 array with a pixel in it."""
    if label_map.ndim != 2 or label_map.dtype != np.uint8 or label_map.size == 0:
        raise ArgumentError(
            f"{where}: expected an (H, W) uint8 array of class ids, "
            f"got {label_map.shape} {label_map.dtype}"
        )


@dataclass(frozen=True, eq=False)
class Sample:
    """One photo of a data set with its label map.

    Parameters
    ----------
    name : str
        The file stem, as the data set's lists have it.
    image : (H, W, 3) uint8
        The photo, RGB.
    label_map : (H, W) uint8
        Class ids, 255 = void, of the photo's own size.
    classes : ClassMap
        What the ids mean.

    Raises
    ------
    ArgumentError
        An array of another shape or dtype.
    LabelError
        Photo and label map differ in size.
    """

    name: str
    image: UInt8Array
    label_map: UInt8Array
    classes: ClassMap

    def __post_init__(self) -> None:
        check_image(self.image, f"{self.name}: image")
        check_label_map(self.label_map, f"{self.name}: label_map")
        photo, labels = self.image.shape[:2], self.label_map.shape
        if photo != labels:
            raise LabelError(
                f"{self.name}: the photo is {photo[0]} x {photo[1]} but its mask is "
                f"{labels[0]} x {labels[1]} (height x width); "
                "annotate the photo again or resize the mask without interpolation"
            )
