"""YOLO-seg: data.yaml, images/, and labels/*.txt with one normalised polygon per line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import yaml

from pixelwise.classes import BACKGROUND, VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import class_map, find_names
from pixelwise.datasets.formats.foreign import find_below, is_foreign, slashed
from pixelwise.datasets.formats.format import Format, Stray, skip_hint
from pixelwise.datasets.formats.writer import AREAS, Item, Writer, as_instances, write_new
from pixelwise.datasets.reader import Entry, ImageFiles, Outlines, Truth
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import DataError, LabelError, StorageError
from pixelwise.instances import joined, outlines
from pixelwise.io.files import is_file, visible
from pixelwise.io.folders import distinct_names
from pixelwise.io.image import is_image_file
from pixelwise.io.rle import points_of
from pixelwise.io.text import read_text
from pixelwise.samples import BoolArray, Float64Array, Instance, paint_label_map

IMAGES, LABELS = "images", "labels"


def is_yolo(path: Path) -> bool:
    """Return whether a folder, or a YAML file itself, describes YOLO-seg data."""
    if _yaml_of(path):
        return True
    labels = path / LABELS
    return (path / IMAGES).is_dir() and any(
        next(iter(p), None) for p in (labels.glob("*.txt"), labels.glob("*/*.txt"))
    )


def splits_of_yolo(root: Path) -> tuple[str, ...]:
    """Return the splits that data.yaml names; ``all`` if there is none."""
    return tuple(_split_places(root))


def open_yolo(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of YOLO-seg data.

    Raises
    ------
    DataError
        A YAML file that says something else, an unknown or empty split.
    """
    splits = _split_places(root)
    split = choose_split(split, tuple(splits), root)
    images = [p for place in splits[split] for p in _images_at(place, _bases(root))]
    if not images:
        raise DataError(f"{root}: no photo in split {split!r}; looked in {splits[split][0]}")
    top = splits[split][0]
    below = {p: p.relative_to(top) if p.is_relative_to(top) else Path(p.name) for p in images}
    names = distinct_names(below)
    entries = tuple(Entry(names[image], image, _label_path(image)) for image in sorted(below))
    classes, named_by = _classes_of(root, entries, options)
    file = _yaml_of(root)
    areas = file is not None and _read_yaml(file).get(AREAS) is True
    labelled = sum(is_file(entry.label_path) for entry in entries)
    found = (
        f"{root.resolve().name}: YOLO-seg polygons, {len(entries)} samples in '{split}' "
        f"({len(entries) - labelled} without instances), {len(classes)} classes with background "
        f"{named_by}, void {VOID}"
    )
    files = tuple(entry.label_path for entry in entries)
    reader = YoloReader(len(classes), areas, files, bool(options.skip_unusable))
    if reader.skip and (unusable := reader.unusable()[0]):
        found += f"; {unusable} lines without area left out"
    return Dataset(root, split, classes, entries, found, reader, "yolo")


@dataclass(frozen=True)
class YoloReader(ImageFiles):
    """Reads one text file per image; an image without one shows no instance.

    Parameters
    ----------
    n_classes : int
        With background, which is 0; class k in the files is k + 1 here.
    areas : bool
        The instances are only areas of a label map.
    files : tuple of Path
        The text files of all samples.
    skip : bool
        Lines without area are left out.
    """

    n_classes: int
    areas: bool
    files: tuple[Path, ...] = ()
    skip: bool = False

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Draw the polygons as YOLO's own trainer does, large instances under small ones.

        Raises
        ------
        LabelError
            A line that is not a polygon; the message names file and line.
        """
        instances = []
        for number, class_id, points in self._outlines(entry, size):
            if not 0 < class_id < self.n_classes:
                raise LabelError(
                    f"{entry.label_path}: line {number}: class {class_id - 1}, "
                    f"but {self.n_classes - 1} classes are known"
                )
            mask = _fill(points, size)
            if mask.any():
                instances.append(Instance.of(mask, class_id, number))
        instances.sort(key=lambda instance: -instance.area)
        return paint_label_map(instances, size), None if self.areas else tuple(instances)

    def outlines(self, entry: Entry, size: tuple[int, int]) -> Outlines:
        """Yield the polygons of the file."""
        for number, _, points in self._outlines(entry, size):
            yield f"line {number}", points

    def skipped(self, entry: Entry) -> list[str]:
        """Return what to call the lines of a sample that are left out."""
        lines = _lines(entry.label_path) if self.skip else ()
        return [f"line {number}" for number, line in lines if not _has_area(line)]

    def unusable(self) -> tuple[int, int]:
        """Count the lines without area of all samples, and all lines."""
        kinds = [_has_area(line) for path in self.files for _, line in _lines(path)]
        return kinds.count(False), len(kinds)

    def _outlines(
        self, entry: Entry, size: tuple[int, int]
    ) -> Iterator[tuple[int, int, Float64Array]]:
        """Yield line number, class id (1 is the first class) and polygon of every line."""
        for number, line in _lines(entry.label_path):
            if self.skip and not _has_area(line):
                continue
            try:
                class_id, points = _read_line(line, size, f"{entry.label_path}: line {number}")
            except LabelError as error:
                hint = "" if _has_area(line) else skip_hint(*self.unusable(), "lines")
                raise LabelError(f"{error}{hint}") from None
            yield number, class_id, points


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of every line that is not empty."""
    for number, line in enumerate(read_text(path).splitlines() if is_file(path) else (), 1):
        if line.strip():
            yield number, line


