"""``pixelwise cutout``, and what it shares with ``blur``: which subject, from where, to where."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from pixelwise import Predictor, read_image, write_image
from pixelwise.backgrounds import Mask, Selection, blur_files, find_subject
from pixelwise.errors import ArgumentError
from pixelwise.inference.session import Outputs
from pixelwise.io.alpha import write_alpha
from pixelwise.samples import Float32Array
from tests.conftest import call, run
from tests.test_effects import shaded_scene
from tests.test_foreground import CARD, Drawn
from tests.test_kernels import CARD as KERNELS
from tests.test_kernels import areas, branch_of, logits_of


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    write_image(path, skimage.data.astronaut())
    return path


def test_a_cut_out_is_transparent_and_crops(photo: Path, tmp_path: Path) -> None:
    whole, cropped = tmp_path / "whole.png", tmp_path / "cropped.png"
    assert run("cutout", photo, "--out", whole).returncode == 0
    assert run("cutout", photo, "--out", cropped, "--crop").returncode == 0
    full, part = np.array(Image.open(whole)), np.array(Image.open(cropped))
    assert full.shape == (512, 512, 4)
    assert full[..., 3].min() == 0
    assert full[..., 3].max() == 255
    assert part.shape[0] * part.shape[1] < full.shape[0] * full.shape[1]
    # Nothing that is visible was cut away.
    assert (part[..., 3] > 128).sum() == (full[..., 3] > 128).sum()


def test_a_shadow_stays_if_asked_for(tmp_path: Path) -> None:
    image, alpha, shade = shaded_scene(0.5)
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    write_image(photo, image)
    write_alpha(mask, alpha)
    made = {}
    for name, more in {"with": ["--shadow"], "without": []}.items():
        out = tmp_path / f"{name}.png"
        done = call(
            *("blur", photo, "--out", out, "--alpha", mask, "--crop"),
            *("--background", "transparent", *more),
        )
        assert done.returncode == 0, done.stderr
        made[name] = np.array(Image.open(out))
    # The crop has the shadow, too.
    assert made["with"].shape[1] > made["without"].shape[1]
    shadow = made["with"][..., 3][(made["with"][..., :3] == 0).all(axis=2)]
    assert abs(int(shadow.max()) - 255 * shade[alpha == 0].max()) < 20
    done = call("blur", photo, "--out", tmp_path / "blurred.png", "--alpha", mask, "--shadow")
    assert done.returncode == 2
    assert "the photo's own, shadows and all" in done.stderr
    done = call("cutout", tmp_path / "clip.mp4", "--out", tmp_path / "cut.webm", "--shadow")
    assert done.returncode == 2
    assert "are for photos" in done.stderr


def test_the_mask_alone(photo: Path, tmp_path: Path) -> None:
    mask, whole = tmp_path / "mask.png", tmp_path / "whole.png"
    assert run("cutout", photo, "--out", mask, "--mask-only").returncode == 0
    assert run("cutout", photo, "--out", whole).returncode == 0
    with Image.open(mask) as grey, Image.open(whole) as cut:
        assert grey.mode == "L"
        assert np.array_equal(np.array(grey), np.array(cut)[..., 3])
    done = run("cutout", photo, "--out", tmp_path / "mask.jpg", "--mask-only")
    assert done.returncode == 2
    assert "the result needs a file that ends in .png or .webp or .tif" in done.stderr


def test_from_standard_input_to_standard_output(photo: Path) -> None:
    given = photo.read_bytes()
    command = [sys.executable, "-m", "pixelwise", "cutout", "-", "--out", "-"]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as cut:
        assert (cut.format, cut.mode, cut.size) == ("PNG", "RGBA", (512, 512))
    assert b"wrote -: " in done.stderr
    nothing = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert nothing.returncode == 2
    assert b"standard input is empty" in nothing.stderr
    assert nothing.stdout == b""
    refused = run("cutout", photo, photo, "--out", "-")
    assert refused.returncode == 2
    assert "only one photo can go to standard output" in refused.stderr


def test_a_folder_is_watched(photo: Path, tmp_path: Path) -> None:
    inbox, out = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    command = [sys.executable, "-m", "pixelwise", "cutout", inbox, "--out", out, "--watch"]
    watching = subprocess.Popen(
        list(map(str, command)),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("watching ")
        (inbox / "late.png").write_bytes(photo.read_bytes())
        deadline = time.monotonic() + 60
        while not (out / "late.png").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert read_image(out / "late.png").shape == (512, 512, 3)
        # The cut-out of another photo is not overwritten.
        before = (out / "late.png").read_bytes()
        Image.open(photo).save(inbox / "late.jpg")
        while not (out / "late.jpg.png").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert read_image(out / "late.jpg.png").shape == (512, 512, 3)
        assert (out / "late.png").read_bytes() == before
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=30)
    assert watching.returncode == 130
    refused = run("cutout", photo, "--out", out, "--watch")
    assert refused.returncode == 2
    assert "--watch: give one folder of photos" in refused.stderr


def test_a_point_outside_one_photo_leaves_the_others(photo: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name, side in {"a": 512, "b": 64, "c": 512}.items():
        Image.open(photo).resize((side, side)).save(folder / f"{name}.png")
    done = run("cutout", folder, "--out", out, "--at", "200,300")
    assert done.returncode == 2
    assert "b.png: at: (200, 300) is outside the image of 64 x 64 pixels" in done.stderr
    assert {path.name for path in out.iterdir()} == {"a.png", "c.png"}
    assert done.stdout.count("wrote ") == 2


def test_selections_are_read_and_check_themselves() -> None:
    selection = Selection.parse(["dog", "3"], box="1,2,30,40")
    assert selection == Selection(("dog",), instance=3, box=(1, 2, 30, 40))
    assert Selection.parse([], at="5, 6").at == (5, 6)
    for given, message in (
        ((["1,2"],), "expected one instance"),
        ((["2"], "1,1"), "the number of an instance or a point, not both"),
        (([], "1"), "at: expected 2 numbers"),
        (([], None, "1,2,3,x"), "box: expected 4 numbers"),
        (([], None, "9,2,3,8"), "expected left < right"),
    ):
        with pytest.raises(ArgumentError, match=message):
            Selection.parse(*given)


class Two:
    """A `Session` that finds a cow on the left and another on the right."""

    def run(
        self,
        batch: Float32Array,
        instances: bool = False,
        foreground: bool = False,  # noqa: ARG002
    ) -> Outputs:
        left, right = areas((4, 2, 14, 12)), areas((6, 18, 16, 30))
        label_map = (left | right).astype(np.uint8)
        branch = branch_of([left, right], [0.9, 0.8]) if instances else ()
        logits = np.stack([logits_of(label_map)] * len(batch))
        return Outputs(logits, tuple(b[None] for b in branch))


def test_one_of_two_instances() -> None:
    predictor, image = (
        Predictor(replace(KERNELS, side=128), Two()),
        np.zeros((96, 128, 3), np.uint8),
    )
    found = predictor.predict(image).instances or ()
    assert len(found) == 2
    middles = [np.argwhere(i.mask).mean(axis=0).round().astype(int) for i in found]
    for number, middle in enumerate(middles, start=1):
        point = int(middle[1]), int(middle[0])
        for selection in (Selection(instance=number), Selection(at=point)):
            alpha = find_subject(predictor, image, selection).alpha(image)
            for other, place in enumerate(middles, start=1):
                assert (alpha[place[0], place[1]] > 0.5) == (other == number)
    assert find_subject(predictor, image, Selection(instance=3)).names == ()
    assert find_subject(predictor, image, Selection(at=(127, 95))).names == ()
    with pytest.raises(ArgumentError, match="is outside the image of 128 x 96"):
        find_subject(predictor, image, Selection(at=(128, 0)))
    alone = Predictor(replace(KERNELS, task="semantic", instance_classes=()), Two())
    with pytest.raises(ArgumentError, match="find no instances"):
        find_subject(alone, image, Selection(instance=1))


def test_nothing_outside_a_box_is_subject() -> None:
    label_map = np.ones((60, 80), np.uint8)
    predictor = Predictor(CARD, Drawn(label_map, label_map))
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    alpha = find_subject(predictor, image, Selection(box=(10, 20, 50, 90))).alpha(image)
    assert alpha.shape == (60, 80)
    assert (alpha[20:60, 10:50] > 0.5).all()
    outside = np.ones((60, 80), bool)
    outside[20:60, 10:50] = False
    assert (alpha[outside] == 0).all()
    with pytest.raises(ArgumentError, match=r"box: .* is outside the image"):
        find_subject(predictor, image, Selection(box=(80, 0, 90, 10)))


def test_clips_have_no_boxes(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"")
    done = run("blur", clip, "--out", tmp_path / "out.mp4", "--box", "1,2,3,4")
    assert done.returncode == 2
    assert "are for photos" in done.stderr


def test_a_photo_without_the_instance_is_reported(photo: Path, tmp_path: Path) -> None:
    done = run("cutout", photo, "--out", tmp_path / "a.png", "--subject", "9")
    assert done.returncode == 3
    assert "found no instance 9; nothing written" in done.stdout
    outcome = blur_files(Predictor.load(), [photo], tmp_path / "m.png", Mask(), Selection())
    assert outcome.written
