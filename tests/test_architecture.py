"""The house: floors, public names, cheap imports, commands that are documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pixelwise
from pixelwise.cli.main import COMMANDS
from tests.conftest import run

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pixelwise"

# Evaluating weights reads a data set, so inference stands above data sets.
FLOORS = [
    {"errors", "defaults", "classes", "types", "files", "progress"},
    {
        "decoders",
        "images",
        "large",
        "masks",
        "metadata",
        "video",
        "rle",
        "objects",
        "metrics",
        "drawing",
        "effects",
    },
    {"datasets"},
    {"inference"},
    {"regions"},
    {"networks"},
    {"training"},
    {"cli", "__main__", "__init__"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Within a floor a file may import files of its own room; these few are ground for their floor.
GROUND = {
    *("errors", "defaults", "classes", "types", "files", "progress"),
    *("decoders", "images", "large", "masks", "metadata", "video", "rle", "objects"),
}
ALLOWED = {
    0: {"numpy", "rich"},
    1: {
        "numpy",
        "PIL",
        "cv2",
        "skimage",
        "scipy",
        "simplejpeg",
        "zlib_ng",
        "pycocotools",
        "tifffile",
        "av",
    },
    2: {"numpy", "PIL", "cv2", "scipy", "yaml", "filelock"},
    3: {"numpy", "PIL", "cv2", "scipy", "onnxruntime", "av"},
    4: {"numpy", "cv2", "scipy", "skimage", "higra"},
    5: {"torch", "transformers"},
    6: {"torch", "numpy", "cv2", "onnx", "onnxruntime", "lightning_fabric", "psutil"},
    7: {"typer", "rich", "skimage", "numpy", "PIL"},
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def strangers(path: Path) -> list[str]:
    """Return the imports of a file that its floor does not allow."""
    here = room(path)
    floor = FLOOR_OF[here]
    wrong = []
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top != "pixelwise":
            if top not in sys.stdlib_module_names and top not in ALLOWED[floor]:
                wrong.append(name)
            continue
        there = rest.partition(".")[0] or "__init__"
        below = FLOOR_OF[there] < floor or (FLOOR_OF[there] == floor and there in GROUND)
        if there != here and not below and floor != len(FLOORS) - 1:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_imports_only_from_its_room_and_lower_floors(path: Path) -> None:
    assert room(path) in FLOOR_OF, "a new room needs a floor"
    assert strangers(path) == []


def test_the_floors_are_really_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_architecture.SOURCE", tmp_path)
    bad = tmp_path / "images.py"
    bad.write_text("import torch\nfrom pixelwise.datasets import open_dataset\nimport os\n")
    assert sorted(strangers(bad)) == ["pixelwise.datasets", "torch"]


def test_files_stay_small() -> None:
    long = {p.name: n for p in modules() if (n := len(p.read_text().splitlines())) > 320}
    assert long == {}


@pytest.mark.parametrize("statement", ["import pixelwise", "import pixelwise.cli.main"])
def test_importing_costs_no_heavy_library(statement: str) -> None:
    heavy = "{'numpy', 'cv2', 'torch', 'onnxruntime', 'skimage', 'PIL'}"
    script = f"import sys; {statement}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_prediction_imports_no_torch() -> None:
    script = "import sys, pixelwise; pixelwise.Predictor; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_lazy_names_are_the_public_ones() -> None:
    assert set(pixelwise.__all__) == {*pixelwise._HOMES, "__version__"}
    assert dir(pixelwise) == sorted(pixelwise.__all__)
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        _ = pixelwise.segment


PUBLIC_ROOMS = [
    "pixelwise.datasets",
    "pixelwise.drawing",
    "pixelwise.effects",
    "pixelwise.inference",
    "pixelwise.metrics",
    "pixelwise.networks",
    "pixelwise.regions",
    "pixelwise.training",
]


def public_things() -> list[tuple[str, object]]:
    things: dict[str, object] = {}
    for module_name in ("pixelwise", *PUBLIC_ROOMS):
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            things[f"{getattr(thing, '__module__', module_name)}.{name}"] = thing
    return sorted(things.items())


@pytest.mark.parametrize(
    ("name", "thing"), public_things(), ids=lambda x: x if isinstance(x, str) else ""
)
def test_public_names_are_documented(name: str, thing: object) -> None:
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return  # a constant; its docstring stands below it in the source
    doc = inspect.getdoc(thing) or ""
    assert doc, f"{name} has no docstring"
    members = [thing]
    if inspect.isclass(thing):
        members += [m for n, m in vars(thing).items() if not n.startswith("_") and callable(m)]
    for member in members:
        text = inspect.getdoc(member) or ""
        assert text, f"{name}.{getattr(member, '__name__', '')} has no docstring"
        is_error = inspect.isclass(member) and issubclass(member, Exception)
        hints = "" if is_error else str(inspect.signature(member))
        if "ndarray" in hints or "Array" in hints or "Tensor" in hints:
            assert re.search(r"\([A-Z\d].*\) \w+|\(height, width|\(\d, ?\w", text), (
                f"{name}: arrays come or go, but the docstring gives no shape"
            )


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_have_help_and_a_line_in_the_readme(name: str) -> None:
    assert inspect.getdoc(COMMANDS[name])
    done = run(name, "--help")
    assert done.returncode == 0
    assert f"pixelwise {name}" in done.stdout
    parameters = inspect.signature(COMMANDS[name], eval_str=True).parameters.values()
    for parameter in parameters:
        (option,) = parameter.annotation.__metadata__
        assert option.help, f"{name}: {parameter.name} has no help"
    assert f"pixelwise {name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_path_of_one_machine_and_no_unfinished_mark() -> None:
    pattern = re.compile(r"/(?:home|root|work|farm)/|\b(?:TODO|FIXME|XXX)\b")
    found = [p.name for p in modules() if pattern.search(p.read_text(encoding="utf-8"))]
    assert found == []
