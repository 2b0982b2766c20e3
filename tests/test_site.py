"""What the site and the README owe: each name and command with its example, code that runs."""

from __future__ import annotations

import doctest
import importlib
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pixelwise
from pixelwise.cli.main import COMMANDS
from pixelwise.io.image import to_rgb
from tests import made

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

RUN = [
    ROOT / "README.md",  # README.zh.md has the same code
    DOCS / "quick_start.md",
    DOCS / "zh" / "quick_start.md",
    DOCS / "about" / "threads.md",
    *sorted((DOCS / "howto").glob("*.md")),
]
"""Pages whose Python runs here as it stands, with the files that it names."""

READ = sorted({*DOCS.glob("*.md"), *DOCS.glob("about/*.md")} - set(RUN))
"""Pages whose Python belongs to data that is not here: its syntax and its names are checked."""

NOT_RUN = {"blur_a_clip.md": "a clip takes PyAV and seconds; tests/test_clips.py does it"}


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("sphinx", reason="needs pixelwise[docs]")
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("reference")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS)
    return importlib.import_module("figures")


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def folder(
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """A folder with the files that the pages name."""
    pixelwise.convert(shapes, tmp_path / "labelme", "labelme", say=str)
    shutil.move(tmp_path / "labelme" / "train", tmp_path / "labelme_photos")
    made.photo(tmp_path / "cells.png", size=(60, 80))
    # A cat: something has to stand out there.
    for name in ("photo.jpg", "photos/a.jpg", "photos/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(skimage.data.chelsea()).resize((90, 60)).save(tmp_path / name)
    for i in range(2):
        made.photo(tmp_path / "photos_and_masks" / "images" / f"{i}.jpg", i)
        made.mask(
            tmp_path / "photos_and_masks" / "masks" / f"{i}.png", made.square(10, 10, 20, 255)
        )
    weights = Path(pixelwise.__path__[0]) / "weights" / "nuclei.onnx"
    shutil.copy(weights, tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    return tmp_path


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.relative_to(ROOT).as_posix())
@pytest.mark.usefixtures("folder")
def test_the_code_of_pages_runs(page: Path) -> None:
    if page.name in NOT_RUN:
        pytest.skip(NOT_RUN[page.name])
    names: dict[str, object] = {}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", READ, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_names_in_the_code_of_pages_exist(page: Path) -> None:
    for block in blocks(page):
        compile(block, str(page), "exec")
        for name in re.findall(r"\bpixelwise\.(\w+)", re.sub(r"#.*", "", block)):
            if f"import pixelwise.{name}" not in block and f"from pixelwise.{name}" not in block:
                assert hasattr(pixelwise, name), f"{page.name}: pixelwise.{name}"


def test_each_public_name_has_a_page_with_an_example(reference: ModuleType) -> None:
    pages = reference.pages()
    names = set(reference.public_names())
    assert names == set(dir(pixelwise)) - {"__version__"}
    for name in names:
        assert f"pixelwise.{name}" in pages[f"api/{name}.md"]
        assert f"({name}.md)" in pages["api/index.md"]
        text = reference.documentation(name)
        assert ">>>" in text, f"{name}: no example"
        assert "Examples\n---" in text, f"{name}: its example stands in no section"


@pytest.mark.parametrize("name", ["VOC", "VOID"])
def test_the_examples_of_constants_run(reference: ModuleType, name: str) -> None:
    names = {"np": np, **{n: getattr(pixelwise, n) for n in ("VOC", "VOID")}}
    text = reference.documentation(name)
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_each_command_has_a_section_with_an_example(reference: ModuleType) -> None:
    text = reference.pages()["commands.md"]
    for name, command in COMMANDS.items():
        section = text.split(f"\n## pixelwise {name}\n")[1].split("\n## ")[0]
        assert f"pixelwise {name} {command.example}\n" in section
        assert "| option | what it does |" in section


def test_each_weights_file_has_a_page(reference: ModuleType) -> None:
    pages = reference.pages()
    for name in pixelwise.bundled_weights():
        assert pixelwise.weights.read_card(name).licence in pages[f"weights/{name}.md"]


def test_tables_of_figures_agree_with_what_was_measured(figures: ModuleType) -> None:
    for page in figures.PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert figures.filled(page) == text, f"{page}: run python docs/figures.py"
        assert figures.PLACE.search(text)
    for path in (DOCS / "figures").glob("*.json"):
        assert {"date", "machine", "command", "figures"} <= set(figures.read(path.stem))


def test_both_readmes_say_the_same() -> None:
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
    )

    def code(text: str) -> list[str]:
        fenced = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
        return [re.sub(r"\s*#.*", "", line) for line in fenced.splitlines()]

    assert code(english) == code(chinese)
    assert english.count("\n## ") == chinese.count("\n## ")
    for word in ("语义分割", "实例分割", "图像分割", "背景虚化"):
        assert word in chinese
    for text in (english, chinese):
        assert text.startswith("![")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (ROOT / target).exists(), target


def test_the_gallery_shows_each_picture_with_its_code() -> None:
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for path in sorted((DOCS / "gallery").glob("*.py")):
        if path.stem != "make":
            assert f"gallery/{path.name}" in text
            picture = "images/kinds.jpg" if path.stem == "kinds" else f"gallery/{path.stem}.jpg"
            assert picture in text


@pytest.mark.parametrize("name", ["classes", "superpixels"])
def test_the_code_of_the_gallery_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skimage", reason="the gallery's photo comes with scikit-image")
    monkeypatch.syspath_prepend(DOCS / "gallery")
    sys.modules.pop("make", None)
    importlib.import_module("make").make(name, tmp_path / "made.jpg")
    with Image.open(tmp_path / "made.jpg") as picture:
        assert picture.width >= 451


def test_a_predictor_gives_the_same_in_many_threads() -> None:
    rng = np.random.default_rng(0)
    images = [to_rgb(rng.integers(0, 256, (48 + 8 * i, 64), dtype=np.uint8)) for i in range(8)]
    predictor = pixelwise.Predictor.load("nuclei", threads=1)
    alone = [predictor.predict(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predictor.predict, images))
    shared = pixelwise.Predictor.load("nuclei", threads=1)  # its first runs are at the same time
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(shared.predict, images))
    for expected, one, other in zip(alone, together, at_once, strict=True):
        np.testing.assert_array_equal(expected.logits, one.logits)
        np.testing.assert_array_equal(expected.label_map, other.label_map)
