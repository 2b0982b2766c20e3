"""COCO instances JSON: polygons, run-length codes, crowds (Lin et al., 2014)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pixelwise.classes import VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import BACKGROUND_NAMES, VOID_NAMES, class_map
from pixelwise.datasets.formats.foreign import find_below, is_foreign, slashed
from pixelwise.datasets.formats.format import Format, skip_hint, unused_images
from pixelwise.datasets.formats.writer import AREAS, Item, Writer, as_instances, write_new
from pixelwise.datasets.reader import Entry, ImageFiles, Outlines, Truth, check_stated
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import DataError, LabelError
from pixelwise.io.files import is_file, visible
from pixelwise.io.rle import draw_segmentation, encode_rle, points_of
from pixelwise.io.text import read_json
from pixelwise.samples import Instance, paint_label_map

VOID_CATEGORY = "void"
INSTANCE_ID = "instance_id"
"""Our own key: the id of an instance within its image, if the annotation has another."""

KEYS = ("images", "annotations", "categories")


def is_coco(path: Path) -> bool:
    """Return whether a folder, or a JSON file itself, holds COCO annotations."""
    return bool(_files(path))


def splits_of_coco(root: Path) -> tuple[str, ...]:
    """Return the splits, by the names of the files without ``instances_`` and the year."""
    return tuple(_files(root))


def open_coco(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of COCO annotations.

    Raises
    ------
    DataError
        An unknown split, a file that is not COCO JSON, or a photo that is missing.
    """
    files = _files(root)
    if split is not None and split not in files:
        split = next((s for s, p in files.items() if p.stem == f"instances_{split}"), split)
    split = choose_split(split, tuple(files), root)
    path = files[split]
    content = _read_coco(path)
    content["categories"], left_out = _without_root(
        content, [p for p in files.values() if p != path]
    )
    dataset = open_content(root, split, path, content, options)
    return replace(dataset, found=dataset.found + left_out)


