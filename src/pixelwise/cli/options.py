"""The options that say how a data set is to be read; several commands share them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pixelwise.classes import ClassMap
    from pixelwise.datasets import Dataset

DATA = "A data set: VOC, COCO, YOLO-seg, labelme, or photos and masks in two folders."

Format = Annotated[
    str | None, typer.Option(help="voc, coco, yolo, labelme or pairs, where several fit.")
]
Encoding = Annotated[
    str | None, typer.Option(help="What a mask's numbers are: ids, binary or instances.")
]
Void = Annotated[
    int | None,
    typer.Option(help="An id in mask files that is void, beside 255. Higher ids move down."),
]
Labels = Annotated[
    str | None, typer.Option(help="The folder of label maps, where several could be meant.")
]
Classes = Annotated[
    str | None, typer.Option(metavar="NAMES|FILE", help="Class names, by comma or a name a line.")
]


def class_map(classes: str | None) -> ClassMap | None:
    """Return the classes that ``--classes`` gives: a file of names, or names with commas."""
    from pixelwise.classes import ClassMap
    from pixelwise.io.text import read_text

    if classes is None:
        return None
    names = read_text(Path(classes)).splitlines() if Path(classes).is_file() else classes.split(",")
    return ClassMap.of(name.strip() for name in names if name.strip())


def opened(
    path: Path,
    split: str | None,
    format: str | None,
    encoding: str | None,
    void: int | None,
    labels: str | None,
    classes: str | None,
) -> Dataset:
    """Open a data set as the options above say."""
    from pixelwise.datasets import open_dataset

    names = class_map(classes)
    return open_dataset(
        path, split, names, format=format, encoding=encoding, void=void, labels=labels
    )
