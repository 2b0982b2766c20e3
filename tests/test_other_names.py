"""What people type who come from other programs: one line says what it is called here."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import skimage.data

import pixelwise
from pixelwise.cli.elsewhere import ELSEWHERE
from pixelwise.errors import ArgumentError
from tests.conftest import call

PAGE = Path(__file__).parents[1] / "docs" / "neighbours.md"
ROW = re.compile(r"^\| \w+ \| `(.+?)` \| `(.+?)` \|$", re.MULTILINE)


def habits() -> list[tuple[str, str]]:
    """Return the table of the documentation: what is typed, and what the answer has."""
    text = PAGE.read_text(encoding="utf-8")
    return ROW.findall(text[text.index("## Habits from elsewhere") :].split("\n## ")[0])


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    image = skimage.data.cat()
    pixelwise.write_image(tmp_path_factory.mktemp("habits") / "photo.jpg", image)
    return {
        "pixelwise": pixelwise,
        "prediction": pixelwise.predict(image),
        "predictor": pixelwise.Predictor.load("nuclei"),
        "photo": next(tmp_path_factory.getbasetemp().glob("habits*/photo.jpg")),
    }


@pytest.mark.parametrize(("typed", "saying"), habits())
def test_every_habit_in_the_documentation_is_answered(
    typed: str,
    saying: str,
    names: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(names["photo"], "photo.jpg")
    if typed.startswith("pixelwise "):
        done = call(*typed.split()[1:])
        assert saying in done.stderr
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert not [path for path in tmp_path.iterdir() if path.name != "photo.jpg"]
        return
    try:
        said = repr(eval(typed, names))
    except (AttributeError, TypeError, pixelwise.PixelwiseError) as error:
        said = str(error)
    assert saying in re.sub(r"\s+", " ", said)


def test_there_are_thirty_of_them_and_more() -> None:
    assert len(habits()) >= 30


def test_the_command_line_names_what_is_meant(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.touch()
    done = call(photo)
    assert f"Here it is pixelwise predict {photo}." in done.stderr
    assert "No such command 'unheard'. See pixelwise --help." in call("unheard").stderr
    # The name of a file, and the value of an option, are no settings.
    file = tmp_path / "conf=0.5"
    assert "no such file" in call("predict", file).stderr
    assert "no such file" in call("predict", "gone.jpg", "--out", "conf=0.5").stderr


def test_the_names_of_other_programs_are_no_options_of_commands_that_have_them() -> None:
    from pixelwise.cli.main import COMMANDS

    assert not set(ELSEWHERE) & set(COMMANDS)


def test_python_names_what_is_meant() -> None:
    with pytest.raises(AttributeError, match=r"No pixelwise attribute unheard$"):
        _ = pixelwise.unheard  # type: ignore[attr-defined]
    prediction = pixelwise.predict(skimage.data.cat())
    with pytest.raises(AttributeError, match=r"a Prediction has no 'unheard'$"):
        _ = prediction.unheard
    with pytest.raises(TypeError, match="gives a list"):
        list(prediction)
    torch = pytest.importorskip("torch", reason="needs pixelwise[train]")
    with pytest.raises(ArgumentError, match=r"got Tensor; .* give \(255 \* t\)\.byte\(\)"):
        pixelwise.predict(torch.zeros(3, 8, 8))
    with pytest.raises(ArgumentError, match=r"a clip; pixelwise\.predict_video"):
        pixelwise.predict("clip.mp4")
