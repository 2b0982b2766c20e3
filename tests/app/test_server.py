"""The page's addresses, as a browser and as an attacker would ask for them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
import skimage.data
from PIL import Image

from pixelwise import Predictor, Sample, open_dataset, write_image, write_samples
from pixelwise.backgrounds import Blur, find_subject
from pixelwise.classes import VOC, VOID
from pixelwise.datasets import ReadOptions
from pixelwise.defaults import FOREGROUND_WEIGHTS
from pixelwise.errors import DataError
from pixelwise.inference.prediction import Prediction
from pixelwise.io.rle import decode_rle, encode_rle
from pixelwise.samples import Instance
from pixelwise.weights import read_card
from tests.conftest import call, export_as, run

starlette = pytest.importorskip("starlette", reason="needs the extra app")
from starlette.testclient import TestClient  # noqa: E402

from pixelwise.app.answers import all_painted, png  # noqa: E402
from pixelwise.app.clips import Clips  # noqa: E402
from pixelwise.app.line import Line  # noqa: E402
from pixelwise.app.server import Page, build  # noqa: E402

TOKEN, PORT = "t" * 32, 8765
HOST = f"http://127.0.0.1:{PORT}"
DOG = VOC.index("dog")


def photo(seed: int = 0, size: tuple[int, int] = (60, 80)) -> bytes:
    """Return a PNG of a bright disc on a dark ground."""
    rows, columns = np.indices(size)
    disc = (rows - size[0] / 2) ** 2 + (columns - size[1] / 2) ** 2 < (min(size) / 3) ** 2
    image = np.where(disc[..., None], (230, 140, 40), (30, 50 + seed, 80)).astype(np.uint8)
    target = BytesIO()
    Image.fromarray(image).save(target, "PNG")
    return target.getvalue()


def disc_mask(size: tuple[int, int] = (60, 80)) -> np.ndarray[Any, np.dtype[np.bool_]]:
    rows, columns = np.indices(size)
    middle = size[0] / 2, size[1] / 2
    return np.asarray((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < (min(size) / 3) ** 2)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load()


@pytest.fixture
def page(predictor: Predictor, tmp_path: Path) -> Iterator[Page]:
    page = Page(predictor, "voc", tmp_path / "saved")
    yield page
    page.close()


@pytest.fixture
def client(page: Page) -> Iterator[TestClient]:
    with TestClient(build(page, TOKEN, PORT), base_url=f"{HOST}/{TOKEN}/") as client:
        yield client


def upload(client: TestClient, data: bytes | None = None, name: str = "a.png") -> dict[str, Any]:
    answer = client.post("photos", content=data or photo(), headers={"X-Name": name})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def answer_of(client: TestClient, id_: str) -> dict[str, Any]:
    for _ in range(200):
        answer = client.get(f"photos/{id_}/answer")
        if answer.status_code == 200:
            return dict(answer.json())
        assert answer.status_code == 202
        assert answer.json()["place"] >= 0
        time.sleep(0.05)
    raise AssertionError("no answer")


def test_a_photo_is_seen_in_every_way(client: TestClient) -> None:
    sent = upload(client, name="my%20photo.png")
    assert (sent["name"], sent["height"], sent["width"]) == ("my photo.png", 60, 80)
    at = f"photos/{sent['id']}"
    answer = answer_of(client, sent["id"])
    for instance in answer["instances"]:
        assert decode_rle(instance["rle"], (60, 80)).any()
    state = client.get("state").json()
    assert state["photos"][0]["state"] == "ready"
    assert 0 <= state["photos"][0]["unsure"] <= 1
    assert {c["name"] for c in state["classes"]} == set(VOC.names[1:])

    tree = client.get(f"{at}/regions").json()
    region_map = np.array(Image.open(BytesIO(client.get(f"{at}/regions/map").content)), np.int64)
    ids = region_map @ [1, 256, 65536]
    assert set(np.unique(ids)) == set(range(tree["n"]))
    assert len(tree["parents"]) == 2 * tree["n"] - 1
    for name in ("alpha", "labels", "boundaries"):
        shown = Image.open(BytesIO(client.get(f"{at}/{name}").content))
        assert (shown.mode, shown.size) == ("L", (80, 60))
    small = Image.open(BytesIO(client.get(f"{at}/image?longest=40").content))
    assert small.size == (40, 30)
    for background, mode in (
        ("blur&strength=1", "RGB"),
        ("transparent", "RGBA"),
        ("colour&colour=00ff00", "RGB"),
    ):
        shown = Image.open(BytesIO(client.get(f"{at}/effect?background={background}").content))
        assert (shown.mode, shown.size) == (mode, (80, 60))
    answer = client.post(f"{at}/effect?background=image", content=photo(9))  # type: ignore[assignment]
    assert answer.status_code == 200  # type: ignore[attr-defined]


def test_strokes_and_boxes_find_an_object(client: TestClient) -> None:
    at = f"photos/{upload(client)['id']}"
    for request in (
        {"on": [[30, 40]], "off": [[2, 2]]},
        {"on": [], "off": [], "box": [8, 16, 52, 64]},
        {"on": [[30, 40]], "within": encode_rle(np.zeros((60, 80), bool))},
    ):
        answer = client.post(f"{at}/segment", json=request)
        assert answer.status_code == 200, answer.text
        found = decode_rle(answer.json()["rle"], (60, 80))
        assert np.mean(found == disc_mask()) > 0.95, request


def test_what_is_saved_is_found_again_checked_and_learnt(
    client: TestClient,
    page: Page,
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    export_as(monkeypatch, "voc")
    mask = disc_mask()
    content = {"instances": [{"id": 4, "class_id": DOG, "rle": encode_rle(mask)}]}
    for number in range(4):
        id_ = upload(client, photo(number))["id"]
        kept = client.put(f"photos/{id_}/annotation", json=content)
        assert kept.json()["state"] == "saved", kept.text
    saved = tmp_path / "saved"
    # Photos of one name but other content stay apart.
    assert sorted(p.name for p in saved.glob("*.json")) == [
        *("a.json", "a_2.json", "a_3.json", "a_4.json")
    ]
    again = Page(predictor, "voc", saved)
    found = again.add(saved / "a.png")
    assert found.state == "saved"
    assert found.instances is not None
    assert (found.instances[0].mask == mask).all()
    assert (found.instances[0].class_id, found.instances[0].id) == (DOG, 4)
    again.close()

    dataset = open_dataset(saved, options=ReadOptions(classes=VOC), say=str)
    assert (dataset[0].label_map == DOG * mask).all()
    checked = call("check", saved)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    page.training._begin(saved, "voc", 1)
    command = page.training._command[1:]
    place = command.index("--minutes")
    command = [*command[command.index("train") : place], *command[place + 2 :]]
    small = ("--epochs", "1", "--crop", "32", "--side", "32", "--batch", "2", "--val", "0")
    learnt = call(*command, *small)
    assert learnt.returncode == 0, learnt.stderr
    assert page.training.progress()["epoch"] == 1
    card = read_card(page.training._out / "model.onnx")  # type: ignore[operator]
    assert card.classes.names == VOC.names
    assert card.second_look == predictor.card.second_look > 0


def test_what_was_saved_of_one_photo_is_not_lost_to_another(
    client: TestClient, predictor: Predictor, tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    for name, class_id in (("a.png", DOG), ("a.bmp", DOG - 4)):
        content = {"instances": [GOOD | {"class_id": class_id}]}
        id_ = upload(client, photo(class_id), name)["id"]
        assert client.put(f"photos/{id_}/annotation", json=content).status_code == 200
    (saved / "z.json").write_text("{")
    page = Page(predictor, "voc", saved)
    for path, class_id in ((saved / "a.png", DOG), (saved / "a_2.bmp", DOG - 4)):
        found = page.add(path)
        assert found.instances is not None, path
        assert found.instances[0].class_id == class_id
    shape = {"label": "zebra", "points": [[0, 0], [9, 0], [9, 9]], "shape_type": "polygon"}
    (saved / "a.json").write_text(json.dumps({"imagePath": "a.png", "shapes": [shape]}))
    page.close()
    page = Page(predictor, "voc", saved)
    with pytest.raises(DataError, match=r"a\.json"):
        page.add(saved / "a.png")
    assert len(page.photos) == 0
    page.close()


def box(label: str, box: tuple[int, int, int, int], **more: Any) -> dict[str, Any]:
    """Return a labelme shape; ``box`` is (left, top, right, bottom)."""
    points = [list(box[:2]), list(box[2:])]
    return {"label": label, "points": points, "shape_type": "rectangle"} | more


def labelled(saved: Path, shapes: list[dict[str, Any]], **more: Any) -> Path:
    """Write a photo and its labelme file."""
    saved.mkdir(exist_ok=True)
    (saved / "a.png").write_bytes(photo())
    (saved / "a.json").write_text(json.dumps({"imagePath": "a.png", "shapes": shapes} | more))
    return saved / "a.png"


def only_sample(saved: Path) -> Sample:
    dataset = open_dataset(saved, options=ReadOptions(classes=VOC), say=str)
    assert len(dataset) == 1
    return dataset[0]


def save_again(client: TestClient, id_: str, *more: dict[str, Any]) -> None:
    """Send the instances of a photo back as they came, as the page does, and others after them."""
    kept = client.get(f"photos/{id_}/annotation").json()["instances"]
    answer = client.put(f"photos/{id_}/annotation", json={"instances": [*kept, *more]})
    assert answer.status_code == 200, answer.text


def downloaded(client: TestClient, id_: str) -> np.ndarray[Any, Any]:
    data = client.get(f"photos/{id_}/download?format=png").content
    return np.array(Image.open(BytesIO(data)))


def test_what_lies_on_top_in_a_labelme_file_stays_there(
    client: TestClient, page: Page, tmp_path: Path
) -> None:
    shapes = [box("horse", (10, 10, 50, 50)), box("person", (30, 20, 70, 40))]
    id_ = page.add(labelled(tmp_path / "saved", shapes)).id
    before = only_sample(tmp_path / "saved").label_map
    assert before[30, 40] == VOC.index("person")
    assert (downloaded(client, id_) == before).all()
    save_again(client, id_)
    after = only_sample(tmp_path / "saved")
    assert (after.label_map == before).all()
    assert [one.class_id for one in after.instances or ()] == [
        *(VOC.index("horse"), VOC.index("person"))
    ]


def test_what_the_page_does_not_show_of_a_labelme_file_stays(
    client: TestClient, page: Page, tmp_path: Path
) -> None:
    saved, more = tmp_path / "saved", {"flags": {"crowd": True, "blurred": True}}
    shapes = [
        box("__ignore__", (0, 0, 9, 9)),
        box("dog", (20, 20, 39, 39), description="far away", **more),
        box("person", (50, 20, 69, 39)),
        box("__ignore__", (30, 30, 49, 49)),
    ]
    id_ = page.add(labelled(saved, shapes, flags={"checked": True}, place="here")).id
    before = only_sample(saved)
    assert np.count_nonzero(before.label_map == VOID) == 10 * 10 + 20 * 20
    for _ in range(2):
        save_again(client, id_)
        after = only_sample(saved)
        assert (after.label_map == before.label_map).all()
        assert [one.crowd for one in after.instances or ()] == [True, False]
        content = json.loads((saved / "a.json").read_text())
        assert (content["flags"], content["place"]) == ({"checked": True}, "here")
        dog = content["shapes"][0]
        assert (dog["description"], dog["flags"]) == ("far away", more["flags"])
    assert (downloaded(client, id_) == before.label_map).all()
    assert client.get(f"photos/{id_}/download?format=coco").status_code == 200
    # What is painted where void was is no void any more.
    painted = np.zeros((60, 80), bool)
    painted[25:35, 25:35] = True
    save_again(client, id_, {"id": 9, "class_id": DOG - 4, "rle": encode_rle(painted)})
    expected = np.where(painted, DOG - 4, before.label_map)
    assert (only_sample(saved).label_map == expected).all()


def test_masks_without_instances_are_shown_and_stay(
    client: TestClient, page: Page, tmp_path: Path
) -> None:
    label_map = np.zeros((60, 80), np.uint8)
    label_map[5:20, 5:20] = label_map[30:50, 40:60] = DOG
    label_map[30:50, 10:30], label_map[0] = DOG - 4, VOID
    image = np.asarray(Image.open(BytesIO(photo())))
    saved = write_samples(
        [Sample("a", image, label_map, VOC)], tmp_path / "saved", "labelme", "all"
    )
    found = page.add(saved / "a.png")
    assert found.state == "saved"
    assert [one.class_id for one in found.instances or ()] == [DOG - 4, DOG, DOG]
    save_again(client, found.id)
    assert (only_sample(saved).label_map == label_map).all()


def test_a_photo_is_found_again_beside_another_of_its_name(
    predictor: Predictor, tmp_path: Path
) -> None:
    saved, paths = tmp_path / "saved", [tmp_path / name / "a.png" for name in "xy"]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_bytes(photo(number))
    for given in ([paths[1]], paths):
        page = Page(predictor, "voc", saved)
        with TestClient(build(page, TOKEN, PORT), base_url=f"{HOST}/{TOKEN}/") as client:
            found = [page.add(path) for path in given]
            answer = client.put(f"photos/{found[-1].id}/annotation", json={"instances": [GOOD]})
            assert answer.status_code == 200
    assert [(one.name, one.state) for one in found] == [("a.png", "new"), ("a_2.png", "saved")]
    assert sorted(path.name for path in saved.iterdir()) == ["a.json", "a.png"]


def test_saves_at_once_leave_one_whole_file(client: TestClient, tmp_path: Path) -> None:
    id_ = upload(client)["id"]

    def save(class_id: int) -> int:
        content = {"instances": [GOOD | {"class_id": class_id}]}
        return client.put(f"photos/{id_}/annotation", json=content).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(save, range(1, 21))) == {200}
    kept = client.get(f"photos/{id_}/annotation").json()["instances"]
    sample = only_sample(tmp_path / "saved")
    assert [one.class_id for one in sample.instances or ()] == [kept[0]["class_id"]]


class Started:
    """A training that is at work until it is stopped."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = 1

    def wait(self, _: float = 0) -> int | None:
        return self.code


