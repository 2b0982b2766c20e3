"""The benchmarks and examples run and print their ratio, or write their picture."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.classes import VOC
from tests.conftest import real

ROOT = Path(__file__).parents[1]


def script(*args: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("readers.py", "absent", "--n", "2", "--rounds", "1"),
        ("confusion.py", "--rounds", "1"),
        ("prediction.py", "--rounds", "1", "--size", "60x80"),
        ("blur.py", "photo"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_benchmarks_print_their_ratio_and_the_machine(arguments: tuple[str, ...]) -> None:
    printed = script(Path("benchmarks") / arguments[0], *arguments[1:])
    assert "times faster" in printed
    assert "cores" in printed


def test_the_regions_benchmark_prints_its_figures() -> None:
    data = real("bsds500")
    printed = script("benchmarks/bsds.py", "--data", data, "--n", "2", "superpixels", "boundaries")
    assert "superpixels, 200: boundary recall 0." in printed
    assert "slic (scikit-image), 200" in printed
    for name in ("hierarchy, colour", "hierarchy, learned", "felzenszwalb"):
        assert f"{name}" in printed
    assert printed.count("ODS 0.") == 3


def test_recognition_counts_only_what_labels_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    recognition = importlib.import_module("recognition")
    car, chair, dog = (VOC.index(name) for name in ("car", "chair", "dog"))
    truth = np.array([[0, 0, 0, car, chair, 255]], np.uint8)
    found = np.array([[0, dog, car, dog, chair, car]], np.uint8)
    partly = recognition.Counted()
    partly.add((truth, None), (found, ()), [dog, chair], range(21))
    assert partly.matrix[0, dog] == 0, "the background here may be a dog"
    assert partly.matrix[0, car] == 1
    assert partly.matrix[car, dog] == 1, "a car is none, whether dogs are labelled or not"
    assert partly.matrix.sum() == 4
    # The same photo in a set that labels everything, by weights that know no chairs.
    found[found == chair] = 0
    fully = recognition.Counted()
    fully.add((truth, None), (found, ()), [], [0, car, dog])
    assert fully.matrix[0, [0, car, dog]].tolist() == [2, 1, 1]
    both = partly + fully
    assert both.iou("car") == 0, "found beside the two that are there"
    assert both.iou("chair") == 1, "of one matrix"
    assert np.isnan(both.iou("dog")), "no photo shows it"
    assert both.images[[0, car, chair, dog]].tolist() == [2, 2, 2, 0]
    assert both.against_rest(["car", "dog"]) == 2 / 5


def test_recognition_prints_what_is_left_out_and_no_figure_of_absent_classes() -> None:
    data = real("people").parent
    given = ("benchmarks/recognition.py", data, "--weights", "subjects", "--limit", "1", "--only")
    printed = script(*given, "people")
    assert "Partly labelled sets (msrc, things, people): a pixel labelled background" in printed
    assert "IoU of person against the rest" in printed.splitlines()[-1]
    value = float(printed.splitlines()[-1].split()[-1])
    assert 0.5 < value <= 1
    assert script(*given, "others").splitlines()[-1].split() == ["tvmonitor", "-"]


def test_the_example_draws_its_picture(tmp_path: Path) -> None:
    script(Path("examples") / "three_ways.py", "--out", tmp_path / "picture.jpg")
    with Image.open(tmp_path / "picture.jpg") as picture:
        assert picture.width > 1000
