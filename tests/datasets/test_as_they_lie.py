"""Data sets as they lie on people's disks: stray files, names alike, sizes that do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise import ReadOptions, open_dataset
from pixelwise.datasets import check, stop_on_findings
from pixelwise.datasets.conversion import convert
from pixelwise.errors import ArgumentError, DataError, LabelError
from tests import made


def voc(root: Path, *photos: str) -> Path:
    """Write a VOC folder with these photos, each with a mask, all listed."""
    names = [Path(photo).stem for photo in photos]
    for number, photo in enumerate(photos):
        made.photo(root / "JPEGImages" / photo, number)
        mask = root / "SegmentationClass" / f"{names[number]}.png"
        made.mask(mask, made.square(5, 5, 10 + number))
    made.write(root / "ImageSets" / "Segmentation" / "train.txt", "\n".join(names))
    return root


def findings(root: Path, **options: Any) -> dict[str, str]:
    """Return a text of each kind of finding."""
    found = check(root, ReadOptions(**options)).findings
    return {finding.kind: finding.text for finding in found}


@pytest.mark.parametrize("other", ["a.2.png", "a.jpg.aux", "._a.png", "b.webp"])
def test_a_photo_of_voc_is_the_one_of_that_name(tmp_path: Path, other: str) -> None:
    root = voc(tmp_path / "voc", "a.png")
    beside = root / "JPEGImages" / other
    if beside.suffix in (".png", ".webp") and not beside.name.startswith("."):
        made.photo(beside, 9)
    else:
        made.write(beside, "not a photo")
    assert [e.image_path.name for e in open_dataset(root, say=str).entries] == ["a.png"]


def test_names_with_dots_and_brackets_and_other_suffixes(tmp_path: Path) -> None:
    root = voc(tmp_path / "voc", "a.png", "a.2.png", "b[1].JPG", "c.webp")
    masks = root / "SegmentationClass"
    (masks / "c.png").rename(masks / "c.PNG")
    dataset = open_dataset(root, say=str)
    assert [e.image_path.name for e in dataset.entries] == [
        "a.png",
        "a.2.png",
        "b[1].JPG",
        "c.webp",
    ]
    assert [int((s.label_map == 1).sum()) for s in dataset] == [100, 121, 144, 169]


def hide(path: Path) -> None:
    """Write what macOS leaves beside a file on other systems' disks."""
    path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07 resource fork \xff")


def test_hidden_files_are_no_part_of_any_format(tmp_path: Path) -> None:
    dog = {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)]}
    roots = [
        voc(tmp_path / "voc", "a.jpg"),
        made.coco(tmp_path / "coco", [dog]),
        made.labelme(tmp_path / "labelme", [made.shape("cat", [[0, 0], [9, 0], [9, 9]])]),
        made.yolo(tmp_path / "yolo", "0 0.1 0.1 0.5 0.1 0.5 0.5"),
    ]
    single = tmp_path / "single"
    shutil.copytree(roots[1] / "train", single)
    shutil.copy(roots[1] / "annotations" / "instances_train.json", single / "all.json")
    for number in range(9):
        made.write(single / f"._{number}.json", "not JSON")
    for root in (*roots, single):
        before = len(open_dataset(root, say=str))
        for path in [p for p in root.rglob("*") if p.is_file() and not p.name.startswith(".")]:
            hide(path)
        assert len(open_dataset(root, say=str)) == before
        stop_on_findings(check(root))


@pytest.mark.parametrize("form", ["coco", "labelme"])
def test_outlines_drawn_on_another_size_are_found(tmp_path: Path, form: str) -> None:
    corners = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]]
    if form == "coco":
        dog = {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)]}
        root = made.coco(tmp_path / "data", [dog])
        path = root / "annotations" / "instances_train.json"
        content = json.loads(path.read_text())
        content["images"][0] |= {"height": 80, "width": 120}
        made.write(path, content)
    else:
        shapes = [made.shape("cat", corners)]
        root = made.labelme(tmp_path / "data", shapes, imageHeight=80, imageWidth=120)
    with pytest.raises(LabelError, match="the image is 40 x 60, but was annotated as 80 x 120"):
        open_dataset(root, say=str)[0]
    assert "annotated as 80 x 120" in findings(root)["annotation"]


def test_outlines_on_a_photo_that_exif_turns_are_found(tmp_path: Path) -> None:
    dog = {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)]}
    root = made.coco(tmp_path / "data", [dog])
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = root / "train" / "0.jpg"
    Image.open(photo).save(photo, exif=exif)
    assert "save it turned as its EXIF orientation says" in findings(root)["annotation"]