def test_two_clicks_start_one_training(
    client: TestClient, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.app.training.subprocess.Popen", Started)
    client.put(f"photos/{upload(client)['id']}/annotation", json={"instances": [GOOD]})
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: client.post("train", json={"minutes": 1}), range(4))
        assert sorted(answer.status_code for answer in answers) == [202, 400, 400, 400]
    (started,) = (tmp_path / "saved-training").iterdir()
    # The new weights look as often as those that they are compared with.
    settings = json.loads((started / "recipe.json").read_text())["settings"]
    assert settings["second_look"] == predictor.card.second_look > 0


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text here")
def test_a_name_that_is_no_text_is_shown_and_saved(
    client: TestClient, page: Page, predictor: Predictor, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(photo())
    id_ = page.add(path).id
    assert client.get("state").json()["photos"][0]["name"] == "caf\ufffd.png"
    answer = client.put(f"photos/{id_}/annotation", json={"instances": [GOOD]})
    assert answer.status_code == 200, answer.text
    again = Page(predictor, "voc", tmp_path / "saved")
    assert again.add(path).state == "saved"
    again.close()


def test_port_80_is_left_out_of_addresses(page: Page) -> None:
    for address in ("http://127.0.0.1", "http://127.0.0.1:80"):
        with TestClient(build(page, TOKEN, 80), base_url=f"{address}/{TOKEN}/") as client:
            answer = client.get("state", headers={"Origin": "http://127.0.0.1"})
            assert answer.status_code == 200
            assert client.get("state", headers={"Host": "127.0.0.1:81"}).status_code == 403


def test_the_background_is_blurred_by_the_weights_for_what_stands_out(
    predictor: Predictor, tmp_path: Path
) -> None:
    finder = Predictor.load(FOREGROUND_WEIGHTS)
    page = Page(predictor, "voc", tmp_path / "saved", finder)
    image = skimage.data.astronaut()
    one = page.photos.add_bytes("astronaut.png", png(image))
    expected = {
        kind: (255 * find_subject(kind, image).alpha(image)).round().astype(np.uint8)
        for kind in (finder, predictor)
    }
    assert not np.array_equal(expected[finder], expected[predictor])
    np.testing.assert_array_equal(255 * page.answers.alpha(one), expected[finder])
    # Weights that were trained on the page have learnt what was corrected.
    page.answers.use(predictor)
    np.testing.assert_array_equal(255 * page.answers.alpha(one), expected[predictor])
    page.close()


def test_photos_are_seen_while_nobody_waits(client: TestClient) -> None:
    for number in range(3):
        upload(client, photo(number), f"{number}.png")
    for _ in range(100):
        if all(one["state"] == "ready" for one in client.get("state").json()["photos"]):
            return
        time.sleep(0.1)
    raise AssertionError("the network did not see them")


def test_no_speck_of_a_class_is_left_beside_its_instance() -> None:
    label_map = np.zeros((40, 60), np.uint8)
    label_map[10:30, 10:30] = DOG
    label_map[35:37, 50:55] = DOG
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:28] = True
    instance = Instance.of(mask, DOG, 1)
    prediction = Prediction(label_map, VOC, np.zeros((21, 4, 6), np.float32), (instance,))
    whole, alone = all_painted(prediction)
    assert (whole.mask == (label_map == DOG) & (np.indices((40, 60))[0] < 32)).all()
    assert alone.area == 10


