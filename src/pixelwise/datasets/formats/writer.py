"""What the formats' writers share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import DataError
from pixelwise.instances import components
from pixelwise.samples import Instance, UInt8Array, paint_label_map

AREAS = "objects_are_areas"
"""Our own key in COCO, YOLO and labelme files: their objects are the connected areas of label maps,
in which nobody told objects apart."""


@dataclass(frozen=True, eq=False)
class Item:
    """One sample on its way into another format; the photo travels as the file it is.

    Parameters
    ----------
    split, name : str
    photo : bytes
    suffix : str
        Of the photo's format, e.g. ``".jpg"``.
    label_map : (H, W) uint8
        Class ids, 255 = void.
    instances : tuple of Instance, or None
    """

    split: str
    name: str
    photo: bytes
    suffix: str
    label_map: UInt8Array
    instances: tuple[Instance, ...] | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the photo."""
        return self.label_map.shape[0], self.label_map.shape[1]

    @property
    def stem(self) -> str:
        """The name as one file's stem; photos from folders keep the folder in it."""
        return self.name.replace("/", "_")


class Writer(Protocol):
    """How a format is written: samples one by one, then what stands once for all of them."""

    losses: Counter[str]
    """What the format could not hold so far, in words, with counts."""

    def __init__(self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None) -> None: ...

    def add(self, item: Item) -> None:
        """Write one sample."""

    def close(self) -> None:
        """Write lists, class names, or the one file that holds everything."""


def as_objects(item: Item) -> list[Instance]:
    """Express a sample by objects alone, for formats that know nothing else.

    What the label map shows beyond the instances becomes objects too: each connected area of a
    class, and void as one object of class 255, always the last.
    """
    objects = list(item.instances or ())
    rest = item.label_map.copy()
    rest[rest == paint_label_map(objects, item.size)] = 0
    first_id = 1 + max((instance.id for instance in objects), default=0)
    classes = [int(c) for c in np.unique(rest) if c not in (0, VOID)]
    objects += components(rest, classes, first_id)
    void = rest == VOID
    if void.any():
        objects.append(Instance.of(void, VOID, first_id + len(objects)))
    return objects


def put(path: Path, data: bytes) -> None:
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
