"""The command lines in the README and the docs are ones that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image

from pixelwise.cli.main import COMMANDS, build_app
from pixelwise.cli.options import TABLE, names_in
from tests.conftest import run

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FOLDERS = ("", "howto", "about", "zh")
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    *(page for folder in FOLDERS for page in sorted((DOCS / folder).glob("*.md"))),
]


def program() -> Any:
    return typer.main.get_command(build_app())


def parse(words: list[str]) -> None:
    """Parse what follows ``pixelwise`` without running it; fails as the program would."""
    command = program().commands[words[0]]
    command.make_context(words[0], words[1:])


def command_lines(text: str) -> list[str]:
    """Return the lines of code blocks that start the program, from its name on."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = (re.search(r"(?:^|&& |-m )pixelwise (.*)", line) for line in lines)
    return [match[1] for match in found if match]


ELSEWHERE = (
    *("--strict", "--user", "--network", "--host", "--conv-mask-to-poly", "--conf-threshold"),
    *("--requeue", "--time", "--rdzv-endpoint"),
)
"""Options of other programs that our pages name."""

HABIT = re.compile(
    r"^\| (ultralytics|rembg|supervision|d2l|transformers|torch)[^|]* \|[^|]*\|", re.M
)
"""What people type who come from there: tests/test_other_names.py runs it."""


def code_spans(text: str) -> list[str]:
    prose = HABIT.sub("|", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_command_lines_parse(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for line in command_lines(text):
        parse(shlex.split(line, comments=True))
    for span in code_spans(text):
        words = (
            shlex.split(span.removeprefix("pixelwise ")) if span.startswith("pixelwise ") else []
        )
        if len(words) > 1 and words[0] in COMMANDS and "..." not in words:
            parse(words)
        elif words and words[0] not in ("COMMAND", "--debug", "--help"):
            assert words[0] in COMMANDS, span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_options_named_in_the_text_exist(page: Path) -> None:
    parameters = [p for command in program().commands.values() for p in command.params]
    known = {name for p in parameters for name in (*p.opts, *p.secondary_opts)}
    known |= {"--debug", "--help", *ELSEWHERE}
    for span in code_spans(page.read_text(encoding="utf-8")):
        if span.startswith("--"):
            assert span.split()[0] in known, f"{page.name}: {span}"


def test_the_readme_is_read_by_these_tests() -> None:
    lines = command_lines((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"demo", "predict", "check", "train"} <= {line.split()[0] for line in lines}
    with pytest.raises(typer.TyperException, match="--colour"):
        parse(["predict", "photo.jpg", "--out", "masks", "--colour"])


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_the_help_parse(name: str) -> None:
    parse([name, *shlex.split(COMMANDS[name].example)])


TABLES = [
    ("convert", "datasets:FORMATS"),
    ("check", "datasets.options:ENCODINGS"),
    ("download", "datasets:DOWNLOADS"),
    ("predict", "inference.outputs:KINDS"),
    ("predict", "inference.predictor:TTA"),
    ("predict", "inference.session:DEVICES"),
    ("regions", "regions.hierarchical:BOUNDARIES"),
    ("blur", "effects:SHAPES"),
    ("train", "networks:DESIGNS"),
    ("train", "training.settings:DEVICES"),
    ("train", "training.settings:ENCODER_CHOICES"),
]


@pytest.mark.parametrize(("command", "table"), TABLES)
def test_the_help_shows_the_choices_of_the_library(command: str, table: str) -> None:
    done = run(command, "--help", COLUMNS="200")
    for name in names_in(table):
        assert re.search(rf"\b{name}\b", done.stdout), f"{command} --help: no {name}"
    assert not TABLE.search(done.stdout)


def test_names_that_are_no_choice_are_errors(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    image.save(tmp_path / "a.png")
    for line, known in (
        ("convert {0} --to png --out {0}/new", "labelme"),
        ("check {0} --encoding colours", "binary"),
        ("download voc1997", "voc2012"),
        ("predict {0}/a.png --out {0}/out --save gif", "overlay"),
        ("predict {0}/a.png --out {0}/out --device tpu", "coreml"),
        ("regions {0}/a.png --out {0}/out --boundaries sobel", "colour"),
        ("blur {0}/a.png --out {0}/b.png --shape star", "disc"),
    ):
        done = run(*line.format(tmp_path).split())
        assert done.returncode == 2, line
        assert known in done.stderr, line
        assert done.stderr.count("\n") == 1, line
