"""The benchmarks and examples run and print their ratio, or write their picture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

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


def test_the_example_draws_its_picture(tmp_path: Path) -> None:
    script(Path("examples") / "three_ways.py", "--out", tmp_path / "picture.jpg")
    with Image.open(tmp_path / "picture.jpg") as picture:
        assert picture.width > 1000
