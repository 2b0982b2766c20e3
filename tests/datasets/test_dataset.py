"""Data sets: the VOC layout, its encodings, and every way it can be broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise import (
    VOC,
    ClassMap,
    Dataset,
    ReadOptions,
    Sample,
    list_splits,
    open_dataset,
    read_label_map,
    voc_colormap,
)
from pixelwise.datasets import draw_shapes
from pixelwise.datasets.shapes import SHAPES
from pixelwise.errors import (
    ArgumentError,
    DataError,
    ImageFileError,
    LabelError,
    NotADatasetError,
)
from tests.conftest import real


def test_a_data_set_is_a_sequence_of_samples(shapes: Path) -> None:
    dataset = open_dataset(shapes)
    assert len(dataset) == 8
    assert dataset.classes.names == SHAPES.names
    sample = dataset[0]
    assert isinstance(sample, Sample)
    assert sample.name == "train_000"
    assert sample.image.shape == (64, 80, 3)
    assert sample.label_map.shape == (64, 80)
    assert [s.name for s in dataset] == [f"train_{i:03d}" for i in range(8)]
    assert dataset[-1].name == "train_007"
    part = dataset[2:4]
    assert isinstance(part, Dataset)
    assert [s.name for s in part] == ["train_002", "train_003"]
    with pytest.raises(IndexError):
        dataset[8]


def test_load_equals_reading_one_by_one(shapes: Path) -> None:
    dataset = open_dataset(shapes)
    loaded = dataset.load()
    assert [s.name for s in loaded] == [s.name for s in dataset]
    for one, other in zip(loaded, dataset, strict=True):
        assert (one.image == other.image).all()
        assert (one.label_map == other.label_map).all()


def test_the_same_seed_draws_the_same_files(tmp_path: Path, shapes: Path) -> None:
    again = draw_shapes(tmp_path, train=8, val=4, size=(64, 80))
    for path in sorted(p for p in shapes.rglob("*") if p.is_file()):
        assert (again / path.relative_to(shapes)).read_bytes() == path.read_bytes()


def test_every_encoding_reads_the_same(own_shapes: Path) -> None:
    expected = [s.label_map for s in open_dataset(own_shapes)]
    for encode, name in ((voc_colormap().__getitem__, "rgb"), (np.asarray, "grey")):
        for path in (own_shapes / "SegmentationClass").glob("*.png"):
            Image.fromarray(encode(read_label_map(path))).save(path)
        dataset = open_dataset(own_shapes)
        assert name in dataset.found
        for sample, label_map in zip(dataset, expected, strict=True):
            assert (sample.label_map == label_map).all()


def test_the_folder_above_is_understood(tmp_path: Path, shapes: Path) -> None:
    shutil.copytree(shapes, tmp_path / "VOCdevkit" / "VOC2012")
    assert len(open_dataset(tmp_path)) == 8
    assert len(open_dataset(tmp_path / "VOCdevkit")) == 8
    shutil.copytree(shapes, tmp_path / "VOCdevkit" / "VOC2007")
    with pytest.raises(NotADatasetError, match=r"several .*VOC2007.*VOC2012"):
        open_dataset(tmp_path / "VOCdevkit")


def test_what_is_no_data_set_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(NotADatasetError, match=r"looked for voc: JPEGImages/.*ImageSets"):
        open_dataset(tmp_path)
    with pytest.raises(NotADatasetError, match="no such folder"):
        open_dataset(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADatasetError, match="a file, not a folder"):
        open_dataset(tmp_path / "file")


def test_splits(own_shapes: Path) -> None:
    assert list_splits(own_shapes) == ("train", "val")
    with pytest.raises(DataError, match=r"no split 'test'.*train, val"):
        open_dataset(own_shapes, "test")
    lists = own_shapes / "ImageSets" / "Segmentation"
    (lists / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match=r"empty\.txt: the split is empty"):
        open_dataset(own_shapes, "empty")
    (lists / "escape.txt").write_text("../../secret\n")
    with pytest.raises(DataError, match="not a file stem"):
        open_dataset(own_shapes, "escape")
    (lists / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"binary\.txt: not a text file"):
        open_dataset(own_shapes, "binary")


@pytest.mark.parametrize("folder", ["JPEGImages", "SegmentationClass"])
def test_a_missing_file_is_named_on_opening(own_shapes: Path, folder: str) -> None:
    victim = next((own_shapes / folder).glob("train_003.*"))
    victim.unlink()
    with pytest.raises(DataError, match=rf"{victim.name}: missing, but 'train_003' is listed"):
        open_dataset(own_shapes)


def test_a_mask_of_another_size_is_named_with_both_sizes(own_shapes: Path) -> None:
    path = own_shapes / "SegmentationClass" / "train_002.png"
    with Image.open(path) as mask:
        mask.resize((40, 64), Image.Resampling.NEAREST).save(path)
    expected = "train_002: the image is 64 x 80 but its label map is 64 x 40"
    with pytest.raises(LabelError, match=expected):
        open_dataset(own_shapes).load()


def test_a_label_out_of_range_gives_file_value_and_count(own_shapes: Path) -> None:
    path = own_shapes / "SegmentationClass" / "train_001.png"
    label_map = read_label_map(path)
    label_map[0, :3] = 77
    Image.fromarray(label_map).save(path)
    with pytest.raises(LabelError, match=r"train_001\.png: label 77 in 3 pixels, but 4 classes"):
        open_dataset(own_shapes)[1]


def test_a_truncated_photo_stops_load_and_is_named(own_shapes: Path) -> None:
    path = own_shapes / "JPEGImages" / "train_005.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ImageFileError, match=r"train_005\.jpg: truncated"):
        open_dataset(own_shapes).load()


def test_names_come_from_the_call_the_folder_voc_or_are_numbers(own_shapes: Path) -> None:
    mine = ClassMap(("a", "b", "c", "d"))
    assert open_dataset(own_shapes, options=ReadOptions(classes=mine)).classes == mine
    assert open_dataset(own_shapes).classes.names == SHAPES.names
    (own_shapes / "classes.txt").unlink()
    assert open_dataset(own_shapes).classes == VOC
    for path in (own_shapes / "SegmentationClass").glob("*.png"):
        label_map = read_label_map(path)
        Image.fromarray(np.where(label_map == 1, 58, label_map).astype(np.uint8)).save(path)
    numbered = open_dataset(own_shapes)
    assert numbered.classes.names[-1] == "58"
    assert "without names" in numbered.found


def test_colours_come_from_the_palette_of_the_masks(own_shapes: Path) -> None:
    assert open_dataset(own_shapes).classes == SHAPES
    for path in (own_shapes / "SegmentationClass").glob("*.png"):
        Image.fromarray(read_label_map(path)).save(path)
    assert open_dataset(own_shapes).classes == ClassMap(SHAPES.names)


def test_data_without_names_is_numbered_alike_in_every_split(own_shapes: Path) -> None:
    (own_shapes / "classes.txt").unlink()
    for i, path in enumerate(sorted((own_shapes / "SegmentationClass").glob("*.png"))):
        Image.fromarray(np.full((64, 80), 30 + i, np.uint8)).save(path)
    names = {open_dataset(own_shapes, split).classes.names for split in ("train", "val")}
    assert len(names) == 1
    assert names.pop()[-1] == "41"


def test_remap(shapes: Path) -> None:
    target = ClassMap(("background", "thing"))
    plain = open_dataset(shapes)
    dataset = plain.remapped({"background": "background", "*": "thing"}, target)
    assert dataset.classes == target
    for sample, before in zip(dataset, plain, strict=True):
        void = before.label_map == 255
        assert ((sample.label_map == 255) == void).all()
        assert ((sample.label_map == 1)[~void] == (before.label_map > 0)[~void]).all()
    twice = dataset.remapped({"*": "background"}, ClassMap(("background",)))
    assert set(np.unique(twice[0].label_map)) <= {0, 255}
    with pytest.raises(ArgumentError, match="'disc' has no place among: background, thing"):
        plain.remapped({}, target)
    with pytest.raises(ArgumentError, match="unknown class 'circle'; the classes are: background"):
        plain.remapped({"circle": "thing", "*": "thing"}, target)


def test_remap_still_finds_labels_out_of_range(own_shapes: Path) -> None:
    path = own_shapes / "SegmentationClass" / "train_000.png"
    Image.fromarray(np.full((64, 80), 9, np.uint8)).save(path)
    dataset = open_dataset(own_shapes).remapped({"*": "x"}, ClassMap(("x",)))
    with pytest.raises(LabelError, match="label 9 in 5120 pixels"):
        dataset[0]


def test_class_maps_check_themselves() -> None:
    with pytest.raises(ArgumentError, match="1 to 255"):
        ClassMap(())
    with pytest.raises(ArgumentError, match="'a' is given twice"):
        ClassMap(("a", "b", "a"))
    with pytest.raises(ArgumentError, match="one colour per class"):
        ClassMap(("a",), ((0, 0, 0), (1, 1, 1)))
    with pytest.raises(ArgumentError, match=r"0\.\.255"):
        ClassMap(("a",), ((0, 0, 300),))


def test_real_voc() -> None:
    dataset = open_dataset(real("voc2012"), "val")
    assert len(dataset) == 145
    assert dataset.classes == VOC
    assert "palette masks" in dataset.found
    samples = dataset[:20].load()
    ids = np.unique(np.concatenate([s.label_map.ravel() for s in samples]))
    assert ids[-1] == 255
    assert ids[-2] <= 20


def test_real_rgb_coded() -> None:
    dataset = open_dataset(real("people"), "val")
    assert len(dataset) == 100
    assert "rgb masks" in dataset.found
    # Its ids are no VOC classes: 58 kinds of garment, hair and skin.
    assert 40 <= len(dataset.classes) <= 59
    assert dataset.classes.names[15] == "15"
    sample = dataset[0]
    assert 0.02 < (sample.label_map > 0).mean() < 0.9
