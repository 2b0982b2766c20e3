"""What the numbers of a data set's mask files mean: found out by looking, or asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.classes import VOC, VOID, ClassMap
from pixelwise.datasets.formats.class_names import Names, class_map, find_names
from pixelwise.datasets.formats.mask_reader import MaskFiles, id_reader
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.reading import Reading
from pixelwise.errors import AmbiguousError, DataError, LabelError, PixelwiseError
from pixelwise.io.files import is_file
from pixelwise.io.image import open_picture
from pixelwise.io.mask import count_ids, decode_rgb, mask_encoding, read_levels
from pixelwise.samples import Int64Array, UInt8Array

SAMPLED = 16
FOREGROUND = ClassMap(("background", "foreground"))
OBJECT = ClassMap(("background", "object"))


def usable(entries: Iterable[Entry], options: Reading) -> tuple[Entry, ...]:
    """Return the entries whose masks are there and lossless.

    Raises
    ------
    DataError
        A file is missing, or a mask is a JPEG, unless ``options`` collects problems.
    """
    good = []
    for entry in entries:
        missing = [p for p in sorted(entry.paths) if not is_file(p)]
        if missing:
            text = f"missing, but {entry.name!r} is listed"
            there = next((p for p in (entry.image_path, entry.label_path) if is_file(p)), None)
            options.problem("unpaired", missing[0], text, there)
        elif entry.label_path.suffix.lower() in (".jpg", ".jpeg"):
            text = "JPEG changes the numbers of a mask; save it as PNG"
            options.problem("lossy", entry.label_path, text)
        else:
            good.append(entry)
    if not good:
        raise DataError("no sample can be read: every photo or mask is missing or lossy")
    return tuple(good)


@dataclass(frozen=True)
class Understood:
    """What masks were taken for: the reader, the classes, and words for both."""

    reader: MaskFiles
    classes: ClassMap
    words: str


def understand(
    entries: tuple[Entry, ...],
    options: Reading,
    folders: list[Path],
    default: ClassMap | None = None,
    known_binary: bool = False,
    all_masks: Callable[[], list[Path]] = list,
) -> Understood:
    """Find out what the numbers of a data set's masks mean.

    Parameters
    ----------
    entries : tuple of Entry
        16 of them, evenly spread, are looked at; all where these do not settle it.
    options : Reading
        What the caller said.
    folders : list of Path
        Where a file of class names may lie.
    default : ClassMap, optional
        The classes of this layout where no names are there and the ids fit it.
    known_binary : bool
        In this layout, masks of 0 and 255 are known to show one object.
    all_masks : callable
        Gives the mask files of all splits, so that data without names is numbered alike in each.

    Raises
    ------
    DataError
        Two readings are possible; the message names the flag that chooses.
    LabelError, ImageFileError
        A mask that cannot be read.
    """
    spread = [entries[i] for i in np.linspace(0, len(entries) - 1, SAMPLED, dtype=int)]
    if options.problems is not None:
        # A check reports damaged masks one by one later; the others say what they all are.
        spread = [entry for entry in spread if _is_readable(entry)]
        if not spread:
            raise DataError(f"{entries[0].label_path.parent}: no mask can be read")
    kinds = sorted({mask_encoding(entry.label_path) for entry in spread})
    if "deep" in kinds or options.encoding == "instances":
        if options.encoding is None:
            highest = max(int(read_levels(entry.label_path).max()) for entry in spread)
            if highest <= VOID:
                raise AmbiguousError(
                    f"{entries[0].label_path.parent}: 16-bit masks with numbers up to {highest}; "
                    "say what they are: --encoding instances (instance ids) or "
                    "--encoding ids (class ids)"
                )
        if options.encoding in (None, "instances"):
            return only_instances(options)
    listed = find_names(folders) if options.classes is None else None
    if kinds == ["deep"]:
        kinds = ["16-bit"]
    colours = listed[1] if listed and listed[1].colours else None
    reader = MaskFiles(
        np.arange(256, dtype=np.int16),
        "",
        grey_rgb="rgb" in kinds and not colours and _is_grey(spread),
        palette=_palette(colours) if colours else None,
    )
    binary = options.encoding == "binary"
    if options.encoding is None and options.void != VOID and _is_binary(reader, spread, entries):
        binary = known_binary
        # A check says so mask by mask, and goes on as a training run would.
        if not binary and options.problems is None:
            raise AmbiguousError(
                f"{entries[0].label_path.parent}: all masks hold 0 and 255 only; say what 255 is: "
                "--encoding binary (the foreground) or --encoding ids (void, so that nothing but "
                "background is labelled)"
            )
    words = " and ".join("grey RGB" if k == "rgb" and reader.grey_rgb else k for k in kinds)
    if binary:
        classes = options.classes or (_without_void(listed) if listed else FOREGROUND)
        if len(classes) != 2:
            raise DataError(
                f"{entries[0].label_path.parent}: binary masks have 2 classes, "
                f"but {len(classes)} names are given"
            )
        reader = MaskFiles(reader.table, "", binary=True, grey_rgb=reader.grey_rgb)
        return Understood(reader, classes, f"binary {words} masks (0 = {classes.names[0]})")
    masks = [entry.label_path for entry in entries]
    classes, named_by, void = _classes_of(
        reader, lambda: {*masks, *all_masks()}, spread, options, listed, default
    )
    if kinds == ["palette"] and classes is not default and options.classes is None:
        classes = _in_own_colours(classes, void, spread[0])
    words = f"{words} masks, {len(classes)} classes {named_by}, void {VOID}"
    if void is not None and void != VOID:
        words += f" and {void}"
    return Understood(id_reader(len(classes), void, reader), classes, words)


def only_instances(options: Reading, first_instance: int = 1) -> Understood:
    """Return the reader of data that tells objects apart but gives them no classes."""
    classes = options.classes or OBJECT
    reader = MaskFiles(
        np.arange(256, dtype=np.int16), "", has_labels=False, first_instance=first_instance
    )
    return Understood(reader, classes, "instance ids, 0 = none, one class of objects")


def _classes_of(
    reader: MaskFiles,
    masks: Callable[[], Iterable[Path]],
    spread: list[Entry],
    options: Reading,
    listed: tuple[Path, Names] | None,
    default: ClassMap | None,
) -> tuple[ClassMap, str, int | None]:
    void = options.void
    if options.classes is not None:
        return options.classes, "(given)", void
    if listed is not None:
        path, names = listed
        return _without_void(listed), f"({path.name})", names.void if void is None else void
    # A stray id above the usual ones is a broken mask and must be reported as such. Where most
    # masks hold such ids, the folder has other classes, and calling id 15 "person" would be wrong.
    if default is not None:
        beyond = sum(_highest(reader, [entry.label_path], void) >= len(default) for entry in spread)
        if beyond * 2 <= len(spread):
            return default, "(VOC names)" if default is VOC else "", void
    highest = _highest(reader, masks(), void)
    numbers = [i for i in range(highest + 1) if i != void]
    names_ = tuple(str(i) for i in numbers or [0])
    return ClassMap(names_), "(without names: add a classes.txt)", void


def _without_void(listed: tuple[Path, Names]) -> ClassMap:
    path, names = listed
    kept = [i for i in range(len(names.names)) if i != names.void]
    colours = tuple(names.colours[i] for i in kept) if names.colours else ()
    return class_map(tuple(names.names[i] for i in kept), path, colours)


def _in_own_colours(classes: ClassMap, void: int | None, entry: Entry) -> ClassMap:
    """Draw classes in the colours of a mask's own palette, where it tells them apart."""
    with open_picture(entry.label_path) as picture:
        flat = picture.getpalette() or []
    rows = list(zip(flat[0::3], flat[1::3], flat[2::3], strict=False))
    colours = tuple(rows[i] for i in range(len(rows)) if i not in (void, VOID))[: len(classes)]
    if len(set(colours)) < len(classes):
        return classes
    return ClassMap(classes.names, colours)


