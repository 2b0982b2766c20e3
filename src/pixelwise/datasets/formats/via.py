"""VIA's annotations (VGG Image Annotator 1 and 2): a project, or its export to JSON or CSV.

They are read as the COCO annotations that VIA's own export makes of them: outlines in pixels;
boxes, circles and ellipses become outlines, too.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import BACKGROUND_NAMES
from pixelwise.datasets.formats.coco import open_content
from pixelwise.datasets.formats.format import Format, unused_images
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import AmbiguousError, DataError, LabelError
from pixelwise.io.files import is_file
from pixelwise.io.text import read_json, read_text

HEADER = "filename,file_size,file_attributes,region_count,region_id,"
"""How a CSV export begins; a ``#`` may stand before it."""

PROJECT = "_via_img_metadata"
NAMING = ("class", "label", "name", "type", "category", "object")
"""Attributes of a region that name its class, if it has several attributes."""

CORNERS = 64
"""Points of the outline that a circle or an ellipse becomes."""

Region = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The shape of a region, and its attributes."""


def is_via(path: Path) -> bool:
    """Return whether a file, a folder, or a subfolder of it, holds annotations of VIA."""
    return bool(_files(path))


def splits_of_via(root: Path) -> tuple[str, ...]:
    """Return the splits: the subfolders, or the files if there are several."""
    return tuple(_files(root))


def open_via(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of VIA's annotations.

    Raises
    ------
    DataError
        An unknown split, a file that is not VIA's, a missing photo, or regions with several
        attributes that could name their class.
    """
    files = _files(root)
    split = choose_split(split, tuple(files), root)
    images = {name: _read_via(path) for name, path in files.items()}
    attribute = _naming([r for some in images.values() for _, r in some], files[split], options)
    names = sorted(
        {_name(r, attribute) or "" for s in images.values() for _, some in s for r in some}
    )
    dataset = open_content(
        root,
        split,
        files[split],
        _as_coco(files[split], images[split], names, attribute, options),
        options,
    )
    found = dataset.found.replace("COCO annotations", f"VIA annotations ({files[split].name})")
    return replace(dataset, found=found, format="via")


def _files(path: Path) -> dict[str, Path]:
    if is_file(path):
        return {WHOLE: path} if _is_via_file(path) else {}
    for suffix in (".json", ".csv"):
        found = [p for p in sorted(path.glob(f"*{suffix}"))[:16] if _is_via_file(p)]
        if found:
            return {p.stem if len(found) > 1 else WHOLE: p for p in found}
        inside = [p for p in sorted(path.glob(f"*/*{suffix}"))[:64] if _is_via_file(p)]
        if inside:
            return {p.parent.name: p for p in inside}
    return {}


def _is_via_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(1 << 20)
            if path.suffix == ".csv":
                return start.lstrip(b"\xef\xbb\xbf#").startswith(HEADER.encode())
            keys = (b'"regions"', b'"file_attributes"', b'"filename"')
            return path.suffix == ".json" and all(key in start for key in keys)
    except OSError:
        return False


def _read_via(path: Path) -> list[tuple[str, list[Region]]]:
    """Return the name of each photo and its regions."""
    if path.suffix == ".csv":
        return list(_csv_images(path).items())
    content = read_json(path)
    content = content.get(PROJECT, content)
    images = []
    for image in content.values() if isinstance(content, dict) else ():
        if not isinstance(image, dict) or not isinstance(image.get("filename"), str):
            raise DataError(f"{path}: not VIA annotations; expected a filename in each entry")
        regions = image.get("regions") or []
        # VIA 1 numbers them.
        regions = list(regions.values()) if isinstance(regions, dict) else regions
        if not isinstance(regions, list):
            raise DataError(f"{path}: {image['filename']}: expected a list of regions")
        images.append((image["filename"], [_region(r, path) for r in regions]))
    return images


def _region(region: object, path: Path) -> Region:
    parts = region if isinstance(region, dict) else {}
    shape, attributes = parts.get("shape_attributes"), parts.get("region_attributes") or {}
    if not isinstance(shape, dict) or not isinstance(attributes, dict):
        raise DataError(f"{path}: a region without shape_attributes and region_attributes")
    return shape, attributes


