"""Downloads from a real server on loopback that cuts, corrupts, stalls, fails, and ignores."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pixelwise.datasets import DOWNLOADS, Download, download, open_dataset
from pixelwise.datasets.unpack import unpack
from pixelwise.errors import ArgumentError, DataError
from tests.conftest import run

Behaviour = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Answers with the next behaviour of its server, the last one for ever."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        behaviours = self.server.behaviours
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        behaviour(self, self.server.content)

    def log_message(self, *args: object) -> None:
        pass

    def begin(self, status: int, length: int, *more: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()

    def start_of_range(self) -> int:
        asked = self.headers.get("Range")
        return int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.behaviours: list[Behaviour] = [whole]
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, *args: object) -> None:
        pass  # clients that hang up are part of the test


def whole(handler: Handler, content: bytes) -> None:
    start = handler.start_of_range()
    if start >= len(content):
        handler.send_error(416)
        return
    size = len(content)
    span = ("Content-Range", f"bytes {start}-{size - 1}/{size}")
    handler.begin(206 if start else 200, size - start, *([span] if start else []))
    handler.wfile.write(content[start:])


def cut(handler: Handler, content: bytes) -> None:
    """Promise everything, send a third of the rest, hang up."""
    start = handler.start_of_range()
    size = len(content)
    span = ("Content-Range", f"bytes {start}-{size - 1}/{size}")
    handler.begin(206 if start else 200, size - start, *([span] if start else []))
    handler.wfile.write(content[start : start + max(1, (size - start) // 3)])
    handler.close_connection = True


def corrupt(handler: Handler, content: bytes) -> None:
    """Send the right number of bytes, one of them wrong."""
    wrong = bytearray(content)
    wrong[len(wrong) // 2] ^= 1
    whole(handler, bytes(wrong))


def stall(handler: Handler, content: bytes) -> None:
    """Send a part and then nothing, without hanging up."""
    handler.begin(200, len(content))
    handler.wfile.write(content[:1000])
    handler.wfile.flush()
    time.sleep(3)


def fail(handler: Handler, content: bytes) -> None:  # noqa: ARG001
    handler.send_error(500)


def missing(handler: Handler, content: bytes) -> None:  # noqa: ARG001
    handler.send_error(404)


def ignore_range(handler: Handler, content: bytes) -> None:
    handler.begin(200, len(content))
    handler.wfile.write(content)


def wrong_range(handler: Handler, content: bytes) -> None:
    """Answer a Range with another one."""
    size = len(content)
    handler.begin(206, size - 5, ("Content-Range", f"bytes 5-{size - 1}/{size}"))
    handler.wfile.write(content[5:])


def garbage(handler: Handler, content: bytes) -> None:  # noqa: ARG001
    handler.wfile.write(b"\x00\x01 no HTTP at all\r\n\r\n")
    handler.close_connection = True


def archive_of(folder: Path, inside: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder, arcname=inside)
    return buffer.getvalue()


@pytest.fixture
def content(shapes: Path) -> bytes:
    return archive_of(shapes, "VOCdevkit/VOC2012")


@pytest.fixture
def servers(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Server]]:
    """Two mirrors of a data set called "tiny"."""
    both = Server(content), Server(content)
    for server in both:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    sha1 = hashlib.sha1(content).hexdigest()
    mirrors = tuple(server.url for server in both)
    entry = Download("tiny.tar", f"sha1:{sha1}", mirrors, "VOCdevkit/VOC2012")
    monkeypatch.setitem(DOWNLOADS, "tiny", entry)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield both
    for server in both:
        server.shutdown()
        server.server_close()


def fetch(root: Path, said: list[str] | None = None) -> Path:
    lines = [] if said is None else said
    return download("tiny", root, timeout=0.5, tries=3, pause=0.01, say=lines.append)


def left(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.suffix != ".lock")


def test_a_whole_data_set_and_nothing_else(servers: tuple[Server, Server], tmp_path: Path) -> None:
    path = fetch(tmp_path)
    assert path == tmp_path / "VOCdevkit" / "VOC2012"
    assert len(open_dataset(path)) == 8
    assert left(tmp_path) == ["VOCdevkit"]
    assert fetch(tmp_path) == path
    assert len(servers[0].asked) == 1  # the second call fetched nothing


@pytest.mark.parametrize(
    "behaviours",
    [
        [cut, whole],
        [cut, cut, cut, cut, cut, whole],
        [stall, whole],
        [fail, fail, whole],
        [cut, ignore_range],
        [cut, wrong_range, whole],
        [garbage, whole],
        [cut, fail, cut, fail, whole],
    ],
    ids=lambda bs: "-".join(b.__name__ for b in bs),
)
def test_one_mirror_gets_there_in_the_end(
    servers: tuple[Server, Server], tmp_path: Path, behaviours: list[Behaviour]
) -> None:
    servers[0].behaviours = list(behaviours)
    said: list[str] = []
    assert len(open_dataset(fetch(tmp_path, said), say=str)) == 8
    assert servers[1].asked == []
    assert len(servers[0].asked) == len(behaviours)
    assert len(said) >= len(behaviours)


def test_it_goes_on_where_it_was(
    servers: tuple[Server, Server], tmp_path: Path, content: bytes
) -> None:
    servers[0].behaviours = [cut, fail]
    servers[1].behaviours = [fail]
    with pytest.raises(
        DataError, match=r"no mirror could give it: .*500.*The same command resumes"
    ):
        fetch(tmp_path)
    assert left(tmp_path) == ["tiny.tar.part"]
    third = len(content) // 3
    assert (tmp_path / "tiny.tar.part").read_bytes() == content[:third]
    servers[0].behaviours, servers[0].asked = [whole], []
    fetch(tmp_path)
    assert servers[0].asked == [("/tiny.tar", f"bytes={third}-")]


@pytest.mark.usefixtures("servers")
def test_a_part_that_is_already_whole_is_only_checked(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tiny.tar.part").write_bytes(content)
    assert len(open_dataset(fetch(tmp_path), say=str)) == 8


def test_a_part_of_something_else_is_thrown_away(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    (tmp_path / "tiny.tar.part").write_bytes(b"x" * 5000)
    assert len(open_dataset(fetch(tmp_path), say=str)) == 8
    assert [asked[1] for asked in servers[0].asked] == ["bytes=5000-", None]


@pytest.mark.parametrize("first", [corrupt, missing, fail, garbage, stall])
def test_the_next_mirror_takes_over(
    servers: tuple[Server, Server], tmp_path: Path, first: Behaviour
) -> None:
    servers[0].behaviours = [first]
    assert len(open_dataset(fetch(tmp_path), say=str)) == 8
    assert servers[1].asked
    # What is wrong or not there is not asked for again and again.
    assert len(servers[0].asked) == (1 if first in (corrupt, missing) else 3)


@pytest.mark.usefixtures("servers")
def test_a_mirror_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = DOWNLOADS["tiny"]
    gone = Download(
        entry.archive, entry.hash, ("http://127.0.0.1:9/", entry.mirrors[1]), entry.folder
    )
    monkeypatch.setitem(DOWNLOADS, "tiny", gone)
    assert len(open_dataset(fetch(tmp_path), say=str)) == 8


def test_corruption_everywhere_leaves_nothing(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    for server in servers:
        server.behaviours = [corrupt]
    with pytest.raises(DataError, match="the file is whole, but its sha1 is"):
        fetch(tmp_path)
    assert left(tmp_path) == []


def test_proxies_are_honoured(
    servers: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = DOWNLOADS["tiny"]
    far = Download(entry.archive, entry.hash, ("http://far.invalid/",), entry.folder)
    monkeypatch.setitem(DOWNLOADS, "tiny", far)
    monkeypatch.setenv("http_proxy", servers[0].url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    fetch(tmp_path)
    assert servers[0].asked == [("http://far.invalid/tiny.tar", None)]


def test_a_full_disk_is_told_before_anything_is_written(
    servers: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10_000})())
    with pytest.raises(DataError, match=r"fetching and unpacking needs .* GB, but 0\.0 GB"):
        fetch(tmp_path)
    assert servers[0].asked
    assert left(tmp_path) in ([], ["tiny.tar.part"])
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) == 0


def test_two_calls_at_once_fetch_once(servers: tuple[Server, Server], tmp_path: Path) -> None:
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(fetch(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert paths == [tmp_path / "VOCdevkit" / "VOC2012"] * 2
    assert len(servers[0].asked) == 1


class TestArchive:
    def test_a_file_that_is_here_already(
        self, servers: tuple[Server, Server], tmp_path: Path, content: bytes
    ) -> None:
        archive = tmp_path / "mine.tar"
        archive.write_bytes(content)
        path = download("tiny", tmp_path / "root", archive)
        assert len(open_dataset(path)) == 8
        assert archive.exists()
        assert servers[0].asked == []

    @pytest.mark.usefixtures("servers")
    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        archive = tmp_path / "mine.tar"
        archive.write_bytes(b"something else")
        with pytest.raises(DataError, match=r"not tiny\.tar; its sha1 differs"):
            download("tiny", tmp_path / "root", archive)
        with pytest.raises(DataError, match="no such file"):
            download("tiny", tmp_path / "root", tmp_path / "gone")
        assert left(tmp_path / "root") == []


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


@pytest.mark.parametrize(
    ("evil", "message"),
    [
        (member("../evil"), "leads out"),
        (member("/elsewhere/evil"), "leads out"),
        (member("set/../../evil"), "leads out"),
        (member("set/..\\..\\evil"), "leads out"),
        (member("c:evil"), "leads out"),
        (member("set/evil", tarfile.SYMTYPE, "/etc/passwd"), "a link or a device"),
        (member("set/evil", tarfile.LNKTYPE, "../../etc/passwd"), "a link or a device"),
        (member("set/evil", tarfile.CHRTYPE), "a link or a device"),
        (member("set/evil", tarfile.FIFOTYPE), "a link or a device"),
        (member("set/evil", tarfile.BLKTYPE), "a link or a device"),
    ],
    ids=lambda x: x.name if isinstance(x, tarfile.TarInfo) else "",
)
def test_archives_that_reach_out_are_refused(
    tmp_path: Path, evil: tarfile.TarInfo, message: str
) -> None:
    archive, root = tmp_path / "evil.tar", tmp_path / "root"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(member("set/good", size=3), io.BytesIO(b"abc"))
        tar.addfile(evil)
    with pytest.raises(DataError, match=message):
        unpack(archive, root, "set")
    assert list(root.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.tar", "root"]


def test_archives_that_swell_are_refused(tmp_path: Path) -> None:
    archive, root = tmp_path / "bomb.tar.gz", tmp_path / "root"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(member("set/zeros", size=50_000_000), io.BytesIO(bytes(50_000_000)))
    assert archive.stat().st_size < 100_000
    with pytest.raises(DataError, match="more than the disk or its own size allows"):
        unpack(archive, root, "set")


def test_damaged_archives_and_wrong_ones_are_refused(tmp_path: Path, content: bytes) -> None:
    archive, root = tmp_path / "a.tar", tmp_path / "root"
    archive.write_bytes(content[: len(content) // 2 + 100])
    with pytest.raises(DataError, match="damaged"):
        unpack(archive, root, "VOCdevkit/VOC2012")
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match="damaged or not a tar archive"):
        unpack(archive, root, "set")
    archive.write_bytes(content)
    with pytest.raises(DataError, match="holds no set"):
        unpack(archive, root, "set")
    assert list(root.iterdir()) == []


def test_the_known_data_sets() -> None:
    voc = DOWNLOADS["voc2012"]
    assert voc.mirrors[0] + voc.archive == (
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar"
    )
    assert voc.hash == "sha1:4e443f8a2eca6b1dac8a6c57641b67dd40621a49"
    assert "d2l-data" in voc.mirrors[1]
    assert set(DOWNLOADS) >= {"voc2012", "voc2007"}
    with pytest.raises(ArgumentError, match="unknown data set 'voc'; there is: voc2012, voc2007"):
        download("voc")


def test_the_command_names_a_wrong_archive(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"x")
    done = run("download", "voc2012", "--out", tmp_path / "data", "--archive", tmp_path / "x.tar")
    assert done.returncode == 2
    assert "not VOCtrainval_11-May-2012.tar; its sha1 differs" in done.stderr
