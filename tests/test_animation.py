"""Animated images in and out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from pixelwise import Predictor
from pixelwise.backgrounds import Colour, blur_animation
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.animation import Animation, is_animation, opened_animation, write_animation
from pixelwise.samples import UInt8Array
from tests.conftest import SHARED, call, run
from tests.toy import write_toy

CASE = SHARED.parent / "cases" / "k11_animated.gif"


def scene(at: int) -> UInt8Array:
    image = np.full((96, 160, 3), (40, 60, 200), np.uint8)
    image[32:64, at : at + 32] = (220, 40, 30)
    # Not a whole rectangle: of one, libwebp stores no alpha but its place.
    image[32:36, at : at + 4] = (40, 60, 200)
    return image


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("weights") / "toy.onnx")


def drawn(path: Path, frames: int = 4) -> Path:
    shown = tuple(float(40 * (i + 1)) for i in range(frames))
    write_animation(path, [scene(20 + 20 * i) for i in range(frames)], Animation(frames, 3, shown))
    return path


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_every_frame_is_changed_and_times_are_kept(toy: Path, tmp_path: Path, suffix: str) -> None:
    source, out = drawn(tmp_path / f"a{suffix}"), tmp_path / f"b{suffix}"
    assert is_animation(source)
    done = run("blur", source, "--out", out, "--weights", toy, "--background", "#00ff00")
    assert done.returncode == 0, done.stderr
    assert "4 frames, red kept" in done.stdout
    with opened_animation(out) as (animation, frames):
        assert animation == Animation(4, 3, (40, 80, 120, 160))
        for i, frame in enumerate(frames):
            left = 20 + 20 * i
            assert (
                np.abs(frame[38:58, left + 5 : left + 27].astype(int) - (220, 40, 30)).mean() < 12
            )
            assert np.abs(frame[4:24].astype(int) - (0, 255, 0)).mean() < 12


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_a_cut_out_animation_is_transparent(toy: Path, tmp_path: Path, suffix: str) -> None:
    source, out = drawn(tmp_path / "a.gif"), tmp_path / f"b{suffix}"
    assert run("cutout", source, "--out", out, "--weights", toy).returncode == 0
    with Image.open(out) as picture:
        alphas = [np.array(f.convert("RGBA"))[..., 3] for f in ImageSequence.Iterator(picture)]
    assert len(alphas) == 4
    for i, alpha in enumerate(alphas):
        left = 20 + 20 * i
        assert alpha[38:58, left + 5 : left + 27].min() > 240
        assert alpha[4:24].max() < 10


def test_to_standard_output_goes_the_animation_alone(toy: Path, tmp_path: Path) -> None:
    words = ("blur", drawn(tmp_path / "a.gif"), "--out", "-", "--weights", toy)
    command = [sys.executable, "-m", "pixelwise", *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.startswith(b"GIF8")
    assert b"4 frames, red kept" in done.stderr


def test_animations_of_one_name_get_two_results(toy: Path, tmp_path: Path) -> None:
    named = [tmp_path / "x" / "a.gif", tmp_path / "y" / "a.gif"]
    for path in named:
        path.parent.mkdir()
        drawn(path)
    out = tmp_path / "2026.11"
    out.mkdir()
    done = call("blur", *named, "--out", out, "--weights", toy)
    assert done.returncode == 0, done.stderr
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.gif")) == [
        *("x/a.gif", "y/a.gif")
    ]


def test_what_is_no_animation(toy: Path, tmp_path: Path) -> None:
    still = tmp_path / "still.gif"
    Image.fromarray(scene(20)).save(still)
    assert not is_animation(still)
    assert not is_animation(tmp_path / "gone.gif")
    broken = tmp_path / "broken.gif"
    broken.write_bytes(drawn(tmp_path / "whole.gif").read_bytes()[:400])
    predictor = Predictor.load(toy)
    for path in (broken, tmp_path / "gone.gif"):
        with pytest.raises(ImageFileError):
            blur_animation(predictor, path, tmp_path / "out.gif")
    with pytest.raises(ArgumentError, match="an animation ends in one of"):
        blur_animation(predictor, tmp_path / "whole.gif", tmp_path / "out.jpg")
    with pytest.raises(ArgumentError, match="overwrite"):
        blur_animation(predictor, tmp_path / "whole.gif", tmp_path / "whole.gif")
    blue = [np.full((32, 32, 3), (40, 60, 200), np.uint8)] * 2
    write_animation(tmp_path / "blue.gif", [*blue, blue[0] // 2], Animation(3, 0, (50.0,) * 3))
    outcome = blur_animation(
        predictor, tmp_path / "blue.gif", tmp_path / "no.gif", Colour((0, 0, 0))
    )
    assert outcome.names == ()
    assert not (tmp_path / "no.gif").exists()


@pytest.mark.skipif(not CASE.exists(), reason="needs ../shared/cases")
def test_a_real_animation_keeps_its_frames(tmp_path: Path) -> None:
    with Image.open(CASE) as picture:
        count = picture.n_frames  # type: ignore[attr-defined]
    assert count > 1
    out = tmp_path / "out.gif"
    done = run("blur", CASE, "--out", out)
    assert done.returncode in (0, 3), done.stderr
    if not done.returncode:
        with Image.open(out) as picture:
            assert picture.n_frames == count  # type: ignore[attr-defined]