def _has_area(line: str) -> bool:
    """Return whether a line has three points or more; four numbers are a box."""
    return len(line.split()) > 6


def _read_line(line: str, size: tuple[int, int], where: str) -> tuple[int, Float64Array]:
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
    first = re.sub(r"\.0*$", "", first)  # data frames write 0.0
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


def _fill(points: Float64Array, size: tuple[int, int]) -> BoolArray:
    """Fill a polygon of (N, 2) x, y in pixels and draw its outline, (H, W) bool."""
    canvas = np.zeros(size, dtype=np.uint8)
    # Truncated, not rounded: it is what YOLO's own trainer does.
    cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    return canvas.astype(np.bool_)


def _strays(datasets: list[Dataset]) -> Iterator[Stray]:
    entries = [entry for dataset in datasets for entry in dataset.entries]
    used = {entry.label_path for entry in entries}
    for path in sorted(p for f in {p.parent for p in used} for p in visible(f, "*.txt")):
        # labelImg leaves its list of names among the labels.
        if path not in used and path.name != "classes.txt":
            yield path, "photo"


class YoloWriter(Writer):
    """Writes YOLO-seg. It holds neither holes nor parts nor void nor crowds."""

    only_instances = True

    def __init__(
        self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None = None
    ) -> None:
        super().__init__(root, classes, file_ids)
        self._splits: list[str] = []
        self._areas = False

    def add(self, item: Item) -> None:
        """Write the image and the polygons of one sample."""
        if item.split not in self._splits:
            self._splits.append(item.split)
        write_new(self.root / IMAGES / item.split / f"{item.stem}{item.suffix}", item.image_file)
        self._areas |= item.instances is None
        write_new(self.root / LABELS / item.split / f"{item.stem}.txt", self.lines(item).encode())

    def lines(self, item: Item) -> str:
        """Return the polygons of one sample, one line per instance."""
        lines = []
        for instance in as_instances(item):
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
            self.losses["instances of several parts, which are joined by a line"] += 1
            parts, _ = outlines(joined(instance.patch))
        (top, left), (height, width) = instance.corner, instance.size
        # Half a pixel inside, so that the value falls into its pixel when it is truncated.
        points = (parts[0] + np.array([left + 0.5, top + 0.5])) / np.array([width, height])
        if len(points) < 3:
            points = np.concatenate([points, np.repeat(points[-1:], 3 - len(points), axis=0)])
        return " ".join([str(instance.class_id - 1), *(f"{v:.7g}" for v in points.ravel())])

    def close(self) -> None:
        """Write data.yaml."""
        write_new(self.root / "data.yaml", self.content().encode())

    def content(self) -> str:
        """Return the content of data.yaml."""
        names = dict(enumerate(self.classes.names[1:]))
        splits = {split: f"{IMAGES}/{split}" for split in self._splits}
        areas = {AREAS: True} if self._areas else {}
        return yaml.safe_dump(
            {**splits, "names": names, **areas}, sort_keys=False, allow_unicode=True
        )


def _yaml_of(path: Path) -> Path | None:
    """Return the YAML file that describes a folder's data, or that ``path`` itself is."""
    if is_file(path):
        return path if path.suffix in (".yaml", ".yml") else None
    named = [p for p in (path / "data.yaml", path / "dataset.yaml") if is_file(p)]
    named += [p for p in sorted(path.glob("*.y*ml")) if p not in named and _is_yaml(p)]
    return next((p for p in named if "names" in _read_yaml(p)), None)


