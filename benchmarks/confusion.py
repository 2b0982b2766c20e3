"""The confusion matrix: `confusion_matrix` against numpy's bincount, torchmetrics, and reading.

python benchmarks/confusion.py [--rounds 15]
"""

from __future__ import annotations

import argparse

import numpy as np
from timing import VOC, machine, paired

from pixelwise import confusion_matrix, open_dataset
from pixelwise.samples import Int64Array, UInt8Array

CLASSES = 21


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    # Blocks, as real label maps have them, with a tenth void.
    truth = rng.integers(0, CLASSES, (47, 63)).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.1] = 255
    truth = truth.repeat(8, axis=0).repeat(8, axis=1)
    guess = np.where(rng.random(truth.shape) < 0.9, truth, 0).astype(np.uint8)
    guess[truth == 255] = 0

    def plain() -> Int64Array:
        known = truth != 255
        pairs = CLASSES * truth[known].astype(np.int64) + guess[known]
        return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)

    assert (plain() == confusion_matrix(truth, guess, CLASSES)).all()
    base, ours, ratio = paired(
        lambda: [plain() for _ in range(20)],
        lambda: [confusion_matrix(truth, guess, CLASSES) for _ in range(20)],
        options.rounds,
    )
    pixels = 20 * truth.size
    print(f"{machine()}; {truth.shape[1]} x {truth.shape[0]}, {CLASSES} classes, one thread")
    print(f"numpy.bincount    {1e9 * base / pixels:6.2f} ns a pixel")
    print(f"confusion_matrix  {1e9 * ours / pixels:6.2f} ns a pixel: {ratio:.1f} times faster")
    against_torchmetrics(truth, guess, options.rounds)
    if VOC.is_dir():
        dataset = open_dataset(VOC, "val")
        pairs = [(s.label_map, s.label_map % CLASSES) for s in dataset.load()]
        read, count, share = paired(
            lambda: dataset.load(say=str),
            lambda: [confusion_matrix(truth, guess, CLASSES) for truth, guess in pairs],
            min(5, options.rounds),
        )
        n = len(dataset)
        print(
            f"reading voc2012 val {1000 * read / n:.2f} ms a sample, counting "
            f"{1000 * count / n:.2f} ms: the counter is {share:.1f} times faster than the reader"
        )


def against_torchmetrics(truth: UInt8Array, guess: UInt8Array, rounds: int) -> None:
    """Time the update of its Jaccard index on the same maps, as the int64 tensors it takes."""
    try:
        import torch
        from torchmetrics.classification import MulticlassJaccardIndex
    except ImportError:
        print("torchmetrics is absent: pip install torchmetrics torch==2.13.0")
        return
    torch.set_num_threads(1)
    tensors = [torch.from_numpy(plane.astype(np.int64))[None] for plane in (guess, truth)]
    metric = MulticlassJaccardIndex(CLASSES, ignore_index=255)
    quiet = MulticlassJaccardIndex(CLASSES, ignore_index=255, validate_args=False)
    for name, theirs in (("torchmetrics", metric), ("torchmetrics, unchecked", quiet)):

        def update(theirs: MulticlassJaccardIndex = theirs) -> None:
            for _ in range(3):
                theirs.update(*tensors)

        def count() -> None:
            for _ in range(3):
                confusion_matrix(truth, guess, CLASSES)

        base, _, ratio = paired(update, count, rounds)
        print(
            f"{name:24s}{1e9 * base / (3 * truth.size):7.2f} ns a pixel: {ratio:.1f} times slower"
        )


if __name__ == "__main__":
    main()
