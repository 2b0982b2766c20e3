"""Small data sets that the tests write by hand, format by format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

UInt8Array = npt.NDArray[np.uint8]

SIZE = 40, 60
"""(height, width) of every photo."""


def photo(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> Path:
    """Write a photo of smooth noise, so that no two look alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    coarse.resize((size[1], size[0]), Image.Resampling.BICUBIC).save(path)
    return path


def mask(path: Path, array: npt.NDArray[Any]) -> Path:
    """Write an array as the picture it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def square(top: int, left: int, side: int, value: int = 1) -> UInt8Array:
    """Return a label map with one square in it."""
    label_map = np.zeros(SIZE, dtype=np.uint8)
    label_map[top : top + side, left : left + side] = value
    return label_map


def write(path: Path, text: str | dict[str, Any] | list[Any]) -> Path:
    """Write text, or JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


def coco(root: Path, annotations: list[dict[str, Any]], n: int = 1) -> Path:
    """Write a COCO data set with photos 0.jpg, 1.jpg, ... and categories 3 cat and 7 dog."""
    for i in range(n):
        photo(root / "train" / f"{i}.jpg", i)
    content = {
        "images": [
            {"id": 10 + i, "file_name": f"{i}.jpg", "height": SIZE[0], "width": SIZE[1]}
            for i in range(n)
        ],
        "annotations": [
            {"id": 100 + i, "image_id": 10, "iscrowd": 0, **annotation}
            for i, annotation in enumerate(annotations)
        ],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
    }
    write(root / "annotations" / "instances_train.json", content)
    return root


def box(left: float, top: float, right: float, bottom: float) -> list[float]:
    """Return the outline of a box as COCO writes it."""
    return [left, top, right, top, right, bottom, left, bottom]


def labelme(root: Path, shapes: Any, name: str = "a", **more: Any) -> Path:
    """Write a labelme file beside its photo."""
    photo(root / f"{name}.jpg")
    content = {"version": "5.5.0", "shapes": shapes, "imagePath": f"{name}.jpg", "imageData": None}
    write(root / f"{name}.json", content | more)
    return root


def shape(
    label: str, points: list[list[float]], kind: str = "polygon", **more: Any
) -> dict[str, Any]:
    """Return one shape of a labelme file."""
    return {"label": label, "points": points, "shape_type": kind, "group_id": None} | more


def yolo(root: Path, lines: str, names: str = "names: [cat, dog]") -> Path:
    """Write a YOLO-seg data set of one photo."""
    photo(root / "images" / "train" / "a.jpg")
    write(root / "labels" / "train" / "a.txt", lines)
    write(root / "data.yaml", f"train: images/train\n{names}\n")
    return root
