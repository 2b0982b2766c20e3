"""The architecture: layers, circles, public names, cheap imports, documented commands."""

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

LAYERS = [
    {"errors", "defaults", "classes", "progress", "samples", "concurrency"},
    {"io", "instances", "metrics", "drawing", "effects"},
    {"weights"},
    {"integrations"},
    {"datasets"},
    {"inference"},
    {"regions", "backgrounds", "evaluation", "cluster"},
    {"kinds", "one_line"},
    {"networks"},
    {"training"},
    {"app"},
    {"cli", "__main__", "__init__"},
]
LAYER_OF = {package: layer for layer, packages in enumerate(LAYERS) for package in packages}
# Within a layer a file may import files of its own package; these few may be imported by the rest
# of theirs.
SHARED = {*LAYERS[0], "io", "instances"}
ALLOWED = {
    0: {"numpy", "rich"},
    1: {
        *("numpy", "PIL", "cv2", "scipy", "simplejpeg", "zlib_ng", "pycocotools"),
        *("tifffile", "av", "fsspec", "filelock", "aiohttp"),
    },
    2: {"numpy"},
    3: {
        *("numpy", "torch", "supervision", "fiftyone", "datasets", "PIL", "cvat_sdk"),
        *("starlette", "uvicorn"),
    },
    4: {"numpy", "PIL", "cv2", "scipy", "yaml", "filelock"},
    5: {"numpy", "PIL", "cv2", "scipy", "onnxruntime", "av"},
    6: {"numpy", "PIL", "cv2", "scipy", "higra", "av", "pyarrow", "ray"},
    7: {"PIL", "numpy"},
    8: {"torch", "transformers"},
    9: {"torch", "numpy", "cv2", "onnx", "onnxruntime", "lightning_fabric", "psutil"},
    10: {"starlette", "numpy", "PIL", "cv2"},
    11: {"typer", "rich", "skimage", "numpy", "PIL", "lazy_loader", "uvicorn", "starlette"},
}
STARTED = {"integrations/cvat.py", "integrations/label_studio.py"}
"""What other programs start: they use pixelwise as those do, by its public names."""

MOST_LINES, MOST_PARAMETERS = 60, 8
"""Lines of code in a function, and parameters in a signature."""


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


