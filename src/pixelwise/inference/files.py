"""Many photos through one network: decoding, the network and writing run side by side."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.datasets.formats.coco import CocoWriter
from pixelwise.datasets.formats.labelme import annotation
from pixelwise.datasets.formats.writer import Item
from pixelwise.datasets.formats.yolo import YoloWriter
from pixelwise.defaults import TILE
from pixelwise.drawing import overlay, overlay_instances, with_instance_legend, with_legend
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.inference.large import goes_in_tiles, label_large
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.instances import instances_of
from pixelwise.io.files import written_whole
from pixelwise.io.image import read_image, save_pillow
from pixelwise.io.mask import (
    INSTANCES_SUFFIX,
    read_instance_map,
    read_label_map,
    write_instance_map,
    write_label_map,
)
from pixelwise.io.tiff import large_size
from pixelwise.progress import track
from pixelwise.samples import Instance

UInt8Array = npt.NDArray[np.uint8]
Labels = tuple[UInt8Array, tuple[Instance, ...] | None]
AHEAD = 2
"""Photos that are decoded, and results that wait to be written, at most."""

SUFFIXES = {
    "png": ".png",
    "instances": INSTANCES_SUFFIX,
    "overlay": "_overlay.jpg",
    "npz": ".npz",
    "labelme": ".json",
    "yolo": ".txt",
}
"""What follows a photo's stem in the name of each kind of result."""

COCO_FILE, NAMES_FILE = "annotations.json", "data.yaml"
FORMATS = (*SUFFIXES, "coco")


@dataclass(frozen=True)
class Outcome:
    """What became of each photo.

    Parameters
    ----------
    written, skipped : tuple of Path
        Photos that were labelled now, and whose results were there already.
    failed : dict of Path to str
        Photos that could not be read, and why.
    in_tiles : tuple of Path
        Photos whose objects were not told apart, since they went in tiles.
    """

    written: tuple[Path, ...]
    skipped: tuple[Path, ...]
    failed: dict[Path, str]
    in_tiles: tuple[Path, ...] = ()


