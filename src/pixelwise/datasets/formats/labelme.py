"""labelme's JSON: one file per image, with polygons and other shapes.

Shapes are drawn as labelme itself draws them when it exports: by Pillow, outlines included, in the
order of the file.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pixelwise.classes import VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import class_map, find_names
from pixelwise.datasets.formats.foreign import find_below, is_foreign, slashed
from pixelwise.datasets.formats.format import Format, skip_hint, unused_images
from pixelwise.datasets.formats.writer import AREAS, Item, Writer, as_instances, write_new
from pixelwise.datasets.reader import Entry, Outlines, Truth, check_stated
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import DataError, ImageFileError, LabelError, StorageError
from pixelwise.instances import outlines
from pixelwise.io.depth import Range
from pixelwise.io.files import is_file, visible
from pixelwise.io.image import image_of_bytes, open_pillow, read_bytes, read_size
from pixelwise.io.rle import points_of
from pixelwise.io.text import read_json
from pixelwise.samples import BoolArray, Float64Array, Instance, UInt8Array, paint_label_map

IGNORE = "__ignore__"
BACKGROUND_LABEL = "_background_"
CROWD = "crowd"

STROKES = {"line": (2, 2), "linestrip": (2, 1 << 20), "point": (1, 1)}
"""Shapes without area, and how few and many points they have."""

FEWEST = {
    **{kind: few for kind, (few, _) in STROKES.items()},
    **{"polygon": 3, "oriented_rectangle": 3, "rectangle": 2, "circle": 2, "mask": 2},
}
"""How few points a shape has that can be drawn."""

LINE_WIDTH, POINT_RADIUS = 10, 5
"""Pixels, as labelme's own exporters draw them."""


def is_labelme(path: Path) -> bool:
    """Return whether a folder, or every one of its subfolders, holds labelme files."""
    if not path.is_dir():
        return False
    if _files(path):
        return _is_labelme_file(_files(path)[0])
    inside = _split_folders(path)
    return bool(inside) and all(_files(f) and _is_labelme_file(_files(f)[0]) for f in inside)


def splits_of_labelme(root: Path) -> tuple[str, ...]:
    """Return the subfolders that hold labelme files; ``all`` if they lie in the folder."""
    if _files(root):
        return (WHOLE,)
    return tuple(folder.name for folder in _split_folders(root))


