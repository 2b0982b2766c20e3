"""Reading a VOC data set: `Dataset.load` against the loop of the textbooks, one run.

python benchmarks/readers.py [FOLDER] [--n 145]

The textbook loop decodes the photo, decodes the palette PNG into RGB, and looks every pixel's
colour up in a table of 256^3 entries. The bare limit is what the decoders alone need on one
thread, times the number of cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from timing import VOC, machine, paired

from pixelwise import open_dataset
from pixelwise.classes import voc_palette
from pixelwise.datasets import Dataset, draw_shapes


def textbook(dataset: Dataset) -> None:
    table = np.zeros(256**3, dtype=np.int64)
    for id_, (r, g, b) in enumerate(voc_palette().astype(np.int64)):
        table[(r * 256 + g) * 256 + b] = id_
    for entry in dataset.entries:
        with Image.open(entry.image_path) as photo, Image.open(entry.label_path) as mask:
            np.asarray(photo.convert("RGB"))
            colours = np.asarray(mask.convert("RGB")).astype(np.int64)
        _ = table[(colours[..., 0] * 256 + colours[..., 1]) * 256 + colours[..., 2]]


def bare(dataset: Dataset) -> None:
    for entry in dataset.entries:
        cv2.imdecode(np.fromfile(entry.image_path, np.uint8), cv2.IMREAD_COLOR_RGB)
        with Image.open(entry.label_path) as mask:
            np.asarray(mask)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=VOC)
    parser.add_argument("--n", type=int, default=145)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.folder
        if not path.is_dir():
            print(f"{path} is absent: drawn pictures of VOC's size instead")
            path = draw_shapes(folder, train=options.n, val=1, size=(375, 500))
        dataset = open_dataset(path)[: options.n]
        n = len(dataset)
        loop, load, ratio = paired(lambda: textbook(dataset), dataset.load, options.rounds)
        limit, load_again, against = paired(lambda: bare(dataset), dataset.load, options.rounds)
    print(f"{machine()}; {n} samples of {path.name}, median of {options.rounds} rounds")
    print(f"textbook loop            {1000 * loop / n:7.2f} ms a sample")
    print(f"Dataset.load             {1000 * load / n:7.2f} ms a sample: {ratio:.1f} times faster")
    print(
        f"bare decoders, 1 thread  {1000 * limit / n:7.2f} ms a sample: Dataset.load reaches "
        f"{against / (os.cpu_count() or 1):.2f} of their limit on all cores "
        f"({1000 * load_again / n:.2f} ms)"
    )


if __name__ == "__main__":
    main()