def _palette(names: Names) -> UInt8Array:
    palette = np.full((256, 3), names.colours[0], dtype=np.uint8)
    palette[: len(names.colours)] = names.colours
    return palette


def _is_readable(entry: Entry) -> bool:
    try:
        read_levels(entry.label_path)
    except PixelwiseError:
        return False
    return True


def _is_grey(spread: list[Entry]) -> bool:
    """Tell whether RGB masks are grey levels written three times and not VOC colours."""
    strange = False
    for entry in spread:
        levels = read_levels(entry.label_path)
        if levels.ndim == 3:
            if (levels != levels[..., :1]).any():
                return False
            try:
                decode_rgb(levels.astype(np.uint8))
            except LabelError:
                strange = True
    return strange


def _is_binary(reader: MaskFiles, spread: list[Entry], entries: tuple[Entry, ...]) -> bool:
    def shown(some: Iterable[Entry]) -> set[int]:
        with ThreadPoolExecutor() as pool:
            seen = pool.map(lambda e: np.flatnonzero(_counts(reader, e.label_path)), some)
            return {int(i) for ids in seen for i in ids}

    return shown(spread) <= {0, VOID} and shown(entries) == {0, VOID}


def _highest(reader: MaskFiles, masks: Iterable[Path], void: int | None) -> int:
    def highest(path: Path) -> int:
        counts = _counts(reader, path)[:VOID]
        if void is not None and void < VOID:
            counts[void] = 0
        return int(np.flatnonzero(counts).max(initial=0))

    with ThreadPoolExecutor() as pool:
        return max(pool.map(highest, masks))


def _counts(reader: MaskFiles, path: Path) -> Int64Array:
    try:
        return count_ids(reader.levels(path))
    except PixelwiseError:  # told, with its name, when its sample is read
        return np.zeros(256, dtype=np.int64)
