"""The records that travel between the packages of pixelwise, and the aliases of their arrays.

The records check themselves when they are made.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import ArgumentError, size_mismatch

UInt8Array = npt.NDArray[np.uint8]
UInt16Array = npt.NDArray[np.uint16]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SHOWN = 500
"""Longer side in pixels, about, of an image that a notebook shows."""


def check_image(image: npt.NDArray[np.generic], where: str = "image") -> None:
    """Raise ArgumentError unless ``image`` is an (H, W, 3) uint8 array that is not empty."""
    if not isinstance(image, np.ndarray):
        raise ArgumentError(
            f"{where}: expected an (H, W, 3) uint8 RGB array, got {type(image).__name__}; "
            "pixelwise.predict(photo) takes paths, addresses and PIL images, too"
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ArgumentError(
            f"{where}: expected an (H, W, 3) uint8 RGB array, got {image.shape} {image.dtype}; "
            "read files with pixelwise.read_image"
        )


def check_label_map(label_map: npt.NDArray[np.generic], where: str = "label_map") -> None:
    """Raise ArgumentError unless ``label_map`` is an (H, W) uint8 array that is not empty."""
    if label_map.ndim != 2 or label_map.dtype != np.uint8 or label_map.size == 0:
        raise ArgumentError(
            f"{where}: expected an (H, W) uint8 array of class ids, "
            f"got {label_map.shape} {label_map.dtype}"
        )


@dataclass(frozen=True, eq=False)
class Instance:
    """One instance in an image. Only the pixels within its box are kept.

    Parameters
    ----------
    patch : (h, w) bool
        Its pixels within its box. `Instance.of` cuts it from a whole mask.
    corner : (top, left)
        Where the box begins, in pixels of the image.
    size : (height, width)
        Of the image.
    class_id : int
        0..254, or 255 for a part of the image that is to be ignored.
    id : int
        The id in its file.
    crowd : bool
        The mask covers a group of instances as one (COCO's ``iscrowd``).
    score : float
        How sure a network is of it, 0..1; 1 for an annotation.
    stated_area : float, optional
        Pixels, as its file states them: COCO's is that of the polygon. Benchmarks sort by it.

    Raises
    ------
    ArgumentError
        A patch that is not an (h, w) bool array or reaches out of the image, or a class id out
        of range.

    Examples
    --------
    >>> mask = np.zeros((4, 6), dtype=bool)
    >>> mask[1:3, 2:5] = True
    >>> instance = Instance.of(mask, class_id=15, id=1)
    >>> instance.box, instance.area, instance.patch.shape
    ((1, 2, 3, 5), 6, (2, 3))
    """

    patch: BoolArray
    corner: tuple[int, int]
    size: tuple[int, int]
    class_id: int
    id: int
    crowd: bool = False
    score: float = 1.0
    stated_area: float | None = None

    def __post_init__(self) -> None:
        if self.patch.ndim != 2 or self.patch.dtype != np.bool_ or self.patch.size == 0:
            raise ArgumentError(
                f"instance {self.id}: expected an (h, w) bool patch, "
                f"got {self.patch.shape} {self.patch.dtype}"
            )
        top, left, bottom, right = self.box
        if top < 0 or left < 0 or bottom > self.size[0] or right > self.size[1]:
            raise ArgumentError(
                f"instance {self.id}: its box {self.box} reaches out of {self.size}"
            )
        if not 0 <= self.class_id <= VOID:
            raise ArgumentError(f"instance {self.id}: class id {self.class_id} is not in 0..255")

    @classmethod
    def of(cls, mask: BoolArray, class_id: int, id: int, crowd: bool = False) -> Instance:
        """Make an instance from a whole mask.

        Parameters
        ----------
        mask : (H, W) bool
            At least one pixel set.
        class_id, id, crowd
            As for `Instance`.

        Raises
        ------
        ArgumentError
            An empty mask.

        Examples
        --------
        >>> Instance.of(np.array([[False, True]]), class_id=1, id=7).corner
        (0, 1)
        """
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not rows.size:
            raise ArgumentError(f"instance {id}: its mask is empty")
        top, left = int(rows[0]), int(columns[0])
        patch = mask[top : rows[-1] + 1, left : columns[-1] + 1].copy()
        return cls(patch, (top, left), (mask.shape[0], mask.shape[1]), class_id, id, crowd)

    @property
    def mask(self) -> BoolArray:
        """(H, W) bool: its pixels in the whole image; made anew at each call."""
        mask = np.zeros(self.size, dtype=np.bool_)
        self.within(mask)[:] = self.patch
        return mask

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) in pixels; bottom and right are exclusive."""
        (top, left), (height, width) = self.corner, self.patch.shape
        return top, left, top + height, left + width

    @cached_property
    def area(self) -> int:
        """Number of its pixels."""
        return int(np.count_nonzero(self.patch))

    def cut(self, patch: BoolArray) -> Instance:
        """Return the same instance with some of its pixels.

        Parameters
        ----------
        patch : (h, w) bool
            Those that stay, within the box of this one; at least one.

        Raises
        ------
        ArgumentError
            An empty patch.

        Examples
        --------
        >>> instance = Instance.of(np.array([[False, True, True]]), class_id=1, id=7)
        >>> instance.cut(np.array([[False, True]])).box
        (0, 2, 1, 3)
        """
        left = Instance.of(patch, self.class_id, self.id)
        (top, beside), (down, across) = self.corner, left.corner
        return replace(self, patch=left.patch, corner=(top + down, beside + across))

    def within(self, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Return the view of an (H, W) array of any dtype that lies in this instance's box."""
        top, left, bottom, right = self.box
        return array[top:bottom, left:right]


def paint_label_map(instances: Iterable[Instance], size: tuple[int, int]) -> UInt8Array:
    """Paint instances in their class ids on a background of 0, later ones over earlier ones.

    Returns
    -------
    (height, width) uint8
        Class ids, 255 = void.

    Examples
    --------
    >>> instance = Instance.of(np.array([[False, True]]), class_id=7, id=1)
    >>> paint_label_map([instance], (1, 2)).tolist()
    [[0, 7]]
    """
    label_map = np.zeros(size, dtype=np.uint8)
    for instance in instances:
        instance.within(label_map)[instance.patch] = instance.class_id
    return label_map


@dataclass(frozen=True, eq=False, repr=False)
class Sample:
    """One image of a data set with its label map and, if it has them, its instances.

    Parameters
    ----------
    name : str
        The file stem, as in the data set's lists.
    image : (H, W, 3) uint8
        RGB.
    label_map : (H, W) uint8
        Class ids, 255 = void, of the image's size.
    classes : ClassMap
        What the ids mean.
    instances : tuple of Instance, or None
        Where they overlap, later ones lie over earlier ones. None if the data set does not
        distinguish instances.

    Raises
    ------
    ArgumentError
        An array of another shape or dtype.
    LabelError
        Image and label map, or image and an instance, differ in size.

    Examples
    --------
    >>> image, label_map = np.zeros((2, 3, 3), np.uint8), np.ones((2, 3), np.uint8)
    >>> Sample("a", image, label_map, ClassMap(("background", "cat")))
    Sample('a', 2 x 3, cat)
    """

    name: str
    image: UInt8Array
    label_map: UInt8Array
    classes: ClassMap
    instances: tuple[Instance, ...] | None = None

    def __post_init__(self) -> None:
        check_image(self.image, f"{self.name}: image")
        check_label_map(self.label_map, f"{self.name}: label_map")
        size, fix = self.image.shape[:2], "resize it without interpolation, or annotate again"
        if self.label_map.shape != size:
            raise size_mismatch(self.name, "label map", self.label_map.shape, size, fix)
        for instance in self.instances or ():
            if instance.size != size:
                what = f"instance {instance.id}"
                raise size_mismatch(self.name, what, instance.size, size, fix)

    def __repr__(self) -> str:
        height, width = self.label_map.shape
        known = [f"{height} x {width}", ", ".join(self.classes.names[i] for i in self._ids())]
        if self.instances is not None:
            known.append(f"{len(self.instances)} instances")
        return f"Sample({', '.join([repr(self.name), *(k for k in known if k)])})"

    def _repr_html_(self) -> str:
        """Show the image beside its label map, with a legend, in a notebook."""
        painted = self.classes.palette[self.label_map]
        step = max(1, round(max(self.image.shape[:2]) / SHOWN))
        pair = np.concatenate([self.image, painted], axis=1)[::step, ::step]
        code = b64encode(_png(pair)).decode("ascii")
        legend = " ".join(
            f'<span style="background:rgb{self.classes.colours[i]}">&emsp;</span> '
            f"{escape(self.classes.names[i])}"
            for i in self._ids()
        )
        return (
            f"<figure><figcaption>{escape(self.name)}</figcaption>"
            f'<img src="data:image/png;base64,{code}"><br>{legend}</figure>'
        )

    def _ids(self) -> list[int]:
        """Return the ids of the classes that occur, without void."""
        found = np.flatnonzero(np.bincount(self.label_map.ravel(), minlength=VOID + 1)[:VOID])
        return [int(i) for i in found if i < len(self.classes)]

    @property
    def instance_map(self) -> npt.NDArray[np.uint16] | None:
        """(H, W) uint16: 0 = none, else an instance's id; None if instances are not known.

        If the ids do not fit 16 bits or one comes twice (COCO's), value k stands for
        ``instances[k - 1]``. A pixel of several instances shows the last of them.
        """
        if self.instances is None:
            return None
        return paint_instance_map(self.instances, self.label_map.shape)


def _png(image: UInt8Array) -> bytes:
    """Return an RGB image as a PNG file; this layer has no other library."""
    height, width = image.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 4)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def paint_instance_map(
    instances: tuple[Instance, ...], size: tuple[int, ...]
) -> npt.NDArray[np.uint16]:
    """Paint instances in their ids of `instance_ids`, later ones over earlier ones.

    Returns
    -------
    (height, width) uint16
        0 = none.
    """
    instance_map = np.zeros(size, dtype=np.uint16)
    for number, instance in zip(instance_ids(instances), instances, strict=True):
        instance.within(instance_map)[instance.patch] = number
    return instance_map


def instance_ids(instances: tuple[Instance, ...]) -> list[int]:
    """Return what stands for each instance in a 16-bit map: its id, or its position from 1.

    Examples
    --------
    >>> mask = np.array([[True]])
    >>> instance_ids((Instance.of(mask, 1, id=900_000), Instance.of(mask, 1, id=5)))
    [1, 2]
    """
    ids = [instance.id for instance in instances]
    fit = len(set(ids)) == len(ids) and all(0 < i <= 65535 for i in ids)
    return ids if fit else list(range(1, len(ids) + 1))
