"""What the tools next door are given, read back by their own packages where these are installed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import pixelwise
from pixelwise import ClassMap, Instance, Prediction
from pixelwise.errors import MissingExtraError
from pixelwise.instances import rings

CLASSES = ClassMap(("background", "cat", "dog"))


def made(instances: bool = True) -> Prediction:
    """A cat with a hole, and a dog of two parts beside it."""
    cat, dog = np.zeros((2, 12, 20), dtype=bool)
    cat[2:9, 3:11], cat[4:6, 5:7] = True, False
    dog[5:12, 8:14], dog[0:2, 18:20] = True, True
    dog &= ~cat
    label_map = np.zeros((12, 20), dtype=np.uint8)
    label_map[dog], label_map[cat] = 2, 1
    found = (_scored(Instance.of(cat, 1, 1), 0.875), _scored(Instance.of(dog, 2, 2), 0.5))
    logits = np.zeros((3, 6, 10), dtype=np.float32)
    image = np.full((12, 20, 3), 90, dtype=np.uint8)
    return Prediction(label_map, CLASSES, logits, found if instances else None, image, "in/a.jpg")


def _scored(instance: Instance, score: float) -> Instance:
    return replace(instance, score=score)


def nothing() -> Prediction:
    label_map, logits = np.zeros((12, 20), np.uint8), np.zeros((3, 6, 10), np.float32)
    return Prediction(label_map, CLASSES, logits, ())


def filled(parts: list[list[list[tuple[int, int]]]], size: tuple[int, int]) -> Any:
    """Fill rings by counting the edges to the left of each pixel."""
    crossed = np.zeros(size, dtype=int)
    for ring in (ring for part in parts for ring in part):
        for (x, y), (a, b) in pairwise(ring):
            if x == a:
                crossed[min(y, b) : max(y, b), x:] += 1
    return crossed % 2 == 1


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_rings_hold_the_very_pixels_of_a_mask(mask: Any) -> None:
    parts = rings(mask)
    assert np.array_equal(filled(parts, mask.shape), mask)

    def area(ring: list[tuple[int, int]]) -> float:
        return sum(x * b - a * y for (x, y), (a, b) in pairwise(ring)) / 2

    for outer, *holes in parts:
        assert area(outer) < 0  # counterclockwise as y grows downwards
        assert all(area(hole) > 0 for hole in holes)


def test_geojson_of_qupath() -> None:
    prediction = made()
    content = json.loads(json.dumps(prediction.to_geojson()))
    assert content["type"] == "FeatureCollection"
    cat, dog = content["features"]
    assert cat["geometry"]["type"] == "Polygon"
    assert len(cat["geometry"]["coordinates"]) == 2  # an outline and a hole
    assert dog["geometry"]["type"] == "MultiPolygon"
    for feature, instance in zip((cat, dog), prediction.parts(), strict=True):
        shape = feature["geometry"]
        parts = shape["coordinates"]
        parts = [parts] if shape["type"] == "Polygon" else parts
        assert np.array_equal(filled(parts, (12, 20)), instance.mask)
        assert all(ring[0] == ring[-1] for part in parts for ring in part)
    assert cat["properties"]["classification"] == {"name": "cat", "color": [128, 0, 0]}
    assert cat["properties"]["measurements"] == {"score": 0.875}
    assert len({cat["id"], dog["id"]}) == 2
    assert nothing().to_geojson()["features"] == []


def test_supervision_detections() -> None:
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    found = made().to_supervision()
    assert found.xyxy.tolist() == [[3, 2, 11, 9], [8, 0, 20, 12]]
    assert np.array_equal(found.mask, np.stack([i.mask for i in made().parts()]))
    assert found.confidence.tolist() == [0.875, 0.5]
    assert found.data["class_name"].tolist() == ["cat", "dog"]
    assert found[found.confidence > 0.6].class_id.tolist() == [1]
    drawn = supervision.MaskAnnotator().annotate(np.zeros((12, 20, 3), np.uint8), found)
    assert drawn[3, 4].any()
    assert not drawn[0, 0].any()
    # Areas as supervision counts them, and the boxes of its own masks.
    assert found.area.tolist() == [i.area for i in made().parts()]
    boxes = supervision.mask_to_xyxy(found.mask)
    assert (found.xyxy - boxes).tolist() == [[0, 0, 1, 1]] * 2  # its right and bottom are pixels
    assert len(nothing().to_supervision()) == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_results_are_loaded_by_pycocotools() -> None:
    from pycocotools.coco import COCO

    prediction = made()
    results = json.loads(json.dumps(prediction.to_coco(image_id=7, category_ids=(0, 17, 18))))
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": 7, "height": 12, "width": 20}],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
        "annotations": [],
    }
    coco.createIndex()
    loaded = coco.loadRes(results)
    annotations = loaded.loadAnns(loaded.getAnnIds(7))
    for annotation, instance in zip(annotations, prediction.parts(), strict=True):
        assert np.array_equal(loaded.annToMask(annotation), instance.mask)
    assert [a["bbox"] for a in results] == [[3, 2, 8, 7], [8, 0, 12, 12]]
    assert [a["category_id"] for a in results] == [17, 18]
    assert [a["score"] for a in results] == [0.875, 0.5]


def test_labelme_files_are_read_back(tmp_path: Path) -> None:
    prediction = made()
    content = prediction.to_labelme()
    assert content["imagePath"] == "a.jpg"
    assert {shape["label"] for shape in content["shapes"]} == {"cat", "dog"}
    assert prediction.image is not None
    pixelwise.write_image(tmp_path / "a.jpg", prediction.image)
    (tmp_path / "a.json").write_text(json.dumps(content))
    sample = pixelwise.open_dataset(tmp_path, say=str)[0]
    areas = {sample.classes.names[i.class_id]: i.area for i in sample.instances or ()}
    assert areas == {"cat": 52, "dog": 34}


def decoded(code: list[int]) -> Any:
    """Decode Label Studio's code as its converter documents it."""
    bits, at = "".join(f"{byte:08b}" for byte in code), 0

    def read(n: int) -> int:
        nonlocal at
        at += n
        return int(bits[at - n : at], 2)

    total, word, sizes = read(32), read(5) + 1, [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        repeated, length = read(1), read(sizes[read(2)]) + 1
        values += [read(word)] * length if repeated else [read(word) for _ in range(length)]
    return np.array(values, dtype=np.uint8)


def test_label_studio_brush_masks() -> None:
    entry = json.loads(json.dumps(made().to_label_studio(model_version="voc")))
    assert entry["model_version"] == "voc"
    assert entry["score"] == (0.875 + 0.5) / 2
    for item, instance in zip(entry["result"], made().parts(), strict=True):
        assert (item["type"], item["from_name"], item["to_name"]) == ("brushlabels", "tag", "image")
        assert (item["original_width"], item["original_height"]) == (20, 12)
        value = item["value"]
        assert value["format"] == "rle"
        assert value["brushlabels"] == [CLASSES.names[instance.class_id]]
        rgba = decoded(value["rle"]).reshape(12, 20, 4)
        assert np.array_equal(rgba[..., 3] > 0, instance.mask)
        assert (rgba == rgba[..., :1]).all()
    assert nothing().to_label_studio()["result"] == []


def test_label_studios_own_decoder_reads_large_masks() -> None:
    brush: Any = pytest.importorskip(
        "label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed"
    )
    from pixelwise.integrations.label_studio import brush_code

    y, x = np.mgrid[:300, :400]
    for mask in (
        np.ones((300, 400), dtype=bool),  # runs longer than 16 bits
        (y - 150) ** 2 + (x - 200) ** 2 < 90**2,
        (x + y) % 3 == 0,
    ):
        rgba = brush.decode_rle(brush_code(mask)).reshape(300, 400, 4)
        assert np.array_equal(rgba[..., 3] > 0, mask)


def test_the_pipeline_answer_of_hugging_face() -> None:
    answer = made().to_pipeline()
    assert [(item["label"], item["score"]) for item in answer] == [("cat", 0.875), ("dog", 0.5)]
    for item, instance in zip(answer, made().parts(), strict=True):
        assert item["mask"].mode == "L"
        assert np.array_equal(np.asarray(item["mask"]), instance.mask * 255)
    semantic = made(instances=False)
    answer = semantic.to_pipeline()
    assert [(i["label"], i["score"]) for i in answer] == [
        *(("background", None), ("cat", None), ("dog", None)),
    ]
    covered = np.sum([np.asarray(item["mask"], dtype=int) for item in answer], axis=0)
    assert (covered == 255).all()


def test_a_data_set_of_hugging_face(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    datasets: Any = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    ours = pixelwise.open_dataset(shapes, "val", say=str)
    theirs = ours.to_hf()
    assert len(theirs) == len(ours)
    for row, sample in zip(theirs, ours, strict=True):
        assert row["name"] == sample.name
        assert np.array_equal(np.asarray(row["image"]), sample.image)
        assert np.array_equal(np.asarray(row["label"]), sample.label_map)
    names = json.loads(theirs.info.description)["id2label"]
    assert tuple(names.values()) == ours.classes.names


def test_corrected_masks_are_not_taken_from_the_cache(
    own_shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache of ``datasets`` knows a data set by its generator and what that is given."""
    given: list[dict[str, Any]] = []

    def from_generator(generator: Any, features: Any, gen_kwargs: dict[str, Any]) -> Any:
        del features
        given.append(gen_kwargs)
        return SimpleNamespace(rows=list(generator(**gen_kwargs)), info=SimpleNamespace())

    builder = SimpleNamespace(from_generator=from_generator)
    fake = SimpleNamespace(Dataset=builder, Features=dict, Image=str, Value=str)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    ours = pixelwise.open_dataset(own_shapes, "val", say=str)
    assert len(ours.to_hf().rows) == len(ours)
    ours.to_hf()
    mask = ours.entries[1].label_path
    mask.write_bytes(mask.read_bytes() + b"corrected")
    ours.to_hf()
    first, again, corrected = given
    assert first == again != corrected


def test_fiftyone_detections_by_its_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """FiftyOne brings a database; its two classes take these fields as they are."""
    fake = SimpleNamespace(Detection=SimpleNamespace, Detections=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "fiftyone", fake)
    cat, dog = made().to_fiftyone().detections
    assert cat.label == "cat"
    assert cat.confidence == 0.875
    assert np.allclose(cat.bounding_box, [3 / 20, 2 / 12, 8 / 20, 7 / 12])
    assert np.array_equal(cat.mask, made().parts()[0].patch)
    assert dog.mask.shape == (12, 12)


@pytest.mark.parametrize("package", ["supervision", "fiftyone"])
def test_a_tool_that_is_not_installed_is_named(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=f"pip install {package}"):
        getattr(made(), f"to_{package}")()


def test_areas_stand_in_for_instances_where_there_are_none() -> None:
    parts = made(instances=False).parts()
    assert [CLASSES.names[i.class_id] for i in parts] == ["cat", "dog", "dog"]
    assert all(i.score == 1 for i in parts)
