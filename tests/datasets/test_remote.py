"""Data sets at URLs: memory, an object store, and a web server; the cache in front of them."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pixelwise import check, convert, open_dataset
from pixelwise.datasets import draw_shapes, list_splits
from pixelwise.errors import NotADatasetError, PixelwiseError
from tests.conftest import call, case, run
from tests.toy import write_toy

fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an empty cache."""
    monkeypatch.setenv("PIXELWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIXELWISE_CACHE_SIZE", "1GB")
    return tmp_path / "cache"


def put(folder: Path, url: str) -> str:
    """Copy a folder to a URL."""
    files, path = fsspec.core.url_to_fs(url)
    for file in folder.rglob("*"):
        if file.is_file():
            files.pipe_file(f"{path}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    return url


def held(cache: Path) -> int:
    """Return the bytes of the files in a cache."""
    return sum(p.stat().st_size for p in cache.glob("files/*/*"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn data set of six images."""
    folder = tmp_path_factory.mktemp("small") / "shapes"
    return draw_shapes(folder, train=4, val=2, size=(40, 48))


@pytest.mark.parametrize("to", ["voc", "coco", "yolo", "labelme", "pairs"])
def test_a_data_set_at_a_url_is_what_it_is_in_a_folder(
    small: Path, tmp_path: Path, to: str
) -> None:
    folder = tmp_path / f"{to}_set"
    convert(small, folder, to, lossy=True, say=str)
    url = put(folder, f"memory://{tmp_path.name}/{folder.name}")
    assert list_splits(url) == list_splits(folder)
    here, there = (open_dataset(place, "val", say=str) for place in (folder, url))
    assert there.found == here.found
    for a, b in zip(here, there, strict=True):
        assert a.name == b.name
        assert (a.image == b.image).all()
        assert (a.label_map == b.label_map).all()
        assert len(a.instances or ()) == len(b.instances or ())
    assert check(url).findings == ()


@pytest.mark.parametrize("name", ["k1_cvat_own_colours", "k6_label_studio_1_16", "k10_same_stem"])
def test_a_check_at_a_url_finds_what_it_finds_in_a_folder(name: str, tmp_path: Path) -> None:
    folder = case(name)
    url = put(folder, f"memory://{tmp_path.name}/{name}")

    def said(place: str | Path) -> object:
        try:
            report = check(place)
        except PixelwiseError as error:
            return str(error).replace(str(place), "")
        findings = [(f.kind, f.text, [p.name for p in f.files]) for f in report.findings]
        return report.found, findings, report.histogram

    assert said(url) == said(folder)


def test_commands_take_a_bucket(bucket: str, small: Path, tmp_path: Path) -> None:
    url = put(small, f"{bucket}/sets/shapes")
    done = call("check", url)
    assert (done.returncode, done.stderr) == (0, "")
    done = call("show", url, "-n", "2", "--out", tmp_path / "grid.png")
    assert "wrote" in done.stdout
    done = call("convert", url, "--to", "coco", "--out", tmp_path / "coco")
    assert "read back and found identical" in done.stdout
    put(small / "SegmentationClass", f"{bucket}/predicted")
    done = call("evaluate", url, "--predictions", f"{bucket}/predicted")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1.0000" in done.stdout


def test_predict_reads_and_writes_urls(small: Path, tmp_path: Path) -> None:
    weights, photos = write_toy(tmp_path / "toy.onnx"), tmp_path / "photos"
    shutil.copytree(small / "JPEGImages", photos / "day 1")
    (photos / "day 1" / "bad.jpg").write_text("no image")
    files, _ = fsspec.core.url_to_fs("memory://")
    url, out = put(photos, f"memory://{tmp_path.name}/in"), f"memory://{tmp_path.name}/out"
    kinds = ("--save", "png", "--save", "json", "--save", "coco", "--weights", weights)
    done = call("predict", url, "--out", out, *kinds)
    assert done.returncode == 2
    assert "bad.jpg: not an image" in done.stderr
    assert f"predicted 6 images into {out}" in done.stdout
    done = call("predict", photos, "--out", tmp_path / "out", *kinds)
    written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    for path in written:
        there = files.cat_file(f"/{tmp_path.name}/out/{path.relative_to(tmp_path / 'out')}")
        if path.suffix == ".png" or path.name == "annotations.json":
            assert there == path.read_bytes()
    assert len(files.find(f"/{tmp_path.name}/out")) == len(written) == 13
    done = call("predict", url, "--out", out, *kinds)
    assert "predicted 0 images" in done.stdout
    assert "6 had results already" in done.stdout


def test_a_folder_is_not_made_of_a_url(small: Path) -> None:
    for command in (
        ("convert", small, "--to", "coco", "--out", "s3://bucket/coco"),
        ("show", small, "--out", "s3://bucket/grid.png"),
        ("check", small, "--json", "s3://bucket/check.json"),
    ):
        done = call(*command)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "a folder of this machine is written to, no URL" in done.stderr
    assert not Path("s3:").exists()


def test_download_unpacks_into_a_bucket(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "VOCdevkit" / "VOC2012"
    draw_shapes(whole, train=2, val=1, size=(32, 40))
    archive = tmp_path / "voc.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "VOCdevkit", "VOCdevkit")
    digest = hashlib.sha1(archive.read_bytes(), usedforsecurity=False).hexdigest()
    from pixelwise.datasets import fetch

    known = replace(fetch.DOWNLOADS["voc2012"], hash=f"sha1:{digest}")
    monkeypatch.setitem(fetch.DOWNLOADS, "voc2012", known)
    command = ("download", "voc2012", "--archive", archive, "--out", f"{bucket}/downloaded")
    done = call(*command)
    assert done.returncode == 0, done.stderr
    target = f"{bucket}/downloaded/VOCdevkit/VOC2012"
    assert target in done.stdout
    assert len(open_dataset(target, "train", say=str)) == 2
    assert f"{target} exists already" in call(*command).stdout
    assert not list((tmp_path / "cache" / "downloads").glob("VOCdevkit/*"))


def test_training_opens_a_bucket(bucket: str, small: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    from pixelwise.training import Recipe

    url = Path(put(small, f"{bucket}/sets/mine"))  # as the command line hands it over
    sources = {"mine": {"set_aside": ["train_001"]}}
    training, held_out = Recipe.from_dict({"sources": sources}).open([url], str)
    assert [sample.name for sample in training[0]] == ["train_000", "train_002", "train_003"]
    assert held_out[0].root.name == "mine"


def test_what_is_wrong_with_a_place_is_one_line(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.io.storage.PAUSE", 0.001)
    for url, said in (
        ("s3://nosuch/voc", "s3://nosuch/voc: no such folder"),
        ("s3://nosuch", "s3://nosuch: no such folder"),
        (f"{bucket}/nosuch", f"{bucket}/nosuch: no such folder"),
        ("nosuch://bucket/voc", "nosuch"),
        ("http://127.0.0.1:9/voc", "http://127.0.0.1:9/voc: "),
    ):
        for command in (("check",), ("evaluate",), ("show",)):
            done = call(command[0], url, *command[1:])
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
            assert said in done.stderr


def test_no_credentials_are_one_line(
    bucket: str, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = put(small, f"{bucket}/secret")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = run("check", url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "credentials" in done.stderr


def test_damaged_images_are_findings_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = draw_shapes(tmp_path / "shapes", train=19, val=1, size=(32, 40))
    (folder / "JPEGImages" / "train_007.jpg").write_bytes(b"<html>not found</html>")
    report = check(put(folder, f"memory://{tmp_path.name}/damaged"), splits=("train",))
    assert [(f.kind, str(f.files[0])) for f in report.findings] == [
        ("unreadable", f"memory://{tmp_path.name}/damaged/JPEGImages/train_007.jpg")
    ]
    assert report.samples == {"train": 19}


def test_files_are_fetched_once_and_again_when_they_change(small: Path, tmp_path: Path) -> None:
    url = put(small, f"memory://{tmp_path.name}/shapes")
    files, path = fsspec.core.url_to_fs(url)
    before = open_dataset(url, "val", say=str)[0]
    image = f"{path}/JPEGImages/val_000.jpg"
    other = files.cat_file(f"{path}/JPEGImages/val_001.jpg")
    files.rm(image)  # the cache has it
    assert (open_dataset(url, "val", say=str)[0].image == before.image).all()
    files.pipe_file(image, other)
    from pixelwise.io import listings

    listings.FRESH, fresh = 0.0, listings.FRESH
    try:
        again = open_dataset(url, "val", say=str)
        assert (again[0].image == again[1].image).all()
    finally:
        listings.FRESH = fresh


def test_the_cache_keeps_its_size(
    small: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, limit = put(small, f"memory://{tmp_path.name}/shapes"), 6_000
    monkeypatch.setenv("PIXELWISE_CACHE_SIZE", "6 kB")
    for _ in range(2):
        for here, there in zip(open_dataset(small), open_dataset(url, say=str), strict=True):
            assert (here.image == there.image).all()
            assert 0 < held(cache) <= limit
    # One that was larger is made smaller by the next command.
    monkeypatch.setenv("PIXELWISE_CACHE_SIZE", "3 kB")
    open_dataset(url, say=str)
    assert held(cache) <= 3_000
    done = call("check", url, "--cache-size", "300")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "does not fit the cache of" in done.stderr
    done = call("check", url, "--cache-size", "much")
    assert "expected a size such as 500MB or 20GB, got 'much'" in done.stderr


SHARING = """
import random, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pixelwise.io.file_cache import FileCache
cache = FileCache(Path(sys.argv[1]), 40_000)
rng = random.Random(int(sys.argv[2]))
numbers = [rng.randrange(100) for _ in range(150)]
def content(n):
    return bytes([n]) * (500 + 10 * n)
def read(n):
    assert cache.get(f"{n:032x}"[::-1], lambda: content(n)) == content(n)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(read, numbers))
"""


def test_processes_and_threads_share_a_cache(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SHARING, str(tmp_path / "cache" / "files")]
    started = [subprocess.Popen([*command, str(seed)]) for seed in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert 20_000 < held(tmp_path / "cache") <= 40_000
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_killed_process_leaves_a_cache_that_works(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "files"
    code = SHARING.replace("return bytes", "import time; time.sleep(0.01); return bytes")
    with subprocess.Popen([sys.executable, "-c", code, str(folder), "0"]) as process:
        while not list(folder.glob("*/*")):
            pass
        process.kill()
    done = subprocess.run([sys.executable, "-c", SHARING, str(folder), "1"], check=False)
    assert done.returncode == 0
    assert held(tmp_path / "cache") <= 40_000


def test_a_full_disk_is_one_line(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = put(small, f"memory://{tmp_path.name}/shapes")
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if "cache" in path.parts and len(list((tmp_path / "cache").rglob("*"))) > 12:
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    done = call("check", url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the cache cannot be used (No space left on device)" in done.stderr
    monkeypatch.undo()
    monkeypatch.setenv("PIXELWISE_CACHE", str(tmp_path / "cache"))
    assert check(url).findings == ()


class Web(SimpleHTTPRequestHandler):
    """Serves a folder; what is named in `failing` fails so many times before it comes."""

    failing: ClassVar[dict[str, int]] = {}
    slow: ClassVar[set[str]] = set()
    page: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            self.send_error(503)
        elif name in self.slow:
            self.slow.remove(name)
            time.sleep(2)
        elif self.page:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(self.page)))
            self.end_headers()
            self.wfile.write(self.page)
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server of ``tmp_path / "www"`` on this machine."""
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    monkeypatch.setattr("pixelwise.io.storage.PAUSE", 0.001)
    monkeypatch.setattr("pixelwise.io.storage.SILENCE", 0.5)
    (tmp_path / "www").mkdir()
    handler = partial(Web, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        Web.failing, Web.page = {}, b""
        Web.slow.clear()


def test_a_web_server_that_fails_now_and_then(web: str, small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "www" / "a set"
    shutil.copytree(small, folder)
    for path in (folder / "JPEGImages").iterdir():
        path.rename(path.with_name(path.name.replace("_", " ")))
    for path in (folder / "SegmentationClass").iterdir():
        path.rename(path.with_name(path.name.replace("_", " ")))
    shutil.rmtree(folder / "ImageSets")
    Web.failing = {"val%20001.png": 2, "val%20000.jpg": 1, "classes.txt": 1, "JPEGImages": 1}
    Web.slow.add("val%20000.png")
    dataset = open_dataset(f"{web}/a set", say=str)
    assert not Web.slow
    assert [sample.name for sample in dataset][-1] == "val 001"
    assert dataset.classes.names[1:] == ("disc", "square", "triangle")
    Web.failing = {"train%20003.jpg": 10**6}
    (folder / "JPEGImages" / "train 003.jpg").touch()
    (folder / "JPEGImages" / "train 003.jpg").write_bytes(b"new")
    shutil.rmtree(tmp_path / "cache")
    done = call("check", f"{web}/a set")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "train 003.jpg: 503" in done.stderr


def test_a_url_that_serves_a_web_page_is_no_data_set(web: str) -> None:
    Web.page = b"<html><body>Please <a href='/login'>log in</a></body></html>"
    with pytest.raises(NotADatasetError):
        open_dataset(f"{web}/voc")
    done = call("check", f"{web}/voc")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_read_what_this_one_opened(web: str, small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "www" / "shapes")
    dataset = open_dataset(f"{web}/shapes", say=str)
    means = [float(sample.image.mean()) for sample in open_dataset(small, say=str)]
    # As the workers of a loader on Linux, in the midst of what this process has open.
    shutil.rmtree(tmp_path / "cache")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(partial(mean_of, dataset), range(len(dataset)), 1) == means
    # As the workers of a loader elsewhere: a new process is given the data set.
    shutil.rmtree(tmp_path / "cache")
    code = (
        "import pickle, sys; print([float(s.image.mean()) for s in pickle.load(sys.stdin.buffer)])"
    )
    content = pickle.dumps(dataset)
    done = subprocess.run(
        [sys.executable, "-c", code], input=content, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == str(means)


def mean_of(dataset: Any, number: int) -> float:
    """Return the mean of a sample's image."""
    return float(dataset[number].image.mean())
