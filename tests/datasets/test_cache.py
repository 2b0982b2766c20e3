"""The cache: the same samples, written once, whoever comes first and whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pixelwise import ClassMap, Dataset, open_dataset
from pixelwise.errors import DataError
from tests import made


def equal(a: Dataset, b: Dataset) -> bool:
    return all(
        x.name == y.name
        and (x.image == y.image).all()
        and (x.label_map == y.label_map).all()
        and str(x.instances is None) == str(y.instances is None)
        for x, y in zip(a, b, strict=True)
    )


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix != ".lock")


def test_samples_are_the_same_and_read_only(shapes: Path, tmp_path: Path) -> None:
    dataset = open_dataset(shapes)
    cache = dataset.cached(tmp_path)
    assert equal(dataset, cache)
    assert len(cache[2:4]) == 2
    with pytest.raises(ValueError, match="read-only"):
        cache[0].image[0, 0] = 1
    (path,) = files(tmp_path)
    stamp = path.stat().st_mtime_ns
    assert equal(dataset, dataset.cached(tmp_path))
    assert path.stat().st_mtime_ns == stamp


def test_instances_are_kept(tmp_path: Path) -> None:
    annotations = [
        {"category_id": 7, "segmentation": [made.box(0, 0, 9, 9)]},
        {"category_id": 3, "segmentation": [made.box(5, 5, 20, 20)], "iscrowd": 1},
    ]
    dataset = open_dataset(made.coco(tmp_path / "coco", annotations, n=2))
    cache = dataset.cached(tmp_path / "cache")
    for a, b in zip(dataset[0].instances or (), cache[0].instances or (), strict=True):
        assert (a.id, a.class_id, a.crowd, a.box) == (b.id, b.class_id, b.crowd, b.box)
        assert (a.mask == b.mask).all()
    assert cache[1].instances == ()


def test_translated_classes_are_kept(shapes: Path, tmp_path: Path) -> None:
    dataset = open_dataset(shapes).remapped(
        {"background": "background", "*": "x"}, ClassMap(("background", "x"))
    )
    assert equal(dataset, dataset.cached(tmp_path))
    assert equal(open_dataset(shapes), open_dataset(shapes).cached(tmp_path))


@pytest.mark.parametrize("folder", ["JPEGImages", "SegmentationClass"])
def test_it_is_rebuilt_when_a_file_changed(own_shapes: Path, tmp_path: Path, folder: str) -> None:
    cache = tmp_path / "cache"
    before = open_dataset(own_shapes).cached(cache)[0]
    path = next((own_shapes / folder).glob("train_000.*"))
    if folder == "JPEGImages":
        made.photo(path, 5, (64, 80))
    else:
        made.mask(path, np.full((64, 80), 2, np.uint8))
    after = open_dataset(own_shapes).cached(cache)[0]
    changed = "image" if folder == "JPEGImages" else "label_map"
    assert (getattr(before, changed) != getattr(after, changed)).any()
    assert len(files(cache)) == 1  # the old one is gone


def test_a_damaged_photo_leaves_no_cache(own_shapes: Path, tmp_path: Path) -> None:
    path = own_shapes / "JPEGImages" / "train_005.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="train_005"):
        open_dataset(own_shapes).cached(tmp_path / "cache")
    assert files(tmp_path / "cache") == []


def test_a_file_that_is_no_cache_is_refused(shapes: Path, tmp_path: Path) -> None:
    open_dataset(shapes).cached(tmp_path)
    (path,) = files(tmp_path)
    path.write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="not a cache that pixelwise wrote"):
        open_dataset(shapes).cached(tmp_path)


SCRIPT = """
import sys, time
from pathlib import Path
from pixelwise import open_dataset
from pixelwise.datasets import cache
put = cache._put
def slow(sample, file):
    time.sleep(float(sys.argv[3]))
    return put(sample, file)
cache._put = slow
dataset = open_dataset(sys.argv[1]).cached(sys.argv[2])
print(sum(int(s.image.sum()) for s in dataset))
"""


def start(shapes: Path, folder: Path, pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(shapes), str(folder), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_write_one_cache(shapes: Path, tmp_path: Path) -> None:
    processes = [start(shapes, tmp_path, 0.05) for _ in range(2)]
    answers = {process.communicate(timeout=60)[0].splitlines()[-1] for process in processes}
    assert answers == {str(sum(int(s.image.sum()) for s in open_dataset(shapes)))}
    assert len(files(tmp_path)) == 1


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_a_kill_half_way_leaves_nothing_in_the_way(shapes: Path, tmp_path: Path) -> None:
    process = start(shapes, tmp_path, 0.2)
    for _ in range(300):
        if any(p.suffix == ".part" for p in tmp_path.iterdir()):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert [p.suffix for p in files(tmp_path)] == [".part"]
    assert equal(open_dataset(shapes), open_dataset(shapes).cached(tmp_path))
    assert [p.suffix for p in files(tmp_path)] == [".pixels"]


def test_load_says_beforehand_what_it_takes(
    shapes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = open_dataset(shapes, say=str)
    samples = dataset.load()
    taken = sum(s.image.nbytes + s.label_map.nbytes for s in samples)
    assert dataset.memory() == taken
    assert capsys.readouterr().out == "loading 8 samples of 'train': about 0 MB\n"


def test_iterating_holds_one_sample(tmp_path: Path) -> None:
    import tracemalloc

    for i in range(6):
        path = tmp_path / "images" / f"{i}.png"
        made.photo(path, i, (600, 800))
        made.mask(tmp_path / "masks" / f"{i}.png", np.full((600, 800), i % 2, np.uint8))
    dataset = open_dataset(tmp_path)
    one = 4 * 600 * 800
    tracemalloc.start()
    for sample in dataset:
        assert sample.image.shape == (600, 800, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The sample before is still held by the loop while the next is decoded.
    assert peak < 4 * one
