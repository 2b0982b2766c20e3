"""Prediction: `Predictor.predict` against the same network run plainly in eager torch.

python benchmarks/prediction.py [--size 375x500]

Both use two threads and start from the decoded photo; both resize it, run the network, upsample
the logits and take the argmax. torch's weights are random: they cost the same. What `subjects` adds
to that, the border along the photo's edges, is timed apart.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch
from timing import machine, paired
from torch.nn import functional as F

from pixelwise import Predictor
from pixelwise.inference.preprocess import prepare
from pixelwise.networks import build_network


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="375x500", help="HEIGHTxWIDTH of the photo")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    torch.set_num_threads(2)
    careful = Predictor.load(threads=2)
    predictor = replace(careful, card=replace(careful.card, refine_edges=False))
    network = build_network(len(predictor.classes)).eval()
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)

    def eager() -> object:
        with torch.inference_mode():
            logits = network(torch.from_numpy(prepare(image, predictor.card.side))).logits
            full = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
            return full.argmax(dim=1)[0].to(torch.uint8).numpy()

    base, ours, ratio = paired(
        lambda: [eager() for _ in range(5)],
        lambda: [predictor.predict(image) for _ in range(5)],
        options.rounds,
    )
    _, with_edges, _ = paired(
        lambda: [predictor.predict(image) for _ in range(5)],
        lambda: [careful.predict(image) for _ in range(5)],
        options.rounds,
    )
    print(f"{machine()}; a photo of {height} x {width}, two threads")
    print(f"eager torch        {200 * base:7.2f} ms a photo")
    print(f"Predictor.predict  {200 * ours:7.2f} ms a photo: {ratio:.1f} times faster")
    print(f"along the edges    {200 * with_edges:7.2f} ms a photo")


if __name__ == "__main__":
    main()