def _read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file; empty if it holds no mapping.

    Raises
    ------
    DataError
        It is not YAML.
    """
    try:
        content = yaml.safe_load(read_text(path, 1 << 20))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    return content if isinstance(content, dict) else {}


def _is_yaml(path: Path) -> bool:
    # A file of another tool may be anything; only data.yaml has to be YAML.
    try:
        return bool(_read_yaml(path))
    except StorageError:
        raise
    except DataError:
        return False


def _split_places(root: Path) -> dict[str, list[Path]]:
    """Return the places of each split's images: folders, or text files that list them."""
    file = _yaml_of(root)
    if file is None:
        inside = sorted(p for p in (root / IMAGES).iterdir() if p.is_dir())
        return {p.name: [p] for p in inside} or {WHOLE: [root / IMAGES]}
    content = _read_yaml(file)
    bases, splits = _bases(root), {}
    for name in ("train", "val", "test", *sorted(str(key) for key in content)):
        places = content.get(name)
        if name in ("path", "names", "nc", "download") or name in splits:
            continue
        listed = [places] if isinstance(places, str) else places
        if isinstance(listed, list) and listed and all(isinstance(p, str) for p in listed):
            splits[name] = [_place(bases, place, file) for place in listed]
    if not splits:
        raise DataError(f"{file}: expected splits such as 'train: images/train', found none")
    kept = {k: v for k, v in splits.items() if v[0].exists() or k == "train"}
    for one, other in combinations(kept, 2):
        if kept[one] == kept[other] and content[one] != content[other]:
            raise DataError(
                f"{file}: {one!r} and {other!r} are paths of another machine, and both end in "
                f"{kept[one][0].name!r}; write paths from the folder of this file"
            )
    return kept


def _bases(root: Path) -> list[Path]:
    """Return the folders that paths in data.yaml are of.

    Its own ``path`` may be that of another machine. An absolute one counts only if data.yaml
    itself was named, or if it leads into its folder.
    """
    file = _yaml_of(root)
    folder = root if root.is_dir() else root.parent
    given = "" if file is None else slashed(str(_read_yaml(file).get("path") or ""))
    if not given or "\0" in given:
        return [folder]
    base = folder / given
    inside = base.resolve().is_relative_to(folder.resolve())
    return [base, folder] if base.is_dir() and (inside or is_file(root)) else [folder]


def _place(bases: list[Path], place: str, file: Path) -> Path:
    if "\0" in place:
        raise DataError(f"{file}: {place!r} is not a path")
    # "../train/images" is how Roboflow writes it, from a folder that is not there; Windows writes
    # backslashes, and exported files the folders of the machine they were made on.
    for base in bases:
        found = find_below(place, [base], file, lambda path: path.exists())
        if found is not None:
            return found
    return bases[0] / (PurePosixPath(slashed(place)).name if is_foreign(place) else slashed(place))


def _images_at(place: Path, bases: list[Path]) -> list[Path]:
    """Return the images in a folder and below, or those that a text file lists."""
    if place.is_dir():
        return [p for p in place.rglob("*") if is_image_file(p)]
    if place.suffix == ".txt" and is_file(place):
        lines = [line.strip() for line in read_text(place).splitlines() if line.strip()]
        folders = [place.parent, *(f for f in bases if f != place.parent)]
        found = [(line, find_below(line, folders, place)) for line in lines]
        if len({p for _, p in found if p}) < len({line for line, p in found if p}):
            raise DataError(f"{place}: two of its lines stand for the same photo")
        return [p or place.parent / PurePosixPath(slashed(line)).name for line, p in found]
    return []


def _label_path(image: Path) -> Path:
    """Return where an image's labels are: its last folder ``images`` becomes ``labels``."""
    for folder in image.parents:
        if folder.name == IMAGES:
            return folder.parent / LABELS / image.relative_to(folder).with_suffix(".txt")
    return image.with_suffix(".txt")


def _classes_of(root: Path, entries: tuple[Entry, ...], options: Reading) -> tuple[ClassMap, str]:
    if options.classes is not None:
        return options.classes, "(given)"
    file = _yaml_of(root)
    if file is not None:
        names = _read_yaml(file)["names"]
        if isinstance(names, dict):
            if sorted(names) != list(range(len(names))):
                raise DataError(f"{file}: names: expected the ids 0..{len(names) - 1}")
            names = [names[i] for i in range(len(names))]
        if not isinstance(names, list) or not names:
            raise DataError(f"{file}: names: expected a list, or ids and names")
        listed_names = tuple(str(name) for name in names)
        return class_map(("background", *listed_names), file), f"({file.name})"
    listed = find_names([root])
    if listed is not None:
        kept = tuple(n for n in listed[1].names if n not in BACKGROUND)
        return class_map(("background", *kept), listed[0]), f"({listed[0].name})"
    firsts = [
        re.sub(r"\.0*$", "", line.split()[0])
        for entry in entries
        if is_file(entry.label_path)
        for line in read_text(entry.label_path).splitlines()
        if line.strip()
    ]
    highest = max((int(f) for f in firsts if f.isascii() and f.isdigit() and len(f) < 4), default=0)
    numbered = tuple(str(i) for i in range(min(highest, VOID - 2) + 1))
    return ClassMap(("background", *numbered)), "(without names: add a data.yaml)"


FORMAT = Format(
    looked_for="data.yaml with names and splits, or images/ and labels/*.txt",
    is_here=is_yolo,
    splits=splits_of_yolo,
    open=open_yolo,
    writer=YoloWriter,
    strays=_strays,
)