def test_downloads(client: TestClient) -> None:
    at = f"photos/{upload(client)['id']}"
    mask = disc_mask()
    content = {"instances": [{"id": 1, "class_id": DOG, "rle": encode_rle(mask)}]}
    client.put(f"{at}/annotation", json=content)
    label_map = np.array(Image.open(BytesIO(client.get(f"{at}/download?format=png").content)))
    assert (label_map == DOG * mask).all()
    coco = client.get(f"{at}/download?format=coco").json()
    assert coco["annotations"][0]["area"] == mask.sum()
    labelme = client.get(f"{at}/download?format=labelme")
    assert labelme.json()["shapes"][0]["label"] == "dog"
    assert 'filename="a.json"' in labelme.headers["content-disposition"]
    cut = Image.open(BytesIO(client.get(f"{at}/download?format=cutout").content))
    assert (np.array(cut)[..., 3] > 127).sum() == pytest.approx(mask.sum(), rel=0.1)


def test_programs_get_json_or_png(client: TestClient) -> None:
    answer = client.post("predict", content=photo()).json()
    assert answer["size"] == [60, 80]
    painted = sum(decode_rle(one["rle"], (60, 80)).sum() for one in answer["label_map"])
    assert painted == 60 * 80
    shown = client.post("predict", content=photo(), headers={"Accept": "image/png"})
    assert Image.open(BytesIO(shown.content)).mode == "P"


