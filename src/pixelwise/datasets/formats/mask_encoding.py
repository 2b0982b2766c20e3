"""What the numbers of a data set's mask files mean: inferred from the files, or given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.classes import VOC, VOID, ClassMap
from pixelwise.datasets.formats.class_names import HOW_TO_NAME, Listed, find_names
from pixelwise.datasets.formats.levels import are_two_ends
from pixelwise.datasets.formats.mask_reader import (
    WIDENED,
    MaskFiles,
    MaskReader,
    count_up,
    id_reader,
)
from pixelwise.datasets.formats.palettes import Shuffled, shuffled_palettes
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.reading import Reading
from pixelwise.errors import AmbiguousError, ColourError, DataError, ImageFileError, LabelError
from pixelwise.io.files import is_file
from pixelwise.io.image import open_pillow
from pixelwise.io.mask import (
    count_ids,
    decode_rgb,
    pixel_kind,
    read_brightness,
    read_colours,
    read_levels,
)
from pixelwise.io.stored_path import fetch_ahead
from pixelwise.samples import Int64Array, UInt8Array

SAMPLED = 16
GAPS = 10
"""Numbers as far apart as this are rather levels than ids of which some do not occur."""

PALE = (224, 224, 192)
"""The colour of void in VOC's palette."""

FOREGROUND = ClassMap(("background", "foreground"))
OBJECT = ClassMap(("background", "object"))


def usable_entries(entries: Iterable[Entry], options: Reading) -> tuple[Entry, ...]:
    """Return the entries whose files exist and whose masks are lossless.

    Raises
    ------
    DataError
        A file is missing, or a mask is a JPEG, unless ``options`` collects problems.
    """
    usable = []
    for entry in entries:
        missing = [p for p in sorted(entry.paths) if not is_file(p)]
        if missing:
            text = f"missing, but {entry.name!r} is listed"
            other = next((p for p in (entry.image_path, entry.label_path) if is_file(p)), None)
            options.problem("unpaired", missing[0], text, other)
        elif _is_lossy(entry.label_path, options):
            text = "JPEG changes the numbers of a mask; save it as PNG"
            options.problem("lossy", entry.label_path, text)
        else:
            usable.append(entry)
    if not usable:
        raise DataError("no sample can be read: every photo or mask is missing or lossy")
    return tuple(usable)


def _is_lossy(path: Path, options: Reading) -> bool:
    """Return whether a mask lost its numbers to JPEG; black and white outlives it."""
    if path.suffix.lower() not in (".jpg", ".jpeg", ".jfif") or options.encoding == "binary":
        return False
    return options.encoding is not None or not are_two_ends([path])


@dataclass(frozen=True)
class MaskEncoding:
    """How masks are read, what their ids mean, and a description of both for people."""

    reader: MaskReader
    classes: ClassMap
    description: str


