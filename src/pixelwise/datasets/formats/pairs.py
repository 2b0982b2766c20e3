"""A folder of photos beside a folder of label maps or instance maps, in the usual namings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pixelwise.classes import CITYSCAPES, CITYSCAPES_LABEL_IDS, VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import class_map
from pixelwise.datasets.formats.mask_encoding import Understood, only_instances, understand, usable
from pixelwise.datasets.formats.mask_reader import id_reader
from pixelwise.datasets.formats.voc import is_voc
from pixelwise.datasets.formats.writer import Item, put
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import AmbiguousError, DataError
from pixelwise.io.image import is_image_file
from pixelwise.io.mask import write_instance_map, write_label_map
from pixelwise.io.text import read_text
from pixelwise.samples import numbers

LOOKED_FOR = "photos and label maps in two folders (images/ and labels/, train/ and trainannot/)"
PHOTOS = ("images", "image", "imgs", "img", "photos", "JPEGImages", "leftImg8bit")
LABELS = (
    "labels",
    "label",
    "masks",
    "mask",
    "annotations",
    "Annotations",
    "annotation",
    "annot",
    "label_maps",
    "gt",
    "ground_truth",
    "gtFine",
    "gtCoarse",
    "SegmentationClass",
)
OBJECTS = ("instances", "instance", "instance_maps", "SegmentationObject")
ENDS = ("annot", "_annot", "_labels", "_label", "_masks", "_mask", "labels", "masks", "_gt")
"""What follows a photo's name in that of its label map, of files and of folders."""

SPLIT_NAMES = {"training": "train", "validation": "val", "valid": "val", "testing": "test"}
CITY_PHOTO, CITY_FIRST_INSTANCE = "_leftImg8bit", 1000
CITY_ENDS = tuple(
    f"_{g}_{k}" for g in ("gtFine", "gtCoarse") for k in ("labelIds", "labelTrainIds")
)
CITY_OBJECTS = ("_gtFine_instanceIds", "_gtCoarse_instanceIds")


@dataclass(frozen=True)
class Place:
    """Where the photos of one split lie, and the folders of what labels them."""

    photos: Path
    labels: tuple[Path, ...]
    objects: Path | None


def is_pairs(path: Path) -> bool:
    """Tell whether a folder holds photos and label maps side by side."""
    return path.is_dir() and not is_voc(path) and bool(_places(path))


def splits_of_pairs(root: Path) -> tuple[str, ...]:
    """Return the splits that the folders make; ``all`` where they make none."""
    return tuple(_places(root))