def open_labelme(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open a folder of labelme files.

    Raises
    ------
    DataError
        An unknown split, or a file that is not labelme JSON.
    """
    split = choose_split(split, splits_of_labelme(root), root)
    folder = root if split == WHOLE else root / split
    files = _files(folder)
    with ThreadPoolExecutor() as pool:
        scanned = list(pool.map(lambda file: _scan(file, options), files))
    entries = tuple(
        Entry(file.stem, image, file)
        for file, (image, _) in zip(files, scanned, strict=True)
        if image
    )
    if not entries:
        raise DataError(f"{folder}: no sample can be read")
    classes, named_by = _classes_of(
        root, {label for _, labels in scanned for label in labels}, options
    )
    reader = LabelmeReader(
        classes, tuple(e.label_path for e in entries), bool(options.skip_unusable)
    )
    embedded = sum(entry.image_path == entry.label_path for entry in entries)
    found = (
        f"{root.resolve().name}: labelme files, {len(entries)} samples in '{split}' "
        f"({embedded} with embedded photos), {len(classes)} classes with background "
        f"{named_by}, void {VOID}"
    )
    if reader.skip and (unusable := sum(len(reader.skipped(entry)) for entry in entries)):
        found += f"; {unusable} shapes without area left out"
    return Dataset(root, split, classes, entries, found, reader, "labelme")


def _files(folder: Path) -> list[Path]:
    return visible(folder, "*.json")


def _split_folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _is_labelme_file(path: Path) -> bool:
    with path.open("rb") as file:
        # The keys may stand behind an embedded image of megabytes.
        return b'"shapes"' in file.read(1 << 26)


@dataclass(frozen=True)
class LabelmeReader:
    """Reads labelme files.

    Parameters
    ----------
    classes : ClassMap
        By the labels of the shapes; ``__ignore__`` is void.
    files : tuple of Path
        All files of the set, in which a refusal counts.
    skip : bool
        Shapes without area are left out.
    """

    classes: ClassMap
    files: tuple[Path, ...] = ()
    skip: bool = False

    def image(self, entry: Entry, levels: Range | None = None) -> UInt8Array:
        """Read the image, (H, W, 3) uint8 RGB; ``levels`` as for `pixelwise.read_image`."""
        return image_of_bytes(self.image_file(entry)[0], entry.image_path, levels)

    def size(self, entry: Entry) -> tuple[int, int]:
        """Read the image's (height, width) from its header."""
        if entry.image_path != entry.label_path:
            return read_size(entry.image_path)[0]
        return read_size(entry.image_path, self.image_file(entry)[0])[0]

    def image_file(self, entry: Entry) -> tuple[bytes, str]:
        """Return the image's file unchanged, and its suffix; an embedded one is extracted."""
        if entry.image_path != entry.label_path:
            return read_bytes(entry.image_path), entry.image_path.suffix.lower()
        data = _embedded(read_json(entry.label_path), entry.label_path)
        kinds = {
            b"\xff\xd8": ".jpg",
            b"\x89P": ".png",
            b"BM": ".bmp",
            b"GI": ".gif",
            b"RI": ".webp",
        }
        return data, kinds.get(data[:2], ".tif")

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Draw the shapes; those of one label and ``group_id`` are one instance.

        Raises
        ------
        LabelError
            A shape that bounds no pixels, or a label that is not a class.
        """
        groups: dict[tuple[str, Any], list[BoolArray]] = {}
        crowds = set()
        content = read_json(entry.label_path)
        check_stated((content.get("imageHeight"), content.get("imageWidth")), size, entry)
        for i, shape in enumerate(_shapes(content, entry.label_path)):
            where = f"{entry.label_path}: shape {i + 1}"
            label, group = shape.get("label"), shape.get("group_id")
            if not isinstance(label, str) or not isinstance(group, int | None):
                raise LabelError(f"{where}: expected a label, and a whole number as group_id")
            key = (label, f"shape {i}" if group is None else group)
            if self.skip and not _has_area(shape):
                continue
            try:
                groups.setdefault(key, []).append(_draw_shape(shape, size, where))
            except LabelError as error:
                raise LabelError(f"{error}{self._way_out(shape)}") from None
            flags = shape.get("flags")
            if isinstance(flags, dict) and flags.get(CROWD):
                crowds.add(key)
        drawn = []
        ids = [group for _, group in groups]
        if not all(isinstance(i, int) and i > 0 for i in ids) or len(set(ids)) != len(ids):
            ids = list(range(1, len(ids) + 1))
        for number, (key, masks) in zip(ids, groups.items(), strict=True):
            class_id = self._class_id(key[0], entry.label_path)
            mask = np.logical_or.reduce(masks)
            if mask.any():
                drawn.append(Instance.of(mask, class_id, number, key in crowds))
        instances = tuple(i for i in drawn if i.class_id not in (0, VOID))
        areas = content.get(AREAS) is True
        return paint_label_map(drawn, size), None if areas else instances

    def skipped(self, entry: Entry) -> list[str]:
        """Return what to call the shapes of a sample that are left out."""
        if not self.skip:
            return []
        shapes = _shapes(read_json(entry.label_path), entry.label_path)
        return [f"shape {i}" for i, shape in enumerate(shapes, 1) if not _has_area(shape)]

    def _way_out(self, shape: Mapping[str, Any]) -> str:
        if _has_area(shape):
            return ""
        # One that cannot be read is reported, with its name, when its sample is read.
        sets = []
        for path in self.files:
            with suppress(DataError):
                sets.append([_has_area(s) for s in _shapes(read_json(path), path)])
        unusable = sum(not has_area for shapes in sets for has_area in shapes)
        return skip_hint(unusable, sum(map(len, sets)), "shapes")

    def outlines(self, entry: Entry, size: tuple[int, int]) -> Outlines:
        """Yield the polygons of the file."""
        for i, shape in enumerate(_shapes(read_json(entry.label_path), entry.label_path), 1):
            if shape.get("shape_type") in (None, "polygon") and _has_area(shape):
                yield f"shape {i}", points_of(shape["points"], size, f"shape {i}")

    def _class_id(self, label: str, path: Path) -> int:
        if label == IGNORE:
            return VOID
        if label == BACKGROUND_LABEL and label not in self.classes.names:
            return 0
        if label not in self.classes.names:
            known = ", ".join(self.classes.names)
            raise LabelError(f"{path}: label {label!r} is not one of the classes: {known}")
        return self.classes.index(label)


def annotation(item: Item, classes: ClassMap, image_path: str) -> dict[str, Any]:
    """Return the content of one sample's labelme file.

    Parameters
    ----------
    item : Item
    classes : ClassMap
    image_path : str
        Of its image, relative to the folder of the file.
    """
    instances = as_instances(item)
    ids = [instance.id for instance in instances]
    if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
        ids = list(range(1, len(ids) + 1))
    shapes = []
    for group, instance in zip(ids, instances, strict=True):
        void = instance.class_id == VOID
        shared = {
            "label": IGNORE if void else classes.names[instance.class_id],
            "group_id": group,
            "description": "",
            "flags": {CROWD: True} if instance.crowd else {},
        }
        shapes += [shared | outline for outline in _shapes_of(instance)]
    content: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": item.size[0],
        "imageWidth": item.size[1],
    }
    if item.instances is None:
        content[AREAS] = True
    return content


class LabelmeWriter(Writer):
    """Writes labelme files: polygons if they give every pixel back, masks if not."""

    only_instances = True

    def add(self, item: Item) -> None:
        """Write the image and its annotation side by side, in one folder per split."""
        folder = self.root if item.split == WHOLE else self.root / item.split
        image = f"{item.stem}{item.suffix}"
        write_new(folder / image, item.image_file)
        content = annotation(item, self.classes, image)
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_new(folder / f"{item.stem}.json", text.encode())

    def close(self) -> None:
        """Write labels.txt, as labelme's own exporters expect it."""
        lines = [IGNORE, BACKGROUND_LABEL, *self.classes.names[1:]]
        write_new(self.root / "labels.txt", ("\n".join(lines) + "\n").encode())


def _has_area(shape: Mapping[str, Any]) -> bool:
    """Return whether a shape is of a kind that labelme draws, and has points enough for it."""
    kind, raw = shape.get("shape_type") or "polygon", shape.get("points")
    least = FEWEST.get(kind) if isinstance(kind, str) else None
    return least is not None and isinstance(raw, list) and len(raw) >= least


def _draw_shape(shape: Mapping[str, Any], size: tuple[int, int], where: str) -> BoolArray:
    """Draw one shape, (H, W) bool.

    Raises
    ------
    LabelError
        It is of an unknown kind, or its points are not points.
    """
    kind, raw = shape.get("shape_type") or "polygon", shape.get("points")
    if not isinstance(raw, list) or not isinstance(kind, str):
        raise LabelError(f"{where}: expected a list of points")
    if kind in STROKES:
        return _stroke(kind, raw, size, where)
    if kind in ("polygon", "oriented_rectangle"):
        points = points_of(raw, size, where)
    elif kind in ("rectangle", "circle", "mask"):
        if len(raw) != 2:
            raise LabelError(f"{where}: a {kind} has two points, got {len(raw)}")
        points = points_of([*raw, raw[-1]], size, where)[:2]
    else:
        raise LabelError(
            f"{where}: a {kind!r} bounds no pixels; draw a polygon, rectangle, circle, line, "
            "point or mask"
        )
    if kind == "mask":
        return _pasted(shape, points, size, where)
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    if kind == "rectangle":
        low, high = points.min(axis=0), points.max(axis=0)
        draw.rectangle((*low.tolist(), *high.tolist()), outline=1, fill=1)
    elif kind == "circle":
        (x, y), radius = points[0].tolist(), float(np.linalg.norm(points[1] - points[0]))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    else:
        draw.polygon([(x, y) for x, y in points.tolist()], outline=1, fill=1)
    return np.array(canvas, dtype=np.bool_)


def _stroke(kind: str, raw: list[Any], size: tuple[int, int], where: str) -> BoolArray:
    """Draw a line of labelme's width, or a point of its size."""
    least, most = STROKES[kind]
    if not least <= len(raw) <= most:
        raise LabelError(f"{where}: a {kind} of {len(raw)} points")
    points = points_of([*raw, raw[-1], raw[-1]], size, where)[: len(raw)]
    canvas = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(canvas)
    if kind == "point":
        x, y = points[0].tolist()
        around = (x - POINT_RADIUS, y - POINT_RADIUS, x + POINT_RADIUS, y + POINT_RADIUS)
        draw.ellipse(around, outline=1, fill=1)
    else:
        draw.line([(x, y) for x, y in points.tolist()], fill=1, width=LINE_WIDTH)
    return np.array(canvas, dtype=np.bool_)


def _shapes_of(instance: Instance) -> list[dict[str, Any]]:
    """Return the shapes whose pixels together are exactly the instance's."""
    top, left, bottom, right = instance.box
    parts, holes = outlines(instance.patch)
    if not holes and all(len(part) > 2 for part in parts):
        corners = [(part + np.array([left, top])).tolist() for part in parts]
        shapes = [{"shape_type": "polygon", "points": points} for points in corners]
        drawn = [_draw_shape(shape, instance.size, "outline") for shape in shapes]
        if (np.logical_or.reduce(drawn) == instance.mask).all():
            return shapes
    buffer = io.BytesIO()
    Image.fromarray(instance.patch).save(buffer, "PNG")
    return [
        {
            "shape_type": "mask",
            "points": [[left, top], [right - 1, bottom - 1]],
            "mask": base64.b64encode(buffer.getvalue()).decode("ascii"),
        }
    ]


def _pasted(
    shape: Mapping[str, Any], points: Float64Array, size: tuple[int, int], where: str
) -> BoolArray:
    raw = shape.get("mask")
    try:
        data = base64.b64decode(raw if isinstance(raw, str) else "", validate=True)
    except (binascii.Error, ValueError):
        raise LabelError(f"{where}: its mask is not base64") from None
    with open_pillow(where, data) as canvas:
        patch = np.array(canvas.convert("L")) > 0
    left, top = points.min(axis=0).astype(int).tolist()
    mask = np.zeros(size, dtype=np.bool_)
    height, width = patch.shape
    if left < 0 or top < 0 or top + height > size[0] or left + width > size[1]:
        raise LabelError(f"{where}: its mask reaches out of the image")
    mask[top : top + height, left : left + width] = patch
    return mask


def _shapes(content: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    shapes = content.get("shapes")
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError(f"{path}: not a labelme file; expected a list under 'shapes'")
    return shapes


def _scan(path: Path, options: Reading) -> tuple[Path | None, set[str]]:
    """Return where the image is (the file itself if embedded) and the labels."""
    try:
        content = read_json(path)
    except StorageError:
        raise
    except DataError as error:
        options.problem("annotation", path, str(error).removeprefix(f"{path}: "))
        return None, set()
    labels = {str(shape.get("label")) for shape in _shapes(content, path)}
    name = content.get("imagePath")
    if isinstance(name, str) and "\0" not in name:
        # labelme's own relative paths may lead to a folder beside; those of another machine are
        # looked for beside the annotation.
        relative = slashed(name)
        beside = not is_foreign(re.sub(r"^(\.\.?/)+", "", relative)) and is_file(
            path.parent / relative
        )
        image = path.parent / relative if beside else find_below(name, [path.parent], path)
        if image is not None:
            return image, labels
    if content.get("imageData"):
        return path, labels
    options.problem("unpaired", path, f"its photo {name!r} is missing, and none is embedded")
    return None, set()


def _embedded(content: dict[str, Any], path: Path) -> bytes:
    data = content.get("imageData")
    try:
        return base64.b64decode(data if isinstance(data, str) else "", validate=True)
    except (binascii.Error, ValueError):
        raise ImageFileError(f"{path}: its embedded photo is not base64") from None


def _classes_of(root: Path, labels: set[str], options: Reading) -> tuple[ClassMap, str]:
    if options.classes is not None:
        return options.classes, "(given)"
    # labelme's examples keep the list beside the folder of annotations.
    listed = find_names([root, root.parent])
    if listed is not None:
        path, names = listed
        kept = names.names
        if kept[:1] != ("background",):
            kept = ("background", *kept)
        return class_map(kept, path), f"({path.name})"
    kept = tuple(sorted(labels - {IGNORE, BACKGROUND_LABEL, "background"}))
    return class_map(("background", *kept), root), "(its labels, sorted)"


FORMAT = Format(
    looked_for="labelme's *.json with shapes",
    is_here=is_labelme,
    splits=splits_of_labelme,
    open=open_labelme,
    writer=LabelmeWriter,
    strays=unused_images,
)