def test_one_annotation_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    root = tmp_path / "labelme"
    for name in "ab":
        made.labelme(root, [made.shape("cat", [[0, 0], [9, 0], [9, 9]])], name)
    made.photo(root / "c.jpg", 7)
    made.write(root / "c.json", '{"shapes": [')
    report = check(root)
    assert [f.kind for f in report.findings if f.files[0].name == "c.json"] == ["annotation"]
    assert len(report.datasets[0]) == 2
    root = made.yolo(tmp_path / "yolo", "0 0.1 0.1 0.5 0.1 0.5 0.5")
    for text in root.rglob("labels/**/*.txt"):
        text.write_bytes("0 0.1 0.1 0.5 0.1 0.5 0.5".encode("utf-16"))
    assert "annotation" in findings(root)


def test_two_photos_of_one_name_are_named(tmp_path: Path) -> None:
    root = tmp_path / "pairs"
    made.photo(root / "images" / "a.jpg", 1)
    made.photo(root / "images" / "a.png", 2)
    made.photo(root / "images" / "b.jpg", 3)
    for name in "ab":
        made.mask(root / "labels" / f"{name}.png", made.square(3, 3, 9))
    assert "has the same name" in findings(root)["unpaired"]
    with pytest.raises(DataError, match="another photo has the same name, and is taken"):
        open_dataset(root, say=str)


def test_samples_of_yolo_have_names_of_their_own(tmp_path: Path) -> None:
    root = tmp_path / "yolo"
    made.write(root / "data.yaml", "train: [s/images, t/images]\nnames: [cat]\n")
    for number, folder in enumerate("st"):
        made.photo(root / folder / "images" / "1.jpg", number)
        side = 0.2 + 0.2 * number
        line = f"0 0 0 {side} 0 {side} {side} 0 {side}"
        made.write(root / folder / "labels" / "1.txt", line)
    dataset = open_dataset(root, say=str)
    assert len({entry.name for entry in dataset.entries}) == 2
    areas = [int((sample.label_map > 0).sum()) for sample in dataset]
    assert areas[0] != areas[1]
    cached = dataset.cached(tmp_path / "cache")
    assert [int((sample.label_map > 0).sum()) for sample in cached] == areas


def test_a_mask_file_per_object_is_part_of_the_cache(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    made.photo(root / "a" / "images" / "a.png", 1)
    for number in (1, 2):
        mask = made.square(4 * number, 20 * number, 5, 255)
        made.mask(root / "a" / "masks" / f"{number}.png", mask)
    dataset = open_dataset(root, say=str)
    assert int((dataset.cached(tmp_path / "cache")[0].label_map > 0).sum()) == 50
    made.mask(root / "a" / "masks" / "2.png", made.square(8, 40, 8, 255))
    assert int((dataset.cached(tmp_path / "cache")[0].label_map > 0).sum()) == 25 + 64


def test_caches_of_parts_of_a_split_live_side_by_side(shapes: Path, tmp_path: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    for part in (dataset[:2], dataset[2:], dataset[:2]):
        part.cached(tmp_path)
    assert len(list(tmp_path.glob("*.pixels"))) == 2


def test_the_area_that_coco_states_is_kept(tmp_path: Path) -> None:
    dog = {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)], "area": 77.5}
    convert(made.coco(tmp_path / "coco", [dog]), tmp_path / "out", "coco", say=str)
    (file,) = (tmp_path / "out" / "annotations").glob("*.json")
    assert json.loads(file.read_text())["annotations"][0]["area"] == 77.5


def test_the_current_folder_is_no_target(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match="is the current folder; name a new one"):
        convert(shapes, Path(), "coco", say=str)


def test_a_missing_photo_is_not_replaced_by_another_of_its_name(tmp_path: Path) -> None:
    root = made.coco(tmp_path / "coco", [])
    made.photo(root / "cam1" / "0002.jpg", 3)
    made.photo(root / "0001.jpg", 4)
    path = root / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    content["images"][0]["file_name"] = "cam1/0001.jpg"
    made.write(path, content)
    with pytest.raises(DataError, match=r"photo 'cam1/0001.jpg' is missing"):
        open_dataset(root, say=str)
    # A folder that exists nowhere is one of the machine that wrote the file.
    content["images"][0]["file_name"] = "cam9/0001.jpg"
    made.write(path, content)
    assert open_dataset(root, say=str).entries[0].image_path.name == "0001.jpg"


def test_a_background_of_coco_may_have_any_id(tmp_path: Path) -> None:
    dog = {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)]}
    root = made.coco(tmp_path / "coco", [dog])
    path = root / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    content["categories"].append({"id": 9, "name": "background"})
    made.write(path, content)
    dataset = open_dataset(root, say=str)
    assert dataset.classes.names == ("background", "cat", "dog")
    assert np.unique(dataset[0].label_map).tolist() == [0, 2]
