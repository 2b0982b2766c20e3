"""What forty photos and ten minutes give: random weights, the pretrained encoder, weights `voc`.

    python benchmarks/few_photos.py ../shared/data/cats

Takes 40 photos of the train split with masks of 0 and 255, as a newcomer has them, trains on them
by the plan alone, and scores foreground IoU on the val split. `voc` itself learnt from photos of
this train split, among many others, but not from val.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from timing import machine

from pixelwise import Dataset, Predictor, open_dataset
from pixelwise.datasets import ReadOptions
from pixelwise.evaluation import evaluate

STARTS = {
    "random weights": ("--encoder", "none"),
    "pretrained encoder": (),
    "weights voc": ("--weights", "voc"),
}


def write_photos(dataset: Dataset, folder: Path) -> None:
    """Write photos into ``images`` and their masks of 0 and 255 into ``masks``."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index, entry in enumerate(dataset.entries):
        sample = dataset[index]
        mask = sample.label_map
        # What is void to the annotator is background to a newcomer.
        white = np.where((mask > 0) & (mask < 255), 255, 0).astype(np.uint8)
        Image.fromarray(sample.image).save(folder / "images" / f"{entry.name}.png")
        Image.fromarray(white).save(folder / "masks" / f"{entry.name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--start", choices=STARTS, action="append")
    options = parser.parse_args()
    train, val = (open_dataset(options.data, s, say=str).semantic() for s in ("train", "val"))
    print(f"{machine()}; {options.photos} photos, {options.minutes:g} minutes")
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "mine")
        write_photos(train[:: max(1, len(train) // options.photos)][: options.photos], photos)
        rest = Path(folder, "val")
        write_photos(val, rest)
        held_out = open_dataset(rest, options=ReadOptions(encoding="binary"), say=str)
        for number, start in enumerate(options.start or STARTS):
            out = Path(folder, f"run_{number}")
            command = [sys.executable, "-m", "pixelwise", "train", str(photos), "--out", str(out)]
            command += ["--encoding", "binary"]
            command += ["--minutes", str(options.minutes), *STARTS[start]]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            scores = evaluate(held_out, Predictor.load(out / "model.onnx")).scores
            print(f"{start:20} foreground IoU {scores.foreground_iou:.3f} on {len(val)} val photos")


if __name__ == "__main__":
    main()
