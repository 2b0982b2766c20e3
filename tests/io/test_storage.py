"""Images and tables at URLs: memory, an object store, and a web server that fails."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from pixelwise import write_image
from pixelwise.errors import DataError
from pixelwise.io.storage import is_remote, open_store
from tests.conftest import call, run
from tests.toy import write_toy

fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")


def png(tmp_path: Path) -> bytes:
    write_image(tmp_path / "a.png", np.full((20, 24, 3), (200, 90, 30), np.uint8))
    return (tmp_path / "a.png").read_bytes()


def test_urls_and_paths() -> None:
    assert all(map(is_remote, ("s3://a", "gs://a/b", "memory://x", "https://a/b")))
    assert not any(map(is_remote, ("a", "/a", "C:\\a", "C:/a", "./a:b", "")))
    with pytest.raises(DataError, match="nosuch"):
        open_store("nosuch://a")


def test_a_store_in_memory_is_as_a_folder(tmp_path: Path) -> None:
    for store in (open_store(tmp_path / "here"), open_store("memory://there")):
        for name in ("b.txt", "a.jpg", "day1/a.jpg", "day2/b.png", "images-1.parquet", ".x/c.jpg"):
            store.write(name, name.encode())
        assert sorted(store.images()) == ["a.jpg", "day1/a.jpg", "day2/b.png"]
        assert store.names("images-") == ["images-1.parquet"]
        assert store.read("day1/a.jpg") == b"day1/a.jpg"
        with store.local("day2/b.png") as path:
            assert path.read_bytes() == b"day2/b.png"
        store.remove("images-1.parquet")
        store.remove("images-1.parquet")
        assert store.names("images-") == []
        with pytest.raises(DataError, match=r"a\.png"):
            store.read("a.png")
        with pytest.raises(DataError, match=r"no such (file, )?folder"):
            list(open_store(f"{store.root}/nothing").images())


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_linked_folders_are_listed_once(tmp_path: Path) -> None:
    (tmp_path / "in" / "day1").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in" / "day1" / "round").symlink_to(tmp_path / "in" / "day1")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")
    for name in ("in/day1/a.png", "elsewhere/b.png"):
        (tmp_path / name).write_bytes(b"pixels")
    assert list(open_store(tmp_path / "in").images()) == ["day1/a.png", "link/b.png"]


FileSystem: Any = fsspec.AbstractFileSystem


class Million(FileSystem):  # type: ignore[misc]
    """A thousand folders with a thousand images each."""

    protocol = "million"

    def ls(self, path: str, **_: Any) -> list[Any]:
        path = self._strip_protocol(path).rstrip("/")
        inner = path.count("/") >= 1
        kind = "file" if inner else "directory"
        names = (f"{path}/{n:03}" + (".jpg" if inner else "") for n in range(1000))
        return [{"name": name, "type": kind, "size": 1} for name in names]


def test_a_listing_of_a_million_names_is_not_held() -> None:
    fsspec.register_implementation("million", Million, clobber=True)
    tracemalloc.start()
    try:
        names = open_store("million://bucket").images()
        first = next(names)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        count = 1 + sum(1 for _ in names)
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert (first, count) == ("000/000.jpg", 1_000_000)
    assert grown < 4 << 20


def test_predict_reads_a_bucket_and_writes_tables_to_it(bucket: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra table")
    photos, weights = open_store(f"{bucket}/in"), write_toy(tmp_path / "toy.onnx")
    content = png(tmp_path)
    for number in range(1005):  # more than a page of a listing
        photos.write(f"day{number % 2}/{number}.png", content if number < 4 else b"")
    assert len(set(photos.images())) == 1005
    for number in range(4, 1005):
        photos.remove(f"day{number % 2}/{number}.png")
    photos.write("day1/page.jpg", b"<html>not found</html>")
    command = ("predict", f"{bucket}/in", "--out", f"{bucket}/out", "--save", "parquet")
    done = run(*command, "--weights", weights)
    assert done.returncode == 2
    assert "predicted 5 images into s3://photos/out" in done.stdout
    assert "1 images could not be read" in done.stderr
    done = call(*command, "--weights", weights)
    assert "predicted 0 images into s3://photos/out; 5 had rows already" in done.stdout
    done = call("masks", f"{bucket}/out", "--image", "day1/1.png", "--out", tmp_path / "masks")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "masks" / "day1" / "1.png").exists()


def test_what_is_wrong_with_a_bucket_is_one_line(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra table")
    weights = write_toy(tmp_path / "toy.onnx")
    write_image(tmp_path / "in" / "a.png", np.zeros((8, 8, 3), np.uint8))
    tail = ("--save", "parquet", "--weights", weights)
    done = call("predict", "s3://nosuch/in", "--out", tmp_path / "out", *tail)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "s3://nosuch/in" in done.stderr
    done = call("predict", tmp_path / "in", "--out", "s3://nosuch/out", *tail)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "s3://nosuch/out" in done.stderr
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = run("predict", f"{bucket}/in", "--out", tmp_path / "out", *tail)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "credentials" in done.stderr


class Failing(BaseHTTPRequestHandler):
    """Serves a listing and images; each file fails twice before it comes."""

    content: ClassVar[bytes] = b""
    asked: ClassVar[dict[str, int]] = {}

    def do_HEAD(self) -> None:
        self.answer(200, b"")

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/in":
            links = "".join(f'<a href="/in/{name}">{name}</a>' for name in ("a.png", "b.png"))
            self.answer(200, f"<html>{links}</html>".encode(), "text/html")
            return
        self.asked[self.path] = self.asked.get(self.path, 0) + 1
        if self.asked[self.path] <= 2:
            self.answer(503, b"busy")
        elif self.path.endswith("b.png"):
            self.answer(200, b"<html>please log in</html>", "text/html")
        else:
            self.answer(200, self.content)

    def answer(self, status: int, content: bytes, kind: str = "image/png") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_web_server_that_fails_is_asked_again(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    Failing.content = png(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = open_store(f"http://127.0.0.1:{server.server_port}/in")
        try:
            assert sorted(store.images()) == ["a.png", "b.png"]
            assert store.read("a.png") == Failing.content
            assert store.read("b.png").startswith(b"<html>")  # no image, which its row says
            Failing.asked["/in/c.jpg"] = -100
            with pytest.raises(DataError, match=r"in/c\.jpg: .*503"):
                store.read("c.jpg")
        finally:
            server.shutdown()
