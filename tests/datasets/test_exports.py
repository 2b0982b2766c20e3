"""What annotation tools leave in their exports: root categories, foreign paths, boxes, lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pixelwise import ReadOptions, Sample, check, convert, open_dataset
from pixelwise.datasets.formats.foreign import find_below, is_foreign
from pixelwise.errors import DataError, LabelError
from tests import made
from tests.conftest import case, run

SKIP = ReadOptions(skip_unusable=True)


def categories(*rows: tuple[int, str, str]) -> list[dict[str, Any]]:
    return [{"id": i, "name": name, "supercategory": above} for i, name, above in rows]


def roboflow(root: Path, rows: list[dict[str, Any]], used: int, *, split: str = "train") -> Path:
    made.photo(root / split / "a.jpg", len(split))
    content = {
        "images": [{"id": 0, "file_name": "a.jpg", "height": 40, "width": 60}],
        "categories": rows,
        "annotations": [
            {"id": 0, "image_id": 0, "category_id": used, "segmentation": [made.box(0, 0, 9, 9)]}
        ],
    }
    made.write(root / split / "_annotations.coco.json", content)
    return root


class TestRootCategory:
    @pytest.mark.parametrize(
        "rows",
        [
            categories((0, "court", "none"), (1, "court", "court"), (2, "net", "court")),
            categories(
                (0, "things-abc", "none"), (1, "court", "things-abc"), (2, "net", "things-abc")
            ),
            categories((5, "objects", ""), (1, "court", "objects"), (2, "net", "objects")),
        ],
    )
    def test_it_is_left_out_and_said(self, tmp_path: Path, rows: list[dict[str, Any]]) -> None:
        dataset = open_dataset(roboflow(tmp_path, rows, 2), say=str)
        assert dataset.classes.names == ("background", "court", "net")
        assert "which only heads the others, left out" in dataset.found
        assert int(dataset[0].label_map.max()) == 2
        assert dataset.file_ids == (0, 1, 2)

    def test_real_categories_stay(self, tmp_path: Path) -> None:
        rows = categories((0, "animal", "none"), (1, "dog", "animal"))
        used = open_dataset(roboflow(tmp_path / "used", rows, 0), say=str)
        assert used.classes.names == ("background", "animal", "dog")
        roboflow(tmp_path / "other", rows, 1)
        roboflow(tmp_path / "other", rows, 0, split="valid")
        assert len(open_dataset(tmp_path / "other", "train", say=str).classes) == 3
        rows = categories((1, "person", "person"), (2, "dog", "animal"))
        assert len(open_dataset(roboflow(tmp_path / "coco", rows, 1), say=str).classes) == 3

    def test_the_example(self) -> None:
        sample = open_dataset(case("k5_roboflow_root_same_name"), say=str)[0]
        assert sample.classes.names == ("background", "court", "net")
        assert np.unique(sample.label_map).tolist() == [0, 1, 2]


FOREIGN = (
    r"..\..\label-studio\media\upload\4\0.jpg",
    "/home/someone/project/images/0.jpg",
    r"D:\data\train\0.jpg",
    "/data/local-files/?d=0.jpg",
    "https://host/data/0.jpg",
    "upload/4/0.jpg",
)


class TestPathsOfAnotherMachine:
    @pytest.mark.parametrize("name", FOREIGN)
    def test_coco(self, tmp_path: Path, name: str) -> None:
        root = made.coco(tmp_path, [{"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)]}])
        path = root / "annotations" / "instances_train.json"
        content = json.loads(path.read_text())
        content["images"][0]["file_name"] = name
        made.write(path, content)
        dataset = open_dataset(root, say=str)
        assert dataset.entries[0].image_path == root / "train" / "0.jpg"
        assert int((dataset[0].label_map == 2).sum()) == 81
        made.photo(root / "images" / "0.jpg", 5)
        if is_foreign(name) and "train" not in name and "images" not in name:
            with pytest.raises(DataError, match="is in two folders"):
                open_dataset(root)

    def test_what_they_lead_to_is_not_read(self, tmp_path: Path) -> None:
        outside = made.photo(tmp_path / "outside" / "x.jpg")
        root = made.coco(tmp_path / "set", [])
        path = root / "annotations" / "instances_train.json"
        content = json.loads(path.read_text())
        for name in (outside.as_posix(), "../../outside/x.jpg"):
            content["images"][0]["file_name"] = name
            made.write(path, content)
            with pytest.raises(
                DataError, match=r"leads out of the data set, and 'x.jpg' is missing"
            ):
                open_dataset(root)
        labelme = made.labelme(tmp_path / "labelme", [], imagePath=outside.as_posix())
        (labelme / "a.jpg").unlink()
        with pytest.raises(DataError, match="is missing, and none is embedded"):
            open_dataset(labelme)

    def test_names_that_end_alike_and_names_of_an_address(self, tmp_path: Path) -> None:
        root = made.coco(tmp_path, [])
        path = root / "annotations" / "instances_train.json"
        content = json.loads(path.read_text())
        images = [made.photo(root / "images" / f"{i}" / "a b.jpg", i) for i in range(2)]
        listed = ["/data/upload/0/a b.jpg", "..\\..\\upload\\1\\a%20b.jpg"]
        content["images"] = [{"id": i, "file_name": name} for i, name in enumerate(listed)]
        made.write(path, content)
        assert [e.image_path for e in open_dataset(root, say=str).entries] == images

    def test_two_images_of_one_photo(self, tmp_path: Path) -> None:
        root = made.coco(tmp_path, [])
        path = root / "annotations" / "instances_train.json"
        content = json.loads(path.read_text())
        content["images"] = [{"id": i, "file_name": f"{i}/0.jpg"} for i in range(2)]
        made.write(path, content)
        with pytest.raises(DataError, match=r"two images stand for the same photo, '0.jpg'"):
            open_dataset(root)

    @pytest.mark.parametrize(
        "train",
        [r"..\images\train", r"C:\Users\me\set\images\train", "/content/set/images/train"],
    )
    def test_yolo(self, tmp_path: Path, train: str) -> None:
        root = made.yolo(tmp_path, "0 0 0 0.5 0 0.5 0.5")
        made.write(root / "data.yaml", f"path: 'E:\\old'\ntrain: '{train}'\nnames: [cat]\n")
        assert open_dataset(root, say=str)[0].label_map.any()
        made.write(root / "list.txt", f"{train}\\a.jpg\r\n")
        made.write(root / "data.yaml", "train: list.txt\nnames: [cat]\n")
        assert open_dataset(root, say=str).entries[0].image_path == root / "images/train/a.jpg"

    def test_yolo_does_not_follow_a_path_of_a_folder(self, tmp_path: Path) -> None:
        made.yolo(tmp_path / "other", "0 0 0 0.5 0 0.5 0.5")
        root = made.yolo(tmp_path / "set", "")
        made.write(
            root / "data.yaml", f"path: {tmp_path / 'other'}\ntrain: images/train\nnames: [a]\n"
        )
        assert open_dataset(root, say=str).entries[0].image_path.is_relative_to(root)
        # Who names the file itself has read it.
        dataset = open_dataset(root / "data.yaml", say=str)
        assert dataset.entries[0].image_path.is_relative_to(tmp_path / "other")

    def test_yolo_with_splits_that_end_alike(self, tmp_path: Path) -> None:
        root = made.yolo(tmp_path, "")
        text = "train: C:\\a\\train\\images\nval: C:\\a\\valid\\images\nnames: [a]\n"
        made.write(root / "data.yaml", text)
        with pytest.raises(DataError, match="'train' and 'val' are paths of another machine"):
            open_dataset(root)

    @pytest.mark.parametrize("name", [r"C:\photos\a.jpg", "/home/x/a.jpg", r"..\gone\a.jpg"])
    def test_labelme(self, tmp_path: Path, name: str) -> None:
        root = made.labelme(tmp_path, [made.shape("a", [[1, 1], [9, 1], [9, 9]])], imagePath=name)
        assert open_dataset(root, say=str).entries[0].image_path == root / "a.jpg"

    def test_the_last_parts_that_fit_count(self, tmp_path: Path) -> None:
        for place in ("a/x.jpg", "b/x.jpg"):
            made.photo(tmp_path / place)
        folders = [tmp_path, tmp_path / "a", tmp_path / "b"]
        assert find_below("/old/b/x.jpg", folders, "list") == tmp_path / "b" / "x.jpg"
        assert find_below("/old/y.jpg", folders, "list") is None
        with pytest.raises(DataError, match=r"list: .* is in two folders"):
            find_below("/old/x.jpg", folders, "list")

    def test_the_example(self) -> None:
        sample = open_dataset(case("k6_label_studio_1_16"), say=str)[0]
        assert sample.classes.names == ("background", "apple", "leaf")
        assert len(sample.instances or ()) == 2


class TestUnusable:
    @pytest.mark.parametrize("segmentation", [[], None, [[1, 2, 30, 2]], [1.0, 2.0]])
    def test_coco(self, tmp_path: Path, segmentation: Any) -> None:
        sound = {"category_id": 3, "segmentation": [made.box(0, 0, 9, 9)]}
        bad = {"category_id": 7, "segmentation": segmentation, "bbox": [1, 1, 5, 5]}
        root = made.coco(tmp_path, [sound, bad, bad])
        with pytest.raises(LabelError, match=r"2 of 3 annotations in this set .*--skip-unusable"):
            open_dataset(root, say=str)[0]
        assert {f.kind for f in check(root).findings} == {"annotation"}
        dataset = open_dataset(root, options=SKIP, say=str)
        assert "2 annotations without area left out" in dataset.found
        assert [i.area for i in dataset[0].instances or ()] == [81]
        report = check(root, SKIP)
        assert [f.kind for f in report.findings] == ["skipped"]
        assert "annotation 101, annotation 102 (2)" in report.findings[0].text

    def test_coco_keeps_the_parts_with_area(self, tmp_path: Path) -> None:
        parts = [made.box(0, 0, 9, 9), [1.0, 2.0, 30.0, 2.0]]
        root = made.coco(tmp_path, [{"category_id": 3, "segmentation": parts}])
        with pytest.raises(LabelError, match=r"1 of 1 annotations in this set"):
            open_dataset(root, say=str)[0]
        sample = open_dataset(root, options=SKIP, say=str)[0]
        assert [i.area for i in sample.instances or ()] == [81]
        assert [f.kind for f in check(root, SKIP).findings] == ["skipped"]

    def test_yolo(self, tmp_path: Path) -> None:
        root = made.yolo(
            tmp_path, "0 0 0 0.5 0 0.5 0.5\n1 0.5 0.5 0.2 0.2\n0.0 0 0 0.1 0 0.1 0.1\n"
        )
        with pytest.raises(LabelError, match=r"line 2: .*1 of 3 lines in this set"):
            open_dataset(root, say=str)[0]
        dataset = open_dataset(root, options=SKIP, say=str)
        assert "1 lines without area left out" in dataset.found
        assert [i.class_id for i in dataset[0].instances or ()] == [1, 1]
        assert [f.text for f in check(root, SKIP).findings] == ["a: line 2 (1)"]

    @pytest.mark.parametrize(
        ("kind", "points"), [("polygon", [[1, 1], [5, 5]]), ("polygon", []), ("cuboid", [[1, 1]])]
    )
    def test_labelme(self, tmp_path: Path, kind: str, points: list[list[float]]) -> None:
        sound = made.shape("a", [[2, 2], [10, 10]], "rectangle")
        root = made.labelme(tmp_path, [sound, made.shape("a", points, kind)])
        with pytest.raises(LabelError, match=r"shape 2: .*1 of 2 shapes in this set"):
            open_dataset(root, say=str)[0]
        dataset = open_dataset(root, options=SKIP, say=str)
        assert "1 shapes without area left out" in dataset.found
        assert [i.area for i in dataset[0].instances or ()] == [81]
        assert [f.text for f in check(root, SKIP).findings] == ["a: shape 2 (1)"]

    def test_the_command(self, tmp_path: Path) -> None:
        root = made.yolo(tmp_path / "yolo", "0 0 0 0.5 0 0.5 0.5\n1 0.5 0.5 0.2 0.2\n")
        done = run("convert", root, "--to", "coco", "--out", tmp_path / "coco", "--skip-unusable")
        assert done.returncode == 0, done.stderr
        assert "1 lines without area left out" in done.stdout

    @pytest.mark.parametrize("number", ["0.0", "0.", "1.00"])
    def test_classes_written_as_fractions(self, tmp_path: Path, number: str) -> None:
        sample = open_dataset(made.yolo(tmp_path, f"{number} 0 0 0.5 0 0.5 0.5"), say=str)[0]
        assert int(sample.label_map.max()) == int(float(number)) + 1

    def test_the_example(self) -> None:
        with pytest.raises(LabelError, match="2 of 4 annotations"):
            open_dataset(case("k7_boxes_between"), say=str)[0]
        sample = open_dataset(case("k7_boxes_between"), options=SKIP, say=str)[0]
        assert [i.area for i in sample.instances or ()] == [999]


class TestStrokes:
    @pytest.mark.parametrize(
        ("kind", "points"),
        [
            ("line", [[5, 6], [40, 30]]),
            ("linestrip", [[5, 30], [30, 10], [55, 28]]),
            ("point", [[20, 20]]),
        ],
    )
    def test_they_are_drawn_as_labelme_draws_them(
        self, tmp_path: Path, kind: str, points: list[list[float]]
    ) -> None:
        sample: Sample = open_dataset(
            made.labelme(tmp_path, [made.shape("lane", points, kind)]), say=str
        )[0]
        canvas = Image.new("L", (60, 40))
        draw = ImageDraw.Draw(canvas)
        corners = [(float(x), float(y)) for x, y in points]
        if kind == "point":
            (x, y) = corners[0]
            draw.ellipse([x - 5, y - 5, x + 5, y + 5], outline=1, fill=1)
        else:
            draw.line(corners, fill=1, width=10)
        assert (sample.label_map == np.asarray(canvas)).all()
        assert len(sample.instances or ()) == 1
        convert(tmp_path, tmp_path.with_name(f"{kind}_coco"), "coco", say=str)

    def test_the_example(self) -> None:
        sample = open_dataset(case("k7_labelme_linestrip") / "d", say=str)[0]
        areas = {sample.classes.names[i.class_id]: i.area for i in sample.instances or ()}
        # The outline is included, as labelme draws polygons; the lane is drawn over the apple.
        assert 783 <= areas["apple"] <= 860
        assert areas["lane"] > 500
