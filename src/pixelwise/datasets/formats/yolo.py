"""YOLO-seg: data.yaml, images/, and labels/*.txt with one normalised polygon a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from pixelwise.classes import BACKGROUND, VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import class_map, find_names
from pixelwise.datasets.formats.writer import AREAS, Item, as_objects, put
from pixelwise.datasets.formats.yolo_file import (
    IMAGES,
    LABELS,
    label_path,
    photos_at,
    read_yaml,
    split_places,
    yaml_of,
)
from pixelwise.datasets.reader import Entry, ImageFiles, Outlines, Truth
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import choose_split
from pixelwise.errors import DataError, LabelError
from pixelwise.instances import joined, outlines
from pixelwise.io.files import is_file
from pixelwise.io.rle import points_of
from pixelwise.io.text import read_text
from pixelwise.samples import BoolArray, Float64Array, Instance, paint_label_map

LOOKED_FOR = "data.yaml with names and splits, or images/ and labels/*.txt"


def is_yolo(path: Path) -> bool:
    """Tell whether a folder, or a YAML file itself, describes YOLO-seg data."""
    if yaml_of(path):
        return True
    labels = path / LABELS
    return (path / IMAGES).is_dir() and any(
        next(iter(p), None) for p in (labels.glob("*.txt"), labels.glob("*/*.txt"))
    )


def splits_of_yolo(root: Path) -> tuple[str, ...]:
    """Return the splits that data.yaml names; ``all`` where there is none."""
    return tuple(split_places(root))


def open_yolo(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of YOLO-seg data.

    Raises
    ------
    DataError
        A YAML file that says something else, an unknown or empty split.
    """
    splits = split_places(root)
    split = choose_split(split, tuple(splits), root)
    photos = [p for place in splits[split] for p in photos_at(place)]
    if not photos:
        raise DataError(f"{root}: no photo in split {split!r}; looked in {splits[split][0]}")
    top = splits[split][0]
    names = [p.relative_to(top) if p.is_relative_to(top) else Path(p.name) for p in sorted(photos)]
    entries = tuple(
        Entry(name.with_suffix("").as_posix(), photo, label_path(photo))
        for name, photo in zip(names, sorted(photos), strict=True)
    )
    classes, named_by = _classes_of(root, entries, options)
    file = yaml_of(root)
    areas = file is not None and read_yaml(file).get(AREAS) is True
    labelled = sum(is_file(entry.label_path) for entry in entries)
    found = (
        f"{root.resolve().name}: YOLO-seg polygons, {len(entries)} samples in '{split}' "
        f"({len(entries) - labelled} without objects), {len(classes)} classes with background "
        f"{named_by}, void {VOID}"
    )
    return Dataset(root, split, classes, entries, found, YoloReader(len(classes), areas), "yolo")


