"""A folder of images beside a folder of label maps or instance maps, in the usual namings."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pixelwise.classes import CITYSCAPES, CITYSCAPES_LABEL_IDS, VOID, ClassMap
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.class_names import class_map
from pixelwise.datasets.formats.format import Format
from pixelwise.datasets.formats.mask_encoding import (
    OBJECT,
    MaskEncoding,
    infer_encoding,
    only_instances,
    usable_entries,
)
from pixelwise.datasets.formats.mask_reader import count_up, id_reader
from pixelwise.datasets.formats.object_files import (
    ObjectReader,
    RunReader,
    holds_samples,
    objects_of,
    read_runs,
    samples_in,
)
from pixelwise.datasets.formats.pairing import (
    ENDS,
    by_key,
    folders_seen,
    holds_both,
    looks_like_mask,
    paired,
    split_folder,
)
from pixelwise.datasets.formats.voc import is_voc
from pixelwise.datasets.formats.writer import Item, Writer, write_new
from pixelwise.datasets.options import ReadOptions
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.reading import Reading
from pixelwise.datasets.splits import WHOLE, choose_split
from pixelwise.errors import AmbiguousError, DataError
from pixelwise.io.image import images_in, is_image_file
from pixelwise.io.mask import write_instance_map, write_label_map
from pixelwise.io.stored_path import locate
from pixelwise.io.text import read_text
from pixelwise.samples import instance_ids

IMAGES = (
    "images",
    "image",
    "imgs",
    "img",
    "photos",
    "JPEGImages",
    "leftImg8bit",
    "img_dir",
    "images_png",
    "original",
)
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
    "ann_dir",
    "masks_png",
    "ground truth",
    "groundtruth",
)
INSTANCES = ("instances", "instance", "instance_maps", "SegmentationObject")
SPLIT_NAMES = {"training": "train", "validation": "val", "valid": "val", "testing": "test"}
CITY_IMAGE, CITY_FIRST_INSTANCE = "_leftImg8bit", 1000
CITY_ENDS = tuple(
    f"_{g}_{k}" for g in ("gtFine", "gtCoarse") for k in ("labelIds", "labelTrainIds")
)
CITY_INSTANCES = ("_gtFine_instanceIds", "_gtCoarse_instanceIds")


@dataclass(frozen=True)
class Place:
    """Where the images of one split lie, and the folders of what labels them."""

    images: Path
    labels: tuple[Path, ...]
    instances: Path | None = None


def is_pairs(path: Path) -> bool:
    """Return whether a folder holds images and label maps side by side."""
    return path.is_dir() and not is_voc(path) and bool(_places(path))


def splits_of_pairs(root: Path, options: ReadOptions | None = None) -> tuple[str, ...]:
    """Return the splits that the folders make; ``all`` if they make none."""
    return tuple(_places(root, options))


def open_pairs(root: Path, split: str | None, options: Reading) -> Dataset:
    """Open one split of images and label maps, or ``all`` of them.

    Raises
    ------
    DataError
        An unknown split, several folders that could hold the labels, an image without a label
        map or the reverse, or masks that can be read in two ways.
    """
    places = _places(root, options)
    split = choose_split(split, tuple(dict.fromkeys((*places, WHOLE))), root)
    chosen = {split: places[split]} if split in places else places
    objects = _open_objects(root, split, chosen, options)
    if objects is not None:
        return objects
    entries: list[Entry] = []
    for name, place in chosen.items():
        pairs = _pair(place, _labels_of(place, options), options)
        entries += (
            [replace(e, name=f"{name}/{e.name}") for e in pairs] if len(chosen) > 1 else pairs
        )
    encoding, usable = _encoding(root, next(iter(chosen.values())), entries, places, options)
    both = encoding.reader.has_labels and usable[0].instance_path
    found = (
        f"{root.resolve().name}: photos and masks in pairs ({_from(usable, root)}), "
        f"{len(usable)} samples in '{split}', "
        f"{encoding.description}{', with instances' if both else ''}"
    )
    return Dataset(root, split, encoding.classes, usable, found, encoding.reader, "pairs")


def _open_objects(
    root: Path, split: str, chosen: dict[str, Place], options: Reading
) -> Dataset | None:
    """Open data with a file or a line of a list per object; None if it is not of that kind."""
    place = next(iter(chosen.values()))
    runs = run_list(root, options)
    reader: ObjectReader | RunReader
    if runs is not None:
        images = by_key(place.images)
        reader, what = RunReader(read_runs(runs, images)), f"runs of {runs.name}"
        first = dict.fromkeys(images, runs)
    else:
        if holds_samples(place.images):
            images, masks = samples_in(place.images)
        else:
            labels = _labels_of(place, options) if len(chosen) == 1 else None
            images = _photos(place) if labels and labels != place.images else {}
            masks = objects_of(images, labels) if labels and images else {}
        if not masks:
            return None
        reader, what = ObjectReader(masks), "a mask file per object"
        first = {name: paths[0] if paths else images[name] for name, paths in masks.items()}
    if options.classes is not None and len(options.classes) != 2:
        raise DataError(f"{root}: one class of objects, but {len(options.classes)} names are given")
    entries = tuple(Entry(name, images[name], first[name]) for name in sorted(images))
    if not entries:
        raise DataError(f"{place.images}: no photo in this folder")
    found = f"{root.resolve().name}: {what}, {len(entries)} samples in '{split}', one class"
    return Dataset(root, split, options.classes or OBJECT, entries, found, reader, "pairs")


def run_list(root: Path, options: ReadOptions) -> Path | None:
    """Return the CSV file that the options name in place of a folder of label maps."""
    if options.labels is None or not str(options.labels).lower().endswith(".csv"):
        return None
    return next((p for p in (root / options.labels, locate(options.labels)) if p.is_file()), None)


def _from(entries: tuple[Entry, ...], root: Path) -> str:
    """Return where the masks come from, for people."""
    folder = locate(os.path.commonpath([entry.label_path.parent for entry in entries]))
    inside = folder.is_relative_to(root) and folder != root
    return f"masks of {folder.relative_to(root).as_posix() if inside else folder.name}/"


def _encoding(
    root: Path, place: Place, entries: list[Entry], places: dict[str, Place], options: Reading
) -> tuple[MaskEncoding, tuple[Entry, ...]]:
    usable = usable_entries(entries, options)
    if usable[0].label_path.stem.endswith(CITY_ENDS):
        return _cityscapes(usable, options), usable
    if not place.labels:
        return only_instances(options), usable
    folders = [root, place.images.parent, *place.labels]
    ade = next((p for p in (root / "objectInfo150.txt",) if p.is_file()), None)
    if (ade or usable[0].name.split("/")[-1].startswith("ADE_")) and options.void is None:
        # ADE20K's 0 is "anything else"; its classes begin at 1.
        options = replace(options, void=0, classes=options.classes or _ade_names(ade))
    davis = (
        place.images.parent.name == "JPEGImages" and place.labels[0].parent.name == "Annotations"
    )
    encoding = infer_encoding(
        usable,
        options,
        folders,
        known_binary=davis,
        all_masks=lambda: [p for other in places.values() for p in _masks_of(other, options)],
    )
    if not encoding.reader.has_labels:
        usable = tuple(replace(entry, instance_path=entry.label_path) for entry in usable)
    return encoding, usable


def _cityscapes(entries: tuple[Entry, ...], options: Reading) -> MaskEncoding:
    classes = options.classes or CITYSCAPES
    voids = () if options.void is None else (options.void,)
    reader = id_reader(count_up(len(classes), options.void), voids)
    description = f"Cityscapes' train ids, {len(classes)} classes, void {VOID}"
    if entries[0].label_path.stem.endswith("_labelIds"):
        table = np.full(256, -1, dtype=np.int16)
        table[:35] = VOID
        table[list(CITYSCAPES_LABEL_IDS)] = np.arange(len(CITYSCAPES_LABEL_IDS))
        table[VOID] = VOID
        description = f"Cityscapes' label ids, {len(classes)} classes evaluated, all others void"
        reader = replace(reader, table=table, plain=-1, known="Cityscapes' label ids are 0..34")
    reader = replace(reader, first_instance=CITY_FIRST_INSTANCE)
    return MaskEncoding(reader, classes, description)


def _ade_names(path: Path | None) -> ClassMap | None:
    if path is None:
        return None
    rows = [line.split("\t") for line in read_text(path, 1 << 20).splitlines()[1:] if line.strip()]
    return class_map(tuple(row[-1].split(",")[0].strip() for row in rows), path)


def _labels_of(place: Place, options: Reading) -> Path | None:
    """Return the folder of label maps; None if there are only instance maps."""
    if options.labels is not None and not _are_named(place, options):
        wanted = locate(options.labels)
        for folder in place.labels:
            either = (folder, folder.parent)
            if str(wanted) in [f.name for f in either] or wanted.resolve() in [
                f.resolve() for f in either
            ]:
                return folder
        known = ", ".join(folder.name for folder in place.labels) or "none"
        raise DataError(f"{place.images}: no label folder {options.labels!r}; there is: {known}")
    if len(place.labels) > 1:
        names = [f.parent.name if f.name == place.images.name else f.name for f in place.labels]
        known = " or ".join(f"--labels {name}" for name in names)
        raise AmbiguousError(
            f"{place.images}: several folders could hold its label maps; say {known}",
            *(path for folder in place.labels for path in list(by_key(folder).values())[:1]),
        )
    return place.labels[0] if place.labels else None


def _masks_of(place: Place, options: Reading) -> list[Path]:
    labels = _labels_of(place, options)
    if labels is None:
        return []
    return list((split_folder(labels)[1] if labels == place.images else by_key(labels)).values())


def _are_named(place: Place, options: ReadOptions) -> bool:
    """Return whether the folder of labels is the one that the options name by its path."""
    return len(place.labels) == 1 and Path(str(options.labels)).name in place.labels[0].parts


def named_place(root: Path, options: ReadOptions) -> Place | None:
    """Return the folders that the options name; None if they name none, or one among several.

    Raises
    ------
    DataError
        A folder is not there, or which holds the photos is open; the message lists the folders.
    """
    labels = None if options.labels is None else _folder(root, options.labels)
    if run_list(root, options) is not None:
        labels = root if options.images is None else _folder(root, options.images)
        return None if labels is None else Place(labels, (labels,))
    if options.images is not None:
        images = _folder(root, options.images)
        if images is None or (options.labels is not None and labels is None):
            missing = options.images if images is None else options.labels
            raise DataError(f"{root}: no folder {missing!r}; images are in {folders_seen(root)}")
        return Place(images, (labels or images,))
    if labels is None:
        return None
    masks, beside = by_key(labels), []
    for folder in sorted({p.parent for p in by_key(root).values()}) if root.is_dir() else ():
        if folder != labels and labels not in folder.parents:
            photos = {p.stem: p for p in images_in(folder)}
            if photos.keys() & paired(photos, masks).keys():
                beside.append(folder)
    if len(beside) != 1:
        raise AmbiguousError(
            f"{root}: say where the photos of {labels.name}/ are (--images DIR); images are in "
            + folders_seen(root)
        )
    return Place(beside[0], (labels,))


def _folder(root: Path, name: str | Path) -> Path | None:
    return next((p for p in (root / name, locate(name)) if p.is_dir()), None)


def _places(root: Path, options: ReadOptions | None = None) -> dict[str, Place]:
    """Return the splits of a folder, in the first of the namings that fits it."""
    if not root.is_dir():
        return {}
    if options is not None and (options.images is not None or options.labels is not None):
        known = {} if options.images is not None else _places(root)
        place = None if known else named_place(root, options)
        if place is not None:
            whole = _has_image(place.images) or holds_samples(place.images)
            inside = {} if whole else _places_below(place)
            return inside or {WHOLE: place}
        return known
    if holds_samples(root):
        return {WHOLE: Place(root, (root,))}
    here = _place_in(root)
    if here is not None:
        inside = {} if _has_image(here.images) else _places_below(here)
        return inside or {WHOLE: here}
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not is_voc(p))
    places = {_split_name(f): p for f in folders if (p := _place_in(f)) is not None}
    for folder in folders:
        beside = (root / f"{folder.name}{end}" for end in ENDS)
        labels = tuple(other for other in beside if _has_image(other))
        if labels and _has_image(folder):
            places[_split_name(folder)] = Place(folder, labels)
        elif holds_both(folder):
            places.setdefault(_split_name(folder), Place(folder, (folder,)))
    return places or ({WHOLE: Place(root, (root,))} if holds_both(root) else {})


def _place_in(folder: Path) -> Place | None:
    """Return the place whose images and labels are subfolders of a folder."""
    # A name with another case is the same folder on some disks.
    there = {p.name.casefold(): p for p in folder.iterdir() if p.is_dir()}
    images = next((p for n in IMAGES if (p := there.get(n.casefold()))), None)
    if images is None and _has_image(folder):
        # EISeg saves masks in a folder among the photos.
        among = tuple(p for n in LABELS if (p := there.get(n.casefold())) and _has_image(p))
        return Place(folder, among) if among else None
    if images is None:
        return None
    named = [p for n in LABELS if (p := there.get(n.casefold()))]
    # Annotations and annotations are one name here.
    labels = tuple(p for p in dict.fromkeys(named) if _has_image(p, deep=True))
    instances = next((p for n in INSTANCES if (p := there.get(n.casefold()))), None)
    known = {name.casefold() for name in (*IMAGES, *LABELS, *INSTANCES)}
    others = sorted(p for name, p in there.items() if name not in known)
    labels += tuple(p for p in others if _are_masks(p, images))
    return Place(images, labels, instances) if labels or instances else None


def _are_masks(folder: Path, images: Path) -> bool:
    """Return whether a folder of an unknown name holds masks of all images: DRIVE's 1st_manual."""
    masks = {p.stem: p for p in images_in(folder)}
    photos = {p.stem: p for p in images_in(images)}
    if not masks or len(masks) != len(photos) or not looks_like_mask(next(iter(masks.values()))):
        return False
    try:
        return paired(photos, masks).keys() == photos.keys()
    except AmbiguousError:
        return False


