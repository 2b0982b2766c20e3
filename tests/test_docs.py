"""The command lines in the README and the docs are ones that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from pixelwise.cli import options, predict
from pixelwise.cli.main import COMMANDS, build_app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


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


def code_spans(text: str) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
        elif words:
            assert words[0] in COMMANDS, span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_named_in_the_text_exist(page: Path) -> None:
    parameters = [p for command in program().commands.values() for p in command.params]
    known = {name for parameter in parameters for name in parameter.opts} | {"--debug", "--help"}
    for span in code_spans(page.read_text(encoding="utf-8")):
        if span.startswith("--"):
            assert span.split()[0] in known, f"{page.name}: {span}"


def test_the_readme_is_read_by_these_tests() -> None:
    lines = command_lines((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {line.split()[0] for line in lines} == set(COMMANDS)
    with pytest.raises(typer.TyperException, match="--colour"):
        parse(["predict", "photo.jpg", "--out", "masks", "--colour"])


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_the_help_parse(name: str) -> None:
    parse([name, *shlex.split(COMMANDS[name].example)])


def test_choices_are_those_of_the_library() -> None:
    from pixelwise.datasets.fetch import DOWNLOADS
    from pixelwise.datasets.options import ENCODINGS
    from pixelwise.datasets.registry import FORMATS
    from pixelwise.effects.blur import SHAPES
    from pixelwise.inference.outputs import KINDS
    from pixelwise.inference.session import DEVICES
    from pixelwise.networks import DESIGNS
    from pixelwise.training.distributed import DEVICES as TRAINING_DEVICES
    from pixelwise.training.settings import TASKS

    def choices(command: str, option: str) -> tuple[str, ...]:
        (found,) = (p for p in program().commands[command].params if p.name == option)
        return tuple(found.type_descriptor.choices)

    assert get_args(options.FormatName) == tuple(FORMATS)
    assert get_args(options.EncodingName) == tuple(ENCODINGS)
    assert get_args(options.DeviceName) == tuple(DEVICES)
    assert get_args(options.TrainingDeviceName) == tuple(TRAINING_DEVICES)
    assert set(predict.Kind) == set(KINDS)
    assert choices("blur", "shape") == SHAPES
    assert choices("train", "task") == tuple(t for t in TASKS if t != "boundary")  # train-edges
    assert choices("train", "size") == tuple(DESIGNS)
    assert choices("download", "name") == tuple(DOWNLOADS)
