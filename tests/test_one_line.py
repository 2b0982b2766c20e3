"""One call each: predict, blur, cut out; what it takes, what it gives, what it keeps."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import pixelwise
from pixelwise import write_image
from pixelwise.backgrounds import Transparent
from pixelwise.backgrounds.photos import with_background
from pixelwise.errors import ArgumentError, DataError, ImageFileError
from pixelwise.io import remote
from pixelwise.one_line import LazyList, kept_predictor
from tests.test_effects import shaded_scene
from tests.toy import write_toy


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "cat.png"
    Image.fromarray(skimage.data.cat()).save(path)
    return path


def test_every_kind_of_source_gives_the_same(photo: Path) -> None:
    image = skimage.data.cat()
    expected = pixelwise.Predictor.load().predict(image).label_map
    with photo.open("rb") as file, Image.open(photo) as picture:
        sources = [str(photo), photo, photo.read_bytes(), file, picture, image]
        for source in [*sources, io.BytesIO(photo.read_bytes())]:
            prediction = pixelwise.predict(source)
            assert np.array_equal(prediction.label_map, expected)
    assert prediction.found()[0] == "cat"
    assert pixelwise.predict(str(photo)).name == str(photo)


def test_a_list_a_folder_and_a_glob_give_a_lazy_list(photo: Path) -> None:
    (photo.parent / "z.txt").write_text("no image")
    many: tuple[Any, ...] = ([photo], photo.parent, str(photo.parent / "*.png"), iter([photo]))
    for source in many:
        found = pixelwise.predict(source)
        assert isinstance(found, LazyList)
        assert [p.found()[0] for p in found] == ["cat"]
    late = pixelwise.predict([photo, "gone.jpg"])
    assert len(late) == 2
    assert late[0].size == (300, 451)
    with pytest.raises(ImageFileError, match=r"gone\.jpg: no such file"):
        _ = late[1]


def test_the_predictor_is_kept_and_loaded_again_when_its_file_changes(
    tmp_path: Path,
) -> None:
    from pixelwise.weights.catalogue import read_weights

    weights = tmp_path / "model.onnx"
    weights.write_bytes(read_weights("nuclei"))
    first = kept_predictor(weights)
    assert kept_predictor(weights) is first
    weights.write_bytes(read_weights("nuclei"))
    os.utime(weights, ns=(1, 1))
    assert kept_predictor(weights) is not first


def test_classes_and_a_least_score_narrow_what_is_found() -> None:
    image = skimage.data.cat()
    assert pixelwise.predict(image, classes=["dog", "cat"]).classes.names == (
        *("background", "dog", "cat"),
    )
    assert pixelwise.predict(image, classes="dog").found() in ((), ("dog",))
    assert pixelwise.predict(image, least_score=1).instances == ()
    with pytest.raises(ArgumentError, match=r"least score: expected 0\.\.1, got 50"):
        pixelwise.predict(image, least_score=50)
    with pytest.raises(ArgumentError, match="unknown class 'wolf'; the classes are: background"):
        pixelwise.predict(image, classes=["wolf"])
    one, several = (pixelwise.predict(image, "nuclei", tta=tta) for tta in ("flip", ["flip"]))
    assert np.array_equal(one.logits, several.logits)
    with pytest.raises(ArgumentError, match="unknown tta 'turn'; there is: flip, scales"):
        pixelwise.predict(image, "nuclei", tta="turn")


def test_what_is_no_image_is_refused_with_the_way_out() -> None:
    sources: tuple[tuple[Any, str], ...] = (
        (3, "expected a path, URL, bytes, open file, PIL image or .* got int"),
        (io.StringIO("a"), 'open images with open\\(path, "rb"\\)'),
        (np.zeros((3, 8, 8), np.float32), r"\(3, 8, 8\) float32"),
    )
    for source, saying in sources:
        with pytest.raises(ArgumentError, match=saying):
            pixelwise.predict(source)


def test_a_prediction_shows_and_saves_itself(photo: Path, tmp_path: Path) -> None:
    prediction = pixelwise.predict(photo)
    assert repr(prediction) == f"Prediction({str(photo)!r}, 300 x 451, cat, 1 instance)"
    assert prediction.save(tmp_path / "found.jpg").is_file()
    seen = Image.open(io.BytesIO(prediction._repr_png_()))
    assert seen.width == 451
    assert seen.height > 300  # the legend is below
    assert pixelwise.predict(photo, "street")._repr_png_()[:4] == b"\x89PNG"


def test_show_opens_the_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Image.Image] = []
    monkeypatch.setattr(Image.Image, "show", lambda self: shown.append(self))
    pixelwise.predict(skimage.data.cat()).show()
    assert shown[0].width == 451


def test_samples_data_sets_and_hierarchies_show_themselves(shapes: Path) -> None:
    dataset = pixelwise.open_dataset(shapes, say=str)
    assert repr(dataset) == "Dataset('shapes', train, 8 images, 4 classes)"
    assert Image.open(io.BytesIO(dataset._repr_png_() or b"")).width > 5 * 80
    assert dataset[:0]._repr_png_() is None
    sample = dataset[0]
    page = sample._repr_html_()
    assert sample.name in page
    assert all(name in page for name in ("background", "square"))
    pair = Image.open(io.BytesIO(b64decode(page.split("base64,")[1].split('"')[0])))
    expected = np.hstack([sample.image, sample.classes.palette[sample.label_map]])
    assert np.array_equal(np.asarray(pair), expected)
    tree = pixelwise.hierarchy(skimage.data.cat())
    assert Image.open(io.BytesIO(tree._repr_png_())).size == (451, 300)


def test_blur_and_cut_out_return_or_write(photo: Path, tmp_path: Path) -> None:
    blurred = pixelwise.blur(photo)
    assert blurred.size == (451, 300)
    assert pixelwise.blur(photo, tmp_path / "b.png") == tmp_path / "b.png"
    assert np.array_equal(np.asarray(blurred), np.asarray(Image.open(tmp_path / "b.png")))
    cut = pixelwise.cut_out(skimage.data.cat())
    assert cut.mode == "RGBA"
    assert pixelwise.cut_out(photo, crop=True).width < cut.width
    pixelwise.cut_out(photo.read_bytes(), tmp_path / "c.png")
    assert np.array_equal(np.asarray(cut), np.asarray(Image.open(tmp_path / "c.png")))
    green = np.asarray(pixelwise.blur(photo, background="#00ff00"))
    assert green[0, 0].tolist() == [0, 255, 0]
    written = pixelwise.blur([photo], tmp_path / "many")
    assert written == [tmp_path / "many" / "cat.png"]
    assert [picture.size for picture in pixelwise.cut_out([photo, photo])] == [(451, 300)] * 2


def test_blur_says_why_nothing_was_written(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="shows no such subject"):
        pixelwise.blur(photo, subject="boat")
    with pytest.raises(DataError, match=r"cat\.png: shows no such subject"):
        pixelwise.blur(photo, tmp_path / "b.png", subject="boat")
    assert not (tmp_path / "b.png").exists()
    with pytest.raises(ArgumentError, match=r"pixelwise\.effects\.cut_out\(image, alpha\)"):
        pixelwise.cut_out(skimage.data.cat(), np.zeros((300, 451), np.float32))  # type: ignore[call-overload]


def test_clips_and_animations_are_blurred_from_file_to_file(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(skimage.data.cat(), k, axis=1)[::2, ::2]) for k in (0, 4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert pixelwise.blur(tmp_path / "a.gif", tmp_path / "b.gif") == tmp_path / "b.gif"
    with Image.open(tmp_path / "b.gif") as written:
        assert getattr(written, "n_frames", 1) == 2


def test_what_is_written_moves_as_what_was_given(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    frames = [Image.fromarray(np.roll(skimage.data.cat(), k, axis=1)[::2, ::2]) for k in (0, 4)]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "b.png")
    written = pixelwise.blur(list(folder.iterdir()), out)
    assert set(written) == {out / "a.gif", out / "b.png"}
    with Image.open(out / "a.gif") as moving:
        assert getattr(moving, "n_frames", 1) == 2
    with pytest.raises(ArgumentError, match="crop, at, box and a number are for photos"):
        pixelwise.cut_out(folder / "a.gif", tmp_path / "c.gif", crop=True)
    with pytest.raises(ArgumentError, match="expected files"):
        pixelwise.blur([skimage.data.cat()], out)


def test_a_folder_keeps_its_tree_and_leaves_out_its_results(photo: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "in" / "out"
    for day in ("day1", "day2"):
        (folder / day).mkdir(parents=True)
        (folder / day / "cat.png").write_bytes(photo.read_bytes())
    expected = [out / "day1" / "cat.png", out / "day2" / "cat.png"]
    sources: tuple[Any, ...] = (str(folder), folder, [folder])
    for source in sources:
        assert pixelwise.blur(source, out) == expected
    assert sorted(out.rglob("*.*")) == expected
    some: Any = str(folder / "day1" / "*.png")
    assert pixelwise.blur(some, out) == [out / "cat.png"]


def test_cut_outs_of_several_clips_get_a_kind_that_is_transparent(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs pixelwise[video]")
    from tests.test_video import write_clip

    toy, out = write_toy(tmp_path / "toy.onnx"), tmp_path / "out"
    clips = [write_clip(tmp_path / f"{name}.mp4", 2, sound=False) for name in "ab"]
    written = pixelwise.cut_out(clips, out, weights=toy, subject="red")
    assert written == [out / "a.webm", out / "b.webm"]
    assert all(path.stat().st_size for path in written)


def test_a_shadow_stays_in_memory_as_in_a_file(tmp_path: Path) -> None:
    image, alpha, _ = shaded_scene(0.5)
    assert with_background(image, alpha, Transparent()).shape == (300, 400, 4)
    look = Transparent(shadow=True)
    made = np.asarray(pixelwise.blur(image, background=look))
    write_image(tmp_path / "a.png", image)
    pixelwise.blur(tmp_path / "a.png", tmp_path / "b.png", background=look)
    with Image.open(tmp_path / "b.png") as written:
        assert np.array_equal(np.asarray(written), made)
    plain = np.asarray(pixelwise.blur(image, background=Transparent()))
    assert (made[..., 3] > plain[..., 3]).sum() > 1000
    with pytest.raises(ArgumentError, match="--shadow is for photos"):
        look.check_clip()


class _Handler(BaseHTTPRequestHandler):
    """A server that misbehaves by path."""

    def do_GET(self) -> None:
        buffer = io.BytesIO()
        Image.fromarray(skimage.data.cat()).save(buffer, "PNG")
        body = buffer.getvalue()
        if self.path == "/moved.png":
            self._begin(302, {"Location": "/a%20cat.png"})
        elif self.path == "/inside.png":
            self._begin(302, {"Location": "http://10.0.0.1/a.png"})
        elif self.path == "/file":
            self._begin(302, {"Location": "file:///etc/hostname"})
        elif self.path == "/loop":
            self._begin(302, {"Location": "/loop"})
        elif self.path == "/large":
            self._begin(200, {"Content-Length": str(1 << 40)})
        elif self.path == "/endless":
            self._begin(200, {})
            self.wfile.write(b"0" * 300_000)
        elif self.path == "/page":
            self._begin(200, {})
            self.wfile.write(b"<html>")
        elif self.path == "/a%20cat.png":
            self._begin(200, {})
            self.wfile.write(body)
        else:
            self._begin(404, {})

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def open_site(site: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server, as if loopback addresses were public."""
    monkeypatch.setattr(remote, "is_public", lambda address: address == "127.0.0.1")
    return site


