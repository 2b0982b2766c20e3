"""A tiny data set of drawn shapes, for trying things out without photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import ArgumentError
from pixelwise.io.files import write_text
from pixelwise.io.image import write_image
from pixelwise.io.mask import write_label_map
from pixelwise.samples import Int32Array, UInt8Array

SHAPES = ClassMap(
    ("background", "disc", "square", "triangle"),
    ((0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115)),
)


def draw_shapes(
    root: str | Path,
    train: int = 8,
    val: int = 4,
    size: tuple[int, int] = (96, 128),
    seed: int = 0,
) -> Path:
    """Draw a data set in the VOC layout: discs, squares and triangles over noise.

    Parameters
    ----------
    root : str or Path
        The folder to fill; files of the same names are replaced.
    train, val : int
        How many samples each split gets, at least 1.
    size : (height, width)
        Of each image in pixels, at least 32 each.
    seed : int
        The same seed draws the same images.

    Returns
    -------
    Path
        ``root``, ready for `open_dataset`. A line of void pixels runs around each shape, as it
        does in VOC.

    Raises
    ------
    ArgumentError
        A count or a size too small.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     root = draw_shapes(folder, train=1, val=1)
    ...     sorted(path.name for path in root.iterdir())
    ['ImageSets', 'JPEGImages', 'SegmentationClass', 'classes.txt']
    """
    if min(train, val) < 1 or min(size) < 32:
        raise ArgumentError(f"expected 1 sample and 32 px at least, got {train}, {val}, {size}")
    root = Path(root)
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        names = [f"{split}_{i:03d}" for i in range(count)]
        for name in names:
            image, label_map = _draw(size, rng)
            write_image(root / "JPEGImages" / f"{name}.jpg", image)
            write_label_map(root / "SegmentationClass" / f"{name}.png", label_map, SHAPES)
        listed = "".join(f"{name}\n" for name in names)
        write_text(root / "ImageSets" / "Segmentation" / f"{split}.txt", listed)
    write_text(root / "classes.txt", "".join(f"{name}\n" for name in SHAPES.names))
    return root


def _draw(size: tuple[int, int], rng: np.random.Generator) -> tuple[UInt8Array, UInt8Array]:
    height, width = size
    shade = rng.integers(60, 140, 3)
    noise = cv2.GaussianBlur(rng.normal(0, 60, (height, width, 3)), (0, 0), 3) * 3
    image = np.clip(shade + noise, 0, 255).astype(np.uint8)
    label_map = np.zeros(size, dtype=np.uint8)
    for _ in range(rng.integers(1, 4)):
        class_ = int(rng.integers(1, len(SHAPES)))
        radius = int(rng.integers(min(size) // 8, min(size) // 3))
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        outline = _outline(class_, x, y, radius)
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        cv2.fillPoly(image, [outline], colour, lineType=cv2.LINE_AA)
        cv2.fillPoly(label_map, [outline], class_)
        cv2.polylines(label_map, [outline], True, VOID, 2)
    return image, label_map


def _outline(class_: int, x: int, y: int, radius: int) -> Int32Array:
    corners = {1: 64, 2: 4, 3: 3}[class_]
    angles = 2 * np.pi * np.arange(corners) / corners + {1: 0, 2: np.pi / 4, 3: -np.pi / 2}[class_]
    points = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=-1)
    return points.round().astype(np.int32)
