"""Images that are nearly the same: resaved copies, and the neighbouring frames of a video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pixelwise.concurrency import prefetch
from pixelwise.datasets.dataset import Dataset
from pixelwise.progress import track
from pixelwise.samples import Float32Array, Int64Array, UInt8Array

Thumbnail = npt.NDArray[np.float16]

BAND = 1024
"""Images that are compared with all others at once: memory is bounded whatever their number."""


class Likeness(NamedTuple):
    """From where on two images are nearly the same.

    Parameters
    ----------
    distance : int
        Bits of 64 in which their perceptual hashes may differ.
    correlation : float
        Of their thumbnails, at least.
    """

    distance: int
    correlation: float


SAME_PHOTO = Likeness(8, 0.95)
"""The same photo, resaved or scaled."""

SAME_SCENE = Likeness(14, 0.85)
"""The same scene a moment later.

The 40 frames of a clip of DAVIS become 1, 1 and 7 groups by it (28, 11 and 36 by `SAME_PHOTO`),
while of 1,329 photos of cats, people, COCO and VOC no two are in one group.
"""


class Fingerprints(NamedTuple):
    """What images are compared by, as `fingerprint` gives it for each.

    Parameters
    ----------
    hashes : (N, 64) float32
    thumbnails : (N, 1024) float16
    """

    hashes: Float32Array
    thumbnails: Thumbnail


def fingerprint(image: UInt8Array) -> tuple[Float32Array, Thumbnail]:
    """Return the perceptual hash of an image and its thumbnail.

    The hash is the sign of the 64 lowest frequencies but the mean, against their median, of the
    cosine transform of the image at 32 x 32 in grey (pHash, Zauner 2010).

    Parameters
    ----------
    image : (H, W, 3) uint8

    Returns
    -------
    hash : (64,) float32
        +1 or -1.
    thumbnail : (1024,) float16
        Grey, mean 0, length 1; all 0 for an image of one colour.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    hash_ = np.where(low > np.median(low[1:]), 1, -1).astype(np.float32)
    flat = (small - small.mean()).ravel()
    length = float(np.linalg.norm(flat))
    return hash_, (flat / length if length > 1e-3 else np.zeros_like(flat)).astype(np.float16)


def near_pairs(
    first: Fingerprints, second: Fingerprints, likeness: Likeness
) -> Iterator[tuple[Int64Array, Int64Array, Float32Array]]:
    """Yield the pairs of images that are nearly the same, band by band of the first.

    Parameters
    ----------
    first, second : Fingerprints
    likeness : Likeness

    Yields
    ------
    i, j : (n,) int64
        Places in the first and in the second.
    correlation : (n,) float32
        Of their thumbnails.
    """
    for start in range(0, len(first.hashes), BAND):
        # Of two vectors of +1 and -1, the product is 64 less twice the number of differences.
        agreement = first.hashes[start : start + BAND] @ second.hashes.T
        near = agreement >= 64 - 2 * likeness.distance
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        one, other = first.thumbnails[start + rows], second.thumbnails[columns]
        correlation = one.astype(np.float32) @ other.astype(np.float32).T
        alike = near[np.ix_(rows, columns)] & (correlation >= likeness.correlation)
        i, j = np.nonzero(alike)
        yield start + rows[i], columns[j], correlation[i, j]


def group_near_duplicates(*datasets: Dataset, likeness: Likeness = SAME_SCENE) -> Int64Array:
    """Put images that are nearly the same into one group, and those that are like these.

    So a clip is one group although its first and last frame differ (single linkage). Images of
    one colour are one group.

    Parameters
    ----------
    *datasets : Dataset
        Their images are read, on all cores, and compared with those of all.
    likeness : Likeness

    Returns
    -------
    (N,) int64
        The group of each image of the first data set, then of the next: 0, 1, ...

    Raises
    ------
    ImageFileError
        An image is damaged.
    """
    cores = os.cpu_count() or 1
    places = [(dataset, entry) for dataset in datasets for entry in dataset.entries]
    n = len(places)
    found = prefetch(
        lambda place: fingerprint(place[0].reader.image(place[1])), places, 4 * cores, cores
    )
    each = list(track(found, "comparing images", n))
    prints = Fingerprints(
        np.array([h for h, _ in each], np.float32), np.array([t for _, t in each], np.float16)
    )
    flat = np.flatnonzero(~prints.thumbnails.any(axis=1))
    groups = _joined(np.arange(n), flat, np.broadcast_to(flat[:1], flat.shape))
    for i, j, _ in near_pairs(prints, prints, likeness):
        groups = _joined(groups, i, j)
    return groups


def _joined(groups: Int64Array, i: Int64Array, j: Int64Array) -> Int64Array:
    """Return the groups with those of images ``i`` and ``j`` joined, pair by pair."""
    n = int(groups.max()) + 1
    links = coo_matrix((np.ones(len(i), np.int8), (groups[i], groups[j])), shape=(n, n))
    joined = connected_components(links, directed=False)[1]
    return np.asarray(joined[groups], dtype=np.int64)