def bomb(side: int) -> bytes:
    """Return a small PNG of very many pixels."""
    target = BytesIO()
    Image.new("1", (side, side)).save(target, "PNG")
    return target.getvalue()


GOOD = {"id": 1, "class_id": DOG, "rle": encode_rle(disc_mask())}
STROKES: list[Any] = [
    *({}, {"on": [[99, 0]]}, {"on": "x"}, {"on": [[1, 2, 3]]}, {"on": [[True, 1]]}, []),
    *({"box": [5, 5, 5, 9]}, {"box": [0, 0, 9]}, {"on": [[1, 1]], "within": {"size": 3}}),
]
ANNOTATIONS: list[Any] = [
    *({}, [], {"instances": [1]}, {"instances": [GOOD, GOOD]}),
    {"instances": [GOOD | {"id": 0}]},
    {"instances": [GOOD | {"class_id": 0}]},
    {"instances": [GOOD | {"class_id": "dog"}]},
    {"instances": [GOOD | {"rle": {"size": [9, 9], "counts": "11"}}]},
    {"instances": [GOOD | {"rle": {"size": [60, 80], "counts": "~~~"}}]},
]
MALFORMED: list[tuple[int, str, str, dict[str, Any]]] = [
    *(
        (403, "GET", "state", {"headers": {"Host": host}})
        for host in (
            *("evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:8765.evil.example", ""),
        )
    ),
    *(
        (403, "GET", "state", {"headers": {"Origin": origin}})
        for origin in (
            *("http://evil.example", "null", "https://127.0.0.1:8765", "http://127.0.0.1:1"),
        )
    ),
    *(
        (404, "GET", f"{HOST}{path}", {})
        for path in (
            *("/", "/state", f"/{TOKEN}", f"/{TOKEN[1:]}/state", f"/{TOKEN}x/state", "//state"),
            *(f"/{TOKEN.upper()}/state", f"/x/{TOKEN}/state"),
        )
    ),
    *(
        (404, "GET", path, {})
        for path in (
            *("photos/99/image", "photos/a/answer", "photos/-1/regions", "clips/7", "nothing"),
            *(
                "static/none.js",
                "static/%2e%2e/server.py",
                "static/..%2fserver.py",
                "photos/1/secret",
            ),
        )
    ),
    *(
        (405, method, path, {})
        for method, path in (
            *(("PUT", "state"), ("DELETE", "state"), ("PATCH", "photos"), ("GET", "photos")),
            *(("POST", "photos/1/annotation"), ("PUT", "train"), ("GET", "predict")),
        )
    ),
    (413, "POST", "photos", {"content": b"x" * 10, "headers": {"Content-Length": str(1 << 40)}}),
    (413, "POST", "photos", {"content": b"x" * 10, "headers": {"Content-Length": "-5"}}),
    (413, "POST", "photos", {"content": bomb(11_000)}),
    (415, "POST", "photos", {"content": bomb(20_000)}),
    *(
        (413, "POST", path, {"content": bomb(11_000)})
        for path in ("predict", "camera", "photos/1/effect?background=image")
    ),
    (415, "POST", "photos", {"content": b"not an image"}),
    (415, "POST", "photos", {"content": photo()[:60]}),
    (415, "POST", "predict", {"content": b"\xff\xd8\xff" + bytes(50)}),
    (415, "POST", "camera", {"content": b"GIF89a"}),
    (400, "POST", "photos", {"content": b""}),
    (400, "POST", "predict", {"content": b""}),
    *(
        (400, "GET", f"photos/1/effect?{query}", {})
        for query in (
            *("background=lava", "background=colour&colour=red", "background=image"),
            *("strength=nan", "strength=7", "strength=x"),
        )
    ),
    *(
        (400, "GET", f"photos/1/{query}", {})
        for query in (
            *("image?longest=-1", "image?longest=1e9", "download", "download?format=exe"),
        )
    ),
    *((400, "POST", "photos/1/segment", {"json": body}) for body in STROKES),
    *((400, "PUT", "photos/1/annotation", {"json": body}) for body in ANNOTATIONS),
    (400, "PUT", "photos/1/annotation", {"content": b"{"}),
    (400, "PUT", "photos/1/annotation", {"content": b"[" * 100_000}),
    *(
        (400, "POST", "train", {"json": body})
        for body in (*({}, {"minutes": "x"}, {"minutes": -1}, {"minutes": 1e9}, {"minutes": True}),)
    ),
    *(
        (400, "POST", f"clips?background={kind}", {"content": b"x"})
        for kind in ("transparent", "image")
    ),
]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_malformed_requests_get_a_clear_status_and_change_nothing(
    client: TestClient, page: Page, tmp_path: Path
) -> None:
    assert len(MALFORMED) >= 50
    answer_of(client, upload(client)["id"])
    before = client.get("state").json(), sorted(page.scratch.rglob("*.png"))
    for expected, method, path, request in MALFORMED:
        answer = client.request(method, path, **request)
        assert answer.status_code == expected, (method, path, request, answer.text)
        assert "Content-Security-Policy" in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers
        if expected != 405 and not path.startswith("static"):
            text = answer.json()["error"]
            assert "\n" not in text
            assert str(page.scratch) not in text
    assert (client.get("state").json(), sorted(page.scratch.rglob("*.png"))) == before
    assert not (tmp_path / "saved").exists()


