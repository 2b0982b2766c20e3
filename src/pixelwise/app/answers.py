"""What the page asks of a photo: instances, regions, boundaries, the background, one object."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pixelwise.app.photos import Photo, Photos
from pixelwise.backgrounds import Background, find_subject
from pixelwise.backgrounds.photos import with_background
from pixelwise.classes import BACKGROUND, ClassMap
from pixelwise.effects import soft_alpha
from pixelwise.errors import ArgumentError, DataError
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.instances import components
from pixelwise.io.rle import decode_rle, encode_rle
from pixelwise.regions import Hierarchy, hierarchy, select
from pixelwise.regions.hierarchical import shrunk_within
from pixelwise.samples import (
    BoolArray,
    Float32Array,
    Instance,
    Sample,
    UInt8Array,
    paint_label_map,
)

REGIONS_SIDE = 1024
"""Longer side, px, at which a photo's regions are found: a pointer hits nothing finer."""

LEAST_AREA = 5e-4
"""Share of an image below which pixels of a class without an instance are none of their own."""

Json = dict[str, Any]


class Answers:
    """A predictor's answers for the photos of a page; the methods that run it take their turn.

    Parameters
    ----------
    photos : Photos
    predictor : Predictor
        Finds classes and instances.
    finder : Predictor, optional
        Finds what stands out; the other one if None.
    """

    def __init__(
        self, photos: Photos, predictor: Predictor, finder: Predictor | None = None
    ) -> None:
        self.photos, self.predictor = photos, predictor
        self.finder = finder or predictor
        self.before: Predictor | None = None

    @property
    def classes(self) -> ClassMap:
        """Those of the predictor."""
        return self.predictor.classes

    def use(self, predictor: Predictor) -> None:
        """Answer with other weights from now on; those of today stay for comparison.

        What stands out is found by them, too: they learnt it from what was corrected.
        """
        self.before, self.predictor = self.predictor, predictor
        self.finder = predictor
        for photo in self.photos.listed():
            self.photos.cache.forget(photo.id, "before", "answer", "alpha", "found")
            self.photos.change(photo.id, unsure=None)

    def answer(self, photo: Photo, *, before: bool = False) -> Json:
        """Return the instances of a photo as the network finds them.

        All that is painted is part of one (`all_painted`), so that it can be edited alike.

        Parameters
        ----------
        photo : Photo
        before : bool
            By the weights that were used before training.
        """
        kind = "before" if before else "answer"
        return dict(self.photos.cache.get((photo.id, kind), lambda: self._answer(photo, before)))

    def _answer(self, photo: Photo, before: bool) -> Json:
        predictor = self.before if before and self.before is not None else self.predictor
        prediction = predictor.predict(self.photos.image(photo))
        if not before:
            with suppress(KeyError):  # it may have been removed meanwhile
                self.photos.change(photo.id, unsure=_unsure(prediction.logits))
        found = all_painted(prediction)
        instances = [
            {
                "id": instance.id,
                "class_id": instance.class_id,
                "score": round(instance.score, 4) or None,
                "rle": encode_rle(instance.mask),
            }
            for instance in found
        ]
        return {"height": photo.size[0], "width": photo.size[1], "instances": instances}

    def alpha(self, photo: Photo) -> Float32Array:
        """Return how much each pixel is subject, (H, W) float32, 0..1.

        What a person kept decides, if something was kept; else what stands out.
        """
        image = self.photos.image(photo)
        if photo.instances is not None:
            mask = np.zeros(photo.size, dtype=np.float32)
            for instance in photo.instances:
                instance.within(mask)[instance.patch] = 1
            return soft_alpha(image, mask)
        # In the 255 levels that a file has, too: a quarter of the cache's memory.
        found: UInt8Array = self.photos.cache.get(
            (photo.id, "alpha"),
            lambda: (255 * find_subject(self.finder, image).alpha(image)).round().astype(np.uint8),
        )
        return found.astype(np.float32) / np.float32(255)

    def effect(self, photo: Photo, background: Background, *, crop: bool = False) -> UInt8Array:
        """Return a photo with another background, (H, W, 3) or (H, W, 4) uint8; cropped or not."""
        return with_background(self.photos.image(photo), self.alpha(photo), background, crop=crop)

    def sample(self, photo: Photo, instances: Sequence[Instance]) -> Sample:
        """Return a photo with instances as one sample of a data set."""
        return Sample(
            Path(photo.name).stem,
            self.photos.image(photo),
            painted(photo, instances),
            self.classes,
            tuple(instances),
        )

    def regions(self, photo: Photo) -> Hierarchy:
        """Return the regions of a photo, of `REGIONS_SIDE` pixels on its longer side at most."""
        found: Hierarchy = self.photos.cache.get(
            (photo.id, "regions"),
            lambda: hierarchy(shrunk_within(self.photos.image(photo), REGIONS_SIDE), "learned"),
        )
        return found

    def is_ready(self, photo: Photo) -> bool:
        """Return whether `segment` needs no network any more."""
        kinds = ("regions", "found")
        return all(self.photos.cache.peek((photo.id, kind)) is not None for kind in kinds)

    def segment(self, photo: Photo, request: Mapping[str, Any]) -> Json:
        """Return the object that strokes and a box mean.

        Parameters
        ----------
        photo : Photo
        request : mapping
            ``on`` and ``off``: points (row, column); ``box``: (top, left, bottom, right) or None;
            ``within``: the RLE of a mask to correct, or None.
        """
        tree = self.regions(photo)
        small = (tree.leaves.shape[0], tree.leaves.shape[1])
        scale = small[0] / photo.size[0], small[1] / photo.size[1]
        on, off = (_points(request, name, photo.size, scale) for name in ("on", "off"))
        box = request.get("box")
        if box is not None:
            box = _box(box, photo.size, scale)
        within = request.get("within")
        mask = None if within is None else _resized(mask_of(within, photo.size), small) > 0.5
        found = select(tree, on, off, box, mask, _resized(self._belief(photo), small))
        return {"rle": encode_rle(_resized(found, photo.size) > 0.5)}

    def _belief(self, photo: Photo) -> Float32Array:
        """Return how likely each pixel is of an object, (h, w) float32: what stands out."""
        found: Float32Array = self.photos.cache.get(
            (photo.id, "found"),
            lambda: find_subject(self.finder, self.photos.image(photo)).probability,
        )
        return found