def infer_encoding(
    entries: tuple[Entry, ...],
    options: Reading,
    folders: list[Path],
    default: ClassMap | None = None,
    known_binary: bool = False,
    all_masks: Callable[[], list[Path]] = list,
) -> MaskEncoding:
    """Infer what the numbers of a data set's masks mean.

    Parameters
    ----------
    entries : tuple of Entry
        16 of them, evenly spread, are looked at; all if these do not settle it.
    options : Reading
        What the caller said.
    folders : list of Path
        Where a file of class names may lie.
    default : ClassMap, optional
        The classes of this layout if there are no names and the ids fit it.
    known_binary : bool
        In this layout, masks of 0 and 255 are known to show one instance.
    all_masks : callable
        Gives the mask files of all splits, so that data without names is numbered alike in each.

    Raises
    ------
    DataError
        Two readings are possible; the message names the flag that chooses.
    LabelError, ImageFileError
        A mask that cannot be read.
    """
    spread = _spread(entries, options)
    kinds = sorted({pixel_kind(entry.label_path) for entry in spread})
    if _are_instance_ids(kinds, spread, options):
        return only_instances(options)
    listed = options.listed
    if listed is None and options.classes is None:
        listed = find_names(folders)
    files = _files(kinds, spread, listed)
    pixels = _pixels(kinds, files)
    masks = [entry.label_path for entry in entries]
    if options.problems is None and not known_binary and not _names_white(listed, files):
        _ask_about_white(spread, masks, kinds, options)
    if _is_binary(files, spread, entries, options, known_binary):
        return _binary(pixels, {*masks, *all_masks()}, options, listed)
    if options.problems is None:
        _refuse_unknown_colours(files, spread)
    if "palette" in kinds and options.encoding is None and not files.by_colour:
        shuffled = shuffled_palettes({*masks, *all_masks()})
        if shuffled is not None:
            return _of_colours(shuffled, options, listed)
    if options.encoding == "levels":
        return _of_levels(files, {*masks, *all_masks()}, pixels, options, listed)
    _ask_about_levels(files, spread, options, listed)
    if listed is not None:
        return _of_list(listed, files, pixels, options, spread[0] if kinds == ["palette"] else None)
    classes, source = _classes_of(files, lambda: {*masks, *all_masks()}, spread, options, default)
    void = options.void
    if kinds == ["palette"] and classes is not default and options.classes is None:
        classes = _in_own_colours(classes, count_up(len(classes), void), spread[0])
    reader = id_reader(count_up(len(classes), void), () if void is None else (void,), files)
    return MaskEncoding(reader, classes, _described(pixels, classes, source, void))


def _described(pixels: str, classes: ClassMap, source: str, *voids: int | None) -> str:
    further = "".join(f" and {void}" for void in voids if void is not None and void != VOID)
    return f"{pixels} masks, {len(classes)} classes {source}, void {VOID}{further}"


def _of_list(
    listed: Listed, files: MaskFiles, pixels: str, options: Reading, coloured: Entry | None
) -> MaskEncoding:
    """Return the encoding of masks whose numbers or colours a list of classes names."""
    path, names = listed
    classes = names.classes(path)
    voids = names.voids if options.void is None else (*names.voids, options.void)
    numbers = names.numbers
    if names.counted and not names.colours and not names.voids:
        numbers = count_up(len(classes), options.void)
    if coloured is not None and not names.colours:
        classes = _in_own_colours(classes, numbers, coloured)
    text = _described(pixels, classes, f"({path.name})", *voids)
    return MaskEncoding(id_reader(numbers, voids, files), classes, text)


def _of_colours(shuffled: Shuffled, options: Reading, listed: Listed | None) -> MaskEncoding:
    """Return the encoding of masks whose palettes have the same colours in another order."""
    palette = shuffled.palette()
    first, second = shuffled.files
    if listed is not None or options.classes is not None:
        raise AmbiguousError(
            f"{first} and {second.name}: their palettes are in different orders, so the classes "
            "need colours, too: --classes FILE with lines of 'name r g b'",
            first,
            second,
        )
    void = [i for i, colour in enumerate(shuffled.colours) if colour == PALE]
    kept = [i for i in range(len(palette)) if i not in void]
    colours = tuple(shuffled.colours[i] for i in kept)
    classes = ClassMap(tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colours), colours)
    text = (
        f"palettes in different orders ({first.name}, {second.name}): read by colour, "
        f"{len(classes)} classes, void {VOID}"
    )
    files = MaskFiles(palette=palette, by_colour=True)
    return MaskEncoding(id_reader(kept, void, files), classes, text)


def _of_levels(
    files: MaskFiles,
    masks: Iterable[Path],
    pixels: str,
    options: Reading,
    listed: Listed | None,
) -> MaskEncoding:
    """Return the encoding of masks in which each number that occurs is a class, in their order."""
    masks = list(masks)
    numbers = [n for n in _numbers(files, masks) if n != options.void]
    if not 1 <= len(numbers) <= VOID:
        raise DataError(f"{masks[0].parent}: expected 1 to {VOID} levels, found {len(numbers)}")
    classes = options.classes or ClassMap(tuple(map(str, numbers)))
    if listed is not None:
        classes = listed[1].classes(listed[0])
    if len(classes) != len(numbers):
        raise DataError(
            f"{masks[0].parent}: {len(classes)} names are given for the {len(numbers)} levels "
            + ", ".join(map(str, numbers[:20]))
        )
    voids = () if options.void is None else (options.void,)
    text = f"{pixels} masks, levels {', '.join(map(str, numbers[:20]))}, {len(classes)} classes"
    return MaskEncoding(id_reader(numbers, voids, files), classes, text)


