"""What the formats' writers share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pixelwise.classes import BACKGROUND, VOID, ClassMap
from pixelwise.errors import DataError
from pixelwise.instances import components
from pixelwise.samples import Instance, UInt8Array, UInt16Array, paint_label_map

AREAS = "instances_are_areas"
"""Our own key in COCO, YOLO and labelme files: their instances are the connected areas of label
maps that do not distinguish instances."""


@dataclass(frozen=True, eq=False)
class Item:
    """One sample on its way into another format; its image file is copied unchanged.

    Parameters
    ----------
    split, name : str
    image_file : bytes
    suffix : str
        Of the image's format, e.g. ``".jpg"``.
    label_map : (H, W) uint8
        Class ids, 255 = void.
    instances : tuple of Instance, or None
    """

    split: str
    name: str
    image_file: bytes
    suffix: str
    label_map: UInt8Array
    instances: tuple[Instance, ...] | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        return self.label_map.shape[0], self.label_map.shape[1]

    @property
    def stem(self) -> str:
        """The name as one file's stem; images from folders keep the folder in it."""
        return self.name.replace("/", "_")


class Writer(ABC):
    """How a format is written: samples one by one, then what stands once for all of them.

    Parameters
    ----------
    root : Path
        A new folder.
    classes : ClassMap
    file_ids : tuple of int, optional
        The ids of the classes in files that number them freely, as COCO's do.

    Attributes
    ----------
    losses : Counter
        What the format could not hold so far, in words, with counts.
    """

    only_instances: ClassVar[bool] = False
    """The format has no label maps; the connected areas of their classes become instances."""

    def __init__(
        self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None = None
    ) -> None:
        self.root = root
        self.classes = classes
        self.file_ids = file_ids or tuple(range(len(classes)))
        self.losses: Counter[str] = Counter()
        if self.only_instances and classes.names[0] not in BACKGROUND:
            self.losses[f"the name {classes.names[0]!r} of class 0, which is background here"] = 1

    @abstractmethod
    def add(self, item: Item) -> None:
        """Write one sample."""

    @abstractmethod
    def close(self) -> None:
        """Write lists, class names, or the one file that holds everything."""

    def paint(self, item: Item, ids: list[int]) -> UInt16Array:
        """Paint the first ``len(ids)`` instances into a map, (H, W) uint16, and count losses."""
        instance_map = np.zeros(item.size, dtype=np.uint16)
        for number, instance in zip(ids, item.instances or (), strict=False):
            patch = instance.within(instance_map)
            self.losses["crowd marks"] += instance.crowd
            self.losses["instances that overlap others"] += bool(patch[instance.patch].any())
            patch[instance.patch] = number
        return instance_map

    def write_class_names(self) -> None:
        """Write classes.txt, one name per line."""
        write_new(self.root / "classes.txt", ("\n".join(self.classes.names) + "\n").encode())


def as_instances(item: Item) -> list[Instance]:
    """Express a sample by instances alone, for formats without label maps.

    What the label map shows beyond the instances becomes instances too: each connected area of a
    class, and void as one instance of class 255, always the last.
    """
    instances = list(item.instances or ())
    rest = item.label_map.copy()
    rest[rest == paint_label_map(instances, item.size)] = 0
    first_id = 1 + max((instance.id for instance in instances), default=0)
    classes = [int(c) for c in np.unique(rest) if c not in (0, VOID)]
    instances += components(rest, classes, first_id)
    void = rest == VOID
    if void.any():
        instances.append(Instance.of(void, VOID, first_id + len(instances)))
    return instances


def write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet, and the folders above it.

    Raises
    ------
    DataError
        Two samples want the same file name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise DataError(f"{path.name}: two samples would be written to this name; rename one")
    path.write_bytes(data)
