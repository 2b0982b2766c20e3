"""The Berkeley segmentation data set, BSDS500: images that people divided into regions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from pixelwise.errors import DataError
from pixelwise.io.image import read_bytes, read_image
from pixelwise.samples import Int32Array, UInt8Array

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, eq=False)
class BsdsSample:
    """An image and how people divided it.

    Parameters
    ----------
    name : str
        Of the image's file, without its suffix.
    image : (H, W, 3) uint8
        RGB.
    region_maps : tuple of (H, W) int32
        One per person, ids from 0.
    """

    name: str
    image: UInt8Array
    region_maps: tuple[Int32Array, ...]


def read_bsds(root: Path, split: str) -> list[BsdsSample]:
    """Read one split of BSDS500 (Arbelaez et al., 2011).

    Parameters
    ----------
    root : Path
        Holds ``images/<split>/*.jpg`` and ``groundTruth/<split>/*.mat``, in the published layout
        or below a folder ``BSDS500/data``.
    split : str
        ``train``, ``val`` or ``test``.

    Returns
    -------
    list of BsdsSample
        By name.

    Raises
    ------
    DataError
        There is no such split, or an image's ground truth is missing, damaged or of another size.
    """
    nested = root / "BSDS500" / "data"
    root = nested if nested.is_dir() else root
    folder = root / "images" / split
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise DataError(f"{folder}: no images; expected BSDS500 with images/ and groundTruth/")
    found = []
    for path in paths:
        image = read_image(path)
        maps = _region_maps(root / "groundTruth" / split / f"{path.stem}.mat")
        if any(m.shape != image.shape[:2] for m in maps):
            raise DataError(f"{path}: its ground truth is of another size than {image.shape[:2]}")
        found.append(BsdsSample(path.stem, image, maps))
    return found


def _region_maps(path: Path) -> tuple[Int32Array, ...]:
    if not path.is_file():
        raise DataError(f"{path}: missing; each image needs its ground truth")
    content: Any = io.BytesIO(read_bytes(path))  # its stubs know paths alone
    # scipy's reader meets damaged files with many kinds of exception.
    try:
        people = loadmat(content)["groundTruth"].ravel()
        # MATLAB counts from 1.
        maps = tuple(np.asarray(p["Segmentation"][0, 0]).astype(np.int32) - 1 for p in people)
    except Exception as error:
        raise DataError(f"{path}: not ground truth of BSDS500 ({error})") from None
    if not maps or any(m.ndim != 2 or m.min() < 0 for m in maps):
        raise DataError(f"{path}: not ground truth of BSDS500 (no region map with ids from 1)")
    return maps
