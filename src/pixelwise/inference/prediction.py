"""The prediction for one image.

It stands here and not beside `Sample` since it resamples logits, which needs OpenCV.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pixelwise.classes import BACKGROUND, ClassMap
from pixelwise.drawing import (
    colourise,
    overlay,
    overlay_instances,
    with_instance_legend,
    with_legend,
)
from pixelwise.drawing.display import png_of, put_on_screen
from pixelwise.errors import ArgumentError
from pixelwise.inference.upsample import probability
from pixelwise.instances import components, without_specks
from pixelwise.io.image import save_pillow
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

ELSEWHERE = {
    "boxes": "[i.box for i in prediction.instances], as (top, left, bottom, right)",
    "masks": "[i.mask for i in prediction.instances]",
    "scores": "[i.score for i in prediction.instances]",
    "labels": "[prediction.classes.names[i.class_id] for i in prediction.instances]",
    "names": "prediction.classes.names",
    "orig_img": "prediction.image",
    "plot": "prediction.drawn()",
    "pred_masks": "[i.mask for i in prediction.instances]",
    "probs": "prediction.probability(name)",
    "segmentation": "prediction.label_map",
    "summary": "prediction.to_coco()",
    "to_json": "prediction.to_coco()",
    "tojson": "prediction.to_coco()",
    "xyxy": "[i.box for i in prediction.instances], as (top, left, bottom, right)",
}
"""What other libraries call something of a prediction, and what it is here."""


@dataclass(frozen=True, eq=False, repr=False)
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
    image : (H, W, 3) uint8, optional
        The image itself, RGB, that `drawn` draws on; not copied.
    name : str
        The image's path or address, if it is known.

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
    >>> prediction
    Prediction(1 x 3, dog)
    """

    label_map: UInt8Array
    classes: ClassMap
    logits: Float32Array
    instances: tuple[Instance, ...] | None = None
    image: UInt8Array | None = None
    name: str = ""

    def __post_init__(self) -> None:
        check_label_map(self.label_map)
        if self.logits.ndim != 3 or len(self.logits) != len(self.classes):
            raise ArgumentError(
                f"logits: expected ({len(self.classes)}, h, w), got {self.logits.shape}"
            )

        if self.image is not None and self.image.shape != (*self.size, 3):
            raise ArgumentError(f"image: expected {(*self.size, 3)}, got {self.image.shape}")

    if not TYPE_CHECKING:  # type checkers would take it for any name

        def __getattr__(self, name: str) -> object:
            here = f"; here it is {ELSEWHERE[name]}" if name in ELSEWHERE else ""
            raise AttributeError(f"a Prediction has no {name!r}{here}", name=name, obj=self)

        def __getitem__(self, index: object) -> object:
            raise TypeError(
                f"a Prediction is of one image: leave [{index!r}] and the loop out; "
                "pixelwise.predict of a list or a folder gives a list"
            )

    def __repr__(self) -> str:
        known = [f"{self.size[0]} x {self.size[1]}", ", ".join(self.found()) or "nothing found"]
        if self.instances is not None:
            n = len(self.instances)
            known.append(f"{n} instance{'s' if n != 1 else ''}")
        return f"Prediction({', '.join([repr(self.name)] * bool(self.name) + known)})"

    def _repr_png_(self) -> bytes:
        return png_of(self.drawn())

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

    def parts(self) -> tuple[Instance, ...]:
        """Return the instances; of weights that find none, each connected area of a class.

        Background is left out. This is what the tools of `pixelwise.integrations` are given.
        """
        if self.instances is not None:
            return self.instances
        names = self.classes.names
        ids = [int(i) for i in np.flatnonzero(count_ids(self.label_map)[: len(names)])]
        ids = [i for i in ids if i or names[i] not in BACKGROUND]
        return tuple(components(self.label_map, ids, first_id=1))

    def drawn(self) -> Image.Image:
        """Draw what was found, with a legend.

        Returns
        -------
        PIL.Image.Image
            RGB: the instances over the image, or the classes if there are no instances to find;
            the label map in colours if the image is not kept.
        """
        image, found = self.image, self.instances
        if image is None:
            painted = colourise(self.label_map, self.classes)
        elif found is not None:
            return with_instance_legend(overlay_instances(image, found), found, self.classes)
        else:
            painted = overlay(image, self.label_map, self.classes)
        return with_legend(painted, self.label_map, self.classes)

    def show(self) -> None:
        """Show what `drawn` draws: in a notebook below the cell, else in the system's viewer."""
        put_on_screen(self.drawn())

    def save(self, path: str | Path) -> Path:
        """Write what `drawn` draws; the suffix chooses the format.

        Masks are written by `pixelwise.write_label_map`, and every other kind of file by
        `pixelwise.predict_files`.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path
            The same.

        Raises
        ------
        ArgumentError
            A suffix that stands for no image format.
        """
        save_pillow(path, self.drawn())
        return Path(path)

    def to_supervision(self) -> Any:
        """Return what was found as `supervision.Detections`; see `parts`.

        Returns
        -------
        supervision.Detections
            Boxes (N, 4) float32 as (left, top, right, bottom), masks (N, H, W) bool.

        Raises
        ------
        MissingExtraError
            supervision is not installed.
        """
        from pixelwise.integrations.supervision import detections

        return detections(self.parts(), self.classes)

    def to_fiftyone(self) -> Any:
        """Return what was found as `fiftyone.Detections`; see `parts`.

        Raises
        ------
        MissingExtraError
            fiftyone is not installed.
        """
        from pixelwise.integrations.fiftyone import detections

        return detections(self.parts(), self.classes)

    def to_coco(
        self, image_id: int = 1, category_ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """Return what was found as COCO results, which `pycocotools` loads; see `parts`.

        Parameters
        ----------
        image_id : int
            Of the image in its COCO file.
        category_ids : sequence of int, optional
            The category of each class id, the background's first; the class id itself if not
            given. Of a COCO `Dataset` these are its ``file_ids``.

        Returns
        -------
        list of dict
            Boxes as [left, top, width, height], masks as RLE; ready for JSON.
        """
        from pixelwise.integrations.coco import results

        return results(self.parts(), image_id, category_ids)

    def to_labelme(self, image_path: str | None = None) -> dict[str, Any]:
        """Return the content of a labelme file, to be corrected there.

        Parameters
        ----------
        image_path : str, optional
            Of the image, relative to the file; its name if not given.

        Returns
        -------
        dict
            Ready for JSON.
        """
        from pixelwise.datasets.formats.labelme import annotation
        from pixelwise.datasets.formats.writer import Item

        item = Item("all", "image", b"", "", self.label_map, self.instances)
        return annotation(item, self.classes, image_path or Path(self.name or "image").name)

    def to_geojson(self) -> dict[str, Any]:
        """Return what was found as GeoJSON polygons with holes, as QuPath reads it; see `parts`.

        Returns
        -------
        dict
            A ``FeatureCollection``, ready for JSON; corners are [x, y] in pixels.
        """
        from pixelwise.integrations.geojson import features

        return features(self.parts(), self.classes)

    def to_label_studio(
        self, from_name: str = "tag", to_name: str = "image", model_version: str = "pixelwise"
    ) -> dict[str, Any]:
        """Return what was found as a prediction of Label Studio, with brush masks; see `parts`.

        Parameters
        ----------
        from_name, to_name : str
            The names of ``BrushLabels`` and ``Image`` in the labelling interface.
        model_version : str

        Returns
        -------
        dict
            An entry of a task's ``predictions``, ready for JSON.
        """
        from pixelwise.integrations.label_studio import prediction

        return prediction(self.parts(), self.classes, from_name, to_name, model_version)

    def to_pipeline(self) -> list[dict[str, Any]]:
        """Return what Hugging Face's image-segmentation pipeline answers.

        Returns
        -------
        list of dict
            ``score``, ``label`` and ``mask`` (a PIL image, 255 inside): an item per instance, or
            per class if the weights find no instances.

        Examples
        --------
        >>> label_map = np.array([[0, 0, 1]], dtype=np.uint8)
        >>> logits = np.zeros((2, 1, 3), dtype=np.float32)
        >>> prediction = Prediction(label_map, ClassMap(("background", "dog")), logits)
        >>> [item["label"] for item in prediction.to_pipeline()]
        ['background', 'dog']
        """
        from pixelwise.integrations.hugging_face import pipeline_answer

        return pipeline_answer(self.label_map, self.instances, self.classes)

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