def open_content(
    root: Path, split: str, path: Path, content: dict[str, Any], options: Reading
) -> Dataset:
    """Open annotations that are in memory; other formats become COCO's on the way.

    Parameters
    ----------
    root : Path
    split : str
    path : Path
        The file that they come from.
    content : dict
        With COCO's ``images``, ``annotations`` and ``categories``.
    options : Reading

    Raises
    ------
    DataError
        They are not sound, or a photo is missing.
    """
    categories = content["categories"]
    classes, ids, table = _classes_of(path, categories, options)
    # VIA writes the ids of images as numbers in one list and as text in the other.
    by_image: dict[str, list[Mapping[str, Any]]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(str(annotation.get("image_id")), []).append(annotation)
    _note_ids(path, content, options)
    folders = _image_folders(path, split)
    names = _image_names(content, path)
    in_one_folder = len({name.parent for name in names}) == 1
    entries, annotations, sizes, used = [], {}, {}, set()
    for image, file in zip(content["images"], names, strict=True):
        name = file.stem if in_one_folder else file.with_suffix("").as_posix()
        if name in annotations:
            raise DataError(f"{path}: two images are called {name!r}")
        image_path = find_below(str(image["file_name"]), folders, path)
        if image_path is None:
            options.problem("unpaired", path, _missing(str(image["file_name"]), folders))
            continue
        if image_path in used:
            raise DataError(f"{path}: two images stand for the same photo, {image_path.name!r}")
        used.add(image_path)
        entries.append(Entry(name, image_path, path))
        sizes[name] = image.get("height"), image.get("width")
        annotations[name] = tuple(by_image.get(str(image.get("id")), ()))
    if not entries:
        raise DataError(f"{path}: the split is empty")
    n_instances = sum(map(len, annotations.values()))
    found = (
        f"{root.resolve().name}: COCO annotations, {len(entries)} samples in '{split}', "
        f"{n_instances} instances, {len(classes)} classes with background, void {VOID}"
    )
    info = content.get("info")
    areas = isinstance(info, dict) and info.get(AREAS) is True
    reader = CocoReader(annotations, table, areas, bool(options.skip_unusable), sizes)
    if reader.skip and (unusable := reader.unusable()):
        found += f"; {unusable} annotations without area left out"
    return Dataset(root, split, classes, tuple(entries), found, reader, "coco", ids)


@dataclass(frozen=True, eq=False)
class CocoReader(ImageFiles):
    """Reads the annotations of one JSON file.

    Parameters
    ----------
    annotations : mapping
        The name of a sample to its annotations in the file.
    table : mapping of int to int
        Category id to class id.
    areas : bool
        The instances are only areas of a label map.
    skip : bool
        Annotations without area are left out.
    sizes : mapping of str to (height, width)
        What the file says of a sample's image.
    """

    annotations: Mapping[str, tuple[Mapping[str, Any], ...]]
    table: Mapping[int, int]
    areas: bool
    skip: bool = False
    sizes: Mapping[str, tuple[object, object]] = field(default_factory=dict)

    def labels(self, entry: Entry, size: tuple[int, int]) -> Truth:
        """Draw the instances: crowds first, then large to small, void last.

        Raises
        ------
        LabelError
            An annotation that cannot be drawn; the message gives its id. Or they were made on an
            image of another size.
        """
        check_stated(self.sizes.get(entry.name, (None, None)), size, entry)
        drawn = []
        for annotation in self._usable(entry):
            where = f"{entry.label_path}: annotation {annotation.get('id')!r} of {entry.name}"
            category = annotation.get("category_id")
            if not isinstance(category, int) or category not in self.table:
                raise LabelError(f"{where}: category {category!r} is not in the file's list")
            try:
                mask = draw_segmentation(annotation.get("segmentation"), size, where)
            except LabelError as error:
                raise LabelError(f"{error}{self._way_out(annotation)}") from None
            if mask.any():
                id_ = annotation.get(INSTANCE_ID, annotation.get("id"))
                instance = Instance.of(
                    mask,
                    self.table[category],
                    id_ if isinstance(id_, int) else 0,
                    annotation.get("iscrowd") in (1, True),
                )
                area = annotation.get("area")
                stated = float(area) if isinstance(area, int | float) else None
                drawn.append(replace(instance, stated_area=stated))
        drawn.sort(key=painting_order)
        instances = tuple(i for i in drawn if i.class_id not in (0, VOID))
        return paint_label_map(drawn, size), None if self.areas else instances

    def skipped(self, entry: Entry) -> list[str]:
        """Return what to call the annotations of a sample that are left out."""
        everything = self.annotations[entry.name] if self.skip else ()
        return [f"annotation {a.get('id')!r}" for a in everything if not _has_area(a)]

    def unusable(self) -> int:
        """Count the annotations without area of all samples."""
        return sum(not _has_area(a) for some in self.annotations.values() for a in some)

    def _usable(self, entry: Entry) -> list[Mapping[str, Any]]:
        everything = self.annotations[entry.name]
        if not self.skip:
            return list(everything)
        # An annotation keeps the parts that have an area.
        cut = [
            a if _has_area(a) else {**a, "segmentation": _parts(a, sound=True)} for a in everything
        ]
        return [a for a in cut if a["segmentation"]]

    def _way_out(self, annotation: Mapping[str, Any]) -> str:
        if _has_area(annotation):
            return ""
        total = sum(map(len, self.annotations.values()))
        return skip_hint(self.unusable(), total, "annotations")

    def outlines(self, entry: Entry, size: tuple[int, int]) -> Outlines:
        """Yield the polygons of the file."""
        for annotation in self._usable(entry):
            where, parts = f"annotation {annotation.get('id')!r}", annotation["segmentation"]
            if isinstance(parts, list):
                for part in parts if isinstance(parts[0], list) else [parts]:
                    yield where, points_of(part, size, where)


def _has_area(annotation: Mapping[str, Any]) -> bool:
    """Return whether an annotation is RLE or outlines, and none of it a box, a line or a point."""
    if isinstance(annotation.get("segmentation"), dict):
        return True
    return bool(_parts(annotation)) and _parts(annotation) == _parts(annotation, sound=True)


def _parts(annotation: Mapping[str, Any], *, sound: bool = False) -> list[Any]:
    """Return the outlines of an annotation, or only those of three points or more."""
    segmentation = annotation.get("segmentation")
    if not isinstance(segmentation, list) or not segmentation:
        return []
    parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
    return [p for p in parts if not (sound and isinstance(p, list) and len(p) < 6)]


def painting_order(instance: Instance) -> tuple[int, bool, int]:
    """Sort instances for painting: crowds at the bottom, large under small, void on top."""
    return instance.class_id == VOID, not instance.crowd, -instance.area


def _read_coco(path: Path) -> dict[str, Any]:
    """Read a COCO file and check its frame: three lists of JSON objects.

    Raises
    ------
    DataError
        It is not JSON, or not COCO JSON.
    """
    content = read_json(path)
    for key in KEYS:
        if not isinstance(content.get(key), list):
            raise DataError(f"{path}: not COCO annotations; expected a list under {key!r}")
        if not all(isinstance(item, dict) for item in content[key]):
            raise DataError(f"{path}: not COCO annotations; {key!r} holds more than JSON objects")
    return content


def _note_ids(path: Path, content: dict[str, Any], options: Reading) -> None:
    """Note ids that come twice and annotations of no image; unchecked, only images' matter."""
    for key in ("images", "annotations") if options.problems is not None else ("images",):
        for id_, count in Counter(str(item.get("id")) for item in content[key]).items():
            if count > 1:
                options.problem("ids", path, f"id {id_} stands for {count} {key}")
    images = {str(image.get("id")) for image in content["images"]}
    unlisted = [a for a in content["annotations"] if str(a.get("image_id")) not in images]
    if unlisted and options.problems is not None:
        text = (
            f"{len(unlisted)} are of images that are not listed, first id {unlisted[0].get('id')!r}"
        )
        options.problem("annotation", path, text)


def _image_names(content: dict[str, Any], path: Path) -> list[PurePosixPath]:
    """Return the images' paths within their folder; of paths of another machine, the last names.

    Where two of these are alike, so many further parts that they are not.
    """
    files, foreign = [], []
    for image in content["images"]:
        name = image.get("file_name")
        if not isinstance(name, str) or "\0" in name or not PurePosixPath(slashed(name)).name:
            raise DataError(f"{path}: image {image.get('id')!r} has no file_name")
        files.append(PurePosixPath(slashed(name)))
        foreign.append(is_foreign(name))
    kept = 1
    longest = max((len(file.parts) for file in files), default=1)
    while kept < longest and len({file.parts[-kept:] for file in files}) < len(files):
        kept += 1
    kept = kept if len({file.parts[-kept:] for file in files}) == len(files) else 1
    return [
        PurePosixPath(*file.parts[-kept:]) if other else file
        for file, other in zip(files, foreign, strict=True)
    ]


def _missing(name: str, folders: list[Path]) -> str:
    looked = ", ".join(sorted({f.name + "/" for f in folders if f.is_dir()}))
    if is_foreign(name):
        last = PurePosixPath(slashed(name)).name
        return f"{name!r} leads out of the data set, and {last!r} is missing; looked in {looked}"
    return f"photo {str(PurePosixPath(slashed(name)))!r} is missing; looked in {looked}"


def _without_root(content: dict[str, Any], others: list[Path]) -> tuple[list[dict[str, Any]], str]:
    """Leave out Roboflow's synthetic category: unused, and the supercategory of all others."""
    categories: list[dict[str, Any]] = content["categories"]
    above = {category.get("supercategory") for category in categories} - {"none", "", None}
    if len(above) != 1 or len(categories) < 2:
        return categories, ""
    root, *more = [c for c in categories if c.get("supercategory") in ("none", "", None)] or [{}]
    if more or root.get("name") not in above:
        return categories, ""

    def uses_it(file: dict[str, Any]) -> bool:
        return any(a.get("category_id") == root.get("id") for a in file["annotations"])

    if uses_it(content) or any(uses_it(_read_coco(path)) for path in others):
        return categories, ""
    kept = [category for category in categories if category is not root]
    what = f"category {root['name']!r} (id {root.get('id')})"
    return kept, f"; {what}, which only heads the others, left out"


def _files(path: Path) -> dict[str, Path]:
    """Return the annotation files of a folder by split."""
    if is_file(path):
        return {WHOLE: path} if path.suffix == ".json" and _is_coco_file(path) else {}
    named = visible(path / "annotations", "instances_*.json")
    if named:
        stems = [p.stem.removeprefix("instances_") for p in named]
        short = [s.rstrip("0123456789") or s for s in stems]
        return dict(zip(short if len(set(short)) == len(short) else stems, named, strict=True))
    # Roboflow writes one file into each split's folder.
    inside = visible(path, "*/_annotations.coco.json")
    if inside:
        return {p.parent.name: p for p in inside}
    for folder in (path, path / "annotations"):
        # A folder of many JSON files is labelme's, and each may embed an image.
        files = [p for p in visible(folder, "*.json")[:8] if _is_coco_file(p)]
        if len(files) == 1:
            return {WHOLE: files[0]}
        if files:
            return {p.stem: p for p in files}
    return {}


def _is_coco_file(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return all(f'"{key}"'.encode() in content for key in KEYS)


def _classes_of(
    path: Path, categories: list[dict[str, Any]], options: Reading
) -> tuple[ClassMap, tuple[int, ...], dict[int, int]]:
    """Return the classes, their category ids, and the table from category id to class id."""
    ids: list[Any] = [category.get("id") for category in categories]
    names: list[Any] = [category.get("name") for category in categories]
    if not all(isinstance(i, int) and i >= 0 for i in ids) or len(set(ids)) != len(ids):
        raise DataError(f"{path}: every category needs an id of its own, 0 or more")
    if not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{path}: every category needs a name")
    table: dict[int, int] = {}
    kept, kept_ids = ["background"], [0]
    for id_, name in sorted(zip(ids, names, strict=True)):
        if name.casefold() in VOID_NAMES:
            table[id_] = VOID
        elif name.casefold() in BACKGROUND_NAMES:
            table[id_] = 0
        else:
            table[id_] = len(kept)
            kept.append(name)
            kept_ids.append(id_)
    if options.classes is not None:
        if len(options.classes) != len(kept):
            raise DataError(
                f"{path}: {len(kept)} classes with background, "
                f"but {len(options.classes)} names are given"
            )
        return options.classes, tuple(kept_ids), table
    return class_map(tuple(kept), path), tuple(kept_ids), table


def _image_folders(path: Path, split: str) -> list[Path]:
    root = path.parent.parent if path.parent.name == "annotations" else path.parent
    year = path.stem.removeprefix("instances_")
    images = root / "images"
    below = (root / year, root / split, images / year, images / split)
    return [*below, images, root, path.parent]


class CocoWriter(Writer):
    """Writes COCO annotations, masks as RLE, so that every pixel comes back."""

    only_instances = True

    def __init__(
        self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None = None
    ) -> None:
        super().__init__(root, classes, file_ids)
        self._void_id = max(self.file_ids) + 1
        self._has_void, self._areas = False, False
        self._splits: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._taken: set[int] = set()
        self._next = 1
        self._images = 0

    def add(self, item: Item) -> None:
        """Write the image of one sample and keep its annotations."""
        file = f"{item.stem}{item.suffix}"
        write_new(self.root / item.split / file, item.image_file)
        self.annotate(item, file)

    def annotate(self, item: Item, file: str) -> None:
        """Keep the annotations of one sample whose image file exists already."""
        split = self._splits.setdefault(item.split, {"images": [], "annotations": []})
        height, width = item.size
        self._images += 1
        image_id = self._images
        split["images"].append(
            {"id": image_id, "file_name": file, "height": height, "width": width}
        )
        self._areas |= item.instances is None
        for instance in as_instances(item):
            is_void, stated = instance.class_id == VOID, instance.stated_area
            self._has_void |= is_void
            top, left, bottom, right = instance.box
            id_ = self._own_id(instance.id)
            split["annotations"].append(
                {
                    "id": id_,
                    "image_id": image_id,
                    "category_id": self._void_id if is_void else self.file_ids[instance.class_id],
                    "segmentation": encode_rle(instance.mask),
                    "area": instance.area if stated is None else stated,
                    "bbox": [left, top, right - left, bottom - top],
                    # Evaluators leave crowds out of the score, which is what void means.
                    "iscrowd": int(instance.crowd or is_void),
                }
                | ({} if id_ == instance.id else {INSTANCE_ID: instance.id})
            )

    def content(self, split: str) -> dict[str, Any]:
        """Return the content of a split's JSON file."""
        pairs = list(zip(self.file_ids, self.classes.names, strict=True))[1:]
        categories = [{"id": id_, "name": name, "supercategory": ""} for id_, name in pairs]
        if self._has_void:
            categories.append({"id": self._void_id, "name": VOID_CATEGORY, "supercategory": ""})
        info = {AREAS: True} if self._areas else {}
        return {"info": info, "licenses": [], **self._splits[split], "categories": categories}

    def close(self) -> None:
        """Write one JSON file per split."""
        for split in self._splits:
            text = json.dumps(self.content(split), ensure_ascii=False)
            write_new(self.root / "annotations" / f"instances_{split}.json", text.encode())

    def _own_id(self, wanted: int) -> int:
        """Keep an annotation's id if it is free: in COCO it is unique."""
        if wanted <= 0 or wanted in self._taken:
            wanted = self._next
        self._taken.add(wanted)
        self._next = max(self._next, wanted + 1)
        return wanted


FORMAT = Format(
    looked_for="annotations/instances_*.json, or one JSON file with images, annotations, "
    "categories",
    is_here=is_coco,
    splits=splits_of_coco,
    open=open_coco,
    writer=CocoWriter,
    strays=unused_images,
)
