"""Tensors for a DataLoader, and what a textbook's chapter on semantic segmentation does with VOC.

The chapter's steps are stated here again in plain loops, and must give the same arrays.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise
from pixelwise.errors import ArgumentError, DataError, LabelError
from tests.conftest import SHARED

torch = pytest.importorskip("torch", reason="needs pixelwise[train]")


@pytest.fixture(scope="module", params=["real", "drawn"])
def voc(request: pytest.FixtureRequest, shapes: Path) -> Path:
    if request.param == "drawn":
        return shapes
    if not (SHARED / "voc2012").is_dir():
        pytest.skip(f"real data absent: {SHARED / 'voc2012'} (set PIXELWISE_TEST_DATA)")
    return SHARED / "voc2012"


def names(folder: Path, split: str) -> list[str]:
    return (folder / "ImageSets/Segmentation" / f"{split}.txt").read_text().split()


def rgb(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_all_images_of_a_split(voc: Path) -> None:
    images, labels = pixelwise.read_voc_images(voc, train=False)
    listed = names(voc, "val")
    assert len(images) == len(labels) == len(listed)
    for name, image, label in list(zip(listed, images, labels, strict=True))[:20]:
        photo = next((voc / "JPEGImages").glob(f"{name}.*"))
        assert np.array_equal(label, rgb(voc / "SegmentationClass" / f"{name}.png"))
        # Two JPEG decoders may differ by a level or two.
        assert np.abs(image.astype(int) - rgb(photo)).max() <= 3


def test_colours_and_ids_both_ways(voc: Path) -> None:
    _, labels = pixelwise.read_voc_images(voc, train=False)
    dataset = pixelwise.open_dataset(voc, "val", say=str)
    table = np.full(256**3, -1)
    colours = [*dataset.classes.colours, tuple(dataset.classes.palette[255].tolist())]
    for id_, (r, g, b) in enumerate(colours):
        table[(r * 256 + g) * 256 + b] = id_ if id_ < len(dataset.classes) else 255
    for k in range(4):
        label = labels[k].astype(int)
        expected = table[(label[..., 0] * 256 + label[..., 1]) * 256 + label[..., 2]]
        label_map = pixelwise.label_map_of_colours(labels[k], dataset.classes)
        assert np.array_equal(label_map, expected)
        assert np.array_equal(dataset.classes.palette[label_map], labels[k])
        assert np.array_equal(dataset[k].label_map, label_map)


def test_the_colour_map_is_the_one_of_voc() -> None:
    colormap = pixelwise.voc_colormap()
    assert colormap[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert colormap[20].tolist() == [0, 64, 128]
    label_map = np.arange(21, dtype=np.uint8).reshape(3, 7)
    assert np.array_equal(pixelwise.label_map_of_colours(colormap[label_map]), label_map)
    with pytest.raises(LabelError, match=r"\(0, 192, 128\)"):
        pixelwise.label_map_of_colours(colormap[np.full((9, 9), 22)])


def test_five_images_above_their_labels(voc: Path) -> None:
    dataset = pixelwise.open_dataset(voc, "val", say=str)[:4]
    grid = np.asarray(pixelwise.show(dataset, height=60))
    for colour in {dataset.classes.colours[i] for s in dataset for i in np.unique(s.label_map)[:1]}:
        assert (grid[64:128] == colour).all(axis=-1).any()


def test_one_crop_is_the_same_of_image_and_label(voc: Path) -> None:
    height, width = (200, 300) if voc.name == "voc2012" else (40, 60)
    dataset = pixelwise.open_dataset(voc, "val", say=str)
    pairs = dataset.torch(crop=(height, width), normalise=True)
    k = 1
    torch.manual_seed(3)
    image, label_map = pairs[k]
    torch.manual_seed(3)
    sample = pairs.samples[k]
    h, w = sample.label_map.shape
    top = int(torch.randint(0, h - height + 1, (1,)))
    left = int(torch.randint(0, w - width + 1, (1,)))
    part = sample.image[top : top + height, left : left + width]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((part / 255 - mean) / deviation).transpose(2, 0, 1)
    assert image.dtype == torch.float32
    assert np.allclose(image.numpy(), expected, atol=1e-5)
    assert label_map.dtype == torch.int64
    labels = sample.label_map[top : top + height, left : left + width]
    assert np.array_equal(label_map.numpy(), labels)


def test_images_smaller_than_the_crop_are_left_out(voc: Path) -> None:
    dataset = pixelwise.open_dataset(voc, "val", say=str)
    crop = (320, 480) if voc.name == "voc2012" else (64, 80)
    sizes = {s.name: s.label_map.shape for s in dataset}
    fitting = [name for name, (h, w) in sizes.items() if h >= crop[0] and w >= crop[1]]
    pairs = dataset.torch(crop=crop)
    assert [entry.name for entry in pairs.samples.entries] == fitting  # type: ignore[attr-defined]
    assert pairs.left_out == len(dataset) - len(fitting)
    with pytest.raises(DataError, match="every image of 'val' is smaller"):
        dataset.torch(crop=(9999, 9999))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_loader_with_workers_makes_batches(shapes: Path, start: str) -> None:
    dataset = pixelwise.open_dataset(shapes, say=str)
    loader = torch.utils.data.DataLoader(
        dataset.torch(crop=(48, 64), augment=True),
        **{"batch_size": 4, "shuffle": True, "drop_last": True, "num_workers": 1},
        multiprocessing_context=start,
    )
    images, label_maps = next(iter(loader))
    assert images.shape == (4, 3, 48, 64)
    assert label_maps.shape == (4, 48, 64)
    logits = torch.zeros(4, 4, 48, 64)
    loss = torch.nn.functional.cross_entropy(logits, label_maps, ignore_index=255)
    assert abs(float(loss) - np.log(4)) < 1e-5


def test_plain_values_mirrored_and_read_only(shapes: Path, tmp_path: Path) -> None:
    dataset = pixelwise.open_dataset(shapes, say=str).cached(tmp_path)
    sample = dataset[0]
    pairs = pickle.loads(pickle.dumps(dataset.torch(normalise=False, augment=True)))
    seen = set()
    for seed in range(8):
        torch.manual_seed(seed)
        image, label_map = pairs[0]
        mirrored = not np.array_equal(label_map, sample.label_map)
        seen.add(mirrored)
        step = -1 if mirrored else 1
        assert np.allclose(image.permute(1, 2, 0) * 255, sample.image[:, ::step], atol=1e-3)
        assert np.array_equal(label_map, sample.label_map[:, ::step])
    assert seen == {True, False}
    with pytest.raises(ArgumentError, match=r"expected \(height, width\)"):
        dataset.torch(crop=(0, 5))