def _numbers(files: MaskFiles, masks: Iterable[Path]) -> list[int]:
    """Return the numbers that occur in masks, sorted."""
    with ThreadPoolExecutor() as pool:
        counts = sum(pool.map(lambda path: _counts(files, path), masks), np.zeros(256, np.int64))
    return [int(i) for i in np.flatnonzero(counts)]


def _refuse_unknown_colours(files: MaskFiles, spread: list[Entry]) -> None:
    """Raise an error if masks are painted in colours that nothing names."""
    for entry in spread:
        try:
            files.read(entry.label_path)
        except ColourError as error:
            raise ColourError(f"{error}; {HOW_TO_NAME}") from None
        except (ImageFileError, LabelError):  # reported, with its name, when its sample is read
            continue


def only_instances(options: Reading) -> MaskEncoding:
    """Return the encoding of data that distinguishes instances but gives them no classes."""
    return MaskEncoding(
        MaskReader(has_labels=False),
        options.classes or OBJECT,
        "instance ids, 0 = none, one class of instances",
    )


def _spread(entries: tuple[Entry, ...], options: Reading) -> list[Entry]:
    spread = [entries[i] for i in np.linspace(0, len(entries) - 1, SAMPLED, dtype=int)]
    if options.problems is not None:
        # A check reports damaged masks one by one later; the others say what they all are.
        spread = [entry for entry in spread if _is_readable(entry)]
        if not spread:
            raise DataError(f"{entries[0].label_path.parent}: no mask can be read")
    return spread


def _are_instance_ids(kinds: list[str], spread: list[Entry], options: Reading) -> bool:
    if options.encoding is not None or "deep" not in kinds:
        return options.encoding == "instances"
    if are_two_ends(entry.label_path for entry in spread):
        return False
    shown = [np.unique(read_levels(entry.label_path)) for entry in spread]
    numbers = np.unique(np.concatenate(shown))
    highest = int(numbers[-1])
    if highest > VOID and not (numbers % WIDENED).any():
        raise AmbiguousError(
            f"{spread[0].label_path.parent}: 16-bit masks that hold "
            f"{', '.join(map(str, numbers[:20]))}, all multiples of {WIDENED} as if made of 8 "
            "bits; say --encoding levels (each is a class, in this order) or --encoding "
            "instances (instance ids)",
            *_some(spread),
        )
    if highest <= VOID:
        raise AmbiguousError(
            f"{spread[0].label_path.parent}: 16-bit masks with numbers up to {highest}; "
            "say what they are: --encoding instances (instance ids) or "
            "--encoding ids (class ids)",
            *_some(spread),
        )
    return True


def _files(kinds: list[str], spread: list[Entry], listed: Listed | None) -> MaskFiles:
    if listed is None or not listed[1].colours:
        return MaskFiles(grey_rgb="rgb" in kinds and _is_grey(spread))
    names = listed[1]
    palette = np.array([*names.colours, *names.void_colours], dtype=np.uint8)
    numbers = np.array([*names.numbers, *names.voids], dtype=np.uint8)
    by_colour = kinds != ["rgb"] and _are_in(palette, spread)
    return MaskFiles(palette=palette, numbers=numbers, by_colour=by_colour)


def _are_in(palette: UInt8Array, spread: list[Entry]) -> bool:
    """Return whether all colours of some masks are in a list's; grey levels are colours, too."""
    try:
        for entry in spread:
            decode_rgb(read_colours(entry.label_path), palette=palette)
    except LabelError:
        return False
    return True