def _places_below(place: Place) -> dict[str, Place]:
    """Return one place per subfolder of the images, as in images/train and labels/train."""
    places = {}
    for folder in sorted(p for p in place.images.iterdir() if p.is_dir()):
        labels = tuple(p for label in place.labels if (p := label / folder.name).is_dir())
        instances = place.instances / folder.name if place.instances else None
        instances = instances if instances and instances.is_dir() else None
        if labels or instances:
            places[_split_name(folder)] = Place(folder, labels, instances)
    return places


def _split_name(folder: Path) -> str:
    return SPLIT_NAMES.get(folder.name, folder.name)


def _has_image(folder: Path, deep: bool = False) -> bool:
    if not folder.is_dir():
        return False
    return any(is_image_file(p) for p in (folder.rglob("*") if deep else folder.iterdir()))


def _pair(place: Place, labels: Path | None, options: Reading) -> list[Entry]:
    """Match images with label maps and instance maps by the names of their files."""
    if labels == place.images:
        images, masks = split_folder(labels)
        masks = paired(images, masks)
    else:
        doubled: list[Path] = []
        images = {key.removesuffix(CITY_IMAGE): p for key, p in _photos(place, doubled).items()}
        masks = _matched(by_key(labels), images, CITY_ENDS) if labels else {}
        for path in doubled:
            text = "another photo has the same name, and is taken; rename one of the two"
            options.problem("unpaired", path, text)
    instances = _matched(by_key(place.instances), images, ()) if place.instances else {}
    if labels and labels.parent.name in ("gtFine", "gtCoarse"):
        instances = _matched(by_key(labels), images, CITY_INSTANCES, city=True)
    labelled, folder = (masks, labels) if labels else (instances, place.instances)
    for key in sorted(images.keys() - labelled.keys()):
        options.problem("unpaired", images[key], f"no mask of this name in {folder}")
    for key in sorted(labelled.keys() - images.keys()):
        options.problem("unpaired", labelled[key], f"no photo of this name in {place.images}")
    shared = sorted(images.keys() & labelled.keys())
    return [Entry(key, images[key], labelled[key], instances.get(key)) for key in shared]


