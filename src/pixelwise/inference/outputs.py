"""The files that a prediction becomes, one function per kind."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixelwise.classes import ClassMap
from pixelwise.datasets.formats.coco import CocoWriter
from pixelwise.datasets.formats.labelme import annotation
from pixelwise.datasets.formats.writer import Item
from pixelwise.datasets.formats.yolo import YoloWriter
from pixelwise.drawing import overlay, overlay_instances, with_instance_legend, with_legend
from pixelwise.inference.prediction import Prediction
from pixelwise.instances import instances_of
from pixelwise.io.files import folder_written_whole, write_json, write_text, written_whole
from pixelwise.io.image import save_pillow
from pixelwise.io.mask import (
    INSTANCES_SUFFIX,
    count_ids,
    read_instance_map,
    read_label_map,
    write_instance_map,
    write_label_map,
)
from pixelwise.io.rle import encode_rle
from pixelwise.io.stored_path import StoredPath
from pixelwise.samples import Instance, UInt8Array

SUFFIXES = {
    "png": ".png",
    "overlay": "_overlay.jpg",
    "instances": INSTANCES_SUFFIX,
    "instances_overlay": "_instances_overlay.jpg",
    "npz": ".npz",
    "labelme": ".json",
    "yolo": ".txt",
    "geojson": ".geojson",
    "json": "_found.json",
    "crops": "_crops",
}
"""What follows an image's stem in the name of each kind of file."""

CROP_NAME = re.compile(r"[^\w-]+")
"""What a class name may have that a file name had better not."""

COCO_FILE, NAMES_FILE = "annotations.json", "data.yaml"
KINDS = (*SUFFIXES, "coco")

TABLE = "parquet"
"""What `pixelwise.cluster` writes; `predict_files` does not."""

ALL_KINDS = (*KINDS, TABLE)

CLASS_KINDS, INSTANCE_KINDS = ("png", "overlay"), ("instances", "instances_overlay")
"""What needs the classes alone, and what there is only if there are instances."""


def output_path(folder: Path, name: str, kind: str) -> Path:
    """Return where a kind of file for an image goes, by the name of its results.

    Examples
    --------
    >>> output_path(Path("out"), "day1/dog", "overlay").as_posix()
    'out/day1/dog_overlay.jpg'
    """
    return folder / f"{name}{SUFFIXES[kind]}"


def without_results(paths: Iterable[Path]) -> list[Path]:
    """Leave out images that were made of others among them, where results lie beside images.

    Parameters
    ----------
    paths : iterable of Path

    Examples
    --------
    >>> [str(p) for p in without_results([Path("dog.jpg"), Path("dog_overlay.jpg")])]
    ['dog.jpg']
    """
    given = list(paths)
    # Where two images differ in the suffix alone, their results keep it in their names.
    names = Counter([*given, *(path.with_suffix("") for path in given)])

    def is_result(path: Path) -> bool:
        folder, crops = path.parent, SUFFIXES["crops"]
        if folder.name.endswith(crops) and Path(str(folder).removesuffix(crops)) in names:
            return True
        for kind in (*CLASS_KINDS, *INSTANCE_KINDS):
            image = path.with_name(path.name.removesuffix(SUFFIXES[kind]))
            # dog.png may be a photo beside dog.jpg, or the label map of it.
            if kind == "png" and names[image] > 1 and path.suffix == ".png":
                return _has_palette(path)
            if kind != "png" and image != path and image in names:
                return True
        return False

    return [path for path in given if not is_result(path)]