def predict_files(
    predictor: Predictor,
    photos: Sequence[Path],
    out: Path,
    formats: Sequence[str] = (),
    *,
    overwrite: bool = False,
    min_area: int = 0,
    tta: tuple[str, ...] = (),
    tile: int = TILE,
) -> Outcome:
    """Label photos and write the results; a photo that cannot be read does not stop the rest.

    Parameters
    ----------
    predictor : Predictor
    photos : sequence of Path
        With different stems.
    out : Path
        The folder for the results, ``<stem>`` and what `SUFFIXES` says.
    formats : sequence of str
        Of `FORMATS`: ``png`` (palette label map), ``instances`` (16-bit ids), ``overlay``, ``npz``
        (label map, logits, class names; instance map, the objects' scores), ``labelme`` and
        ``yolo`` (to be corrected there), ``coco`` (one file for all, with png). Where none is
        given: png, overlay, and instances where the weights tell objects apart.
    overwrite : bool
        Label photos again whose results are there.
    min_area : int
        Pixels below which a connected area goes to the class nearest to it.
    tta : tuple of str
        As for `Predictor.predict`.
    tile : int
        Photos with a longer side above this, px, are labelled in overlapping tiles of about this
        size, within bounded memory. Their results are png and overlay only.

    Returns
    -------
    Outcome

    Raises
    ------
    ArgumentError
        An unknown format, two photos of one stem, or a result that would overwrite a photo.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ArgumentError(f"unknown format {unknown[:1]}; there is: {', '.join(FORMATS)}")
    things = predictor.card.instance_classes
    if "instances" in formats and not things:
        raise ArgumentError(f"the weights {predictor.card.name!r} find no instances")
    wanted = set(formats) or {"png", "overlay", *(["instances"] if things else [])}
    if "coco" in wanted:  # it is made of what stands in these files
        wanted |= {"png", "instances"} if things else {"png"}
    kinds = [kind for kind in SUFFIXES if kind in wanted]
    if predictor.card.image_scale:
        tile = max(1, round(tile / max(1.0, predictor.card.image_scale)))
    in_tiles: list[Path] = []
    _check_names(photos, out, kinds)
    skipped = [] if overwrite else [p for p in photos if _is_done(p, out, kinds)]
    todo = [photo for photo in photos if photo not in set(skipped)]
    failed: dict[Path, str] = {}
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        reading = deque(reader.submit(_read, photo, tile) for photo in todo[:AHEAD])
        writing: deque[Future[None]] = deque()
        for i, photo in enumerate(track(todo, "predicting", len(todo))):
            waiting = reading.popleft()
            if i + AHEAD < len(todo):
                reading.append(reader.submit(_read, todo[i + AHEAD], tile))
            try:
                image = waiting.result()
                if image is None:
                    whole = [k for k in kinds if formats or k != "instances"]
                    _label_large(predictor, photo, out, whole, min_area, tile, tta)
                    in_tiles += [photo] if things else []
                    continue
            except ImageFileError as error:
                failed[photo] = str(error)
                continue
            prediction = predictor.predict(image, tta)
            if min_area > 0:
                prediction = prediction.without_specks(min_area)
            writing.append(writer.submit(_write, out, photo, image, prediction, kinds))
            while len(writing) > AHEAD:
                writing.popleft().result()
        for last in writing:
            last.result()
    good = [photo for photo in photos if photo not in failed]
    if "coco" in formats and good:
        _write_coco(predictor, good, out)
    if "yolo" in formats and good:
        names = YoloWriter(out, predictor.classes, None).content()
        with written_whole(out / NAMES_FILE) as beside:
            beside.write_text(names, encoding="utf-8")
    written = tuple(photo for photo in todo if photo not in failed)
    return Outcome(written, tuple(skipped), failed, tuple(in_tiles))


def _read(photo: Path, tile: int) -> UInt8Array | None:
    """Read a photo; None where it is to go in tiles."""
    return None if goes_in_tiles(large_size(photo), tile) else read_image(photo)


def _label_large(
    predictor: Predictor,
    photo: Path,
    out: Path,
    kinds: list[str],
    min_area: int,
    tile: int,
    tta: tuple[str, ...],
) -> None:
    whole = [kind for kind in kinds if kind not in ("png", "overlay")]
    if whole or min_area:
        needs = f"--save {whole[0]}" if whole else "--min-area"
        raise ImageFileError(
            f"{photo}: {needs} needs the label map as a whole, and this photo goes in tiles; "
            "give a larger --tile, or ask for png and overlay only"
        )
    pictures = [out / f"{photo.stem}{SUFFIXES['overlay']}"] if "overlay" in kinds else [None]
    label_large(predictor, photo, out / f"{photo.stem}.png", pictures[0], tile, tta)


def _check_names(photos: Sequence[Path], out: Path, kinds: list[str]) -> None:
    stems = [photo.stem for photo in photos]
    twice = (
        {stem for stem in stems if stems.count(stem) > 1} if len(set(stems)) < len(stems) else ()
    )
    if twice:
        raise ArgumentError(
            f"several photos are called {min(twice)!r} and would overwrite each other's "
            "results; predict them in separate calls"
        )
    results = {out / f"{stem}{SUFFIXES[kind]}" for stem in stems for kind in kinds}
    taken = {path.resolve() for path in results} & {photo.resolve() for photo in photos}
    if taken:
        raise ArgumentError(
            f"{min(taken)}: a result would overwrite this photo; choose another --out"
        )


def _is_done(photo: Path, out: Path, kinds: list[str]) -> bool:
    return all((out / f"{photo.stem}{SUFFIXES[kind]}").exists() for kind in kinds)


def _write(
    out: Path, photo: Path, image: UInt8Array, prediction: Prediction, kinds: list[str]
) -> None:
    for kind in kinds:
        _WRITERS[kind](out / f"{photo.stem}{SUFFIXES[kind]}", photo, image, prediction)


def _write_png(path: Path, _: Path, __: UInt8Array, prediction: Prediction) -> None:
    write_label_map(path, prediction.label_map, prediction.classes)


def _write_instances(path: Path, _: Path, __: UInt8Array, prediction: Prediction) -> None:
    if prediction.instance_map is not None:
        write_instance_map(path, prediction.instance_map)


def _write_overlay(path: Path, _: Path, image: UInt8Array, prediction: Prediction) -> None:
    labels, classes = prediction.label_map, prediction.classes
    if prediction.instances is None:
        save_pillow(path, with_legend(overlay(image, labels, classes), labels, classes))
    else:
        found = prediction.instances
        save_pillow(path, with_instance_legend(overlay_instances(image, found), found, classes))


def _write_npz(path: Path, _: Path, __: UInt8Array, prediction: Prediction) -> None:
    objects: dict[str, Any] = {}
    if prediction.instances is not None and prediction.instance_map is not None:
        objects["instance_map"] = prediction.instance_map
        objects["class_ids"] = np.array([i.class_id for i in prediction.instances], np.uint8)
        objects["scores"] = np.array([i.score for i in prediction.instances], np.float32)
    with written_whole(path) as beside:
        np.savez_compressed(
            beside,
            label_map=prediction.label_map,
            logits=prediction.logits,
            classes=np.array(prediction.classes.names),
            **objects,
        )


def _write_labelme(path: Path, photo: Path, _: UInt8Array, prediction: Prediction) -> None:
    where = os.path.relpath(photo.resolve(), path.parent.resolve())
    content = annotation(_item(photo, *_labels(prediction)), prediction.classes, where)
    with written_whole(path) as beside:
        beside.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _write_yolo(path: Path, photo: Path, _: UInt8Array, prediction: Prediction) -> None:
    lines = YoloWriter(path.parent, prediction.classes, None).lines(
        _item(photo, *_labels(prediction))
    )
    with written_whole(path) as beside:
        beside.write_text(lines, encoding="utf-8")


_WRITERS: dict[str, Callable[[Path, Path, UInt8Array, Prediction], None]] = {
    "png": _write_png,
    "instances": _write_instances,
    "overlay": _write_overlay,
    "npz": _write_npz,
    "labelme": _write_labelme,
    "yolo": _write_yolo,
}


def _write_coco(predictor: Predictor, photos: list[Path], out: Path) -> None:
    """Write one COCO file of all label maps in ``out``, those of earlier calls among them."""
    coco = CocoWriter(out, predictor.classes, None)
    for photo in photos:
        label_map = read_label_map(out / f"{photo.stem}.png")
        instances = None
        if predictor.card.instance_classes:
            instance_map = read_instance_map(out / f"{photo.stem}{INSTANCES_SUFFIX}")
            instances = instances_of(instance_map, label_map)
        coco.annotate(_item(photo, label_map, instances), photo.name)
    with written_whole(out / COCO_FILE) as beside:
        beside.write_text(json.dumps(coco.content("all"), ensure_ascii=False), encoding="utf-8")


def _labels(prediction: Prediction) -> Labels:
    return prediction.label_map, prediction.instances


def _item(photo: Path, label_map: UInt8Array, instances: tuple[Instance, ...] | None) -> Item:
    return Item("all", photo.stem, b"", photo.suffix, label_map, instances)