def all_painted(prediction: Prediction) -> list[Instance]:
    """Return instances that hold all pixels which are not background, but for specks.

    What the network gave a class, but no instance, goes to the instance of that class that it
    touches most; what touches none is an instance of its own without a score, as all of a class is
    that has no instances.
    """
    found = list(prediction.instances or ())
    owner = np.zeros(prediction.size, dtype=np.int32)
    for instance in found:
        instance.within(owner)[instance.patch] = instance.id
    class_of = {instance.id: instance.class_id for instance in found}
    free = np.where(owner == 0, prediction.label_map, 255).astype(np.uint8)
    alone: list[tuple[int, BoolArray]] = []
    for class_id in without_background(prediction.classes):
        if class_id not in class_of.values():
            alone.append((class_id, free == class_id))
            continue
        for area in components(free, [class_id], 1):
            near = cv2.dilate(area.mask.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
            ids = [id_ for id_ in owner[near].tolist() if class_of.get(id_) == class_id]
            if ids:
                area.within(owner)[area.patch] = max(set(ids), key=ids.count)
            else:
                alone.append((class_id, area.mask))
    painted = [replace(Instance.of(owner == i.id, i.class_id, i.id), score=i.score) for i in found]
    number = max(class_of, default=0)
    for class_id, mask in alone:
        if np.count_nonzero(mask) >= LEAST_AREA * mask.size:
            number += 1
            painted.append(replace(Instance.of(mask, class_id, number), score=0.0))
    return painted


def without_background(classes: ClassMap) -> list[int]:
    """Return the ids of the classes that are painted."""
    return [id_ for id_ in range(len(classes)) if id_ or classes.names[0] not in BACKGROUND]


def _unsure(logits: Float32Array) -> float:
    powers = np.exp(logits - logits.max(axis=0))
    return round(float(1 - (1 / powers.sum(axis=0)).mean()), 4)


def mask_of(code: object, size: tuple[int, int]) -> BoolArray:
    """Read a mask that the page sent, (H, W) bool.

    Raises
    ------
    ArgumentError
        Not COCO's RLE of an image of this size.
    """
    if not isinstance(code, Mapping):
        raise ArgumentError("rle: expected an object with size and counts")
    try:
        return decode_rle(code, size)
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise ArgumentError(f"rle: {error}") from None


def read_instances(content: object, size: tuple[int, int], classes: ClassMap) -> list[Instance]:
    """Read the instances that the page sent.

    Raises
    ------
    ArgumentError
        Ids that are given twice or are no ids, a class that is not known, or a mask of another
        size.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("instances"), list):
        raise ArgumentError("expected an object with a list of instances")
    known = without_background(classes)
    found: list[Instance] = []
    for number, raw in enumerate(content["instances"]):
        where = f"instances[{number}]"
        if not isinstance(raw, Mapping):
            raise ArgumentError(f"{where}: expected an object")
        id_, class_id = raw.get("id"), raw.get("class_id")
        if not isinstance(id_, int) or not 0 < id_ < 65535 or id_ in [i.id for i in found]:
            raise ArgumentError(f"{where}: id: expected 1..65534, each once, got {id_!r}")
        if class_id not in known:
            raise ArgumentError(f"{where}: class_id: expected one of {known}, got {class_id!r}")
        mask = mask_of(raw.get("rle"), size)
        if mask.any():
            found.append(Instance.of(mask, int(class_id), id_))
    return found


def annotation_json(photo: Photo) -> Json:
    """Return what was kept of a photo, as the page sends it."""
    instances = [
        {"id": i.id, "class_id": i.class_id, "score": None, "rle": encode_rle(i.mask)}
        for i in photo.instances or ()
    ]
    return {"height": photo.size[0], "width": photo.size[1], "instances": instances}


def painted(photo: Photo, instances: Sequence[Instance]) -> UInt8Array:
    """Return the label map of some instances, (H, W) uint8; void lies on them."""
    return paint_label_map([*instances, *photo.void], photo.size)


def corrected(photo: Photo, instances: Sequence[Instance]) -> Photo:
    """Return a photo with the instances that a person made of it.

    The page shows neither crowds as such nor void: a crowd stays one, and void stays but where
    another class was painted.
    """
    crowds = {instance.id for instance in photo.instances or () if instance.crowd}
    before = paint_label_map(photo.instances or (), photo.size)
    now = paint_label_map(instances, photo.size)
    may_stay = (now == 0) | (now == before)
    void = []
    for area in photo.void:
        top, left, bottom, right = area.box
        patch = area.patch & may_stay[top:bottom, left:right]
        if patch.any():
            void.append(area.cut(patch))
    kept = tuple(replace(instance, crowd=instance.id in crowds) for instance in instances)
    return replace(photo, instances=kept, void=tuple(void))


def png(array: UInt8Array) -> bytes:
    """Encode (H, W), (H, W, 3) or (H, W, 4) uint8 as PNG, quickly rather than small."""
    target = io.BytesIO()
    Image.fromarray(array).save(target, "PNG", compress_level=1)
    return target.getvalue()


def jpeg(array: UInt8Array, quality: int = 90) -> bytes:
    """Encode (H, W, 3) uint8 as JPEG."""
    target = io.BytesIO()
    Image.fromarray(array).save(target, "JPEG", quality=quality)
    return target.getvalue()


def region_colours(region_map: UInt8Array) -> UInt8Array:
    """Return region ids as colours, (H, W, 3) uint8: r + 256 g + 65536 b is the id."""
    ids = region_map.astype(np.uint32)
    return np.stack([ids & 255, (ids >> 8) & 255, ids >> 16], axis=-1).astype(np.uint8)


def _resized(plane: Float32Array | BoolArray, size: tuple[int, int]) -> Float32Array:
    whole = cv2.resize(plane.astype(np.float32), (size[1], size[0]))
    return np.asarray(whole, dtype=np.float32)


def _points(
    request: Mapping[str, Any], name: str, size: tuple[int, int], scale: tuple[float, float]
) -> list[tuple[int, int]]:
    """Return the points of a stroke in the regions' pixels."""
    raw = request.get(name, [])
    if not isinstance(raw, list) or len(raw) > 20_000:
        raise ArgumentError(f"{name}: expected a list of at most 20,000 points")
    points = []
    for point in raw:
        if not (
            isinstance(point, list)
            and len(point) == 2
            and all(isinstance(v, int | float) and not isinstance(v, bool) for v in point)
            and all(0 <= v < whole for v, whole in zip(point, size, strict=True))
        ):
            raise ArgumentError(f"{name}: expected [row, column] inside {size}, got {point!r}")
        points.append((int(point[0] * scale[0]), int(point[1] * scale[1])))
    return points


def _box(
    raw: object, size: tuple[int, int], scale: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Return a box in the regions' pixels."""
    ends = (*size, *size)
    if not (
        isinstance(raw, list)
        and len(raw) == 4
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in raw)
        and all(0 <= v <= end for v, end in zip(raw, ends, strict=True))
        and raw[0] < raw[2]
        and raw[1] < raw[3]
    ):
        raise ArgumentError(f"box: expected [top, left, bottom, right] inside {size}, got {raw!r}")
    top, left = int(raw[0] * scale[0]), int(raw[1] * scale[1])
    bottom, right = int(np.ceil(raw[2] * scale[0])), int(np.ceil(raw[3] * scale[1]))
    return top, left, max(bottom, top + 1), max(right, left + 1)
