"""The function for CVAT, run by CVAT's own driver on a task that needs no server."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pixelwise
from pixelwise.errors import ArgumentError, MissingExtraError
from pixelwise.integrations import cvat

PHOTO = skimage.data.cat()


def annotated(
    monkeypatch: pytest.MonkeyPatch, function: Any, kind: str = "mask", **options: Any
) -> list[Any]:
    """Run the driver of cvat-sdk on one photo; return the shapes that it would upload."""
    driver = pytest.importorskip(
        "cvat_sdk.auto_annotation.driver", reason="cvat-sdk is not installed"
    )
    labels = [SimpleNamespace(id=70, name="cat", type=kind, attributes=[], sublabels=[])]
    media = SimpleNamespace(load_image=lambda: Image.fromarray(PHOTO))
    sample = SimpleNamespace(frame_name="cat.jpg", frame_index=5, media=media)
    task = SimpleNamespace(labels=labels, samples=[sample])
    monkeypatch.setattr(driver, "TaskDataset", lambda *_, **__: task)
    sent: list[Any] = []

    def update(task_id: int, labeled_data_request: Any) -> None:
        assert task_id == 137
        sent.extend(labeled_data_request.shapes)

    api = SimpleNamespace(update_annotations=update)
    client = SimpleNamespace(logger=logging.getLogger("cvat"), tasks=SimpleNamespace(api=api))
    driver.annotate_task(
        client, 137, function, clear_existing=True, allow_unmatched_labels=True, **options
    )
    return sent


def test_cvats_driver_takes_masks_and_polygons(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = pytest.importorskip("cvat_sdk.masks", reason="cvat-sdk is not installed")
    function = cvat.create("voc", classes="cat, dog")
    assert [label.name for label in function.spec.labels] == ["cat", "dog"]
    predictor = pixelwise.Predictor.load("voc", classes=("background", "cat", "dog"))
    (cat,) = predictor.predict(PHOTO).parts()

    (shape,) = annotated(monkeypatch, function)
    assert (shape.type.value, shape.label_id, shape.frame) == ("mask", 70, 5)
    height, width = PHOTO.shape[:2]
    mask = masks.decode_mask(shape.points, image_width=width, image_height=height)
    assert np.array_equal(mask, cat.mask)
    assert shape.points == masks.encode_mask(cat.mask)

    (shape,) = annotated(monkeypatch, function, "polygon", conv_mask_to_poly=True)
    assert shape.type.value == "polygon"
    top, left, bottom, right = cat.box
    corners = np.reshape(shape.points, (-1, 2))
    assert np.abs(corners.min(axis=0) - (left, top)).max() <= 1
    assert np.abs(corners.max(axis=0) - (right, bottom)).max() <= 1

    assert annotated(monkeypatch, function, conf_threshold=1.0) == []
    classes_only = cvat.create("foreground", classes="cat")
    assert annotated(monkeypatch, classes_only, conf_threshold=1.0)


@pytest.mark.parametrize("first", [False, True])
def test_masks_that_begin_inside_or_outside_an_instance(first: bool) -> None:
    masks = pytest.importorskip("cvat_sdk.masks", reason="cvat-sdk is not installed")
    mask = np.array([[first, True, False], [False, True, True]])
    points = [*cvat._runs(mask), 0, 0, 2, 1]
    assert np.array_equal(masks.decode_mask(points, image_width=3, image_height=2), mask)


def test_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="unicorn"):
        cvat.create("voc", classes="unicorn")
    monkeypatch.setitem(sys.modules, "cvat_sdk", None)
    with pytest.raises(MissingExtraError, match="pip install cvat-sdk"):
        cvat.create("nuclei")
