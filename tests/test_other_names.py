"""What people type who come from other programs: one line says what it is called here."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage.data

import pixelwise
from pixelwise.cli.main import ELSEWHERE
from pixelwise.errors import ArgumentError
from tests.conftest import run


@pytest.mark.parametrize(
    ("line", "saying"),
    [
        ("predict a.jpg --conf 0.5", "No such option: --conf. Here it is --least-score."),
        ("segment a.jpg", "Here it is pixelwise predict PHOTO."),
        ("{photo}", "Here it is pixelwise predict {photo}."),
        ("unheard", "No such command 'unheard'. See pixelwise --help."),
    ],
)
def test_the_command_line_names_what_is_meant(line: str, saying: str, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.touch()
    done = run(*line.format(photo=photo).split())
    assert done.returncode == 2
    assert saying.format(photo=photo) in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_names_of_other_programs_are_no_options_of_commands_that_have_them() -> None:
    from pixelwise.cli.main import COMMANDS

    assert not set(ELSEWHERE) & set(COMMANDS)


def test_python_names_what_is_meant() -> None:
    with pytest.raises(AttributeError, match=r"here it is pixelwise\.cut_out\(photo\)"):
        _ = pixelwise.remove  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"No pixelwise attribute unheard$"):
        _ = pixelwise.unheard  # type: ignore[attr-defined]
    prediction = pixelwise.predict(skimage.data.cat())
    with pytest.raises(AttributeError, match=r"no 'boxes'; here it is \[i\.box for i in"):
        _ = prediction.boxes
    with pytest.raises(AttributeError, match=r"a Prediction has no 'unheard'$"):
        _ = prediction.unheard
    with pytest.raises(TypeError, match=r"of one image: leave \[0\] and the loop out"):
        _ = prediction[0]
    with pytest.raises(TypeError, match="gives a list"):
        list(prediction)
    torch = pytest.importorskip("torch", reason="needs pixelwise[train]")
    with pytest.raises(ArgumentError, match=r"got Tensor; .* give \(255 \* t\)\.byte\(\)"):
        pixelwise.predict(torch.zeros(3, 8, 8))
    with pytest.raises(ArgumentError, match=r"a clip; pixelwise\.predict_video"):
        pixelwise.predict("clip.mp4")
