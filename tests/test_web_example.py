"""The page in examples/web, driven in a browser: it gives the label map that Python gives."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from pixelwise import Predictor
from pixelwise.weights.catalogue import find_weights
from tests.app.test_page import CHROMIUM, QUIET, SHOTS, WAIT

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

PAGE = Path(__file__).parents[1] / "examples" / "web"
RUNTIME = "onnxruntime-web@1"
NEEDED = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with the runtime from npm, the weights and a photo."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm")
    folder = tmp_path_factory.mktemp("web")
    done = subprocess.run(
        [npm, "pack", "--silent", RUNTIME], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"npm does not give {RUNTIME}: {done.stderr.strip().splitlines()[-1:]}")
    (archive,) = folder.glob("*.tgz")
    target = folder / "node_modules" / "onnxruntime-web" / "dist"
    target.mkdir(parents=True)
    with tarfile.open(archive, "r|gz") as packed:
        for member in packed:  # once through the archive, which is large
            if Path(member.name).name in NEEDED and (content := packed.extractfile(member)):
                (target / Path(member.name).name).write_bytes(content.read())
    archive.unlink()
    for path in PAGE.iterdir():
        shutil.copy(path, folder)
    shutil.copy(str(find_weights("voc")), folder / "model.onnx")
    Image.fromarray(skimage.data.astronaut()).save(folder / "photo.png")
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_browser_gives_the_label_map_of_python(folder: Path, address: str) -> None:
    asked: list[str] = []
    trouble: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=[*QUIET])
        page: Any = browser.new_page(viewport={"width": 900, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(address)
        page.wait_for_selector("input:enabled", timeout=WAIT)
        page.set_input_files("input", folder / "photo.png")
        page.wait_for_function("window.labels", timeout=WAIT)
        labels = page.evaluate("Array.from(window.labels)")
        said = page.inner_text("ul")
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / "web.png"))
        browser.close()
    assert trouble == []
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    seen = Predictor.load("voc", instances=False).once()
    theirs = seen.predict(skimage.data.astronaut()).label_map
    ours = np.array(labels, dtype=np.uint8).reshape(theirs.shape)
    # Two builds of ONNX Runtime differ in the last bits, which may decide a pixel on a boundary.
    # The photo is larger than what the network sees: OpenCV enlarges in fixed point, so that a
    # level may be one more or less.
    assert (ours != theirs).sum() <= 10
    assert "person" in said
