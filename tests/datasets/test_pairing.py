"""Folders of photos and masks in namings that nobody listed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pixelwise import ReadOptions, check, convert, list_splits, open_dataset
from pixelwise.datasets.formats.pairing import paired
from pixelwise.errors import AmbiguousError, DataError, NotADatasetError
from tests import made
from tests.conftest import case, run

LAYOUTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mmseg": ("img_dir/train/{}.jpg", "ann_dir/train/{}.png", {}),
    "Oxford-IIIT Pet": ("images/Abyssinian_{}.jpg", "annotations/trimaps/Abyssinian_{}.png", {}),
    "prefix": (
        "pictures/img_{}.jpg",
        "truth/mask_{}.png",
        {"images": "pictures", "labels": "truth"},
    ),
    "one folder": ("all/{}.jpg", "all/{}_mask.png", {"images": "all"}),
    "Roboflow": ("train/{}_jpg.rf.1a.jpg", "train/{}_jpg.rf.1a_mask.png", {}),
    "equal stems": ("{}.jpg", "{}.png", {"images": "."}),
    "two namings": ("d/img_{}.png", "d/mask_{}.png", {"images": "d"}),
    "LIP": (
        "TrainVal_images/train_images/{}_1.jpg",
        "TrainVal_parsing_annotations/train_segmentations/{}_1.png",
        {
            "images": "TrainVal_images/train_images",
            "labels": "TrainVal_parsing_annotations/train_segmentations",
        },
    ),
    "LoveDA": ("images_png/{}.png", "masks_png/{}.png", {}),
    "ISIC": (
        "ISIC2018_Task1-2_Training_Input/ISIC_00{}.jpg",
        "ISIC2018_Task1_Training_GroundTruth/ISIC_00{}_segmentation.png",
        {
            "images": "ISIC2018_Task1-2_Training_Input",
            "labels": "ISIC2018_Task1_Training_GroundTruth",
        },
    ),
    "DRIVE": ("images/{}_training.tif", "1st_manual/{}_manual1.gif", {}),
    "CamVid": (
        "701_StillsRaw_full/{}.png",
        "LabeledApproved_full/{}_L.png",
        {"labels": "LabeledApproved_full"},
    ),
    "EISeg": ("{}.jpg", "label/{}.png", {}),
    "in splits": ("train/{}.jpg", "train/label/{}.png", {}),
    "upper case": ("Images/{}.JPG", "Masks/{}.PNG", {}),
    "CVC": ("PNG/Original/{}.png", "PNG/Ground Truth/{}.png", {}),
    "masks only named": ("x/{}.jpg", "y/{}.bmp", {"labels": "y"}),
}


def layout(root: Path, images: str, masks: str, n: int = 3) -> Path:
    for i in range(n):
        made.photo(root / images.format(f"{i + 8:03}"), i)
        made.mask(root / masks.format(f"{i + 8:03}"), made.square(i, i, 9 + i))
    return root


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path: Path, name: str) -> None:
    images, masks, flags = LAYOUTS[name]
    root = layout(tmp_path / "set", images, masks)
    options = ReadOptions(**flags)  # type: ignore[arg-type]
    dataset = open_dataset(root, options=options, say=str)
    assert [int(sample.label_map.sum()) for sample in dataset] == [81, 100, 121]
    folder = Path(masks).parent
    assert f"masks of {folder.as_posix() if folder.name else root.name}/" in dataset.found
    assert not [f for f in check(root, options).findings if f.kind == "unpaired"]
    convert(root, tmp_path / "coco", "coco", options, say=str)


def test_paths_outside_and_splits_inside(tmp_path: Path) -> None:
    root = layout(tmp_path, "a/train/{}.jpg", "b/train/{}.png")
    layout(tmp_path, "a/val/{}.jpg", "b/val/{}.png")
    options = ReadOptions(images=tmp_path / "a", labels=tmp_path / "b")
    assert list_splits(root, options) == ("train", "val")
    assert len(open_dataset(root, "val", options, say=str)) == 3
    done = run("show", root, "--images", "a/val", "--labels", "b/val", "--out", tmp_path / "g.png")
    assert done.returncode == 0, done.stderr
    assert "masks of b/val/" in done.stdout


def test_what_eiseg_writes_beside_its_masks(tmp_path: Path) -> None:
    root = layout(tmp_path, "{}.jpg", "label/{}.png")
    colours = np.array([(0, 0, 0), (9, 8, 7)], np.uint8)
    for path in sorted((root / "label").glob("*.png")):
        for end in ("pseudo", "cutout"):
            made.mask(path.with_name(f"{path.stem}_{end}.png"), colours[made.square(2, 2, 9)])
    assert len(open_dataset(root, say=str)) == 3
    assert not check(root).findings
    for path in (root / "label").glob("*.png"):
        if "pseudo" not in path.name:
            path.unlink()
    made.write(root / "label" / "label.txt", "1 cat 9 8 7\n")
    dataset = open_dataset(root, say=str)
    assert dataset.classes.names == ("background", "cat")
    assert [int(sample.label_map.sum()) for sample in dataset] == [81] * 3


def test_two_label_folders_are_a_question(tmp_path: Path) -> None:
    root = layout(tmp_path, "images/{}_training.tif", "1st_manual/{}_manual1.gif")
    layout(tmp_path, "images/{}_training.tif", "mask/{}_training_mask.gif")
    with pytest.raises(AmbiguousError, match="say --labels mask or --labels 1st_manual"):
        open_dataset(root)
    assert len(open_dataset(root, options=ReadOptions(labels="1st_manual"), say=str)) == 3


def test_a_refusal_lists_the_folders(tmp_path: Path) -> None:
    root = layout(tmp_path, "x/in/{}.jpg", "x/out/{}.png", n=4)
    with pytest.raises(NotADatasetError, match=r"x/in/ \(4\), x/out/ \(4\): say --images DIR"):
        open_dataset(root)
    with pytest.raises(DataError, match=r"no folder 'gone'; images are in x/in/ \(4\)"):
        open_dataset(root, options=ReadOptions(images="gone"))
    shutil.copytree(root / "x" / "in", root / "more")
    with pytest.raises(AmbiguousError, match=r"say where the photos of out/ are \(--images DIR\)"):
        open_dataset(root, options=ReadOptions(labels="x/out"))


def files(*names: str) -> dict[str, Path]:
    return {name: Path(name) for name in names}


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (("img_1", "img_2", "img_10"), ("mask_1", "mask_2", "mask_10")),
        (("21_training", "22_training"), ("21_manual1", "22_manual1")),
        (("a/x1", "b/x1"), ("a/y1", "b/y1")),
        (("img_1", "img_2", "img_3"), ("mask_1", "mask_3")),
        (("2007_01 sat", "2008_02 sat"), ("2007_01 map", "2008_02 map")),
    ],
)
def test_names_that_differ_alike(images: tuple[str, ...], masks: tuple[str, ...]) -> None:
    found = paired(files(*images), files(*masks))
    number = [name.rpartition("/")[0] + "".join(filter(str.isdigit, name)) for name in images]
    for key, path in found.items():
        assert number[images.index(key)].startswith(path.as_posix().rpartition("/")[0])
        digits = "".join(filter(str.isdigit, path.stem)).removesuffix("1") or "1"
        assert digits in number[images.index(key)]


def test_names_that_do_not_belong_together() -> None:
    assert not paired(files("img_10", "img_11"), files("m_0", "m_1")).keys() & {"img_10", "img_11"}
    assert paired(files("a", "b"), files("c", "d")).keys() == {"c", "d"}
    with pytest.raises(AmbiguousError, match="'1' has another mask, 1_gt"):
        paired(files("1", "2"), files("1_gt", "1_mask", "2_gt", "2_mask"))


def test_the_example() -> None:
    root = case("k2_roboflow_png_mask")
    dataset = open_dataset(root, say=str)
    assert dataset.classes.names == ("background", "apple", "leaf")
    assert [np.bincount(s.label_map.ravel()).tolist() for s in dataset] == [[5354, 783, 775]] * 2
    assert list_splits(root) == ("train", "val")