def test_an_address_is_fetched(open_site: str) -> None:
    assert pixelwise.predict(f"{open_site}/a cat.png").found()[0] == "cat"
    assert pixelwise.predict(f"{open_site}/moved.png").found()[0] == "cat"


@pytest.mark.parametrize(
    ("path", "saying"),
    [
        ("/inside.png", r"leads to 10\.0\.0\.1, not a public address"),
        ("/file", "only http and https"),
        ("/loop", "more than 5 redirects"),
        ("/large", "larger than 64 MB"),
        ("/page", "not an image"),
        ("/gone", "answers 404"),
    ],
)
def test_what_is_not_fetched(open_site: str, path: str, saying: str) -> None:
    with pytest.raises(ImageFileError, match=saying):
        pixelwise.predict(open_site + path)


def test_a_file_that_does_not_say_its_size_is_cut_off(open_site: str) -> None:
    with pytest.raises(ImageFileError, match="larger than 0 MB"):
        remote.fetch(f"{open_site}/endless", most_bytes=1000)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "224.0.0.1", "2002:7f00:1::"),
    ],
)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not remote.is_public(address)


def test_a_private_address_gets_no_byte(site: str) -> None:
    with pytest.raises(ImageFileError, match=r"leads to 127\.0\.0\.1"):
        pixelwise.predict(f"{site}/moved.png")
    with pytest.raises(ImageFileError, match="leads to ::1, not a public address"):
        remote.fetch("http://[::1]/a.png")
    with pytest.raises(ImageFileError, match="cannot be fetched"):
        remote.fetch("http://[bad/a.png")


def test_functions_are_not_hidden_by_modules() -> None:
    script = (
        "import pixelwise, pixelwise.backgrounds.video, pixelwise.effects.blur\n"
        "print(*(callable(getattr(pixelwise, n)) for n in ('blur', 'predict', 'cut_out')))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3
