"""The course: both languages are one source's, executed, without an error, each in full."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COURSE = Path(__file__).parents[1] / "docs" / "course"
CHAPTERS = sorted(path.stem for path in (COURSE / "source").glob("*.md"))
BOTH = [(language, name) for name in CHAPTERS for language in ("en", "zh")]
CHINESE = re.compile("[\u4e00-\u9fff]")


def cells(language: str, name: str) -> list[dict[str, Any]]:
    text = (COURSE / language / f"{name}.ipynb").read_text(encoding="utf-8")
    return list(json.loads(text)["cells"])


def test_the_notebooks_have_the_cells_of_their_source() -> None:
    pytest.importorskip("nbclient", reason="needs the extra docs")
    command = [sys.executable, str(COURSE / "build.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_are_eight_chapters() -> None:
    assert [name[0] for name in CHAPTERS] == list("12345678")


@pytest.mark.parametrize(("language", "name"), BOTH)
def test_a_notebook_is_executed_and_whole(language: str, name: str) -> None:
    found = cells(language, name)
    code = [cell for cell in found if cell["cell_type"] == "code"]
    prose = ["".join(cell["source"]) for cell in found if cell["cell_type"] == "markdown"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in code)
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert any("image/" in kind for output in outputs for kind in output.get("data", ()))
    exercises, answers = ("练习", "答案") if language == "zh" else ("Exercises", "Answers")
    assert any(f"## {exercises}" in text for text in prose)
    assert any(f"## {answers}" in text for text in prose)
    said = json.dumps(outputs)
    assert str(Path.home()) not in said
    assert "/tmp/" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_prose_is_in_both_languages(name: str) -> None:
    english, chinese = (
        ["".join(cell["source"]) for cell in cells(language, name) if cell["cell_type"] != "code"]
        for language in ("en", "zh")
    )
    assert len(english) == len(chinese)
    assert not [text for text in english if CHINESE.search(text)]
    assert not [text for text in chinese if not CHINESE.search(text)]
    # As many sections, and as many exercises, in each.
    count = [sum(text.count("\n## ") for text in prose) for prose in (english, chinese)]
    assert count[0] == count[1]
