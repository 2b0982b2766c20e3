"""`pixelwise check`: every fault planted by hand is found and named, and sound data passes."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise import ReadOptions, check, read_label_map
from pixelwise.classes import ClassMap
from pixelwise.datasets import KINDS, Report, stop_on_findings
from pixelwise.datasets.checks.checker import suggested_weights
from pixelwise.datasets.checks.examine import SampleFacts
from pixelwise.errors import DataError, NotADatasetError
from tests import made
from tests.conftest import call, real, run

MASK = "SegmentationClass/train_002.png"
PHOTO = "JPEGImages/train_002.jpg"


def kinds(report: Report) -> dict[str, int]:
    """Count the findings of each kind, but for classes that one split lacks by chance."""
    return {k: len(f) for k, f in report.by_kind().items() if k != "absent"}


def resaved(label_map: npt.NDArray[np.uint8], how: str) -> npt.NDArray[np.uint8]:
    if how == "jpeg":
        buffer = io.BytesIO()
        Image.fromarray(label_map * 20).save(buffer, "JPEG", quality=90)
        return np.asarray(Image.open(buffer))
    interpolation = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}
    small = cv2.resize(label_map, (56, 44), interpolation=interpolation[how])
    return np.asarray(cv2.resize(small, (80, 64), interpolation=interpolation[how]))


def test_sound_data_has_no_findings(shapes: Path) -> None:
    report = check(shapes)
    assert kinds(report) == {}
    assert report.samples == {"train": 8, "val": 4}
    assert set(report.histogram["train"]) == {"background", "disc", "square", "triangle"}


def unpaired(root: Path) -> None:
    (root / MASK).unlink()


def unpaired_photo(root: Path) -> None:
    (root / PHOTO).unlink()


def truncated_photo(root: Path) -> None:
    (root / PHOTO).write_bytes((root / PHOTO).read_bytes()[:-60])


def truncated_with_an_end(root: Path) -> None:
    (root / PHOTO).write_bytes((root / PHOTO).read_bytes()[:-400] + b"\xff\xd9")


def truncated_mask(root: Path) -> None:
    (root / MASK).write_bytes((root / MASK).read_bytes()[:-60])


def no_picture(root: Path) -> None:
    (root / PHOTO).write_text("hello")


def other_size(root: Path) -> None:
    made.mask(root / MASK, read_label_map(root / MASK)[:-3])


def turned(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(root / PHOTO) as picture:
        picture.save(root / PHOTO, exif=exif)


def out_of_range(root: Path) -> None:
    label_map = read_label_map(root / MASK)
    label_map[0, :7] = 77
    made.mask(root / MASK, label_map)


def binary(root: Path) -> None:
    made.mask(root / MASK, np.uint8(255) * (read_label_map(root / MASK) > 0))


def all_void(root: Path) -> None:
    made.mask(root / MASK, np.full((64, 80), 255, np.uint8))


def empty(root: Path) -> None:
    made.mask(root / MASK, np.zeros((64, 80), np.uint8))


def same(root: Path) -> None:
    for folder, suffix in (("JPEGImages", "jpg"), ("SegmentationClass", "png")):
        shutil.copy(root / folder / f"train_002.{suffix}", root / folder / f"val_001.{suffix}")


def alike(root: Path) -> None:
    same(root)
    with Image.open(root / PHOTO) as picture:
        picture.resize((72, 60)).resize((80, 64)).save(root / "JPEGImages/val_001.jpg", quality=60)


FAULTS: dict[str, tuple[Any, str, str]] = {
    "a mask is missing": (unpaired, "unpaired", "missing"),
    "a photo is missing": (unpaired_photo, "unpaired", "missing"),
    "a photo is cut": (truncated_photo, "unreadable", "truncated"),
    "a photo is cut but ends as a JPEG": (truncated_with_an_end, "unreadable", "premature end"),
    "a mask is cut": (truncated_mask, "unreadable", "truncated"),
    "a photo is a text": (no_picture, "unreadable", "not an image"),
    "a mask is smaller": (other_size, "size", r"64 x 80, its mask 61 x 80"),
    "a photo is turned by EXIF": (turned, "turned", r"80 x 64, its mask 64 x 80 .*EXIF"),
    "a label has no class": (out_of_range, "range", "label 77 in 7 pixels, but 4 classes"),
    "a mask is 0 and 255": (binary, "binary", r"0 and 255 only: [\d,]+ pixels would be void"),
    "a mask is void": (all_void, "void", "all 5,120 pixels are void"),
    "a mask is empty": (empty, "empty", "no class but background"),
    "a photo is in both splits": (same, "same", "train_002 in 'train' and val_001 in 'val'"),
    "a photo is in both, resaved": (alike, "alike", "thumbnails agree to 0.9"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_named(own_shapes: Path, fault: str) -> None:
    plant, kind, text = FAULTS[fault]
    plant(own_shapes)
    report = check(own_shapes)
    assert kinds(report) == {kind: 1}
    (finding,) = report.by_kind()[kind]
    assert any("train_002" in file.name for file in finding.files)
    assert re.search(text, finding.text), finding.text


@pytest.mark.parametrize("how", ["jpeg", "bilinear", "area", "cubic"])
def test_blended_masks_are_distinguished_from_sound_ones(own_shapes: Path, how: str) -> None:
    # Shapes of class 1 leave no number in between: a class further up does.
    label_map = np.where(read_label_map(own_shapes / MASK) > 0, np.uint8(3), np.uint8(0))
    made.mask(own_shapes / MASK, resaved(label_map, how))
    assert kinds(check(own_shapes)) == {"blended": 1}


def test_blended_colours(own_shapes: Path) -> None:
    colours = np.zeros((64, 80, 3), np.uint8)
    colours[10:20, 10:20] = (77, 1, 1)
    made.mask(own_shapes / MASK, colours)
    assert kinds(check(own_shapes)) == {"blended": 1}


def test_a_whole_set_of_0_and_255(tmp_path: Path) -> None:
    for i in range(3):
        made.photo(tmp_path / "images" / f"{i}.jpg", i)
        made.mask(tmp_path / "masks" / f"{i}.png", made.square(i, i, 9, 255))
    assert kinds(check(tmp_path)) == {"binary": 3}
    assert kinds(check(tmp_path, ReadOptions(encoding="binary"))) == {}


def test_masks_saved_as_jpeg_and_files_without_partner(tmp_path: Path) -> None:
    for i in range(3):
        made.photo(tmp_path / "images" / f"{i}.jpg", i)
        made.mask(tmp_path / "masks" / f"{i}.png", made.square(i, i, 9))
    made.mask(tmp_path / "masks" / "0.jpg", made.square(0, 0, 9))
    (tmp_path / "masks" / "0.png").unlink()
    made.photo(tmp_path / "images" / "alone.jpg", 9)
    made.mask(tmp_path / "masks" / "lost.png", made.square(0, 0, 9))
    assert kinds(check(tmp_path)) == {"unpaired": 2, "lossy": 1}


def test_files_that_no_sample_uses(own_shapes: Path, tmp_path: Path) -> None:
    made.mask(own_shapes / "SegmentationClass" / "lost.png", made.square(0, 0, 9))
    assert kinds(check(own_shapes)) == {"unpaired": 1}
    coco = made.coco(
        tmp_path / "coco", [{"category_id": 3, "segmentation": [made.box(0, 0, 9, 9)]}]
    )
    made.photo(coco / "train" / "new.jpg")
    assert kinds(check(coco)) == {"unpaired": 1}
    yolo = made.yolo(tmp_path / "yolo", "0 0 0 0.5 0 0.5 0.5")
    made.write(yolo / "labels" / "train" / "lost.txt", "")
    assert kinds(check(yolo)) == {"unpaired": 1}
    labelme = made.labelme(tmp_path / "labelme", [made.shape("a", [[1, 1], [9, 1], [9, 9]])])
    made.photo(labelme / "new.jpg")
    assert kinds(check(labelme)) == {"unpaired": 1}


def test_faults_of_annotations(tmp_path: Path) -> None:
    annotations = [
        {"category_id": 7, "segmentation": [made.box(50, 30, 65.5, 38)]},
        {"category_id": 3, "segmentation": [made.box(0, 0, 9, 9)], "id": 100},
        {"category_id": 3, "segmentation": [made.box(0, 0, 9, 9)], "image_id": 99},
    ]
    report = check(made.coco(tmp_path, annotations, n=2))
    assert kinds(report) == {"annotation": 1, "empty": 1, "outside": 1, "ids": 1}
    assert "annotation 100 of 0 reaches 5.5 px out of 60 x 40" in str(report.findings)
    assert "id 100 stands for 2 annotations" in str(report.findings)
    assert "of images that are not listed, first id 102" in str(report.findings)


def test_outlines_outside_in_yolo_and_labelme(tmp_path: Path) -> None:
    yolo = made.yolo(tmp_path / "yolo", "0 0.5 0.5 1.2 0.5 1.2 0.9")
    assert kinds(check(yolo)) == {"outside": 1}
    shapes = [made.shape("a", [[-9, 2], [20, 2], [20, 20]])]
    assert kinds(check(made.labelme(tmp_path / "labelme", shapes))) == {"outside": 1}


def test_classes_that_one_split_lacks(own_shapes: Path) -> None:
    for path in (own_shapes / "SegmentationClass").glob("val*.png"):
        made.mask(path, np.minimum(read_label_map(path) * np.uint8(255), 1))
    texts = [f.text for f in check(own_shapes).by_kind()["absent"]]
    assert any("no pixel in 'val' of: square, triangle (2 classes of 'train')" in t for t in texts)


def test_suggested_weights_are_median_frequency_balancing() -> None:
    looks = [SampleFacts(), SampleFacts()]
    looks[0].counts[:3] = 90, 10, 0
    looks[1].counts[:3] = 50, 0, 50
    looks[1].counts[255] = 900
    # Frequencies: 140 of 200, 10 of 100, 50 of 100; their median is 0.5.
    weights = suggested_weights(ClassMap(("a", "b", "c", "d")), looks)
    assert weights == {"a": round(0.5 / 0.7, 4), "b": 5.0, "c": 1.0}


def test_a_split_that_cannot_be_opened_does_not_hide_the_others(own_shapes: Path) -> None:
    made.write(own_shapes / "ImageSets" / "Segmentation" / "test.txt", "")
    unpaired(own_shapes)
    assert kinds(check(own_shapes)) == {"unpaired": 1, "split": 1}


def test_what_cannot_be_checked_is_an_error(tmp_path: Path, own_shapes: Path) -> None:
    with pytest.raises(NotADatasetError):
        check(tmp_path / "none")
    (tmp_path / "names").write_text("")
    with pytest.raises(DataError, match="names"):
        check(own_shapes, ReadOptions(class_list=tmp_path / "names"))


def grey_levels(root: Path) -> None:
    for i in range(2):
        levels = np.array([0, 128, 255], np.uint8)
        made.mask(root / "masks" / f"{i}.png", levels[made.square(2, 2 + i, 9, 1 + i)])


def other_palettes(root: Path) -> None:
    for i in range(2):
        picture = Image.fromarray(made.square(2, 2 + i, 9), "P")
        picture.putpalette([0, 0, 0, 250 * i, 9, 9])
        (root / "masks").mkdir(exist_ok=True)
        picture.save(root / "masks" / f"{i}.png")


def small_deep_numbers(root: Path) -> None:
    for i in range(2):
        made.mask(root / "masks" / f"{i}.png", made.square(2, 2 + i, 9, 1).astype(np.uint16) * 7)


def two_folders(root: Path) -> None:
    for folder in ("labels", "masks"):
        for i in range(2):
            made.mask(root / folder / f"{i}.png", made.square(2, 2 + i, 9))


def two_formats(root: Path) -> None:
    made.coco(root, [])
    two_folders(root)


QUESTIONS: dict[str, tuple[Any, str, int]] = {
    "levels with gaps": (grey_levels, "the masks hold 0, 128, 255, .* --encoding levels", 2),
    "palettes that differ": (other_palettes, "give one index two colours; say --encoding ids", 2),
    "16 bits, small numbers": (small_deep_numbers, "up to 7; say .* --encoding instances", 2),
    "two folders of masks": (two_folders, "say --labels labels or --labels masks", 2),
    "two formats": (two_formats, "say --format coco or --format pairs", 1),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_a_finding_and_on_the_page(tmp_path: Path, question: str) -> None:
    plant, text, drawn = QUESTIONS[question]
    root = tmp_path / "set"
    for i in range(2):
        made.photo(root / "images" / f"{i}.jpg", i)
    plant(root)
    page = tmp_path / "check.html"
    done = call("check", root, "--html", page)
    assert done.returncode == 1, done.stderr
    report = check(root)
    (finding,) = report.findings
    assert finding.kind == "question"
    assert re.search(text, finding.text), finding.text
    assert len(finding.files) == drawn
    assert finding.text.split("; ")[0] in " ".join(done.stdout.split())
    assert html.escape(finding.text) in page.read_text(encoding="utf-8")
    with pytest.raises(DataError, match=text):
        stop_on_findings(report)


def test_the_command_writes_json_and_a_page(own_shapes: Path, tmp_path: Path) -> None:
    out_of_range(own_shapes)
    made.mask(own_shapes / "SegmentationClass/train_004.png", np.full((9, 9), 1, np.uint8))
    (own_shapes / "JPEGImages" / "train_006.jpg").write_text("x")
    page, figures = tmp_path / "check.html", tmp_path / "check.json"
    done = run("check", own_shapes, "--html", page, "--json", figures)
    assert done.returncode == 1, done.stderr
    assert "labels out of range: 1" in done.stdout
    content = json.loads(figures.read_text())
    assert content["ok"] is False
    assert {"range": 1, "size": 1, "unreadable": 1}.items() <= content["counts"].items()
    first = next(f for f in content["findings"] if f["kind"] == "range")
    assert first["files"][0].endswith("train_002.png")
    text = page.read_text(encoding="utf-8")
    assert text.count("<figure") == len(content["findings"])
    assert text.count("data:image/jpeg") == len(content["findings"])
    assert "Class histogram" in text
    assert "http" not in text.replace("http-equiv", "")


def test_the_command_is_content_with_sound_data(tmp_path: Path) -> None:
    for split in ("train", "val"):
        made.photo(tmp_path / split / "a.jpg", len(split))
        made.mask(tmp_path / f"{split}annot" / "a.png", made.square(2, 2, 9))
    done = run("check", tmp_path)
    assert done.returncode == 0, done.stdout
    assert "nothing wrong was found" in done.stdout


@pytest.mark.parametrize("plant", [out_of_range, truncated_photo, binary, turned, unpaired])
def test_training_stops_with_the_finding(own_shapes: Path, tmp_path: Path, plant: Any) -> None:
    pytest.importorskip("torch")
    plant(own_shapes)
    done = call("train", own_shapes, "--out", tmp_path / "run", "--epochs", "1")
    assert done.returncode == 2
    assert "train_002" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "plan.json").exists()


def test_every_kind_says_how_to_fix_it() -> None:
    assert all(kind.title and kind.fix for kind in KINDS.values())


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("voc2012", {}, {}),
        ("camvid", {"void": 11}, {}),
        ("nuclei", {}, {}),
        ("davis", {}, {}),
        ("coco", {}, {"empty": 2}),
    ],
)
def test_real_data_has_only_real_findings(
    name: str, options: dict[str, int], expected: dict[str, int]
) -> None:
    assert kinds(check(real(name), ReadOptions(**options))) == expected  # type: ignore[arg-type]


def test_reports_stop_only_on_what_training_would_stumble_over(own_shapes: Path) -> None:
    empty(own_shapes)
    stop_on_findings(check(own_shapes, fast=True))
    out_of_range(own_shapes)
    with pytest.raises(DataError, match="label 77 in 7 pixels"):
        stop_on_findings(check(own_shapes, fast=True))