def _pixels(kinds: list[str], files: MaskFiles) -> str:
    names = {"rgb": "grey RGB"} if files.grey_rgb else {}
    if kinds == ["deep"]:
        names["deep"] = "16-bit"
    return " and ".join(names.get(kind, kind) for kind in kinds)


def _is_binary(
    files: MaskFiles,
    spread: list[Entry],
    entries: tuple[Entry, ...],
    options: Reading,
    known_binary: bool,
) -> bool:
    """Return whether masks of 0 and 255 show one class, and not background and void."""

    def ids(some: Iterable[Entry]) -> set[int]:
        with ThreadPoolExecutor() as pool:
            seen = pool.map(lambda e: np.flatnonzero(_counts(files, e.label_path)), some)
            return {int(i) for found in seen for i in found}

    if options.encoding is not None or options.void == VOID:
        return options.encoding == "binary"
    return known_binary and ids(spread) <= {0, VOID} and ids(entries) == {0, VOID}


def _names_white(listed: Listed | None, files: MaskFiles) -> bool:
    """Return whether a list says what white is, by its number or its colour."""
    if listed is None:
        return False
    return files.by_colour or VOID in (*listed[1].numbers, *listed[1].voids)


def _ask_about_white(
    spread: list[Entry], masks: list[Path], kinds: list[str], options: Reading
) -> None:
    """Raise the question what white is in masks that are black and white.

    A check says so mask by mask, and continues as a training run would.
    """
    if options.encoding is not None or options.void == VOID:
        return
    if not are_two_ends(entry.label_path for entry in spread):
        return
    fetch_ahead(masks)
    if not are_two_ends(masks):
        return
    tones = set().union(*map(_tones, masks))
    white = max(tones)
    near = "" if len(tones) == 2 else "levels near "
    other = " or --encoding ids (void, so that nothing but background is labelled)"
    if kinds == ["deep"]:
        other = " or --encoding instances (the one instance)"
    raise AmbiguousError(
        f"{masks[0].parent}: all masks hold {near}0 and {white} only; say what {white} is: "
        f"--encoding binary (the foreground){'' if near else other}",
        *_some(spread),
    )


def _some(spread: list[Entry]) -> list[Path]:
    """Return the first and the last mask, which show what a question is about."""
    return list(dict.fromkeys([spread[0].label_path, spread[-1].label_path]))


def _tones(path: Path) -> set[int]:
    try:
        return {int(tone) for tone in np.unique(read_brightness(path))}
    except (ImageFileError, LabelError):  # reported, with its name, when its sample is read
        return {0}


def _binary(
    pixels: str, masks: Iterable[Path], options: Reading, listed: Listed | None
) -> MaskEncoding:
    """Return the encoding of masks that are dark and light: half the range divides them."""
    classes = options.classes or (listed[1].classes(listed[0]) if listed else FOREGROUND)
    folder = next(iter(masks)).parent
    if len(classes) != 2:
        raise DataError(
            f"{folder}: binary masks have 2 classes, but {len(classes)} names are given"
        )
    with ThreadPoolExecutor() as pool:
        tones = set().union(*pool.map(_tones, masks))
    if tones == {0, 1, VOID}:
        raise DataError(
            f"{folder}: the masks hold 0, 1 and {VOID}; as binary ones only {VOID} would be "
            f"{classes.names[1]}: say --encoding ids ({VOID} is void)"
        )
    half = max(tones) / 2
    # The colours of a list of classes are those of ids, which these masks do not hold.
    reader = MaskReader(binary=True, threshold=half)
    text = f"binary {pixels} masks (0 = {classes.names[0]}, above {half:g} = {classes.names[1]})"
    return MaskEncoding(reader, classes, text)


