"""The page in a real browser: look, correct, save, find again; names, contrast and keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise import Sample, open_dataset, write_image, write_samples
from pixelwise.classes import VOC
from pixelwise.samples import Instance
from tests.conftest import run

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("uvicorn", reason="needs the extra app")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
AXE = Path(__file__).with_name("axe") / "axe.min.js"
"""axe-core 4 (Deque, MPL-2.0): checks names, roles and contrast."""

SHOTS = os.environ.get("PIXELWISE_SHOTS")
"""A folder for pictures of the page, to be looked at."""

WAIT = 60_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos with a bright disc on a dark ground."""
    folder = tmp_path_factory.mktemp("page")
    rows, columns = np.indices((240, 320))
    disc = (rows - 120) ** 2 + (columns - 160) ** 2 < 70**2
    for name, colour in (("one", (230, 140, 40)), ("two", (60, 200, 90))):
        image = np.where(disc[..., None], colour, (30, 50, 80)).astype(np.uint8)
        write_image(folder / f"{name}.png", image)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "pixelwise", "app", str(folder / "one.png")]
    command += ["--save", str(folder / "saved"), "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(20)
        if server.stdout is not None:
            server.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open the page at a size; at the end nothing was asked of others or printed as an error."""
    contexts, trouble = [], []

    def opened(width: int = 1280, height: int = 800, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "request",
            lambda r: None if r.url.startswith((address, "blob:")) else trouble.append(r.url),
        )
        page.goto(address)
        page.wait_for_selector("#photos .tile[aria-current]")
        page.wait_for_selector("#busy", state="hidden")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert trouble == []


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


def point(page: Any, y: int, x: int) -> tuple[float, float]:
    """Return where a pixel of the photo is in the window."""
    script = """async ([y, x]) => {
        const { windowPoint } = await import(new URL("static/stage.js", document.baseURI).href);
        return windowPoint({ x, y });
    }"""
    found = page.evaluate(script, [y + 0.5, x + 0.5])
    return found["x"], found["y"]


def areas(page: Any) -> list[int]:
    """Return how many pixels each instance has."""
    script = """async () => {
        const { app } = await import(new URL("static/state.js", document.baseURI).href);
        return app.session.annotation.instances.map(({ bitmap }) =>
            bitmap.data.reduce((sum, one) => sum + (one ? 1 : 0), 0));
    }"""
    return list(page.evaluate(script))


def value(page: Any, expression: str) -> Any:
    """Return what an expression of the page's ``app`` is."""
    return page.evaluate(f"""async () => {{
        const {{ app }} = await import(new URL("static/state.js", document.baseURI).href);
        return {expression};
    }}""")


def until(page: Any, expression: str) -> None:
    # Page.wait_for_function would take the promise for an answer.
    for _ in range(WAIT // 100):
        if value(page, expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"it never came: {expression}")


def paint(page: Any) -> None:
    """Paint a new instance with the brush."""
    page.keyboard.press("n")
    page.locator(".tool[data-tool=brush]").click()
    page.mouse.move(*point(page, 120, 140))
    page.mouse.down()
    page.mouse.move(*point(page, 120, 180), steps=5)
    page.mouse.up()


def clear(page: Any) -> None:
    """Remove what the network found, so that what is drawn does not depend on it."""
    rows = page.locator("#instance-list .row-button")
    while rows.count():
        rows.first.click()
        page.keyboard.press("Delete")
        page.wait_for_timeout(100)


def regions_are_there(page: Any) -> None:
    until(page, "Boolean(app.session?.tree)")


def test_look_correct_save_and_find_again(opened: Callable[..., Any], folder: Path) -> None:
    page = opened()
    for view in ("Classes", "Regions", "Boundaries", "Background", "Instances"):
        page.get_by_role("radio", name=view).click()
        page.wait_for_selector("#busy", state="hidden")
        shot(page, f"view_{view.lower()}")
    regions_are_there(page)

    clear(page)
    # A click on a region makes an instance of it; the stroke of a brush adds to it; undo takes it.
    page.keyboard.press("n")
    page.locator(".tool[data-tool=region]").click()
    # Coarse: of a drawing without texture a fine cut divides what is one for people.
    page.evaluate("""async () => {
        const place = new URL("static/toolbar.js", document.baseURI).href;
        (await import(place)).setScale(95);
    }""")
    page.mouse.click(*point(page, 120, 160))
    page.wait_for_function("() => document.querySelectorAll('#instance-list li').length > 0")
    first = areas(page)
    assert max(first) == pytest.approx(np.pi * 70**2, rel=0.1)
    page.locator(".tool[data-tool=brush]").click()
    page.mouse.move(*point(page, 20, 20))
    page.mouse.down()
    page.mouse.move(*point(page, 20, 60), steps=5)
    page.mouse.up()
    assert sum(areas(page)) > sum(first)
    shot(page, "stroke")
    page.locator("#undo").click()
    assert areas(page) == first
    page.locator("#redo").click()
    page.locator("#undo").click()

    page.locator("#class").select_option(label="dog")
    page.locator("#save").click()
    page.wait_for_selector(".notice")
    dataset = open_dataset(folder / "saved", say=str)
    assert "dog" in dataset.classes.names
    assert np.count_nonzero(dataset[0].label_map) == sum(first)
    checked = run("check", folder / "saved")
    assert checked.returncode == 0, checked.stdout

    page.reload()
    page.wait_for_selector("#instance-list li")
    assert areas(page) == first
    assert "dog" in page.locator("#instance-list").inner_text()


def test_a_photo_is_uploaded_and_scribbled_on(opened: Callable[..., Any], folder: Path) -> None:
    page = opened()
    page.locator("#files").set_input_files(str(folder / "two.png"))
    page.wait_for_selector(".tile[aria-current][aria-label^='two.png']")
    page.wait_for_selector("#busy", state="hidden")
    regions_are_there(page)
    clear(page)
    page.keyboard.press("n")
    page.locator(".tool[data-tool=scribble]").click()
    page.mouse.move(*point(page, 110, 130))
    page.mouse.down()
    page.mouse.move(*point(page, 130, 190), steps=6)
    with page.expect_response(lambda r: r.url.endswith("/segment")):
        page.mouse.up()
    page.wait_for_timeout(300)
    assert sum(areas(page)) == pytest.approx(np.pi * 70**2, rel=0.2)


def test_a_held_key_saves_once(opened: Callable[..., Any]) -> None:
    page, sent = opened(), []
    paint(page)
    page.on("request", lambda r: sent.append(r.url) if r.method == "PUT" else None)
    page.keyboard.down("Control")
    for _ in range(4):
        page.keyboard.down("s")
    page.keyboard.up("s")
    page.keyboard.up("Control")
    until(page, "!app.session.annotation.dirty")
    page.wait_for_timeout(300)
    assert len(sent) == 1


def test_the_background_is_that_of_the_instances_shown(opened: Callable[..., Any]) -> None:
    page, sent = opened(), []
    clear(page)
    paint(page)
    page.on("request", lambda r: sent.append((r.method, r.url.rsplit("/", 1)[1])))
    for act in ("view", "download"):
        sent.clear()
        with page.expect_response(lambda r: "/effect" in r.url):
            if act == "view":
                page.get_by_role("radio", name="Background").click()
            else:
                page.locator("#download-result").click()
        kept = [what for what in sent if what[0] == "PUT" or what[1].startswith("effect")]
        assert kept[0] == ("PUT", "annotation"), act
        assert kept[1][1].startswith("effect"), act
        # Undo in this view is an edit, too.
        page.keyboard.press("Control+z")
        until(page, "app.session.annotation.dirty")


def test_masks_of_a_large_photo_come_back_as_they_were(
    opened: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    rows, columns = np.indices((400, 4200))
    image = np.stack([rows % 256, columns % 256, rows + columns & 255], axis=-1).astype(np.uint8)
    # In the 4096 columns that the browser gets, some are missing.
    seen = np.floor((np.arange(4096) + 0.5) * 4200 / 4096)
    missing = np.setdiff1d(np.arange(4200), seen)[0]
    masks = [(columns % 3 == 0) & (rows < 200), (columns == missing) & (rows == 300)]
    instances = tuple(Instance.of(mask, 12, id_) for id_, mask in enumerate(masks, 1))
    label_map = np.where(masks[0] | masks[1], 12, 0).astype(np.uint8)
    sample = Sample("wide", image, label_map, VOC, instances)
    written = write_samples([sample], tmp_path / "set", "labelme", "all")
    (folder / "saved").mkdir(exist_ok=True)
    there = folder / "saved" / "wide.json"
    shutil.copyfile(written / "wide.json", there)
    expected = json.loads(there.read_text())["shapes"]
    there.write_text(there.read_text().replace("{", "{ ", 1))
    before = there.read_bytes()

    page = opened()
    page.locator("#files").set_input_files(str(written / "wide.png"))
    until(page, "app.session?.annotation && app.session.whole[1] === 4200")
    page.locator("#save").click()
    page.wait_for_selector(".notice")
    assert there.read_bytes() != before
    assert json.loads(there.read_text())["shapes"] == expected
    for path in (folder / "saved").glob("wide.*"):
        path.unlink()


def test_before_and_after_are_those_of_the_photo_chosen(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    for name, shade in (("three", 90), ("four", 160)):
        write_image(tmp_path / f"{name}.png", np.full((120, 160, 3), shade, np.uint8))
    page = opened()
    done = {"state": "done", "epoch": 1, "epochs": 1, "losses": [], "scores": [], "message": ""}
    page.route("**/train", lambda route: route.fulfill(json=done))
    page.reload()
    page.wait_for_selector("#photos .tile[aria-current]")
    page.locator("#files").set_input_files([str(tmp_path / f"{n}.png") for n in ("three", "four")])
    page.wait_for_selector(".tile[aria-current][aria-label^='three.png']")
    page.locator("#tab-train").click()
    page.locator("#pane-train .row-button", has_text="four.png").click()
    until(page, "app.compare?.left === 'before'")
    shown = "app.photos.find((one) => one.id === app.session.id).name"
    assert value(page, shown) == "four.png"
    assert value(page, "Boolean(app.session.before)")
    assert page.locator("#divider").is_visible()


def test_training_starts_stops_and_can_go_on(opened: Callable[..., Any]) -> None:
    page = opened()
    regions_are_there(page)
    clear(page)
    page.keyboard.press("n")
    page.locator(".tool[data-tool=region]").click()
    page.mouse.click(*point(page, 120, 160))
    page.wait_for_selector("#instance-list li")
    page.locator("#save").click()
    page.wait_for_selector(".notice")
    page.locator("#tab-train").click()
    page.locator("#minutes").fill("1")
    page.locator("#train-start").click()
    page.wait_for_selector(".train-state")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function(
        "() => document.querySelector('#train-start')?.textContent.includes('Resume')"
    )
    # The minutes of a run are those it was started with.
    assert page.locator("#minutes").count() == 0
    shot(page, "train_stopped")
    page.locator("#train-start").click()
    page.wait_for_selector("#pane-train button:has-text('Stop')")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("#train-start")


def test_a_clip_comes_back_with_its_background_blurred(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="needs the extra video")
    from tests.test_video import write_clip

    write_clip(tmp_path / "holiday.mov", 6)
    page = opened()
    page.locator("#files").set_input_files(str(tmp_path / "holiday.mov"))
    page.wait_for_selector("#screen video")
    with page.expect_download() as started:
        page.locator("#screen a[download]").click()
    assert started.value.suggested_filename == "holiday.mp4"
    assert Path(started.value.path()).stat().st_size > 0
    shot(page, "clip")
    page.keyboard.press("Escape")
    assert page.locator("#screen").is_hidden()


def test_a_clip_that_cannot_be_made_is_not_sent(opened: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no clip")
    page, sent = opened(), []
    page.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    value(page, "app.limits = { bytes: 3 }")
    page.locator("#files").set_input_files(str(tmp_path / "clip.mp4"))
    page.wait_for_selector(".notice:has-text('larger than')")
    value(page, "app.limits = {}")
    page.get_by_role("radio", name="Background").click()
    page.get_by_role("radio", name="Image").click()
    page.locator("#files").set_input_files(str(tmp_path / "clip.mp4"))
    page.wait_for_selector(".notice:has-text('clips take blur or a colour')")
    assert sent == []


def test_the_camera_is_off_when_it_is_not_shown(opened: Callable[..., Any]) -> None:
    page = opened(permissions=["camera"])
    page.evaluate("""() => {
        const { mediaDevices } = navigator;
        const ask = mediaDevices.getUserMedia.bind(mediaDevices);
        mediaDevices.getUserMedia = async (what) => (window.stream = await ask(what));
    }""")
    is_off = "() => window.stream.getTracks().every((track) => track.readyState === 'ended')"
    for ends in ("another photo", "a key", "a frame that fails"):
        page.locator("#more").click()
        page.locator("#menu-camera").click()
        page.wait_for_selector("#screen canvas")
        assert not page.evaluate(is_off)
        if ends == "another photo":
            page.locator("#photos .tile").first.click()
        elif ends == "a key":
            page.keyboard.press("PageDown")
        else:
            page.route("**/camera?*", lambda route: route.fulfill(body="no image"))
            page.wait_for_selector(".notice.error")
        page.wait_for_selector("#screen", state="hidden")
        assert page.evaluate(is_off), ends


def test_the_camera_is_shown_live(opened: Callable[..., Any]) -> None:
    page = opened(permissions=["camera"])
    page.locator("#more").click()
    page.locator("#menu-camera").click()
    page.wait_for_selector("#screen canvas")
    page.wait_for_function(
        """() => {
        const canvas = document.querySelector("#screen canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value > 0);
    }"""
    )
    page.wait_for_timeout(500)
    shot(page, "camera")
    page.keyboard.press("Escape")
    assert page.locator("#screen").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible(opened: Callable[..., Any], scheme: str, width: int) -> None:
    page = opened(width, 800, color_scheme=scheme)
    shot(page, f"page_{width}_{scheme}")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for state in ("page", "panel" if width < 760 else "train", "help"):
        if state == "panel":
            page.locator("#panel-open").click()
        if state == "train":
            page.locator("#tab-train").click()
        if state == "help":
            page.locator("#more").click() if width >= 760 else page.locator("#panel-close").click()
            page.keyboard.press("Escape")
            page.keyboard.press("?")
        page.wait_for_timeout(300)
        shot(page, f"{state}_{width}_{scheme}")
        found = page.evaluate("() => axe.run()")
        serious = [
            (v["id"], [n["target"] for n in v["nodes"]])
            for v in found["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], state


def test_it_speaks_chinese(opened: Callable[..., Any]) -> None:
    page = opened(locale="zh-CN")
    assert page.evaluate("document.documentElement.lang").startswith("zh")
    texts = page.locator("button:visible").all_inner_texts()
    shot(page, "chinese")
    latin = [text for text in texts if text.strip().isascii() and text.strip().isalpha()]
    assert latin == []
