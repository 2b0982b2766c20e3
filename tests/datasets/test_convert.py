"""From format to format: what must come back does, and what cannot is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from pixelwise import Dataset, Sample, convert, list_splits, open_dataset
from pixelwise.errors import ArgumentError, DataError
from tests import made
from tests.conftest import real, run

FORMATS = ("voc", "coco", "labelme", "pairs")
"""Those that hold every label map; YOLO does not."""


def same(a: Dataset, b: Dataset, by_name: bool = True) -> bool:
    """Return whether two data sets have the same photos, label maps and instances."""

    def key(sample: Sample) -> tuple[object, ...]:
        instances = None
        if sample.instances is not None:
            instances = sorted(
                (i.class_id, i.id, i.crowd, i.box, i.patch.tobytes()) for i in sample.instances
            )
        name = sample.name if by_name else ""
        return name, sample.image.tobytes(), sample.label_map.tobytes(), str(instances)

    return sorted(map(key, a)) == sorted(map(key, b))


@pytest.mark.parametrize("through", FORMATS)
def test_there_and_back_is_pixel_identical(shapes: Path, tmp_path: Path, through: str) -> None:
    there = convert(shapes, tmp_path / "there", through)
    back = convert(there, tmp_path / "back", "voc")
    for split in ("train", "val"):
        assert same(open_dataset(shapes, split), open_dataset(back, split))
    for path in sorted((shapes / "SegmentationClass").glob("*.png")):
        ours = np.asarray(Image.open(back / "SegmentationClass" / path.name))
        assert (ours == np.asarray(Image.open(path))).all()
    for path in (shapes / "JPEGImages").iterdir():
        assert (back / "JPEGImages" / path.name).read_bytes() == path.read_bytes()
    assert not (back / "SegmentationObject").exists()  # no instances are known


@pytest.mark.parametrize("through", ["coco", "labelme"])
def test_instances_survive_with_holes_parts_overlaps_and_crowds(
    tmp_path: Path, through: str
) -> None:
    ring = made.square(5, 5, 20).astype(bool)
    ring[10:15, 10:15] = False
    ring[30:35, 40:45] = True
    flat = ring.T.ravel()
    borders = np.flatnonzero(np.diff(np.concatenate([[False], flat, [not flat[-1]]])))
    runs = np.diff(np.concatenate([[0], borders])).tolist()
    source = made.coco(
        tmp_path / "source",
        [
            {"category_id": 7, "segmentation": {"size": list(made.SIZE), "counts": runs}},
            {"category_id": 3, "segmentation": [made.box(8, 8, 12, 12)]},
            {"category_id": 3, "segmentation": [made.box(50, 0, 60, 40)], "iscrowd": 1},
        ],
    )
    there = convert(source, tmp_path / "there", through)
    assert same(open_dataset(source), open_dataset(there))
    back = convert(there, tmp_path / "back", "coco")
    assert same(open_dataset(source), open_dataset(back))
    if through == "coco":
        content = json.loads((back / "annotations" / "instances_train.json").read_text())
        assert {c["id"]: c["name"] for c in content["categories"]} == {3: "cat", 7: "dog"}
        assert {a["id"] for a in content["annotations"]} == {100, 101, 102}


def test_what_a_format_cannot_hold_is_said_and_not_written(tmp_path: Path) -> None:
    source = made.coco(
        tmp_path / "source",
        [
            {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9), made.box(20, 0, 29, 9)]},
            {"category_id": 3, "segmentation": [made.box(4, 4, 12, 12)], "iscrowd": 1},
        ],
    )
    target = tmp_path / "target"
    with pytest.raises(
        DataError, match=r"voc cannot .*: crowd marks \(1\); instances that overlap"
    ):
        convert(source, target, "voc")
    with pytest.raises(DataError, match=r"crowd marks \(1\); instances of several parts, .* \(1\)"):
        convert(source, target, "yolo")
    assert not target.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["source"]
    convert(source, target, "yolo", lossy=True)
    instances = open_dataset(target)[0].instances or ()
    assert sorted(i.class_id for i in instances) == [1, 2]


def test_holes_and_void_in_yolo(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="void areas, which become background"):
        convert(shapes, tmp_path / "target", "yolo")
    convert(shapes, tmp_path / "target", "yolo", lossy=True)
    before, after = open_dataset(shapes), open_dataset(tmp_path / "target")
    for a, b in zip(before, after, strict=True):
        labelled = (a.label_map != 255) & (a.label_map != 0)
        # Filled holes may cover what lay in them, but no pixel of an area is lost.
        assert (b.label_map[labelled] != 0).all()


def test_simple_instances_are_lossless_in_yolo(tmp_path: Path) -> None:
    lines = "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n1 0.6 0.6 0.9 0.6 0.9 0.9\n"
    source = made.yolo(tmp_path / "source", lines)
    convert(source, tmp_path / "target", "yolo")
    assert same(open_dataset(source), open_dataset(tmp_path / "target"))


def test_the_name_of_class_0_is_not_lost_without_a_word(tmp_path: Path) -> None:
    made.photo(tmp_path / "source" / "images" / "a.jpg")
    made.mask(tmp_path / "source" / "masks" / "a.png", made.square(0, 0, 9))
    made.write(tmp_path / "source" / "classes.txt", "sky\nroad\n")
    with pytest.raises(DataError, match="the name 'sky' of class 0"):
        convert(tmp_path / "source", tmp_path / "target", "coco")


def test_photos_of_one_name_in_two_splits_stay_apart(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "val")):
        made.photo(tmp_path / "source" / split / "images" / "a.jpg", seed)
        made.mask(tmp_path / "source" / split / "labels" / "a.png", made.square(seed, 0, 9))
    target = convert(tmp_path / "source", tmp_path / "target", "voc")
    for split in ("train", "val"):
        assert open_dataset(target, split)[0].name == f"{split}_a"
        assert same(open_dataset(tmp_path / "source", split), open_dataset(target, split), False)


def test_a_target_in_use_is_left_alone(shapes: Path, tmp_path: Path) -> None:
    made.write(tmp_path / "mine.txt", "keep")
    with pytest.raises(ArgumentError, match="exists already"):
        convert(shapes, tmp_path, "coco")
    with pytest.raises(ArgumentError, match="unknown format 'cocoa'; there is: voc, coco"):
        convert(shapes, tmp_path / "new", "cocoa")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_damaged_source_leaves_nothing_behind(own_shapes: Path, tmp_path: Path) -> None:
    path = own_shapes / "SegmentationClass" / "train_003.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="train_003"):
        convert(own_shapes, tmp_path / "target", "coco")
    assert not [p for p in tmp_path.iterdir() if "target" in p.name]


def test_the_command(shapes: Path, tmp_path: Path) -> None:
    done = run("convert", shapes, "--to", "coco", "--out", tmp_path / "coco")
    assert done.returncode == 0, done.stderr
    assert "read back and found identical" in done.stdout
    assert "each connected area of one class becomes an instance" in done.stdout
    done = run("convert", shapes, "--to", "yolo", "--out", tmp_path / "yolo")
    assert done.returncode == 2
    assert "--lossy" in done.stderr
    assert not (tmp_path / "yolo").exists()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_real_voc_through_coco(tmp_path: Path) -> None:
    source = real("voc2012")
    there = convert(source, tmp_path / "coco", "coco")
    assert list_splits(there) == ("train", "val")
    reference = COCO(str(there / "annotations" / "instances_val.json"))
    assert len(reference.imgs) == 145
    assert reference.annToMask(reference.anns[min(reference.anns)]).any()
    back = convert(there, tmp_path / "voc", "voc")
    masks = sorted((back / "SegmentationClass").iterdir())
    assert len(masks) == 582
    for path in masks:
        ours, theirs = (
            np.asarray(Image.open(p)) for p in (path, source / path.parent.name / path.name)
        )
        assert (ours == theirs).all()
    for split in ("train", "val", "trainval"):
        lists = [
            sorted((root / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split())
            for root in (source, back)
        ]
        assert lists[0] == lists[1]


def test_real_instances_through_every_format_that_holds_them(tmp_path: Path) -> None:
    folder = real("labelme") / "instance_segmentation" / "data_dataset_voc"
    for through in FORMATS:
        there = convert(folder, tmp_path / through, through)
        back = convert(there, tmp_path / f"{through}_voc", "voc")
        for path in sorted((folder / "SegmentationObject").iterdir()):
            ours = np.asarray(Image.open(back / "SegmentationObject" / path.name))
            theirs = np.asarray(Image.open(path))
            # labelme writes 0 where VOC writes 255: on void, where there is no object.
            assert (np.where(ours == 255, 0, ours) == theirs).all()


def test_real_coco_through_labelme(tmp_path: Path) -> None:
    source = real("coco")
    there = convert(source, tmp_path / "labelme", "labelme")
    back = convert(there, tmp_path / "coco", "coco")
    assert same(open_dataset(source, "val"), open_dataset(back, "val"))