def _classes_of(
    files: MaskFiles,
    masks: Callable[[], Iterable[Path]],
    spread: list[Entry],
    options: Reading,
    default: ClassMap | None,
) -> tuple[ClassMap, str]:
    void = options.void
    if options.classes is not None:
        return options.classes, "(given)"
    # A stray id above the usual ones is a broken mask and must be reported as such. If most
    # masks hold such ids, the folder has other classes, and calling id 15 "person" would be wrong.
    if default is not None:
        beyond = sum(_highest(files, [entry.label_path], void) >= len(default) for entry in spread)
        if beyond * 2 <= len(spread):
            return default, "(VOC names)" if default is VOC else ""
    seen = _numbers(files, masks())
    _ask_about_gaps(seen, spread, options)
    highest = max((i for i in seen if i not in (void, VOID)), default=0)
    numbers = [i for i in range(highest + 1) if i != void]
    digits = tuple(str(i) for i in numbers or [0])
    return ClassMap(digits), "(without names: add a classes.txt)"


def _ask_about_gaps(seen: list[int], spread: list[Entry], options: Reading) -> None:
    """Raise the question what numbers are that nothing names and that leave most others out."""
    numbers = [i for i in seen if i not in (options.void, VOID)]
    if options.encoding is None and len(numbers) > 1 and np.diff(numbers).min() >= GAPS:
        raise AmbiguousError(
            f"{spread[0].label_path.parent}: the masks hold {', '.join(map(str, seen[:20]))}, and "
            "nothing names these; say --encoding levels (each is a class, in this order), "
            "--encoding ids (class ids, most of which do not occur), or --classes FILE with lines "
            "of 'number: name'",
            *_some(spread),
        )


def _ask_about_levels(
    files: MaskFiles, spread: list[Entry], options: Reading, listed: Listed | None
) -> None:
    """Raise the question whether names without numbers are those of levels far apart."""
    names = options.classes.names if options.classes is not None else ()
    if listed is not None:
        names = listed[1].names if listed[1].counted and not listed[1].colours else ()
    if not names or options.encoding is not None:
        return
    seen = _numbers(files, [entry.label_path for entry in spread])
    numbers = [i for i in seen if i not in (options.void, VOID)]
    if len(numbers) > 1 and numbers[-1] >= len(names) and np.diff(numbers).min() >= GAPS:
        raise AmbiguousError(
            f"{spread[0].label_path.parent}: the masks hold {', '.join(map(str, seen[:20]))}, but "
            f"{len(names)} names without numbers are given; say --encoding levels (each is a "
            "class, in this order), or --classes FILE with lines of 'number: name'",
            *_some(spread),
        )


def _in_own_colours(classes: ClassMap, numbers: tuple[int, ...], entry: Entry) -> ClassMap:
    """Draw classes in the colours of a mask's own palette, if it distinguishes them."""
    with open_pillow(entry.label_path) as opened:
        flat = opened.getpalette() or []
    rows = list(zip(flat[0::3], flat[1::3], flat[2::3], strict=False))
    colours = tuple(rows[i] for i in numbers if i < len(rows))
    if len(set(colours)) < len(classes):
        return classes
    return ClassMap(classes.names, colours)


def _is_readable(entry: Entry) -> bool:
    try:
        read_levels(entry.label_path)
    except (ImageFileError, LabelError):
        return False
    return True


def _is_grey(spread: list[Entry]) -> bool:
    """Return whether RGB masks are grey levels written three times and not VOC colours."""
    foreign = False
    for entry in spread:
        levels = read_levels(entry.label_path)
        if levels.ndim == 3:
            if (levels != levels[..., :1]).any():
                return False
            try:
                decode_rgb(levels.astype(np.uint8))
            except LabelError:
                foreign = True
    return foreign


def _highest(files: MaskFiles, masks: Iterable[Path], void: int | None) -> int:
    def highest(path: Path) -> int:
        counts = _counts(files, path)[:VOID]
        if void is not None and void < VOID:
            counts[void] = 0
        return int(np.flatnonzero(counts).max(initial=0))

    with ThreadPoolExecutor() as pool:
        return max(pool.map(highest, masks))


def _counts(files: MaskFiles, path: Path) -> Int64Array:
    try:
        return count_ids(files.read(path))
    except (ImageFileError, LabelError):  # reported, with its name, when its sample is read
        return np.zeros(256, dtype=np.int64)