def test_a_name_with_folders_in_it_stays_here(client: TestClient, page: Page) -> None:
    for name in ("../../evil.png", "..%2F..%2Fevil.png", "C:\\evil.png", "%00evil.png", ".."):
        assert "/" not in upload(client, name=name)["name"].replace("\\", "/")
    for one in page.photos.listed():
        assert page.scratch in one.path.parents


def test_many_at_once_are_all_answered(client: TestClient) -> None:
    ids = [upload(client, photo(n), f"{n}.png")["id"] for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda id_: answer_of(client, id_), ids))
    assert len(answers) == 20
    assert all(photo["state"] == "ready" for photo in client.get("state").json()["photos"])


def test_the_cache_is_bounded(page: Page) -> None:
    page.photos.cache._most = 200_000
    for number in range(30):
        one = page.photos.add_bytes(f"{number}.png", photo(number))
        page.answers.answer(one)
        page.answers.alpha(one)
    assert page.photos.cache.bytes <= 200_000
    assert page.photos.image(page.photos["1"]).shape == (60, 80, 3)


def test_ctrl_c_ends_it_at_once_and_keeps_what_was_saved(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.asarray(Image.open(BytesIO(photo()))))
    command = [sys.executable, "-m", "pixelwise", "app", str(tmp_path / "a.png")]
    command += ["--save", str(tmp_path / "saved"), "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urlopen(f"{address}state", timeout=20) as answer:
            assert json.load(answer)["photos"][0]["name"] == "a.png"
        server.send_signal(signal.SIGINT)
        server.wait(10)
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def test_what_cannot_be_read_keeps_no_photo_from_the_page(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    write_image(tmp_path / "day" / "a.png", np.asarray(Image.open(BytesIO(photo()))))
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff cut off")
    command = [sys.executable, "-m", "pixelwise", "app", ".", "--save", ".", "--no-browser"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert server.stdout is not None
        with urlopen(f"{server.stdout.readline().strip()}state", timeout=20) as answer:
            state = json.load(answer)
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=20)
    assert [one["name"] for one in state["photos"]] == ["a.png"]
    assert state["save"] == tmp_path.name
    assert "b.jpg" in said


def test_weights_without_a_background_are_refused() -> None:
    done = run("app", "--weights", "street", "--no-browser")
    assert done.returncode == 2
    assert "know no background" in done.stderr


def test_a_clip_that_waits_is_not_forgotten(tmp_path: Path, predictor: Predictor) -> None:
    pytest.importorskip("av", reason="needs the extra video")
    line = Line()
    go = threading.Event()
    line.join("first", go.wait)
    clips = Clips(tmp_path, line)
    added = [clips.add(f"{i}.mp4", b"no clip", predictor, Blur()) for i in range(6)]
    assert [clips[one.id] for one in added] == added
    go.set()
    line.join("last", lambda: None).result(20)
    assert {one.state for one in added} == {"failed"}
    clips.add("late.mp4", b"no clip", predictor, Blur())
    with pytest.raises(KeyError):
        clips[added[0].id]


def test_a_download_keeps_its_name(client: TestClient) -> None:
    one = upload(client, name="%E7%85%A7%E7%89%87.png")
    answer = client.get(f"photos/{one['id']}/download?format=png")
    said = answer.headers["content-disposition"]
    assert "filename*=UTF-8''%E7%85%A7%E7%89%87_labels.png" in said


def test_a_port_that_is_taken_is_named() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("app", "--port", port, "--no-browser")
    assert done.returncode == 2
    assert f"--port {port}: cannot listen there" in done.stderr
