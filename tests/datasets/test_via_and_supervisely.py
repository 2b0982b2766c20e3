"""VIA's own files, and Supervisely's project: shapes, classes, splits, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise import ClassMap, ReadOptions, check, convert, list_splits, open_dataset
from pixelwise.errors import AmbiguousError, ArgumentError, DataError, LabelError
from tests import made

SKIP = ReadOptions(skip_unusable=True)
RECT = {"name": "rect", "x": 2, "y": 3, "width": 10, "height": 6}
LEAF = {"name": "polygon", "all_points_x": [30, 40, 40, 30], "all_points_y": [20, 20, 30, 30]}


def via(
    root: Path, regions: list[tuple[dict[str, Any], dict[str, Any]]], old: bool = False
) -> Path:
    """Write VIA's export to JSON; that of VIA 1 numbers the regions."""
    made.photo(root / "a.jpg", len(root.name))
    listed = [{"shape_attributes": s, "region_attributes": a} for s, a in regions]
    numbered = {str(i): region for i, region in enumerate(listed)}
    image = {"filename": "a.jpg", "size": 9, "file_attributes": {}}
    made.write(root / "via.json", {"a.jpg9": image | {"regions": numbered if old else listed}})
    return root


def counts(root: Path, options: ReadOptions | None = None) -> dict[str, int]:
    sample = open_dataset(root, options=options, say=str)[0]
    numbers = np.bincount(sample.label_map.ravel(), minlength=len(sample.classes)).tolist()
    return dict(zip(sample.classes.names[1:], numbers[1:], strict=False))


@pytest.mark.parametrize("old", [False, True])
def test_shapes_of_via(tmp_path: Path, old: bool) -> None:
    round_ = {"name": "circle", "cx": 30, "cy": 20, "r": 10}
    oval = {"name": "ellipse", "cx": 30, "cy": 20, "rx": 20, "ry": 5, "theta": 0}
    for shape, area in ((RECT, 60), (LEAF, 100), (round_, 314), (oval, 314)):
        name = str(shape["name"])
        root = via(tmp_path / name, [(shape, {"type": "a"})], old)
        assert counts(root)["a"] == pytest.approx(area, rel=0.02)
        assert not check(root).findings


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"class": "a"}, {"class": "b"}),
        ({"fruit": {"a": True, "b": False}}, {"fruit": {"b": True}}),
        ({"name": "a", "note": "torn"}, {"name": "b", "note": ""}),
        ({"label": "background", "x": ""}, {"label": "b"}),
    ],
)
def test_the_attribute_that_names_the_class(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    root = via(tmp_path, [(RECT, first), (LEAF, second)])
    found = counts(root)
    assert found["b"] == 100
    assert found.get("a", 60) == 60


def test_several_attributes_are_a_question(tmp_path: Path) -> None:
    root = via(
        tmp_path, [(RECT, {"fruit": "a", "state": "ripe"}), (LEAF, {"fruit": "b", "state": "raw"})]
    )
    with pytest.raises(AmbiguousError, match=r"fruit: a, b; state: raw, ripe.*--classes"):
        open_dataset(root)
    assert [finding.kind for finding in check(root).findings] == ["question"]
    options = ReadOptions(classes=ClassMap(("background", "a", "b")))
    assert counts(root, options) == {"a": 60, "b": 100}


def test_what_via_cannot_draw(tmp_path: Path) -> None:
    point = {"name": "point", "cx": 3, "cy": 4}
    root = via(tmp_path / "point", [(RECT, {"type": "a"}), (point, {"type": "a"})])
    with pytest.raises(LabelError, match=r"1 of 2 annotations in this set .*--skip-unusable"):
        open_dataset(root, say=str)[0]
    assert counts(root, SKIP) == {"a": 60}
    root = via(tmp_path / "nameless", [(RECT, {"type": "a"}), (LEAF, {})])
    with pytest.raises(DataError, match=r"a region of a\.jpg has no 'type'"):
        open_dataset(root)
    assert [finding.kind for finding in check(root).findings] == ["annotation"]
    root = via(tmp_path / "broken", [({"name": "rect", "x": 1}, {"type": "a"})])
    with pytest.raises(LabelError, match=r"via\.json: .* expected the numbers of a 'rect'"):
        open_dataset(root)
    with pytest.raises(ArgumentError, match="via is read and not written"):
        convert(root, tmp_path / "out", "via")


def test_splits_of_via(tmp_path: Path) -> None:
    for split in ("train", "val"):
        via(tmp_path / split, [(RECT, {}), (LEAF, {})])
    assert list_splits(tmp_path) == ("train", "val")
    assert counts(tmp_path) == {"object": 160}


def supervisely(root: Path, objects: list[dict[str, Any]]) -> Path:
    made.photo(root / "ds" / "img" / "a.png")
    made.write(root / "ds" / "ann" / "a.png.json", {"objects": objects})
    made.write(root / "meta.json", {"classes": [{"title": "a"}, {"title": "b"}]})
    return root


def shape(kind: str, *outside: list[int], holes: Any = (), title: str = "a") -> dict[str, Any]:
    points = {"exterior": list(outside), "interior": list(holes)}
    return {"classTitle": title, "geometryType": kind, "points": points}


def test_shapes_of_supervisely(tmp_path: Path) -> None:
    hole = [[4, 4], [6, 4], [6, 6], [4, 6]]
    corners = ([2, 2], [11, 2], [11, 11], [2, 11])
    root = supervisely(
        tmp_path,
        [
            shape("polygon", *corners, holes=[hole]),
            shape("rectangle", [40, 30], [31, 21], title="b"),
        ],
    )
    assert counts(root) == {"a": 100 - 9, "b": 100}
    assert not check(root).findings
    made.photo(root / "ds" / "img" / "b.png", 3)
    with pytest.raises(DataError, match=r"no annotation b\.png\.json"):
        open_dataset(root)


def test_what_supervisely_cannot_draw(tmp_path: Path) -> None:
    sound = shape("rectangle", [2, 2], [11, 11])
    root = supervisely(tmp_path / "point", [sound, shape("point", [3, 3])])
    with pytest.raises(LabelError, match=r"1 of 2 objects in this set .*--skip-unusable"):
        open_dataset(root, say=str)[0]
    assert counts(root, SKIP)["a"] == 100
    assert [finding.kind for finding in check(root, SKIP).findings] == ["skipped"]
    root = supervisely(tmp_path / "title", [sound | {"classTitle": "c"}])
    with pytest.raises(LabelError, match=r"class 'c' is not in meta\.json"):
        open_dataset(root, say=str)[0]
    root = supervisely(tmp_path / "bitmap", [{"classTitle": "a", "geometryType": "bitmap"}])
    with pytest.raises(LabelError, match="its bitmap is no compressed PNG"):
        open_dataset(root, say=str)[0]
