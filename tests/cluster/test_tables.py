"""Tables of many images: what they say, and what survives when something breaks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise import Predictor, predict_files, write_image
from pixelwise.errors import DataError
from pixelwise.io.mask import read_instance_map, read_label_map
from tests.conftest import run
from tests.toy import CARD, write_toy

pa = pytest.importorskip("pyarrow", reason="needs the extra table")

from pixelwise.cluster import Job, draw_row, predict_table  # noqa: E402
from pixelwise.cluster.schema import from_bytes  # noqa: E402
from pixelwise.cluster.work import Options  # noqa: E402

FINDS = replace(CARD, task="instance", instance_classes=(1,))


def draw(folder: Path, count: int, first: int = 0) -> Path:
    """Write small images with a red square each, in two folders with the same names."""
    for number in range(first, first + count):
        image = np.full((20, 24, 3), 90, dtype=np.uint8)
        image[4:14, 2 + number % 9 : 12 + number % 9] = (200, 90, 30)
        image[8, 6 + number % 9] = (200, 230, 30)
        write_image(folder / f"day{number % 2}" / f"{number // 2:04}.png", image)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("weights") / "toy.onnx", FINDS)


def rows(folder: Path, kind: str = "images") -> list[dict[str, Any]]:
    """Return all rows of a kind, sorted."""
    tables = [from_bytes(p.read_bytes(), p.name)[0] for p in folder.glob(f"{kind}-*.parquet")]
    found = [row for table in tables for row in table.to_pylist()]
    return sorted(found, key=lambda row: (row["path"], row.get("id") or 0))


def test_rows_say_what_predict_says(tmp_path: Path, weights: Path) -> None:
    photos = draw(tmp_path / "photos", 6)
    summary = predict_table(Job(photos, tmp_path / "tables", weights, part=4))
    assert (summary.predicted, summary.known, summary.failed) == (6, 0, 0)
    assert len(list((tmp_path / "tables").glob("images-*.parquet"))) == 2
    predict_files(Predictor.load(weights), sorted(photos.rglob("*.png")), tmp_path / "files")
    found = rows(tmp_path / "tables")
    assert [row["path"] for row in found] == sorted(
        path.relative_to(photos).as_posix() for path in photos.rglob("*.png")
    )
    instances = rows(tmp_path / "tables", "instances")
    assert any(one["score"] < 1 for one in instances)
    for row in found:
        drawn = draw_row(tmp_path / "tables", row["path"])
        name = row["path"].removesuffix(".png")
        label_map = read_label_map(tmp_path / "files" / f"{name}.png")
        assert (drawn.label_map == label_map).all()
        for one in row["classes"]:
            assert one["area"] == np.count_nonzero(label_map == one["id"])
        instance_map = read_instance_map(tmp_path / "files" / f"{name}_instances.png")
        assert (drawn.instance_map == instance_map).all()
        scores = {one["id"]: one["score"] for one in instances if one["path"] == row["path"]}
        assert {one.id: one.score for one in drawn.instances} == scores
    for row in instances:
        assert row["class"] == "red"
        assert row["area"] <= (row["bottom"] - row["top"]) * (row["right"] - row["left"])


def test_duckdb_reads_them(tmp_path: Path, weights: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="needs duckdb")
    predict_table(Job(draw(tmp_path / "photos", 4), tmp_path / "tables", weights))
    found = duckdb.sql(
        f"select path, c.name, c.area from (select path, unnest(classes) as c "
        f"from '{tmp_path}/tables/images-*.parquet') where c.name = 'red'"
    ).fetchall()
    assert sorted(found) == [
        (row["path"], one["name"], one["area"])
        for row in rows(tmp_path / "tables")
        for one in row["classes"]
        if one["name"] == "red"
    ]


def test_the_command_continues_and_retries(tmp_path: Path, weights: Path) -> None:
    photos, tables = draw(tmp_path / "photos", 4), tmp_path / "tables"
    (photos / "bad.jpg").write_text("no image")
    command = ("predict", photos, "--out", tables, "--save", "parquet", "--weights", weights)
    done = run(*command)
    assert done.returncode == 2
    assert "predicted 5 images" in done.stdout
    assert "1 images could not be read" in done.stderr
    (bad,) = (row for row in rows(tables) if row["error"])
    assert bad["path"] == "bad.jpg"
    assert bad["error"].startswith("bad.jpg: not an image")
    before = {path: path.read_bytes() for path in tables.iterdir()}
    draw(photos, 2, first=4)
    write_image(photos / "bad.png", np.zeros((8, 8, 3), np.uint8))
    (photos / "bad.png").rename(photos / "bad.jpg")
    done = run(*command)
    assert "predicted 2 images" in done.stdout
    assert "; 5 had rows already" in done.stdout
    assert all(path.read_bytes() == content for path, content in before.items())
    done = run(*command, "--retry-failed")
    assert done.returncode == 0, done.stderr
    assert "predicted 1 images" in done.stdout
    assert [row["error"] for row in rows(tables)] == [None] * 7
    done = run("masks", tables, "--image", "day1/0000.png", "--out", tmp_path / "masks")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "masks" / "day1").iterdir()) == [
        "0000.png",
        "0000_instances.png",
    ]
    done = run("masks", tables, "--image", "day9/0000.png", "--out", tmp_path / "masks")
    assert "no row of an image" in done.stderr


@pytest.mark.parametrize("other", ["weights", "options"])
def test_other_weights_or_options_do_not_mix(tmp_path: Path, weights: Path, other: str) -> None:
    photos, tables = draw(tmp_path / "photos", 2), tmp_path / "tables"
    predict_table(Job(photos, tables, weights))
    before = rows(tables)
    if other == "weights":
        job = Job(photos, tables, write_toy(tmp_path / "toy.onnx"))
    else:
        job = Job(photos, tables, weights, Options(min_area=5))
    with pytest.raises(DataError, match=r"holds results with (sha256|min area) .* choose another"):
        predict_table(job)
    assert rows(tables) == before


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path, weights: Path) -> None:
    photos, tables = draw(tmp_path / "photos", 120), tmp_path / "tables"
    command = [sys.executable, "-m", "pixelwise", "predict", str(photos), "--out", str(tables)]
    command += ["--save", "parquet", "--weights", str(weights), "--part", "3"]
    rng = random.Random(0)
    for _ in range(4):
        parts = len(list(tables.glob("*"))) if tables.exists() else 0
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            # Until it has written something new, and then a little further.
            while process.poll() is None and len(list(tables.glob("*"))) <= parts:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
    done = run(*command[3:])
    assert done.returncode == 0, done.stderr
    assert "had rows already" in done.stdout
    paths = [row["path"] for row in rows(tables)]
    assert len(paths) == len(set(paths)) == 120
    kept = {path.name.split("-")[1] for path in tables.glob("images-*")}
    assert {path.name.split("-")[1] for path in tables.glob("instances-*")} == kept
    assert not [path for path in tables.iterdir() if path.name.startswith(".")]


def test_a_full_disk_is_one_line_and_keeps_what_was_written(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, tables = draw(tmp_path / "photos", 6), tmp_path / "tables"
    write, written = Path.write_bytes, []

    def full(path: Path, data: bytes) -> int:
        if path.suffix == ".parquet":
            written.append(path)
            if len(written) > 3:
                raise OSError(28, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(DataError, match="cannot be written: No space left on device"):
            predict_table(Job(photos, tables, weights, part=2))
    assert len(rows(tables)) == 2
    assert predict_table(Job(photos, tables, weights, part=2)).predicted == 4
    assert len({row["path"] for row in rows(tables)}) == len(rows(tables)) == 6


@pytest.mark.skipif(os.environ.get("PIXELWISE_NO_RAY") == "1", reason="PIXELWISE_NO_RAY is 1")
def test_ray_writes_the_same_rows_and_survives_its_workers(tmp_path: Path, weights: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    photos = draw(tmp_path / "photos", 40)
    (photos / "bad.jpg").write_text("no image")
    predict_table(Job(photos, tmp_path / "threads", weights, part=5))
    code = """
import os, signal, sys, threading, time
import psutil, ray
from pixelwise.cluster import Job, predict_table
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="critical")
def kill():
    # As soon as a worker has written a part, it dies.
    while True:
        time.sleep(0.05)
        if os.path.isdir(sys.argv[2]) and len(os.listdir(sys.argv[2])) > 2:
            for process in psutil.process_iter(["cmdline"]):
                if "".join(process.info["cmdline"] or ()).startswith("ray::MapWorker"):
                    print("killed")
                    os.kill(process.pid, signal.SIGKILL)
                    return
threading.Thread(target=kill, daemon=True).start()
job = Job(sys.argv[1], sys.argv[2], sys.argv[3], engine="ray", workers=1, part=5)
print(predict_table(job))
"""
    command = [sys.executable, "-c", code, *map(str, (photos, tmp_path / "ray", weights))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "killed" in done.stdout
    for kind in ("images", "instances"):
        assert rows(tmp_path / "ray", kind) == rows(tmp_path / "threads", kind)
