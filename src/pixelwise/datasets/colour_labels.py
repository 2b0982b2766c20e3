"""VOC's images and labels as lists of arrays, and colours as class ids."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from pixelwise.classes import VOC, VOID, ClassMap
from pixelwise.concurrency import prefetch
from pixelwise.datasets.options import ReadOptions
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.registry import open_dataset
from pixelwise.io.image import read_image
from pixelwise.io.mask import decode_rgb, read_colours
from pixelwise.samples import UInt8Array, check_image


def read_voc_images(
    folder: str | Path, train: bool = True
) -> tuple[list[UInt8Array], list[UInt8Array]]:
    """Read all images of a split of VOC and their labels in colour, into memory.

    `pixelwise.open_dataset` reads them when they are asked for, and labels as class ids.

    Parameters
    ----------
    folder : str or Path
        In the VOC layout, e.g. ``VOCdevkit/VOC2012``.
    train : bool
        The split ``train``, or else ``val``.

    Returns
    -------
    images : list of (H, W, 3) uint8
        RGB.
    labels : list of (H, W, 3) uint8
        RGB, each class in its colour of `voc_colormap`.

    Raises
    ------
    NotADatasetError
        The folder is not in the VOC layout.
    ImageFileError
        An image or a mask cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     images, labels = read_voc_images(draw_shapes(folder), train=False)
    >>> len(images), labels[0].shape
    (4, (96, 128, 3))
    """
    options = ReadOptions(format="voc")
    dataset = open_dataset(folder, "train" if train else "val", options, say=lambda _: None)

    def both(entry: Entry) -> tuple[UInt8Array, UInt8Array]:
        return read_image(entry.image_path), read_colours(entry.label_path)

    pairs = list(prefetch(both, dataset.entries, 8, os.cpu_count() or 1))
    return [image for image, _ in pairs], [label for _, label in pairs]


def label_map_of_colours(colours: UInt8Array, classes: ClassMap = VOC) -> UInt8Array:
    """Turn a label painted in the colours of its classes into class ids.

    ``voc_colormap()[label_map]`` is the way back, `drawing.colourise` for classes in other colours.

    Parameters
    ----------
    colours : (H, W, 3) uint8
        RGB.
    classes : ClassMap
        What the colours stand for.

    Returns
    -------
    (H, W) uint8
        Class ids, 255 = void.

    Raises
    ------
    LabelError
        A colour that stands for no class.

    Examples
    --------
    >>> from pixelwise import voc_colormap
    >>> colours = voc_colormap()[[[0, 15, 255]]]
    >>> label_map_of_colours(colours).tolist()
    [[0, 15, 255]]
    """
    check_image(colours, "colours")
    n = len(classes)
    ids = decode_rgb(colours, "colours", classes.palette[[*range(n), VOID]])
    return np.where(ids == n, np.uint8(VOID), ids)