def _has_palette(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return picture.mode == "P"
    except OSError:  # what cannot be read is reported when it is its turn
        return False


def write_outputs(
    folder: Path,
    image_path: Path,
    image: UInt8Array,
    prediction: Prediction,
    kinds: Iterable[str],
    name: str | None = None,
) -> None:
    """Write the files of one image.

    Parameters
    ----------
    folder : Path
        For the files.
    image_path : Path
        Of the image.
    image : (H, W, 3) uint8
        RGB.
    prediction : Prediction
    kinds : iterable of str
        Keys of `SUFFIXES`.
    name : str, optional
        Of the files, before what `SUFFIXES` says; the stem of the image if not given.
    """
    for kind in kinds:
        path = output_path(folder, name or image_path.stem, kind)
        _WRITERS[kind](path, image_path, image, prediction)


def write_coco(folder: Path, names: Mapping[Path, str], classes: ClassMap, instances: bool) -> None:
    """Write one COCO file of the label maps in a folder, those of earlier calls among them.

    Parameters
    ----------
    folder : Path
        With a label map, and an instance map if ``instances``, for each image.
    names : mapping of Path to str
        Each image, and what its results are called.
    classes : ClassMap
    instances : bool
        Read the instance maps; else each connected area of a class is an annotation.
    """
    coco = CocoWriter(folder, classes, None)
    for path, name in names.items():
        label_map = read_label_map(output_path(folder, name, "png"))
        found = None
        if instances:
            instance_map = read_instance_map(output_path(folder, name, "instances"))
            found = instances_of(instance_map, label_map)
        place = Path(name).parent / path.name
        coco.annotate(_item(path, label_map, found), place.as_posix())
    write_json(folder / COCO_FILE, coco.content("all"), indent=None)


def write_yolo_names(folder: Path, classes: ClassMap) -> None:
    """Write the ``data.yaml`` that names the classes of YOLO's label files."""
    write_text(folder / NAMES_FILE, YoloWriter(folder, classes, None).content())


def _write_png(path: Path, _: Path, __: UInt8Array, prediction: Prediction) -> None:
    write_label_map(path, prediction.label_map, prediction.classes)


def _write_overlay(path: Path, _: Path, image: UInt8Array, prediction: Prediction) -> None:
    label_map, classes = prediction.label_map, prediction.classes
    save_pillow(path, with_legend(overlay(image, label_map, classes), label_map, classes))


def _write_instances(path: Path, _: Path, __: UInt8Array, prediction: Prediction) -> None:
    if prediction.instance_map is not None:
        write_instance_map(path, prediction.instance_map)


def _write_instances_overlay(
    path: Path, _: Path, image: UInt8Array, prediction: Prediction
) -> None:
    found = prediction.instances or ()
    drawn = overlay_instances(image, found)
    save_pillow(path, with_instance_legend(drawn, found, prediction.classes))


def _write_npz(path: Path, _: Path, __: UInt8Array, prediction: Prediction) -> None:
    arrays: dict[str, Any] = {}
    if prediction.instances is not None and prediction.instance_map is not None:
        arrays["instance_map"] = prediction.instance_map
        arrays["class_ids"] = np.array([i.class_id for i in prediction.instances], np.uint8)
        arrays["scores"] = np.array([i.score for i in prediction.instances], np.float32)
    with written_whole(path) as beside:
        np.savez_compressed(
            beside,
            label_map=prediction.label_map,
            logits=prediction.logits,
            classes=np.array(prediction.classes.names),
            **arrays,
        )


def _write_labelme(path: Path, image_path: Path, _: UInt8Array, prediction: Prediction) -> None:
    stored = isinstance(path, StoredPath) or isinstance(image_path, StoredPath)
    where = os.path.relpath(image_path.resolve(), path.parent.resolve())
    where = str(image_path) if stored else where
    item = _item(image_path, prediction.label_map, prediction.instances)
    write_json(path, annotation(item, prediction.classes, where), indent=None)


def _write_geojson(path: Path, _: Path, __: UInt8Array, prediction: Prediction) -> None:
    write_json(path, prediction.to_geojson(), indent=None)


def _write_found(path: Path, image_path: Path, _: UInt8Array, prediction: Prediction) -> None:
    write_json(path, found(prediction, str(image_path)), indent=None)


def _write_crops(path: Path, _: Path, image: UInt8Array, prediction: Prediction) -> None:
    with folder_written_whole(path) as crops:
        for number, instance in enumerate(prediction.parts(), start=1):
            crop = Image.fromarray(np.ascontiguousarray(instance.within(image)))
            name = CROP_NAME.sub("_", prediction.classes.names[instance.class_id])
            save_pillow(crops / f"{number:03}_{name}.png", crop)


def found(prediction: Prediction, image: str) -> dict[str, Any]:
    """Return what was found in an image, ready for JSON.

    Parameters
    ----------
    prediction : Prediction
    image : str
        What to call the image.

    Returns
    -------
    dict
        ``image``, ``size`` [height, width], ``classes`` (pixels of each that occurs), and
        ``instances`` or connected areas of classes, each with ``id``, ``class``, ``score``,
        ``box`` [top, left, bottom, right], ``area`` in pixels, and ``segmentation``, COCO's RLE.

    Examples
    --------
    >>> label_map, logits = np.array([[0, 1]], np.uint8), np.zeros((2, 1, 2), np.float32)
    >>> prediction = Prediction(label_map, ClassMap(("background", "cat")), logits)
    >>> content = found(prediction, "a.jpg")
    >>> content["classes"], content["instances"][0]["box"]
    ({'cat': 1}, [0, 1, 1, 2])
    """
    counts = count_ids(prediction.label_map)
    names = prediction.classes.names
    return {
        "image": image,
        "size": list(prediction.size),
        "classes": {name: int(counts[names.index(name)]) for name in prediction.found()},
        "instances": [
            {
                "id": i.id,
                "class": names[i.class_id],
                "score": round(i.score, 4) if prediction.instances is not None else None,
                "box": list(i.box),
                "area": i.area,
                "segmentation": encode_rle(i.mask),
            }
            for i in prediction.parts()
        ],
    }


def _write_yolo(path: Path, image_path: Path, _: UInt8Array, prediction: Prediction) -> None:
    writer = YoloWriter(path.parent, prediction.classes, None)
    write_text(path, writer.lines(_item(image_path, prediction.label_map, prediction.instances)))


_WRITERS: dict[str, Callable[[Path, Path, UInt8Array, Prediction], None]] = {
    "png": _write_png,
    "overlay": _write_overlay,
    "instances": _write_instances,
    "instances_overlay": _write_instances_overlay,
    "npz": _write_npz,
    "labelme": _write_labelme,
    "yolo": _write_yolo,
    "geojson": _write_geojson,
    "json": _write_found,
    "crops": _write_crops,
}


def _item(image_path: Path, label_map: UInt8Array, instances: tuple[Instance, ...] | None) -> Item:
    return Item("all", image_path.stem, b"", image_path.suffix, label_map, instances)