@dataclass(frozen=True)
class YoloReader(ImageFiles):
    """Reads one text file a photo; a photo without one shows no object.

    Parameters
    ----------
    n_classes : int
        With background, which is 0; class k in the files is k + 1 here.
    areas : bool
        The objects are only areas of a label map.
    """

    n_classes: int
    areas: bool

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Draw the polygons as YOLO's own trainer does, large objects under small ones.

        Raises
        ------
        LabelError
            A line that is no polygon; the message names file and line.
        """
        instances = []
        for number, class_id, points in _lines(entry, size):
            if not 0 < class_id < self.n_classes:
                raise LabelError(
                    f"{entry.label_path}: line {number}: class {class_id - 1}, "
                    f"but {self.n_classes - 1} classes are known"
                )
            mask = fill(points, size)
            if mask.any():
                instances.append(Instance.of(mask, class_id, number))
        instances.sort(key=lambda instance: -instance.area)
        return paint_label_map(instances, size), None if self.areas else tuple(instances)

    def outlines(self, entry: Entry, size: tuple[int, int]) -> Outlines:
        """Yield the polygons as they stand in the file."""
        for number, _, points in _lines(entry, size):
            yield f"line {number}", points


def _lines(entry: Entry, size: tuple[int, int]) -> Iterator[tuple[int, int, Float64Array]]:
    """Yield line number, class id (1 is the first class) and polygon of every line."""
    lines = read_text(entry.label_path).splitlines() if is_file(entry.label_path) else []
    for number, line in enumerate(lines, 1):
        if line.strip():
            class_id, points = read_line(line, size, f"{entry.label_path}: line {number}")
            yield number, class_id, points


def read_line(line: str, size: tuple[int, int], where: str) -> tuple[int, Float64Array]:
    """Parse ``class x y x y ...``.

    Returns
    -------
    class_id : int
        1 is the first class.
    points : (N, 2) float64
        x, y in pixels.

    Raises
    ------
    LabelError
        It is something else; ``where`` says which line.
    """
    first, *rest = line.split()
    if not (first.isascii() and first.isdigit()) or len(first) > 5:
        raise LabelError(f"{where}: expected 'class x y x y ...', got {line[:40]!r}")
    if len(rest) == 4:
        raise LabelError(
            f"{where}: four numbers are a box (detection labels); segmentation needs polygons"
        )
    try:
        normalised = np.array([float(v) for v in rest])
    except ValueError:
        raise LabelError(f"{where}: expected 'class x y x y ...', got {line[:40]!r}") from None
    scale = np.tile([size[1], size[0]], (len(normalised) + 1) // 2)[: len(normalised)]
    return int(first) + 1, points_of(normalised * scale, size, where)


def fill(points: Float64Array, size: tuple[int, int]) -> BoolArray:
    """Fill a polygon of (N, 2) x, y in pixels and draw its border, (H, W) bool."""
    canvas = np.zeros(size, dtype=np.uint8)
    # Cut, not rounded: it is what YOLO's own trainer does.
    cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    return canvas.astype(np.bool_)


class YoloWriter:
    """Writes YOLO-seg. It holds neither holes nor parts nor void nor crowds."""

    def __init__(self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None) -> None:  # noqa: ARG002
        self.losses: Counter[str] = Counter()
        self._root = root
        self._classes = classes
        self._splits: list[str] = []
        self._areas = False
        if classes.names[0] not in BACKGROUND:
            self.losses[f"the name {classes.names[0]!r} of class 0, which is background here"] = 1

    def add(self, item: Item) -> None:
        """Write the photo and the polygons of one sample."""
        if item.split not in self._splits:
            self._splits.append(item.split)
        put(self._root / IMAGES / item.split / f"{item.stem}{item.suffix}", item.photo)
        self._areas |= item.instances is None
        put(self._root / LABELS / item.split / f"{item.stem}.txt", self.lines(item).encode())

    def lines(self, item: Item) -> str:
        """Return the polygons of one sample, a line an object."""
        lines = []
        for instance in as_objects(item):
            if instance.class_id == VOID:
                self.losses["void areas, which become background"] += 1
                continue
            self.losses["crowd marks"] += instance.crowd
            lines.append(self._line(instance))
        return "".join(f"{line}\n" for line in lines)

    def _line(self, instance: Instance) -> str:
        parts, holes = outlines(instance.patch)
        self.losses["holes, which are filled"] += holes
        if len(parts) > 1:
            self.losses["objects of several parts, which are joined by a line"] += 1
            parts, _ = outlines(joined(instance.patch))
        (top, left), (height, width) = instance.corner, instance.size
        # Half a pixel inside, so that the value falls into its pixel when it is cut.
        points = (parts[0] + np.array([left + 0.5, top + 0.5])) / np.array([width, height])
        if len(points) < 3:
            points = np.concatenate([points, np.repeat(points[-1:], 3 - len(points), axis=0)])
        return " ".join([str(instance.class_id - 1), *(f"{v:.7g}" for v in points.ravel())])

    def close(self) -> None:
        """Write data.yaml."""
        put(self._root / "data.yaml", self.content().encode())

    def content(self) -> str:
        """Return what data.yaml says."""
        names = dict(enumerate(self._classes.names[1:]))
        splits = {split: f"{IMAGES}/{split}" for split in self._splits}
        areas = {AREAS: True} if self._areas else {}
        return yaml.safe_dump(
            {**splits, "names": names, **areas}, sort_keys=False, allow_unicode=True
        )


def _classes_of(root: Path, entries: tuple[Entry, ...], options: Reading) -> tuple[ClassMap, str]:
    if options.classes is not None:
        return options.classes, "(given)"
    file = yaml_of(root)
    if file is not None:
        names = read_yaml(file)["names"]
        if isinstance(names, dict):
            if sorted(names) != list(range(len(names))):
                raise DataError(f"{file}: names: expected the ids 0..{len(names) - 1}")
            names = [names[i] for i in range(len(names))]
        if not isinstance(names, list) or not names:
            raise DataError(f"{file}: names: expected a list, or ids and names")
        words = tuple(str(name) for name in names)
        return class_map(("background", *words), file), f"({file.name})"
    listed = find_names([root])
    if listed is not None:
        kept = tuple(n for n in listed[1].names if n not in BACKGROUND)
        return class_map(("background", *kept), listed[0]), f"({listed[0].name})"
    firsts = [
        line.split()[0]
        for entry in entries
        if is_file(entry.label_path)
        for line in read_text(entry.label_path).splitlines()
        if line.strip()
    ]
    highest = max((int(f) for f in firsts if f.isascii() and f.isdigit() and len(f) < 4), default=0)
    numbered = tuple(str(i) for i in range(min(highest, VOID - 2) + 1))
    return ClassMap(("background", *numbered)), "(without names: add a data.yaml)"
