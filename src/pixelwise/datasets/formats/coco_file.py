"""The frame of a COCO file: its lists, their ids, the names of its photos."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from pixelwise.datasets.reading import Reading
from pixelwise.errors import DataError
from pixelwise.io.text import read_json

KEYS = ("images", "annotations", "categories")


def read_coco(path: Path) -> dict[str, Any]:
    """Read a COCO file and check its frame: three lists of objects.

    Raises
    ------
    DataError
        It is no JSON, or no COCO JSON.
    """
    content = read_json(path)
    for key in KEYS:
        if not isinstance(content.get(key), list):
            raise DataError(f"{path}: not COCO annotations; expected a list under {key!r}")
        if not all(isinstance(item, dict) for item in content[key]):
            raise DataError(f"{path}: not COCO annotations; {key!r} holds more than objects")
    return content


def note_ids(path: Path, content: dict[str, Any], options: Reading) -> None:
    """Note ids that come twice and annotations of no image; unchecked, only images' matter."""
    for key in ("images", "annotations") if options.problems is not None else ("images",):
        for id_, count in Counter(repr(item.get("id")) for item in content[key]).items():
            if count > 1:
                options.problem("ids", path, f"id {id_} stands for {count} {key}")
    images = {repr(image.get("id")) for image in content["images"]}
    astray = [a for a in content["annotations"] if repr(a.get("image_id")) not in images]
    if astray and options.problems is not None:
        text = f"{len(astray)} are of images that are not listed, first id {astray[0].get('id')!r}"
        options.problem("annotation", path, text)


def photo_name(image: dict[str, Any], path: Path) -> PurePosixPath:
    """Return the photo's path within its folder; one that leads out is an error."""
    name = image.get("file_name")
    if not isinstance(name, str) or "\0" in name or not PurePosixPath(name).name:
        raise DataError(f"{path}: image {image.get('id')!r} has no file_name")
    file = PurePosixPath(name.replace("\\", "/"))
    if file.is_absolute() or ".." in file.parts:
        raise DataError(f"{path}: {name!r} leads out of the data set")
    return file
