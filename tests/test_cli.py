"""The command line as a person meets it: what it writes, what it says, how it fails."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from pixelwise import read_image, read_label_map, write_image
from pixelwise.cli.combinations import RULES
from pixelwise.cli.demo import demo
from pixelwise.cli.main import build_app
from pixelwise.errors import MissingExtraError
from tests.conftest import SHARED, call, real, run
from tests.toy import write_toy


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.onnx")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red square on blue noise; the toy weights call it 'red'."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 60, (90, 120, 3)).astype(np.uint8)
    image[..., 2] += 150
    image[20:70, 30:90] = (220, 20, 20)
    write_image(tmp_path / "photo.png", image)
    return tmp_path / "photo.png"


def fails(*args: str | Path, saying: str) -> None:
    """Run a command that must end in one clear line and exit code 2."""
    done = call(*args)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("pixelwise: ")
    assert re.search(saying, lines[0]), lines[0]


def test_help_and_version() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("demo", "show", "train", "evaluate", "predict", "blur"):
        assert command in done.stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+", run("--version").stdout.strip())


def test_show_writes_a_grid(shapes: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    done = run("show", shapes, "-n", "3", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "palette masks, 4 classes (classes.txt)" in done.stdout
    assert "3 of 8 samples" in done.stdout
    with Image.open(out) as picture:
        assert picture.height > 320
    run("show", shapes, "-n", "3", "--split", "val", "--overlay", "--out", tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() != out.read_bytes()


def test_predict_writes_label_maps_and_overlays(toy: Path, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write_image(folder / "one.jpg", read_image(photo))
    write_image(folder / "two.png", read_image(photo)[:, ::-1].copy())
    out = tmp_path / "out"
    done = run("predict", photo, folder, "--weights", toy, "--out", out)
    assert done.returncode == 0, done.stderr
    names = {"photo", "one", "two"}
    assert {p.name for p in out.iterdir()} == {
        *(f"{n}.png" for n in names),
        *(f"{n}_overlay.jpg" for n in names),
    }
    label_map = read_label_map(out / "photo.png")
    assert label_map.shape == (90, 120)
    assert (label_map[25:65, 35:85] == 1).all()
    assert (label_map[:14] == 0).all()
    with Image.open(out / "photo.png") as picture:
        assert picture.mode == "P"
        assert tuple(picture.getpalette()[3:6]) == (230, 159, 0)  # type: ignore[index]


def test_blur_keeps_the_subject(toy: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "blurred.png"
    done = run("blur", photo, "--out", out, "--weights", toy, "--sigma", "8")
    assert done.returncode == 0, done.stderr
    assert "red kept" in done.stdout
    before, after = read_image(photo).astype(int), read_image(out).astype(int)
    assert np.abs(after - before)[28:62, 38:82].max() <= 2
    corner = np.s_[:15, :20]
    assert after[corner][..., 0].std() < before[corner][..., 0].std() / 4
    # No red bleeds into the blue around the square.
    assert after[10:18, 30:90, 0].max() < 70


def test_blur_without_a_subject_writes_nothing(toy: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "blurred.png"
    done = run("blur", photo, "--out", out, "--weights", toy, "--subject", "green")
    assert done.returncode == 3
    assert "found none of green; nothing written" in done.stdout
    assert not out.exists()


def test_evaluate_prints_and_writes_its_definition(toy: Path, shapes: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    rules = ("--map", "disc=red", "--map", "*=background")
    done = run("evaluate", shapes, "--weights", toy, "--json", out, *rules)
    assert done.returncode == 0, done.stderr
    values = json.loads(out.read_text())
    assert set(values["per_class_iou"]) == {"background", "red", "green"}
    assert 0 <= values["miou"] <= 1
    assert 0 <= values["pixel_accuracy"] <= 1
    assert "void excluded" in values["definition"]
    assert f"{values['miou']:.4f}" in done.stdout
    assert "disc -> red" in done.stdout


def test_train_evaluate_predict(shapes: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("train", shapes, "--out", out, "--epochs", "1", "--crop", "32", "--batch", "4")
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "epoch 1" in done.stdout
    assert "miou" in done.stdout
    assert "difference between ONNX Runtime and torch" in done.stdout
    assert call("evaluate", shapes, "--weights", out / "model.onnx").returncode == 0
    done = call("predict", photo, "--weights", out / "model.onnx", "--out", tmp_path / "p")
    assert done.returncode == 0, done.stderr
    assert "finished before" in call(*command).stdout
    fails(*command, "--seed", "3", saying="another recipe")


def test_a_command_line_that_does_not_parse_is_one_line(tmp_path: Path) -> None:
    fails("predict", saying=r"INPUT.*See pixelwise predict --help")
    fails("predict", "a.jpg", "--out", tmp_path, "--colour", saying="No such option: --colour")
    fails("segment", saying="No such command 'segment'")
    bare = run()
    assert bare.returncode == 2
    assert "Usage: pixelwise" in bare.stdout
    assert bare.stderr == ""


def test_a_closed_pipe_and_ctrl_c_are_quiet(shapes: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "pixelwise"]
    for arguments in (["--version"], ["predict", "--help"]):
        with subprocess.Popen(
            [*program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.close()
            assert running.stderr.read() == ""
    out = tmp_path / "run"
    train = [*program, "train", str(shapes), "--out", str(out), "--epochs", "500", "--crop", "32"]
    with subprocess.Popen(
        train,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        while "epoch 1" not in running.stdout.readline():
            pass
        running.send_signal(signal.SIGINT)
        assert "Traceback" not in running.stderr.read()
    assert running.returncode == 130
    assert not (out / "model.onnx").exists()
    assert not [path for path in out.iterdir() if ".part" in path.name]


def test_progress_goes_to_the_terminal_and_messages_to_the_pipe(
    shapes: Path, tmp_path: Path
) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "pixelwise", "convert", shapes, "--to", "coco", "--out", "coco"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True, timeout=300,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    assert "writing train" in shown.decode()
    assert "wrote coco" in done.stdout
    assert "each connected area" in done.stdout  # printed while the bar was there
    assert "writing train" not in done.stdout


@pytest.mark.parametrize(
    ("args", "saying"),
    [
        ("predict in --out out --save parquet --tile 99", "--save parquet takes no --tile"),
        (
            "predict in --out out --save parquet --flat --overwrite --allow-url",
            "--save parquet takes no --flat or --overwrite or --allow-url",
        ),
        ("predict in --engine ray", "--engine: only with --save parquet"),
        ("predict in --save png --workers 2", "--workers: only with --save parquet"),
        ("predict in --retry-failed --part 9", "--part, --retry-failed: only with --save parquet"),
        ("predict --camera 0 --save png", "--camera takes no --save"),
        ("predict --camera 0 --tile 99", "--camera takes no --tile"),
        ("cutout in --out out --mask-only --background #f00000", "--mask-only takes no --backg"),
        ("blur in --out out --sigma 8 --strength 2", "--sigma takes no --strength"),
        (
            "blur in --out out --background transparent --sigma 8 --ground",
            "--background transparent takes no --sigma or --ground",
        ),
        ("blur --camera 0 --alpha a.png", "--camera takes no --alpha"),
        ("blur --camera 0 --save-alpha a.png --watch", "takes no --save-alpha or --watch"),
        ("blur --camera 0 --subject 2", "--camera takes no other input and no number of an"),
        ("show in --kinds regions --split val", "--kinds takes no --split"),
        ("show in --kinds regions --overlay -n 3", "--kinds takes no -n or --overlay"),
        ("show in --kinds regions --format voc", "--kinds takes no --format"),
        ("show in --weights voc", "--weights: only with --kinds"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(args: str, saying: str) -> None:
    done = call(*args.split())
    assert done.returncode == 2
    assert done.stderr.startswith("pixelwise: ")
    assert saying in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_refused_are_options_of_the_command() -> None:
    commands: Any = typer.main.get_command(build_app())
    for name, rules in RULES.items():
        options = commands.commands[name].params
        flags = {flag for option in options for flag in (*option.opts, *option.secondary_opts)}
        for rule in rules:
            assert {rule.option.split()[0], *rule.without, *rule.needed_by} <= flags


def test_many_class_names_are_no_file(shapes: Path, tmp_path: Path) -> None:
    names = ",".join(f"class{number:02}" for number in range(80))
    done = call("show", shapes, "--classes", names, "--out", tmp_path / "grid.png")
    assert done.returncode == 0, done.stderr
    assert "80 classes" in done.stdout
    done = run("predict", f"classes={names}")
    assert "settings are not written as NAME=VALUE" in done.stderr
    assert "Traceback" not in done.stderr


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.sources.append(dict(attrs)["src"] or "")


def test_demo_writes_one_self_contained_page(tmp_path: Path) -> None:
    out = tmp_path / "demo.html"
    done = run("demo", "--out", out)
    assert done.returncode == 0, done.stderr
    lines = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert lines[0] == "segmenting 4 photos of scikit-image"
    assert lines[1:5] == ["astronaut", "chelsea", "coffee", "camera"]
    assert str(out) in done.stdout
    html = out.read_text(encoding="utf-8")
    found = _Images()
    found.feed(html)
    assert len(found.sources) == 4 * 7 + 1
    assert all(source.startswith("data:image/") for source in found.sources)
    for words in (
        "Semantic",
        "Instance",
        "25 regions",
        "Background blur",
        " ms",
        "Images above",
        "person",
        "cat",
    ):
        assert words in html
    assert [p.name for p in tmp_path.iterdir()] == ["demo.html"]


def test_demo_takes_photos_of_ones_own(tmp_path: Path) -> None:
    photo = tmp_path / "mine.png"
    write_image(photo, np.full((60, 80, 3), 90, np.uint8))
    done = run("demo", photo, "--out", tmp_path / "demo.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "segmenting 1 photos"
    assert "mine.png" in (tmp_path / "demo.html").read_text(encoding="utf-8")


def test_demo_without_sample_photos_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtraError, match=r"\[demo\].*or name photos of your own"):
        demo(None)


class TestBadInput:
    def test_missing_paths(self, toy: Path, tmp_path: Path) -> None:
        gone = tmp_path / "gone"
        fails("show", gone, saying="gone: no such folder")
        fails("evaluate", gone, "--weights", toy, saying="gone: no such folder")
        fails("predict", gone, "--weights", toy, "--out", tmp_path / "o", saying="no such file")
        fails("blur", gone, "--weights", toy, "--out", tmp_path / "o.png", saying="no such file")
        fails("train", gone, "--out", tmp_path / "run", saying="gone: no such folder")
        assert list(tmp_path.iterdir()) == []

    def test_empty_folder(self, toy: Path, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        fails("show", empty, saying="not a data set; looked for voc: JPEGImages/")
        fails("predict", empty, "--weights", toy, "--out", tmp_path / "o", saying="no image in")

    def test_truncated_photo(self, toy: Path, own_shapes: Path, tmp_path: Path) -> None:
        path = own_shapes / "JPEGImages" / "train_001.jpg"
        path.write_bytes(path.read_bytes()[:-100])
        saying = r"train_001\.jpg: truncated"
        fails("show", own_shapes, "--out", tmp_path / "g.png", saying=saying)
        fails("predict", path, "--weights", toy, "--out", tmp_path / "o", saying=saying)
        fails("blur", path, "--weights", toy, "--out", tmp_path / "b.png", saying=saying)
        fails("train", own_shapes, "--out", tmp_path / "run", "--epochs", "1", saying=saying)
        assert not (tmp_path / "g.png").exists()
        assert not (tmp_path / "run" / "model.onnx").exists()

    def test_mask_of_another_size(self, own_shapes: Path, tmp_path: Path) -> None:
        path = own_shapes / "SegmentationClass" / "train_001.png"
        Image.fromarray(read_label_map(path)[:10]).save(path)
        fails("show", own_shapes, "--out", tmp_path / "g.png", saying="train_001.* 10 x 80")

    def test_label_out_of_range(self, own_shapes: Path, tmp_path: Path) -> None:
        path = own_shapes / "SegmentationClass" / "train_001.png"
        label_map = read_label_map(path)
        label_map[:2, :5] = 99
        Image.fromarray(label_map).save(path)
        saying = r"train_001\.png: label 99 in 10 pixels"
        fails("show", own_shapes, "--out", tmp_path / "g.png", saying=saying)
        fails("train", own_shapes, "--out", tmp_path / "run", "--epochs", "1", saying=saying)

    def test_weights_that_are_not_ours(self, photo: Path, tmp_path: Path) -> None:
        bare = write_toy(tmp_path / "bare.onnx", card=None)
        out = tmp_path / "o"
        fails(
            "predict", photo, "--weights", bare, "--out", out, saying=r"bare\.onnx: no 'pixelwise'"
        )
        fails(
            "predict",
            photo,
            "--weights",
            "mine",
            "--out",
            out,
            saying="one of: edges, foreground, nuclei, street",
        )
        assert not out.exists()

    def test_unknown_names(self, toy: Path, photo: Path, shapes: Path, tmp_path: Path) -> None:
        out = tmp_path / "o.png"
        fails("blur", photo, "--weights", toy, "--subject", "dog", "--out", out, saying="'dog'")
        fails("show", shapes, "--split", "test", saying="there is: train, val")
        fails("show", shapes, "--out", tmp_path / "grid.what", saying=r"'\.what'")
        fails("evaluate", shapes, "--weights", toy, "--map", "disc", saying="HERE=THERE")
        fails("evaluate", shapes, "--weights", toy, saying="has no red, green")

    def test_two_photos_of_one_name(self, toy: Path, photo: Path, tmp_path: Path) -> None:
        write_image(tmp_path / "photo.jpg", read_image(photo))
        args = ("--weights", toy, "--out", tmp_path / "o", "--save", "png")
        done = run("predict", photo, tmp_path / "photo.jpg", *args)
        assert done.returncode == 0, done.stderr
        written = {path.name for path in (tmp_path / "o").iterdir()}
        assert written == {"photo.png.png", "photo.jpg.png"}

    def test_results_never_overwrite_the_photos(self, toy: Path, photo: Path) -> None:
        before = photo.read_bytes()
        saying = r"photo\.png: a result would overwrite this image"
        fails("predict", photo, "--weights", toy, "--out", photo.parent, saying=saying)
        assert photo.read_bytes() == before
        assert list(photo.parent.iterdir()) == [photo]

    def test_a_photo_of_one_pixel(self, toy: Path, tmp_path: Path) -> None:
        write_image(tmp_path / "dot.png", np.full((1, 1, 3), (250, 0, 0), np.uint8))
        done = run("predict", tmp_path / "dot.png", "--weights", toy, "--out", tmp_path / "o")
        assert done.returncode == 0, done.stderr
        assert read_label_map(tmp_path / "o" / "dot.png").tolist() == [[1]]
        args = ("--weights", toy, "--out", tmp_path / "b.png")
        assert run("blur", tmp_path / "dot.png", *args).returncode == 0

    def test_a_traceback_only_with_debug(self, tmp_path: Path) -> None:
        done = run("--debug", "show", tmp_path / "gone")
        assert done.returncode == 1
        assert "Traceback" in done.stderr


@pytest.mark.parametrize("folder", ["voc2012", "people"])
def test_evaluate_on_real_data(folder: str, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    done = run("evaluate", real(folder), "--json", out)
    assert done.returncode == 0, done.stderr
    # The classes of `people` are translated as they were for training; those of VOC are its own.
    assert ("* -> person" in done.stdout) == (folder == "people")
    assert json.loads(out.read_text())["images"] == {"voc2012": 145, "people": 100}[folder]


def test_show_on_real_data(tmp_path: Path) -> None:
    real("voc2012")
    done = run("show", SHARED / "voc2012", "--out", tmp_path / "grid.png")
    assert done.returncode == 0, done.stderr
    assert "VOC layout, 437 samples in 'train', palette masks, 21 classes" in done.stdout
