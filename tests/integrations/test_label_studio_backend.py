"""The ML backend for Label Studio, asked as Label Studio asks."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise import ClassMap, Instance
from pixelwise.errors import ImageFileError
from pixelwise.integrations import label_studio
from pixelwise.integrations.label_studio import Backend, Studio
from tests.integrations.test_neighbours import decoded

pytest.importorskip("starlette", reason="needs the extra app")
from starlette.testclient import TestClient

CLASSES = ClassMap(("background", "cat", "dog"))
SIZE = (40, 60)


def png(image: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(image).save(target, "PNG")
    return target.getvalue()


def config(tag: str = "BrushLabels", labels: str = '<Label value="Cat"/>') -> str:
    shapes = f'<{tag} name="tag" toName="img">{labels}</{tag}>'
    return f'<View><Image name="img" value="$photo"/>{shapes}</View>'


def found(image: Any) -> list[Instance]:
    """A cat and a dog in any image of the size."""
    assert image.shape == (*SIZE, 3)
    cat, dog = np.zeros((2, *SIZE), dtype=bool)
    cat[10:30, 6:24], cat[12:14, 8:10], dog[5:20, 30:60] = True, False, True
    return [Instance.of(cat, 1, 1), Instance.of(dog, 2, 2)]


class Pages(BaseHTTPRequestHandler):
    """What Label Studio serves: an image to those who have the key."""

    seen: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.headers.get("Authorization") not in ("Token key", "Bearer short"):
            self.send_error(401)
            return
        if self.path == "/data/broken.png":
            self.wfile.write(b"this is no answer\r\n\r\n")
            return
        if self.path == "/data/away.png":
            self.send_response(302)
            host = f"http://localhost:{self.server.server_port}"  # type: ignore[attr-defined]
            self.send_header("Location", f"{host}/data/upload/1/a.png")
            self.end_headers()
            return
        self._answer(png(np.full((*SIZE, 3), 90, np.uint8)))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/api/token/refresh"
        self._answer({"a.b.c": b'{"access": "short"}', "a.b.": b"{}"}[asked["refresh"]])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def studio() -> Iterator[Studio]:
    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield Studio(f"http://127.0.0.1:{server.server_port}/", "key")
        server.shutdown()
        thread.join()


SAID: list[str] = []


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    SAID.clear()
    backend = Backend(found, CLASSES, "voc 1", studio, SAID.append)
    with TestClient(backend.app()) as client:
        yield client


def ask(client: TestClient, *photos: str, label_config: str = "") -> Any:
    tasks = [{"id": n, "data": {"photo": photo}} for n, photo in enumerate(photos, 1)]
    asked = {
        "tasks": tasks,
        "label_config": label_config or config(),
        "project": "1.1",
        "params": {},
    }
    return client.post("/predict", json=asked)


def test_the_addresses_of_the_protocol(client: TestClient) -> None:
    assert client.get("/health").json()["status"] == "UP"
    assert client.get("/").json()["status"] == "UP"
    setup = {
        "project": "1.1",
        "schema": config(),
        "hostname": "http://elsewhere",
        "access_token": "t",
    }
    assert client.post("/setup", json=setup).json() == {"model_version": "voc 1"}
    assert client.post("/webhook", json={"action": "ANNOTATION_CREATED"}).status_code == 200
    assert SAID == []
    client.post("/setup", json=setup | {"schema": config(labels='<Label value="Owl"/>')})
    assert "labels Owl: none is a class of the weights (background, cat, dog)" in SAID[0]


def test_brush_masks_with_the_labels_of_the_project(client: TestClient) -> None:
    labels = '<Label value="Cat"/><Label value="Hound" predicted_values="wolf, dog"/>'
    answer = ask(client, "/data/upload/1/a.png", label_config=config(labels=labels)).json()
    (entry,) = answer["results"]
    assert entry["model_version"] == answer["model_version"] == "voc 1"
    assert [r["value"]["brushlabels"] for r in entry["result"]] == [["Cat"], ["Hound"]]
    cat, dog = entry["result"]
    assert (cat["from_name"], cat["to_name"], cat["type"]) == ("tag", "img", "brushlabels")
    for result, instance in zip((cat, dog), found(np.empty((*SIZE, 3))), strict=True):
        rgba = decoded(result["value"]["rle"]).reshape(*SIZE, 4)
        assert np.array_equal(rgba[..., 3] > 0, instance.mask)


@pytest.mark.parametrize("tag", ["BrushLabels", "RectangleLabels", "PolygonLabels"])
def test_the_tools_own_package_accepts_the_answer(client: TestClient, tag: str) -> None:
    (entry,) = ask(client, "/data/upload/1/a.png", label_config=config(tag)).json()["results"]
    (cat,) = entry["result"]  # the project has no dogs
    value = cat["value"]
    if tag == "RectangleLabels":
        assert (value["x"], value["y"], value["width"], value["height"]) == (10, 25, 30, 50)
    if tag == "PolygonLabels":
        assert sorted(value["points"]) == [[10, 25], [10, 75], [40, 25], [40, 75]]
    interface = pytest.importorskip(
        "label_studio_sdk.label_interface", reason="label-studio-sdk is not installed"
    )
    project = interface.LabelInterface(config(tag))
    assert project.validate_prediction(entry)
    assert not project.validate_prediction(entry | {"result": [cat | {"from_name": "other"}]})


def test_images_from_label_studio_the_task_and_nowhere_else(
    client: TestClient, studio: Studio
) -> None:
    inline = (
        "data:image/png;base64," + base64.b64encode(png(np.zeros((*SIZE, 3), np.uint8))).decode()
    )
    kept = studio.url + "data/upload/1/a.png"
    results = ask(client, inline, kept).json()["results"]
    assert [len(r["result"]) for r in results] == [1, 1]
    bad = (
        "http://127.0.0.1:1/a.png",
        "s3://bucket/a.png",
        "data:image/png;base64,??",
        "/etc/passwd",
    )
    away = "/data/away.png"  # it sends the request on to another host, which does not get the key
    results = ask(client, *bad[:3], away).json()["results"]
    assert [r["result"] for r in results] == [[], [], [], []]
    assert "not a public address" in SAID[0]
    assert SAID[1].startswith("task 2: s3://bucket/a.png: expected a path of Label Studio")
    assert "401" in SAID[3]


def test_any_file_name_is_fetched_and_a_broken_answer_is_one_task(client: TestClient) -> None:
    names = ("?d=my photo #1.jpg", "?d=caf\u00e9/\u732b.jpg", "?d=my%20photo.jpg")
    photos = [f"/data/local-files/{name}" for name in names]
    results = ask(client, photos[0], "/data/broken.png", *photos[1:]).json()["results"]
    assert [len(r["result"]) for r in results] == [1, 0, 1, 1]
    asked = [path.partition("?d=")[2] for path in Pages.seen[-4:]]
    assert asked == ["my%20photo%20%231.jpg", "", "caf%C3%A9/%E7%8C%AB.jpg", "my%20photo.jpg"]
    (said,) = SAID
    assert said.startswith("task 2: ")
    assert "cannot be fetched" in said


def test_both_kinds_of_keys(studio: Studio) -> None:
    assert Studio(studio.url, "a.b.c").image("/data/upload/1/a.png").shape == (*SIZE, 3)
    with pytest.raises(ImageFileError, match="LABEL_STUDIO_API_KEY"):
        Studio(studio.url).image("/data/upload/1/a.png")
    # A token that Label Studio refuses, as a backend that is asked for a task says it.
    backend = Backend(found, CLASSES, "voc 1", Studio(studio.url, "a.b."), SAID.append)
    SAID.clear()
    backend.predictions({"label_config": config(), "tasks": [{"id": 1, "data": {"photo": "/a"}}]})
    assert "no access token in the answer" in SAID[0]


@pytest.mark.parametrize(
    ("asked", "saying"),
    [
        ({"label_config": "<View"}, "is not XML"),
        ({"label_config": "<View/>"}, "has none of BrushLabels, PolygonLabels, RectangleLabels"),
        ({"label_config": config(), "tasks": 1}, "expected tasks"),
        ([], "expected a JSON object"),
    ],
)
def test_what_does_not_fit_is_said(client: TestClient, asked: Any, saying: str) -> None:
    answer = client.post("/predict", json=asked)
    assert answer.status_code == 400
    assert saying in answer.json()["error"]
    assert client.post("/predict", content=json.dumps(asked)).status_code == 415


def test_it_is_started_by_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert label_studio.main(["--weights", "unheard"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("pixelwise: unheard: no such weights")
    assert said.count("\n") == 1
    command = [sys.executable, "-m", label_studio.__name__, "--weights", "nuclei", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = server.stderr.readline().split()[0]
            for _ in range(100):
                try:
                    with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
                        assert json.load(answer)["status"] == "UP"
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                pytest.fail("the server does not answer")
        finally:
            server.terminate()