def _photos(place: Place, doubled: list[Path] | None = None) -> dict[str, Path]:
    """Return the images of a place; its folders of labels may lie among them, as EISeg's do."""
    inside = {folder for folder in place.labels if place.images in folder.parents}
    images = by_key(place.images, doubled)
    if doubled is not None:
        doubled[:] = [path for path in doubled if inside.isdisjoint(path.parents)]
    return {key: path for key, path in images.items() if inside.isdisjoint(path.parents)}


def _matched(
    masks: dict[str, Path], images: dict[str, Path], ends: tuple[str, ...], city: bool = False
) -> dict[str, Path]:
    """Key masks by the image they belong to: the same name, or that name with a usual end."""
    if any(key.endswith((*CITY_ENDS, *CITY_INSTANCES)) for key in masks):
        # Each image has several files there; the first of the ends that is used counts.
        for end in ends:
            chosen = {k.removesuffix(end): p for k, p in masks.items() if k.endswith(end)}
            if chosen:
                return chosen
        return {}
    if city:
        return {}
    return paired(images, masks)


class PairsWriter(Writer):
    """Writes images/, labels/ and, if they are known, instances/ in one folder per split."""

    def add(self, item: Item) -> None:
        """Write image, label map and instances of one sample."""
        folder = self.root if item.split == WHOLE else self.root / item.split
        write_new(folder / "images" / f"{item.stem}{item.suffix}", item.image_file)
        write_label_map(folder / "labels" / f"{item.stem}.png", item.label_map, self.classes)
        if item.instances is not None:
            instance_map = self.paint(item, instance_ids(item.instances))
            write_instance_map(folder / "instances" / f"{item.stem}.png", instance_map)

    def close(self) -> None:
        """Write the class names."""
        self.write_class_names()


FORMAT = Format(
    looked_for="photos and label maps in two folders (images/ and labels/, train/ and trainannot/)",
    is_here=is_pairs,
    splits=splits_of_pairs,
    open=open_pairs,
    writer=PairsWriter,
)
