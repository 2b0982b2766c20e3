"""Writes the pages that the program itself says: public names, commands, weights, changelog.

    python docs/reference.py FOLDER

The build of the site calls it (``conf.py``); nobody edits what it writes.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import typer
from sphinx.pycode import ModuleAnalyzer

import pixelwise
from pixelwise.cli.main import COMMANDS, build_app
from pixelwise.cli.options import with_names
from pixelwise.evaluation.figures import DEFINITIONS, TITLES
from pixelwise.weights import bundled_weights, read_card, read_weights
from pixelwise.weights.catalogue import ALIASES

ROOT = Path(__file__).parents[1]

GROUPS = {
    "In one line": ("one_line",),
    "Predict": ("inference", "kinds"),
    "Background": ("backgrounds", "effects"),
    "Regions": ("regions",),
    "Data": ("datasets", "samples", "classes", "io"),
    "Measure and draw": ("metrics", "evaluation", "drawing"),
    "Weights and errors": ("weights", "errors"),
}
"""The chapters of the reference, and the packages whose public names stand there."""

REPOSITORY_FILE = re.compile(r"\]\((?!https?:|#)([^)]+)\)")


def public_names() -> dict[str, str]:
    """Return the public names and the module each is in, as ``__init__.pyi`` has them.

    Examples
    --------
    >>> public_names()["blur"]
    'pixelwise.one_line'
    """
    stub = Path(pixelwise.__path__[0]) / "__init__.pyi"
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    return {
        alias.name: f"pixelwise.{node.module}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def documentation(name: str) -> str:
    """Return the docstring of a public name; of a constant, the string that follows it."""
    module, value = public_names()[name], getattr(pixelwise, name)
    if inspect.isclass(value) or callable(value):
        return inspect.getdoc(value) or ""
    lines = ModuleAnalyzer.for_module(module).find_attr_docs()[("", name)]
    return "\n".join(lines)


def name_page(name: str) -> str:
    """Return the page of a public name."""
    value = getattr(pixelwise, name)
    if inspect.isclass(value):
        kind, options = "autoclass", ["   :members:"]
        if issubclass(value, BaseException):
            options = []
        body = [f".. {kind}:: pixelwise.{name}", *options]
    elif callable(value):
        body = [f".. autofunction:: pixelwise.{name}"]
    else:
        lines = documentation(name).splitlines()
        text = sections_as_rubrics("\n".join(lines)).splitlines()
        body = [f".. py:data:: pixelwise.{name}", "", *(f"   {line}" for line in text)]
    return "\n".join([f"# {name}", "", "```{eval-rst}", *body, "```", ""])


def sections_as_rubrics(text: str) -> str:
    """Return a docstring whose underlined sections are reStructuredText rubrics."""
    return re.sub(r"^(\w+)\n-+$", r".. rubric:: \1\n", text, flags=re.M)


def group_of(module: str) -> str:
    """Return the chapter of the reference for a module."""
    package = module.split(".")[1]
    return next(title for title, packages in GROUPS.items() if package in packages)


def api_index() -> str:
    """Return the page that lists the public names by chapter."""
    chapters: dict[str, list[str]] = {title: [] for title in GROUPS}
    for name, module in public_names().items():
        chapters[group_of(module)].append(name)
    text = [
        "# Python reference",
        "",
        "Every name of `pixelwise`, one page and at least one example each. The examples are run",
        "as tests. Arrays are numpy arrays; sizes are (height, width); 255 in a label map is void.",
        "",
    ]
    for title, names in chapters.items():
        text += [f"## {title}", "", "| name | what it does |", "|---|---|"]
        for name in names:
            first = " ".join(documentation(name).split("\n\n")[0].split())
            text.append(f"| [{name}]({name}.md) | {first.replace('|', '&#124;')} |")
        text += ["", "```{toctree}", ":hidden:", "", *names, "```", ""]
    return "\n".join(text)


def options_table(command: Any) -> list[str]:
    """Return the rows of a command's arguments and options."""
    rows = ["| option | what it does | default |", "|---|---|---|"]
    for parameter in command.params:
        named = parameter.opts if parameter.param_type_name == "option" else ()
        names = ", ".join(f"`{name}`" for name in (*named, *(parameter.secondary_opts or ())))
        metavar = with_names(parameter.metavar or "").replace("|", "&#124;")
        shown = f"`{metavar}`" if not named else names + (f" {metavar}" if metavar else "")
        text = with_names(parameter.help or "").replace("|", "&#124;").replace("<", "&lt;")
        default = "" if parameter.default in (None, False, (), []) else f"`{parameter.default}`"
        if callable(parameter.default) or parameter.required:
            default = "required" if parameter.required else ""
        rows.append(f"| {shown} | {' '.join(text.split())} | {default} |")
    return rows


def commands_page() -> str:
    """Return the page of all commands, made from the program."""
    program: Any = typer.main.get_command(build_app())
    text = [
        "# Commands",
        "",
        "`pixelwise COMMAND --help` says the same. Errors are one line, with exit code 2;",
        "`pixelwise --debug COMMAND ...` shows where they come from.",
        "",
    ]
    for name, entry in COMMANDS.items():
        command = program.commands[name]
        help_ = inspect.cleandoc(command.help or "").replace("\b\n", "")
        text += [f"## pixelwise {name}", "", help_.replace("<", "&lt;"), "", "```"]
        text += [f"pixelwise {name} {entry.example}", "```", "", *options_table(command), ""]
    return "\n".join(text)