def open_pairs(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of photos and label maps, or ``all`` of them.

    Raises
    ------
    DataError
        An unknown split, several folders that could hold the labels, a photo without a label
        map or the reverse, or masks that can be read in two ways.
    """
    places = _places(root)
    split = choose_split(split, tuple(dict.fromkeys((*places, WHOLE))), root)
    chosen = {split: places[split]} if split in places else places
    entries: list[Entry] = []
    for name, place in chosen.items():
        pairs = _pair(place, _labels_of(place, options), options)
        entries += (
            [replace(e, name=f"{name}/{e.name}") for e in pairs] if len(chosen) > 1 else pairs
        )
    understood, usable_ = _understood(root, next(iter(chosen.values())), entries, places, options)
    objects = ", with objects" if understood.reader.has_labels and usable_[0].instance_path else ""
    found = (
        f"{root.resolve().name}: photos and masks in pairs, {len(usable_)} samples in '{split}', "
        f"{understood.words}{objects}"
    )
    return Dataset(root, split, understood.classes, usable_, found, understood.reader, "pairs")


def _understood(
    root: Path, place: Place, entries: list[Entry], places: dict[str, Place], options: Reading
) -> tuple[Understood, tuple[Entry, ...]]:
    good = usable(entries, options)
    if good[0].label_path.stem.endswith(CITY_ENDS):
        return _cityscapes(good, options), good
    if not place.labels:
        return only_instances(options), good
    folders = [root, place.photos.parent, *place.labels]
    ade = next((p for p in (root / "objectInfo150.txt",) if p.is_file()), None)
    if (ade or good[0].name.split("/")[-1].startswith("ADE_")) and options.void is None:
        # ADE20K's 0 is "anything else"; its classes begin at 1.
        options = replace(options, void=0, classes=options.classes or _ade_names(ade))
    davis = (
        place.photos.parent.name == "JPEGImages" and place.labels[0].parent.name == "Annotations"
    )
    understood = understand(
        good,
        options,
        folders,
        known_binary=davis,
        all_masks=lambda: [p for other in places.values() for p in _masks_of(other, options)],
    )
    if not understood.reader.has_labels:
        good = tuple(replace(entry, instance_path=entry.label_path) for entry in good)
    return understood, good


def _cityscapes(entries: tuple[Entry, ...], options: Reading) -> Understood:
    classes = options.classes or CITYSCAPES
    reader = id_reader(len(classes), options.void)
    words = f"Cityscapes' train ids, {len(classes)} classes, void {VOID}"
    if entries[0].label_path.stem.endswith("_labelIds"):
        table = np.full(256, -1, dtype=np.int16)
        table[:35] = VOID
        table[list(CITYSCAPES_LABEL_IDS)] = np.arange(len(CITYSCAPES_LABEL_IDS))
        table[VOID] = VOID
        words = f"Cityscapes' label ids, {len(classes)} classes judged, all others void"
        reader = replace(reader, table=table, plain=-1, known="Cityscapes' label ids are 0..34")
    reader = replace(reader, first_instance=CITY_FIRST_INSTANCE)
    return Understood(reader, classes, words)


def _ade_names(path: Path | None) -> ClassMap | None:
    if path is None:
        return None
    rows = [line.split("\t") for line in read_text(path, 1 << 20).splitlines()[1:] if line.strip()]
    return class_map(tuple(row[-1].split(",")[0].strip() for row in rows), path)


def _labels_of(place: Place, options: Reading) -> Path | None:
    """Return the folder of label maps; None where there are only instance maps."""
    if options.labels is not None:
        wanted = Path(options.labels)
        for folder in place.labels:
            either = (folder, folder.parent)
            if str(wanted) in [f.name for f in either] or wanted.resolve() in [
                f.resolve() for f in either
            ]:
                return folder
        known = ", ".join(folder.name for folder in place.labels) or "none"
        raise DataError(f"{place.photos}: no label folder {options.labels!r}; there is: {known}")
    if len(place.labels) > 1:
        names = [f.parent.name if f.name == place.photos.name else f.name for f in place.labels]
        known = " or ".join(f"--labels {name}" for name in names)
        raise AmbiguousError(
            f"{place.photos}: several folders could hold its label maps; say {known}"
        )
    return place.labels[0] if place.labels else None


def _masks_of(place: Place, options: Reading) -> list[Path]:
    labels = _labels_of(place, options)
    return [p for p in labels.rglob("*.png") if is_image_file(p)] if labels else []


def _places(root: Path) -> dict[str, Place]:
    """Return the splits of a folder, in the first of the namings that fits it."""
    if not root.is_dir():
        return {}
    here = _place_in(root)
    if here is not None:
        inside = {} if _has_photo(here.photos) else _places_below(here)
        return inside or {WHOLE: here}
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not is_voc(p))
    places = {_split_name(f): p for f in folders if (p := _place_in(f)) is not None}
    for folder in folders:
        beside = (root / f"{folder.name}{end}" for end in ENDS)
        labels = tuple(other for other in beside if _has_photo(other))
        if labels and _has_photo(folder):
            places[_split_name(folder)] = Place(folder, labels, None)
    return places


def _place_in(folder: Path) -> Place | None:
    """Return the place whose photos and labels are subfolders of a folder."""
    photos = next((folder / name for name in PHOTOS if (folder / name).is_dir()), None)
    if photos is None:
        return None
    # A name with another case is the same folder on some disks.
    there = {p.name for p in folder.iterdir() if p.is_dir()}
    labels = tuple(folder / n for n in LABELS if n in there and _has_photo(folder / n, deep=True))
    objects = next((folder / n for n in OBJECTS if n in there), None)
    return Place(photos, labels, objects) if labels or objects else None


def _places_below(place: Place) -> dict[str, Place]:
    """Return one place a subfolder of the photos, as in images/train and labels/train."""
    places = {}
    for folder in sorted(p for p in place.photos.iterdir() if p.is_dir()):
        labels = tuple(p for label in place.labels if (p := label / folder.name).is_dir())
        objects = place.objects / folder.name if place.objects else None
        objects = objects if objects and objects.is_dir() else None
        if labels or objects:
            places[_split_name(folder)] = Place(folder, labels, objects)
    return places


def _split_name(folder: Path) -> str:
    return SPLIT_NAMES.get(folder.name, folder.name)


def _has_photo(folder: Path, deep: bool = False) -> bool:
    if not folder.is_dir():
        return False
    return any(is_image_file(p) for p in (folder.rglob("*") if deep else folder.iterdir()))


def _pair(place: Place, labels: Path | None, options: Reading) -> list[Entry]:
    """Match photos with label maps and instance maps by the names of their files."""
    photos = {key.removesuffix(CITY_PHOTO): p for key, p in _by_key(place.photos).items()}
    masks = _matched(_by_key(labels), photos, CITY_ENDS) if labels else {}
    objects = _matched(_by_key(place.objects), photos, ()) if place.objects else {}
    if labels and labels.parent.name in ("gtFine", "gtCoarse"):
        objects = _matched(_by_key(labels), photos, CITY_OBJECTS, city=True)
    labelled, folder = (masks, labels) if labels else (objects, place.objects)
    for key in sorted(photos.keys() - labelled.keys()):
        options.problem("unpaired", photos[key], f"no mask of this name in {folder}")
    for key in sorted(labelled.keys() - photos.keys()):
        options.problem("unpaired", labelled[key], f"no photo of this name in {place.photos}")
    shared = sorted(photos.keys() & labelled.keys())
    return [Entry(key, photos[key], labelled[key], objects.get(key)) for key in shared]


def _by_key(folder: Path) -> dict[str, Path]:
    photos = sorted(p for p in folder.rglob("*") if is_image_file(p))
    return {p.relative_to(folder).with_suffix("").as_posix(): p for p in photos}


def _matched(
    masks: dict[str, Path], photos: dict[str, Path], ends: tuple[str, ...], city: bool = False
) -> dict[str, Path]:
    """Key masks by the photo they belong to: the same name, or that name with a usual end."""
    if any(key.endswith((*CITY_ENDS, *CITY_OBJECTS)) for key in masks):
        # Each photo has several files there; the first of the ends that is used counts.
        for end in ends:
            chosen = {k.removesuffix(end): p for k, p in masks.items() if k.endswith(end)}
            if chosen:
                return chosen
        return {}
    if city:
        return {}
    matched = {}
    for key, path in masks.items():
        bare = [key.removesuffix(end) for end in ENDS if key.endswith(end)]
        matched[next((k for k in (key, *bare) if k in photos), key)] = path
    return matched


class PairsWriter:
    """Writes images/, labels/ and instances/ (where told apart) in a folder a split."""

    def __init__(self, root: Path, classes: ClassMap, file_ids: tuple[int, ...] | None) -> None:  # noqa: ARG002
        self.losses: Counter[str] = Counter()
        self._root = root
        self._classes = classes

    def add(self, item: Item) -> None:
        """Write photo, label map and objects of one sample."""
        folder = self._root if item.split == WHOLE else self._root / item.split
        put(folder / "images" / f"{item.stem}{item.suffix}", item.photo)
        write_label_map(folder / "labels" / f"{item.stem}.png", item.label_map, self._classes)
        if item.instances is None:
            return
        instance_map = np.zeros(item.size, dtype=np.uint16)
        for number, instance in zip(numbers(item.instances), item.instances, strict=True):
            patch = instance.within(instance_map)
            self.losses["objects that overlap others"] += bool(patch[instance.patch].any())
            self.losses["crowd marks"] += instance.crowd
            patch[instance.patch] = number
        write_instance_map(folder / "instances" / f"{item.stem}.png", instance_map)

    def close(self) -> None:
        """Write the class names."""
        put(self._root / "classes.txt", ("\n".join(self._classes.names) + "\n").encode())
