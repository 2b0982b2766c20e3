"""What the tests share: the tiny drawn data set, and the real data where it is there."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pixelwise.datasets import draw_shapes
from pixelwise.weights import read_weights
from pixelwise.weights.card import ModelCard
from tests.toy import write_toy

# Tests run side by side, a process a core; threads of their own would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

SHARED = Path(os.environ.get("PIXELWISE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True, scope="session")
def _random_weights() -> Iterator[None]:
    """Train as if the pretrained encoder were not installed, unless a test asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixelwise.networks.efficientnet_weights.is_installed", lambda: False)
        yield


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn data set in the VOC layout; read only."""
    return draw_shapes(tmp_path_factory.mktemp("shapes") / "shapes", train=8, val=4, size=(64, 80))


@pytest.fixture
def own_shapes(shapes: Path, tmp_path: Path) -> Path:
    """A copy of the drawn data set that a test may break."""
    return Path(shutil.copytree(shapes, tmp_path / "shapes"))


@pytest.fixture
def quick_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the toy network instead of the trained one: exports take most of a tiny run."""

    def write(network: object, card: ModelCard, path: Path, half: bool) -> float:  # noqa: ARG001
        write_toy(path, card)
        return 0.0

    monkeypatch.setattr("pixelwise.training.loop.export_network", write)


def export_as(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Write weights of the package, with the card of the run, instead of the trained network."""
    from pixelwise.training.export.onnx import write_card

    def write(network: object, card: ModelCard, path: Path, half: bool) -> float:  # noqa: ARG001
        path.write_bytes(read_weights(name))
        write_card(path, card)
        return 0.0

    monkeypatch.setattr("pixelwise.training.loop.export_network", write)


def real(name: str) -> Path:
    """Return a folder of real data, or skip the test with the reason."""
    path = SHARED / name
    if not path.is_dir():
        pytest.skip(f"real data absent: {path} (set PIXELWISE_TEST_DATA)")
    return path


def run(
    *args: str | Path, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a person does."""
    command = [sys.executable, "-m", "pixelwise", *map(str, args)]
    environment = os.environ | {"COLUMNS": "100", "PYTHONUTF8": "1"} | variables
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def call(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process: as `run` does, without the seconds of a start."""
    from pixelwise.cli.main import main

    command = ["pixelwise", *map(str, args)]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", command)
        patch.setenv("COLUMNS", "100")
        with pytest.raises(SystemExit) as ended:
            main()
    code = int(ended.value.code or 0)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def object_store() -> Iterator[dict[str, str]]:
    """An object store of S3's kind on this machine; what it gives are its variables."""
    server = pytest.importorskip("moto.server", reason="needs moto").ThreadedMotoServer
    pytest.importorskip("boto3", reason="needs moto")
    pytest.importorskip("s3fs", reason="needs the extra remote")
    store = server(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    yield {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    store.stop()


@pytest.fixture(scope="module")
def bucket(object_store: dict[str, str]) -> Iterator[str]:
    """A bucket of the object store; within it the environment names the store."""
    boto3 = pytest.importorskip("boto3", reason="needs moto")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in object_store.items():
            patched.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="photos")
        yield "s3://photos"


def case(name: str) -> Path:
    """Return a small drawn example of what people's files look like, or skip the test."""
    path = SHARED.parent / "cases" / name
    if not path.exists():
        pytest.skip(f"example absent: {path} (set PIXELWISE_TEST_DATA)")
    return path
