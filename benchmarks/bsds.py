"""Regions and boundaries on BSDS500, in the way of the Berkeley benchmark.

python benchmarks/bsds.py [--data ../shared/data/bsds500] [--split val] [--n 10]
    [boundaries superpixels time]

boundaries   Boundaries at each threshold, thinned and matched one-to-one with every person's within
             0.0075 of the diagonal: ODS, OIS, AP. The regions of the same cuts, against every
             person's: Covering, PRI and VOI, each at its best threshold for the data set. For
             felzenszwalb, which gives one region map per scale, a cut is a scale.
superpixels  At about 100, 200 and 400: boundary recall (2 px), undersegmentation error, achievable
             segmentation accuracy, mean over people. OpenCV's are left out if
             opencv-contrib-python-headless is not installed.
time         Seconds from 0.15 to 12 megapixels.

Times are of one image at a time, without decoding, in one process that may use all cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage.segmentation import felzenszwalb, slic
from timing import ROOT, machine, paired

from pixelwise.datasets.bsds import BsdsSample, read_bsds
from pixelwise.metrics.bsds import BoundaryCurve, match_counts
from pixelwise.metrics.regions import (
    achievable_accuracy,
    boundary_recall,
    covering,
    overlaps,
    rand_index,
    region_boundaries,
    undersegmentation_error,
    variation_of_information,
)
from pixelwise.metrics.thinning import thin
from pixelwise.regions import hierarchy, superpixels
from pixelwise.samples import BoolArray, Float32Array, Int32Array, Int64Array, UInt8Array

Cuts = tuple[Float32Array, list[Int32Array]]
Cut = Callable[[UInt8Array], Cuts]
Evaluated = tuple[Int64Array, list[list[float]]]

LEVELS = np.linspace(0.02, 0.98, 33)
SCALES = np.geomspace(20000, 20, 16)
COUNTS = (100, 200, 400)
XIMGPROC: Any = getattr(cv2, "ximgproc", None)


def cuts_of_hierarchy(image: UInt8Array, boundaries: str) -> Cuts:
    found = hierarchy(image, boundaries)
    return found.boundaries, [found.cut(level=float(level)) for level in LEVELS]


def cuts_of_felzenszwalb(image: UInt8Array) -> Cuts:
    maps = [
        felzenszwalb(image, scale, sigma=0.8, min_size=100, channel_axis=-1).astype(np.int32)
        for scale in SCALES
    ]
    # A border's strength is the coarsest scale at which it is there; they do not nest.
    strength = np.zeros(image.shape[:2], dtype=np.float32)
    for i, region_map in reversed(list(enumerate(maps, start=1))):
        strength[region_boundaries(region_map)] = len(maps) + 1 - i
    return strength, maps


def evaluate_cuts(
    photo: BsdsSample, cut: Callable[[UInt8Array], Cuts], levels: Float32Array
) -> Evaluated:
    cv2.setNumThreads(1)
    strength, maps = cut(photo.image)
    people = list(photo.region_maps)
    boundaries = match_counts(strength, [_thin(m) for m in people], levels)
    rows = []
    for region_map in maps:
        tables = [overlaps(region_map, person) for person in people]
        figures = (covering, rand_index, variation_of_information)
        rows.append([float(np.mean([figure(t) for t in tables])) for figure in figures])
    return boundaries, rows


def _thin(region_map: Int32Array) -> BoolArray:
    # Equal to the `Boundaries` of the ground truth files.
    return thin(region_boundaries(region_map))


def boundaries(photos: list[BsdsSample], pool: ProcessPoolExecutor) -> None:
    counted = np.arange(1, len(SCALES) + 1, dtype=np.float32)
    methods: dict[
        str, tuple[Callable[[UInt8Array], Cuts], Callable[[UInt8Array], object], Float32Array]
    ] = {
        f"hierarchy, {boundaries}": (
            partial(cuts_of_hierarchy, boundaries=boundaries),
            lambda image, boundaries=boundaries: hierarchy(image, boundaries).boundaries,  # type: ignore[misc]
            LEVELS.astype(np.float32),
        )
        for boundaries in ("colour", "learned")
    }
    methods["felzenszwalb (scikit-image)"] = (
        cuts_of_felzenszwalb,
        lambda image: felzenszwalb(image, 300, sigma=0.8, min_size=100, channel_axis=-1),
        counted,
    )
    for name, (cut, once, levels) in methods.items():
        found = list(pool.map(partial(evaluate_cuts, cut=cut, levels=levels), photos))
        curve = BoundaryCurve(np.stack([counts for counts, _ in found]))
        regions = np.mean([rows for _, rows in found], axis=0)
        at = f"at level {LEVELS[curve.best]:.2f}" if len(levels) == len(LEVELS) else ""
        print(
            f"{name}: ODS {curve.ods:.3f} {at} OIS {curve.ois:.3f} "
            f"AP {curve.average_precision:.3f}; "
            f"Covering {regions[:, 0].max():.3f} PRI {regions[:, 1].max():.3f} "
            f"VOI {regions[:, 2].min():.2f}; {per_second(once, photos):.1f} images/s",
            flush=True,
        )


def per_second(work: Callable[[UInt8Array], object], photos: Sequence[BsdsSample]) -> float:
    seconds = []
    work(photos[0].image)
    for photo in photos[:20]:
        started = time.perf_counter()
        work(photo.image)
        seconds.append(time.perf_counter() - started)
    return float(1 / np.median(seconds))


def _slic(image: UInt8Array, n: int) -> Int32Array:
    return np.asarray(slic(image, n, start_label=0), dtype=np.int32)


def _cv_slic(image: UInt8Array, n: int) -> Int32Array:
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (3, 3), 0), cv2.COLOR_RGB2LAB)
    side = max(2, round(np.sqrt(image.shape[0] * image.shape[1] / n)))
    found = XIMGPROC.createSuperpixelSLIC(lab, XIMGPROC.SLIC, side)
    found.iterate(10)
    found.enforceLabelConnectivity(25)
    return np.asarray(found.getLabels(), dtype=np.int32)


def _cv_seeds(image: UInt8Array, n: int) -> Int32Array:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    height, width = image.shape[:2]
    found = XIMGPROC.createSuperpixelSEEDS(width, height, 3, n, 4, 2, 5, False)
    found.iterate(lab, 10)
    return np.asarray(found.getLabels(), dtype=np.int32)


def _asked(
    image: UInt8Array, n: int, method: Callable[..., Int32Array], share: float
) -> Int32Array:
    return method(image, round(n * share))


def evaluate_superpixels(photo: BsdsSample, work: Callable[..., Int32Array], n: int) -> list[float]:
    cv2.setNumThreads(1)
    found = work(photo.image, n)
    tables = [overlaps(found, person) for person in photo.region_maps]
    return [
        float(np.nanmean([boundary_recall(found, person) for person in photo.region_maps])),
        float(np.mean([undersegmentation_error(table) for table in tables])),
        float(np.mean([achievable_accuracy(table) for table in tables])),
        float(len(np.unique(found))),
    ]


def compare_superpixels(photos: list[BsdsSample], pool: ProcessPoolExecutor) -> None:
    methods: dict[str, Callable[..., Int32Array]] = {
        "superpixels": superpixels,
        "slic (scikit-image)": _slic,
    }
    if XIMGPROC is not None:
        methods |= {"SLIC (OpenCV)": _cv_slic, "SEEDS (OpenCV)": _cv_seeds}
    else:
        print("superpixels: without opencv-contrib-python-headless no SLIC and SEEDS of OpenCV")
    for n in COUNTS:
        for name, method in methods.items():
            # Others give fewer than asked for: they are asked for as many more.
            given = [len(np.unique(method(p.image, n))) for p in photos[:10]]
            work = partial(_asked, method=method, share=n / float(np.mean(given)))
            found = pool.map(partial(evaluate_superpixels, work=work, n=n), photos)
            recall, error, accuracy, count = np.mean(list(found), axis=0)
            _, _, ratio = paired(
                lambda work=work, n=n: [work(p.image, n) for p in photos[:4]],  # type: ignore[misc]
                lambda n=n: [superpixels(p.image, n) for p in photos[:4]],  # type: ignore[misc]
                5,
            )
            print(
                f"{name}, {n}: boundary recall {recall:.3f}, undersegmentation error {error:.3f}, "
                f"achievable accuracy {accuracy:.3f}; {count:.0f} regions; "
                f"takes {ratio:.1f} times as long as ours",
                flush=True,
            )


def growth(photos: list[BsdsSample], _: ProcessPoolExecutor) -> None:
    image = photos[0].image
    for megapixels in (0.15, 0.6, 2.5, 12):
        factor = np.sqrt(megapixels * 1e6 / image[..., 0].size)
        large = np.asarray(cv2.resize(image, None, fx=factor, fy=factor), dtype=np.uint8)
        line = [f"time, {megapixels} megapixels:"]
        for name, work in (
            ("superpixels", superpixels),
            ("colour", hierarchy),
            ("learned", partial(hierarchy, boundaries="learned")),
        ):
            work(large)
            seconds = []
            for _round in range(3):
                started = time.perf_counter()
                work(large)
                seconds.append(time.perf_counter() - started)
            median = float(np.median(seconds))
            line.append(f"{name} {median:.2f} s, {median / megapixels:.2f} s a megapixel;")
        print(" ".join(line), flush=True)


PARTS = {"boundaries": boundaries, "superpixels": compare_superpixels, "time": growth}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all where none is named")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "bsds500")
    parser.add_argument("--split", default="val")
    parser.add_argument("--n", type=int, help="only so many photos, evenly spread")
    options = parser.parse_args()
    print(machine())
    photos = read_bsds(options.data, options.split)
    photos = photos[:: max(1, len(photos) // options.n)] if options.n else photos
    print(f"{options.data.name} {options.split}: {len(photos)} photos")
    # A forked process would wait for ever for OpenCV's threads, which stay with its parent.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for name in options.parts or PARTS:
            PARTS[name](photos, pool)


if __name__ == "__main__":
    main()