def package(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def disallowed(path: Path) -> list[str]:
    """Return the imports of a file that its layer does not allow."""
    here = package(path)
    layer = LAYER_OF[here]
    wrong = []
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top != "pixelwise":
            if top not in sys.stdlib_module_names and top not in ALLOWED[layer]:
                wrong.append(name)
            continue
        there = rest.partition(".")[0] or "__init__"
        if there == "__init__" and path.relative_to(SOURCE).as_posix() in STARTED:
            continue
        below = LAYER_OF[there] < layer or (LAYER_OF[there] == layer and there in SHARED)
        if there != here and not below and layer != len(LAYERS) - 1:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_imports_only_from_its_package_and_lower_layers(path: Path) -> None:
    assert package(path) in LAYER_OF, "a new package needs a layer"
    assert disallowed(path) == []


def test_the_layers_are_really_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_architecture.SOURCE", tmp_path)
    bad = tmp_path / "effects.py"
    bad.write_text("import torch\nfrom pixelwise.datasets import open_dataset\nimport os\n")
    assert sorted(disallowed(bad)) == ["pixelwise.datasets", "torch"]


def module_name(path: Path) -> str:
    parts = ["pixelwise", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph() -> dict[str, set[str]]:
    """Return which files each file imports; a package's face stands for what it hands on."""
    names = {module_name(path) for path in modules()}
    graph: dict[str, set[str]] = {}
    for path in modules():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= (inside & names) or {node.module}
        graph[module_name(path)] = found & names - {"pixelwise"}
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return files that import each other in a loop, empty where there are none."""
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> list[str]:
        if name in way:
            return way[way.index(name) :]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if found := visit(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def test_no_files_import_each_other() -> None:
    assert circle(import_graph()) == []


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def functions() -> list[tuple[str, ast.FunctionDef, list[str]]]:
    """Return every function with its place and the lines of its file."""
    return [
        (f"{path.relative_to(SOURCE)}:{node.name}", node, text.splitlines())
        for path in modules()
        for text in [path.read_text(encoding="utf-8")]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    ]


def code_lines(function: ast.FunctionDef, lines: list[str]) -> int:
    """Count the lines of a function's body that hold code: no docstring, comment or blank line."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    inside = [line.strip() for line in lines[body[0].lineno - 1 : body[-1].end_lineno]]
    return sum(1 for line in inside if line and not line.startswith("#"))


def test_functions_stay_short() -> None:
    long = {name: n for name, f, lines in functions() if (n := code_lines(f, lines)) > MOST_LINES}
    assert long == {}


def test_signatures_stay_short() -> None:
    wide = {}
    for name, function, _ in functions():
        own = [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]
        n = len([a for a in own if a not in ("self", "cls")])
        if n > MOST_PARAMETERS and not name.startswith("cli/"):
            wide[name] = n
    assert wide == {}


def test_no_module_has_the_name_of_its_public_function() -> None:
    wrong = [
        f"{name}.{public}"
        for name in PUBLIC_PACKAGES
        for public in importlib.import_module(name).__all__
        if (SOURCE / name.partition(".")[2] / f"{public}.py").is_file()
    ]
    assert wrong == []


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
    stub = ast.parse((SOURCE / "__init__.pyi").read_text(encoding="utf-8"))
    homes = {
        alias.name: f"pixelwise.{node.module}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name  # what a type checker takes as public
    }
    assert sorted(importlib.import_module("pixelwise").__all__) == sorted(homes)
    assert sorted(dir(pixelwise)) == sorted(homes)
    for name, home in homes.items():
        assert getattr(pixelwise, name) is getattr(importlib.import_module(home), name)
    assert re.fullmatch(r"\d+\.\d+\.\d+", pixelwise.__version__)
    with pytest.raises(AttributeError, match="No pixelwise attribute segment"):
        _ = pixelwise.segment  # type: ignore[attr-defined]


PUBLIC_PACKAGES = [
    "pixelwise.backgrounds",
    "pixelwise.datasets",
    "pixelwise.drawing",
    "pixelwise.effects",
    "pixelwise.evaluation",
    "pixelwise.inference",
    "pixelwise.metrics",
    "pixelwise.networks",
    "pixelwise.regions",
    "pixelwise.training",
    "pixelwise.weights",
]


def public_things() -> list[tuple[str, object]]:
    things: dict[str, object] = {}
    for module_name in ("pixelwise", *PUBLIC_PACKAGES):
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


@pytest.mark.parametrize(
    ("name", "thing"), public_things(), ids=lambda x: x if isinstance(x, str) else ""
)
def test_public_names_have_an_example(name: str, thing: object) -> None:
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return  # a constant
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    assert ">>>" in (inspect.getdoc(thing) or ""), f"{name}: no Examples in its docstring"


NOT_OUR_WORDS = re.compile(
    r"\b(?:judge(?!_every)\w*|judging|judgement|mend(?:s|ed|ing)?|untold|astray|stranger\w*|"
    r"gone on with|no number any more|nobody (?:says|told)|told apart|tells? apart|"
    r"one a (?:class|photo|line)|an object an?|where not given)\b",
    re.IGNORECASE,
)
"""Words and phrases for which the vocabulary of ``docs/design.md`` has the field's own."""


def test_the_vocabulary_is_kept() -> None:
    folders = ("", "howto", "about")
    pages = [page for folder in folders for page in (ROOT / "docs" / folder).glob("*.md")]
    pages += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    scripts = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "examples").glob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}:{number}": match[0]
        for path in (*modules(), *pages, *scripts)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := NOT_OUR_WORDS.search(line))
    }
    assert found == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_have_help(name: str) -> None:
    command = COMMANDS[name]
    assert inspect.getdoc(command.function)
    assert command.group in ("Data", "Learn", "Use", "Measure")
    done = run(name, "--help")
    assert done.returncode == 0
    assert f"Usage: pixelwise {name}" in done.stdout
    assert f"Example: pixelwise {name} {command.example}" in " ".join(done.stdout.split())
    assert "<bool>" not in done.stdout
    parameters = inspect.signature(command.function, eval_str=True).parameters.values()
    for parameter in parameters:
        (option,) = parameter.annotation.__metadata__
        assert option.help, f"{name}: {parameter.name} has no help"


def test_the_help_lists_the_commands_in_groups() -> None:
    panels = re.split(r"─ (Data|Learn|Use|Measure) ─", run("--help").stdout)
    titles, listed = panels[1::2], panels[2::2]
    assert titles == ["Data", "Learn", "Use", "Measure"]
    for title, text in zip(titles, listed, strict=True):
        for name in (name for name, command in COMMANDS.items() if command.group == title):
            assert re.search(rf"^│ {name} ", text, re.M)


def test_no_path_of_one_machine_and_no_unfinished_mark() -> None:
    pattern = re.compile(r"/(?:home|root|work|farm)/|\b(?:TODO|FIXME|XXX)\b")
    found = [p.name for p in modules() if pattern.search(p.read_text(encoding="utf-8"))]
    assert found == []
