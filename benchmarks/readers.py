"""Reading a VOC data set: the textbook loop, `Dataset.load`, the bare decoders, and the cache.

python benchmarks/readers.py [FOLDER] [--n 145]

All of them read each photo and its mask at full size and keep them. The textbook loop decodes the
photo and the palette PNG to RGB with Pillow and looks every pixel's colour up in a table of 256^3
entries. The bare limit is the decoders that pixelwise uses, in as many threads as there are cores,
with nothing around them. A sample of the cache counts as read when every byte of it was copied.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image
from timing import VOC, machine, paired
from zlib_ng import zlib_ng

from pixelwise import open_dataset
from pixelwise.classes import voc_colormap
from pixelwise.datasets import Dataset, draw_shapes


def textbook(dataset: Dataset, table: np.ndarray) -> list[object]:
    kept: list[object] = []
    for entry in dataset.entries:
        with Image.open(entry.image_path) as photo, Image.open(entry.label_path) as mask:
            image = np.asarray(photo.convert("RGB"))
            colours = np.asarray(mask.convert("RGB")).astype(np.int32)
        kept.append(
            (image, table[(colours[..., 0] * 256 + colours[..., 1]) * 256 + colours[..., 2]])
        )
    return kept


def colour_table() -> np.ndarray:
    table = np.zeros(256**3, dtype=np.int64)
    for id_, (r, g, b) in enumerate(voc_colormap().astype(np.int64)):
        table[(r * 256 + g) * 256 + b] = id_
    return table


def bare(dataset: Dataset) -> list[object]:
    def decode(part: list[tuple[Path, Path]]) -> list[object]:
        return [
            (simplejpeg.decode_jpeg(photo.read_bytes()), png_levels(mask.read_bytes()))
            for photo, mask in part
        ]

    pairs = [(entry.image_path, entry.label_path) for entry in dataset.entries]
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        parts = pool.map(decode, [pairs[i : i + 8] for i in range(0, len(pairs), 8)])
        return [pair for part in parts for pair in part]


def png_levels(data: bytes) -> np.ndarray:
    """Inflate an 8-bit PNG without filters, checking nothing."""
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    parts, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IDAT":
            parts.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    rows = zlib_ng.decompress(b"".join(parts), bufsize=height * (width + 1))
    return np.ascontiguousarray(np.frombuffer(rows, np.uint8).reshape(height, width + 1)[:, 1:])


def one_by_one(dataset: Dataset) -> Callable[[], None]:
    def read() -> None:
        for sample in dataset:
            sample.image.copy()
            sample.label_map.copy()

    return read


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=VOC)
    parser.add_argument("--n", type=int, default=145)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.folder
        if not path.is_dir():
            print(f"{path} is absent: drawn pictures of VOC's size instead")
            path = draw_shapes(Path(folder) / "shapes", train=options.n, val=1, size=(375, 500))
        dataset = open_dataset(path)[: options.n]
        cache = dataset.cached(Path(folder) / "cache")
        n, table = len(dataset), colour_table()

        def load() -> object:
            return dataset.load(say=str)

        loop, load_a, ratio = paired(lambda: textbook(dataset, table), load, options.rounds)
        limit, load_b, reached = paired(lambda: bare(dataset), load, options.rounds)
        decode, mapped, faster = paired(one_by_one(dataset), one_by_one(cache), options.rounds)
        del cache
    print(f"{machine()}; {n} samples of {path.name}, median of {options.rounds} rounds")
    print(f"textbook loop           {1000 * loop / n:7.2f} ms a sample")
    print(f"Dataset.load            {1000 * load_a / n:7.2f} ms a sample: {ratio:.1f} times faster")
    print(
        f"bare decoders           {1000 * limit / n:7.2f} ms a sample on all cores: Dataset.load "
        f"({1000 * load_b / n:.2f} ms) reaches {reached:.2f} of their speed"
    )
    print(f"decoding one by one     {1000 * decode / n:7.2f} ms a sample, copied")
    print(
        f"Dataset.cached          {1000 * mapped / n:7.2f} ms a sample: {faster:.1f} times faster"
    )


if __name__ == "__main__":
    main()