def number(value: object) -> str:
    """Return a figure as a table shows it."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def weights_page(name: str) -> str:
    """Return the card of bundled weights as a page."""
    card = json.loads(read_card(name).to_json())
    size = f"{len(read_weights(name)) / 1e6:.1f} MB"
    scores = {k: v for k, v in (card.pop("score", None) or {}).items() if isinstance(v, dict)}
    classes = card.pop("classes")
    names = classes["names"] if isinstance(classes, dict) else classes
    text = [f"# {name}", "", "```", f"pixelwise predict photo.jpg --weights {name} --out masks"]
    if card.get("task") == "boundary":
        text[-1] = "pixelwise regions photo.jpg --out parts"
    text += ["```", "", "| card | |", "|---|---|", f"| size | {size} |"]
    text.append(f"| classes | {', '.join(names)} |")
    for key, value in card.items():
        if isinstance(value, str | int | float | bool) and value not in ("", False):
            text.append(f"| {key.replace('_', ' ')} | {cell(value)} |")
    if scores:
        text += ["", "## Measured on images that taught nothing", ""]
        text += score_table(scores)
    for key in ("class_images", "class_iou"):
        if card.get(key):
            title = {"class_images": "Training images by class", "class_iou": "IoU by class"}[key]
            text += ["", f"## {title}", "", "| class | |", "|---|---|"]
            text += [f"| {each} | {number(value)} |" for each, value in card[key].items()]
    return "\n".join([*text, ""])


def cell(value: object) -> str:
    """Return a value that cannot break its table."""
    return " ".join(str(value).split()).replace("|", "&#124;").replace("<", "&lt;")


def score_table(scores: dict[str, dict[str, Any]]) -> list[str]:
    """Return a table of figures, a column for each data set, and what they mean."""
    known = [k for k in DEFINITIONS if any(s.get(k) is not None for s in scores.values())]
    rows = ["| figure | " + " | ".join(scores) + " |", "|---|" + "---|" * len(scores)]
    for key in known:
        values = (number(s.get(key)) if s.get(key) is not None else "" for s in scores.values())
        rows.append(f"| {TITLES[key]} | " + " | ".join(values) + " |")
    rows += ["", *(f"- {TITLES[key]}: {cell(DEFINITIONS[key])}" for key in known)]
    return rows


def weights_index() -> str:
    """Return the page that lists the bundled weights."""
    text = [
        "# The bundled weights",
        "",
        "They come with the package; nothing is downloaded. Each file carries its card, and",
        "`pixelwise weights NAME` prints it. Another file, of `pixelwise train` or",
        "`pixelwise export`, is used in the same way: `--weights model.onnx`.",
        "",
        "| weights | task | classes | licence |",
        "|---|---|---|---|",
    ]
    for name in bundled_weights():
        card = read_card(name)
        text.append(
            f"| [{name}]({name}.md) | {card.task} | {len(card.classes)} | {cell(card.licence)} |"
        )
    text += ["", *(f"`{alias}` is another name of `{of[0]}`." for alias, of in ALIASES.items())]
    return "\n".join([*text, "", "```{toctree}", ":hidden:", "", *bundled_weights(), "```", ""])


def repository_page(path: str) -> str:
    """Return a Markdown file of the repository as a page of ``docs/made``."""

    def moved(match: re.Match[str]) -> str:
        target = match[1]
        return f"](../{target[5:]})" if target.startswith("docs/") else f"](../../{target})"

    return REPOSITORY_FILE.sub(moved, (ROOT / path).read_text(encoding="utf-8"))


def course_list(language: str, start: str) -> str:
    """Return the list of the course's notebooks that are there, for a page to include."""
    course = ROOT / "docs" / "course"
    names = sorted(path.stem for path in (course / language).glob("*.ipynb"))
    listed = [f"{start}course/{language}/{name}" for name in names]
    return "\n".join(["```{toctree}", "", *listed, "```", ""]) if listed else "\n"


def pages() -> dict[str, str]:
    """Return all pages by their path in ``docs/made``."""
    return {
        "api/index.md": api_index(),
        **{f"api/{name}.md": name_page(name) for name in public_names()},
        "commands.md": commands_page(),
        "weights/index.md": weights_index(),
        **{f"weights/{name}.md": weights_page(name) for name in bundled_weights()},
        "course_en.txt": course_list("en", ""),
        "course_zh.txt": course_list("zh", "../"),
        "changelog.md": repository_page("CHANGELOG.md"),
        "contributing.md": repository_page("CONTRIBUTING.md"),
    }


def write_pages(folder: Path) -> None:
    """Write the pages; files that stay as they are keep their time, so that rebuilds are short."""
    wanted = pages()
    for path, text in wanted.items():
        target = folder / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    for target in folder.rglob("*.*"):
        if target.relative_to(folder).as_posix() not in wanted:
            target.unlink()


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
