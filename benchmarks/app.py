"""What the page costs: its memory over many photos, and how long each answer takes.

    python benchmarks/app.py [DATA_FOLDER] --photos 1000

Starts the page, uploads photos one after another and asks for what the page asks: what is found,
the regions, an object from two points, the background blurred. Prints the memory of the server's
process after 50 photos and at the end, and the median time of each answer.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import httpx
import psutil
from timing import ROOT, machine

EARLY = 50
"""Photos after which memory is measured first: caches are filled, libraries are loaded."""

EVERY = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--photos", type=int, default=1000)
    options = parser.parse_args()
    photos = sorted((options.data / "voc2012" / "JPEGImages").glob("*.jpg"))
    command = [sys.executable, "-m", "pixelwise", "app", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None:
                raise RuntimeError("the server prints no address")
            measure(server.stdout.readline().strip(), server.pid, photos, options.photos)
        finally:
            server.terminate()


def measure(address: str, process_id: int, photos: list[Path], count: int) -> None:
    print(f"{count} photos, {machine()}", flush=True)
    seconds: dict[str, list[float]] = defaultdict(list)
    process, early = psutil.Process(process_id), 0.0
    with httpx.Client(base_url=address, timeout=120) as client:

        def ask(what: str, method: str, path: str, **content: object) -> httpx.Response:
            started = time.perf_counter()
            answer = client.request(method, path, **content)  # type: ignore[arg-type]
            answer.raise_for_status()
            seconds[what].append(time.perf_counter() - started)
            return answer

        for number, path in enumerate(itertools.islice(itertools.cycle(photos), count), 1):
            headers = {"X-Name": f"{number}.jpg"}
            added = ask("upload", "POST", "photos", content=path.read_bytes(), headers=headers)
            photo = added.json()
            one = f"photos/{photo['id']}"
            while ask("what is found", "GET", f"{one}/answer").status_code == 202:
                time.sleep(0.01)
            ask("regions", "GET", f"{one}/regions")
            middle = [photo["height"] // 2, photo["width"] // 2]
            points = {"on": [middle], "off": [[2, 2]], "box": None, "within": None}
            ask("object from points", "POST", f"{one}/segment", json=points)
            ask("blur", "GET", f"{one}/effect?background=blur&strength=0.5")
            used = process.memory_info().rss / 2**20
            if number == EARLY:
                early = used
            if number % EVERY == 0 or number == count:
                print(f"{number:5d} photos: {used:.0f} MB", flush=True)
    print(f"memory from {EARLY} to {count} photos: {used - early:+.0f} MB")
    for what, times in seconds.items():
        print(f"{what}: {1000 * statistics.median(times):.0f} ms")


if __name__ == "__main__":
    main()