def _csv_images(path: Path) -> dict[str, list[Region]]:
    lines = read_text(path, 1 << 28).lstrip("#").splitlines()
    images: dict[str, list[Region]] = {}
    try:
        for row in csv.DictReader(lines, strict=True):
            regions = images.setdefault(row["filename"], [])
            shape = json.loads(row["region_shape_attributes"] or "{}")
            if shape:
                attributes = json.loads(row["region_attributes"] or "{}")
                both = {"shape_attributes": shape, "region_attributes": attributes}
                regions.append(_region(both, path))
    except (csv.Error, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a CSV export of VIA ({error})") from None
    return images


def _naming(images: list[list[Region]], path: Path, options: Reading) -> str:
    """Return the attribute that names the class of a region; empty if there is none.

    Raises
    ------
    AmbiguousError
        Several could.
    """
    values: dict[str, set[str]] = {}
    for _, attributes in (region for some in images for region in some):
        for key in attributes:
            if name := _name(({}, attributes), key):
                values.setdefault(key, set()).add(name)
    if options.classes is not None:
        known = set(options.classes.names)
        values = {k: v for k, v in values.items() if v - BACKGROUND_NAMES <= known} or values
    if len(values) > 1:
        usual = [key for key in values if key.casefold() in NAMING]
        values = {key: values[key] for key in usual} if len(usual) == 1 else values
    if len(values) > 1:
        listed = "; ".join(f"{k}: {', '.join(sorted(v)[:5])}" for k, v in sorted(values.items()))
        raise AmbiguousError(
            f"{path}: several attributes could name the class of a region ({listed}); say "
            "--classes background,a,b with the values of one of them"
        )
    return next(iter(values), "")


def _name(region: Region, attribute: str) -> str | None:
    """Return the class that a region names; checkboxes count if just one is ticked."""
    value = region[1].get(attribute)
    if isinstance(value, dict):
        ticked = [key for key, on in value.items() if on]
        value = ticked[0] if len(ticked) == 1 else None
    return value.strip() or None if isinstance(value, str) else None


def _as_coco(
    path: Path,
    images: list[tuple[str, list[Region]]],
    names: list[str],
    attribute: str,
    options: Reading,
) -> dict[str, Any]:
    """Return the annotations as COCO has them."""
    kept = [n for n in names if n and n.casefold() not in BACKGROUND_NAMES]
    if not attribute:
        kept = ["object"]
    ids = {name: i for i, name in enumerate(kept, 1)}
    ids |= {name: 0 for name in names if name.casefold() in BACKGROUND_NAMES}
    annotations: list[dict[str, Any]] = []
    for i, (_, regions) in enumerate(images):
        for region in regions:
            name = _name(region, attribute) if attribute else kept[0]
            if name is None:
                text = f"a region of {images[i][0]} has no {attribute!r}, which names its class"
                options.problem("annotation", path, text)
                continue
            outline = list(_outline(region[0], f"{path}: a region of {images[i][0]}"))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": ids[name],
                    "segmentation": [outline] if outline else [],
                }
            )
    return {
        "images": [{"id": i, "file_name": name} for i, (name, _) in enumerate(images)],
        "annotations": annotations,
        "categories": [{"id": id_, "name": name} for name, id_ in ids.items()],
    }


def _outline(shape: Mapping[str, Any], where: str) -> Iterator[float]:
    """Yield x, y, x, y, ... of a region; nothing for a point, a line, and what is unknown."""
    kind = shape.get("name")
    try:
        if kind == "polygon":
            for pair in zip(shape["all_points_x"], shape["all_points_y"], strict=True):
                yield from map(float, pair)
        elif kind == "rect":
            x, y, w, h = (float(shape[key]) for key in ("x", "y", "width", "height"))
            yield from (x, y, x + w, y, x + w, y + h, x, y + h)
        elif kind in ("circle", "ellipse"):
            radii = ("r", "r") if kind == "circle" else ("rx", "ry")
            x, y, a, b = (float(shape[key]) for key in ("cx", "cy", *radii))
            turned = float(shape.get("theta", 0))
            for angle in np.linspace(0, 2 * np.pi, CORNERS, endpoint=False):
                along, across = a * np.cos(angle), b * np.sin(angle)
                yield float(x + along * np.cos(turned) - across * np.sin(turned))
                yield float(y + along * np.sin(turned) + across * np.cos(turned))
    except (KeyError, OverflowError, TypeError, ValueError):
        raise LabelError(f"{where}: expected the numbers of a {kind!r}") from None


FORMAT = Format(
    looked_for="VIA's project, JSON or CSV",
    is_here=is_via,
    splits=splits_of_via,
    open=open_via,
    strays=unused_images,
)
