"""From rows back to masks: the label map and the instances of one image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from pixelwise.classes import ClassMap
from pixelwise.cluster.parts import IMAGE_PARTS, INSTANCE_PARTS, SUFFIX
from pixelwise.cluster.schema import from_bytes
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.rle import decode_rle
from pixelwise.io.storage import open_store
from pixelwise.samples import Instance, UInt8Array, UInt16Array


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the rows of an image say.

    Parameters
    ----------
    label_map : (H, W) uint8
        Class ids.
    instance_map : (H, W) uint16
        0 = none.
    instances : tuple of Instance
    classes : ClassMap
    """

    label_map: UInt8Array
    instance_map: UInt16Array
    instances: tuple[Instance, ...]
    classes: ClassMap


def draw_row(table: str | Path, image: str) -> Drawn:
    """Draw the masks of one image from its rows.

    Parameters
    ----------
    table : str or Path
        One file of images, or the folder or URL of all of them.
    image : str
        Its path below the source, as the column ``path`` has it.

    Returns
    -------
    Drawn

    Raises
    ------
    ArgumentError
        The image has no row.
    DataError
        The file cannot be read, or the image's row is an error.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import write_image
    >>> from pixelwise.cluster import Job, predict_table
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/photos/a.png", np.zeros((40, 60, 3), np.uint8))
    ...     _ = predict_table(Job(f"{folder}/photos", f"{folder}/tables", "nuclei"))
    ...     drawn = draw_row(f"{folder}/tables", "a.png")
    >>> drawn.label_map.shape, drawn.classes.names
    ((40, 60), ('background', 'nucleus'))
    """
    place, file = str(table), ""
    if place.endswith(SUFFIX):
        folder, _, file = place.rpartition("/")
        place = folder or "."
    store = open_store(place)
    parts = [file] if file else store.names(IMAGE_PARTS)
    for part in parts:
        rows, facts = from_bytes(store.read(part), f"{store.root}/{part}")
        found = rows.filter(pc.equal(rows["path"], image)).to_pylist()
        if found:
            break
    else:
        raise ArgumentError(f"{table}: no row of an image {image!r}")
    (row,) = found
    if row["error"] is not None:
        raise DataError(f"{image}: has no masks: {row['error']}")
    size = row["height"], row["width"]
    label_map = np.zeros(size, dtype=np.uint8)
    for found_class in row["classes"]:
        mask = decode_rle({"size": size, "counts": found_class["rle"]}, size)
        label_map[mask] = found_class["id"]
    other = part.replace(IMAGE_PARTS, INSTANCE_PARTS, 1)
    rows, _ = from_bytes(store.read(other), f"{store.root}/{other}")
    instances, instance_map = [], np.zeros(size, dtype=np.uint16)
    for one in rows.filter(pc.equal(rows["path"], image)).to_pylist():
        mask = decode_rle({"size": size, "counts": one["rle"]}, size)
        instance_map[mask] = one["id"]
        instance = Instance.of(mask, one["class_id"], one["id"])
        instances.append(replace(instance, score=one["score"]))
    colours = tuple((red, green, blue) for red, green, blue in facts["class colours"])
    classes = ClassMap(tuple(facts["class names"]), colours)
    return Drawn(label_map, instance_map, tuple(instances), classes)
