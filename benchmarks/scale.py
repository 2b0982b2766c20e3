"""Many images as tables: images a second, memory, and what a job survives.

    python benchmarks/scale.py [DATA_FOLDER] --images 20000 --side 256
    python benchmarks/scale.py --images 2000 --side 64 --kills 30
    python benchmarks/scale.py --images 2000 --nodes

Photos of the data folder are repeated under other names. Without a further option threads and Ray
predict the same images, a twentieth, a tenth, a quarter and all of them; rows are compared. --kills
ends the command with SIGKILL at random moments; --nodes starts two Ray nodes on this machine and
stops one.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import psutil
import pyarrow.parquet as pq
from timing import ROOT, machine

from pixelwise import read_image
from pixelwise.io.image import fit_within

SHARES = (0.05, 0.1, 0.25, 1.0)
"""Of the images: what grows with their number shows."""

POLL = 0.2
"""Seconds between looks at a process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--weights", default="voc")
    parser.add_argument("--workers", type=int, help="of Ray; its default if not given")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--nodes", action="store_true")
    options = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        photos = repeated(options.data, root / "photos", options.images, options.side)
        command = [sys.executable, "-m", "pixelwise", "predict", "--save", "parquet"]
        command += ["--weights", options.weights]
        if options.kills:
            killed(command, photos, root / "tables", options.kills)
        elif options.nodes:
            two_nodes(command, photos, root / "tables")
        else:
            compared(command, photos, root, options)


def repeated(data: Path, out: Path, count: int, side: int) -> Path:
    """Write small copies of photos, each many times; links, so that they take no room."""
    sources = sorted((data / "voc2012" / "JPEGImages").glob("*.jpg"))[:200]
    kept = out.with_name("kept")
    kept.mkdir()
    for number, path in enumerate(sources):
        image = read_image(path)
        height, width = fit_within(image.shape, side)
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(kept / f"{number}.jpg"), small[..., ::-1])
    for number in range(count):
        place = out / f"{number // 1000:03}" / f"{number % 1000:03}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(kept / f"{number % len(sources)}.jpg", place)
    return out


def watched(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds, and the most memory of it and its children, MB."""
    started, most = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        known = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                family = [known, *known.children(recursive=True)]
                most = max(most, sum(p.memory_info().rss for p in family) / 2**20)
            except psutil.NoSuchProcess:
                pass
            time.sleep(POLL)
    if process.returncode:
        raise SystemExit(f"the command failed with {process.returncode}")
    return time.perf_counter() - started, most


def compared(command: list[str], photos: Path, root: Path, options: argparse.Namespace) -> None:
    folders = sorted(photos.iterdir())
    workers = [] if options.workers is None else ["--workers", str(options.workers)]
    for engine in (["--engine", "threads"], ["--engine", "ray", *workers]):
        for share in SHARES:
            source = root / f"of_{share}"
            source.mkdir(exist_ok=True)
            for folder in folders[: max(1, round(share * len(folders)))]:
                if not (source / folder.name).exists():
                    (source / folder.name).symlink_to(folder)
            out = root / f"{engine[1]}_{share}"
            seconds, memory = watched([*command, str(source), "--out", str(out), *engine])
            at_once = 1 if engine[1] == "threads" else options.workers or os.cpu_count() or 1
            count, steady = len(rows(out, "images")), steady_seconds(out, at_once)
            print(
                f"{engine[1]}: {count:,} images, {count / seconds:.1f} images/s with its start, "
                f"{1000 * steady:.1f} ms an image after its start, {memory:.0f} MB at most",
                flush=True,
            )
    for kind in ("images", "instances"):
        same = rows(root / "threads_1.0", kind) == rows(root / "ray_1.0", kind)
        print(f"rows of {kind} are {'equal' if same else 'NOT EQUAL'}")


def steady_seconds(out: Path, at_once: int) -> float:
    """Return the seconds an image without the start of the engine.

    They count from the first parts on: as many come at once as there are workers.
    """
    parts = sorted(out.glob("images-*"), key=lambda path: path.stat().st_mtime)
    images = sum(int(pq.read_metadata(path).num_rows) for path in parts[at_once:])
    return (parts[-1].stat().st_mtime - parts[at_once - 1].stat().st_mtime) / max(1, images)


def rows(out: Path, kind: str) -> list[str]:
    found = [str(row) for p in out.glob(f"{kind}-*") for row in pq.read_table(p).to_pylist()]
    return sorted(found)


def killed(command: list[str], photos: Path, out: Path, kills: int) -> None:
    whole, rng = [*command, str(photos), "--out", str(out), "--part", "16"], random.Random(0)
    for _ in range(kills):
        with subprocess.Popen(whole, stdout=subprocess.DEVNULL) as process:
            time.sleep(rng.uniform(0.5, 4))
            process.send_signal(signal.SIGKILL)
    watched(whole)
    report(photos, out, f"{kills} kills")


def two_nodes(command: list[str], photos: Path, out: Path) -> None:
    ray = str(Path(sys.executable).parent / "ray")
    # `ray start` asks everybody for the token that it writes into the user's folder.
    os.environ["RAY_AUTH_MODE"] = "token"
    head = [ray, "start", "--head", "--port=6399", "--num-cpus=2", "--include-dashboard=false"]
    subprocess.run(head, check=True, stdout=subprocess.DEVNULL)
    node = [ray, "start", "--address=127.0.0.1:6399", "--num-cpus=2", "--block"]
    try:
        with subprocess.Popen(node, stdout=subprocess.DEVNULL) as second:
            time.sleep(5)
            whole = [*command, str(photos), "--out", str(out), "--part", "32"]
            whole += ["--engine", "ray", "--address", "127.0.0.1:6399", "--workers", "3"]
            with subprocess.Popen(whole, stdout=subprocess.DEVNULL) as job:
                while not out.exists() or len(list(out.iterdir())) < 6:
                    time.sleep(POLL)
                second.terminate()
                if job.wait():
                    raise SystemExit(f"the job failed with {job.returncode}")
    finally:
        subprocess.run([ray, "stop"], check=False, stdout=subprocess.DEVNULL)
    report(photos, out, "one of two nodes stopped")


def report(photos: Path, out: Path, what: str) -> None:
    paths = [row["path"] for p in out.glob("images-*") for row in pq.read_table(p).to_pylist()]
    count = sum(1 for _ in photos.rglob("*.jpg"))
    print(f"{what}: {count:,} images, {len(paths):,} rows, {len(set(paths)):,} different paths")


if __name__ == "__main__":
    main()
