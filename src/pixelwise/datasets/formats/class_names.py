"""Lists of classes that lie in a data set's folder, as pixelwise and other tools write them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.text import read_text

Colour = tuple[int, int, int]

NAME_FILES = (
    *("classes.txt", "class_names.txt", "labels.txt", "label.txt", "labelmap.txt"),
    *("label_colors.txt", "label_colours.txt"),
    *("class_dict.csv", "_classes.csv", "obj_class_to_machine_color.json", "id2label.json"),
)
"""Where a folder's classes are looked for, in this order; other CSV files come after them."""

OTHER_LISTS = ("*class*.csv", "*label*.csv", "*colo*r*.csv")
"""Further CSV files that are read if their header is one of a list of classes."""

HOW_TO_NAME = (
    "name them in a file beside the masks, or say --classes FILE: labelmap.txt (name:r,g,b::), "
    "class_dict.csv (name,r,g,b) or lines of 'name r g b'"
)
"""The way out for masks in colours that nothing names."""

VOID_NAMES = {"void", "ignore", "__ignore__", "unlabelled", "unlabeled"}
BACKGROUND_NAMES = {"background", "_background_"}

NAME_COLUMNS = ("name", "class", "class name", "label name", "label", "classes", "category")
NUMBER_COLUMNS = ("pixel value", "value", "id", "index", "class id", "label id", "pixel")
COLOUR_COLUMNS = (("r", "g", "b"), ("red", "green", "blue"))
ONE_COLOUR = ("color", "colour", "rgb", "hex")

_RGB = r"(?P<r>\d+)[\s,]+(?P<g>\d+)[\s,]+(?P<b>\d+)"
EISEG = re.compile(rf"(?P<number>\d+)[\s:,]+(?P<name>.+?)[\s:,]+{_RGB}")
LINES = (
    # CVAT and datumaro; a name may hold colons.
    re.compile(r"(?P<name>.+):\s*(?P<r>\d+)\s*,\s*(?P<g>\d+)\s*,\s*(?P<b>\d+)\s*(?::[^:]*){0,2}"),
    EISEG,
    re.compile(rf"(?P<name>.+?)[\s:,]+{_RGB}"),
    re.compile(rf"{_RGB}[\s:,]+(?P<name>.+)"),  # CamVid's label_colors.txt
    re.compile(r"(?P<number>\d+)\s*[:,\t]\s*(?P<name>.+)"),
)
"""What a line may be besides a name alone; the first that fits all lines counts."""

COUNTED = re.compile(r"(?P<number>\d+)\s+(?P<name>.+)")
"""A number and a name. "5 euro" could be a name, so the numbers must count up from 0 or 1."""


@dataclass(frozen=True)
class Row:
    """One line of a list: a name, and if they are told, its number and colour in masks."""

    name: str
    number: int | None = None
    colour: Colour | None = None


@dataclass(frozen=True)
class Names:
    """What a list says.

    Parameters
    ----------
    names : tuple of str
        The classes in the order of their ids, void left out.
    numbers : tuple of int
        The number of each in mask files.
    colours : tuple of (r, g, b)
        The colour of each in mask files, or none.
    voids : tuple of int
        Numbers that stand for void.
    void_colours : tuple of (r, g, b)
        The colours of these, or none.
    counted : bool
        The numbers are not told: line i has number i.
    """

    names: tuple[str, ...]
    numbers: tuple[int, ...]
    colours: tuple[Colour, ...] = ()
    voids: tuple[int, ...] = ()
    void_colours: tuple[Colour, ...] = ()
    counted: bool = True

    def classes(self, where: Path) -> ClassMap:
        """Return the classes; what does not fit is the fault of the file ``where``."""
        return class_map(self.names, where, self.colours)


Listed = tuple[Path, Names]
"""A list of classes, and what it says."""


def find_names(folders: list[Path]) -> Listed | None:
    """Read the first list of classes in some folders.

    Raises
    ------
    DataError
        The file is not text, is empty, or names a class or a colour twice.
    """
    for folder in folders:
        for file in NAME_FILES:
            if (folder / file).is_file():
                return folder / file, read_names(folder / file)
        for pattern in OTHER_LISTS if folder.is_dir() else ():
            for path in sorted(folder.glob(pattern)):
                if path.is_file() and (rows := _csv_rows(path)):
                    return path, _names_of(rows, path)
    return None


def read_names(path: Path) -> Names:
    """Read a list of classes; its suffix says whether it is CSV, JSON or lines of text.

    Raises
    ------
    DataError
        It is not a list of classes, is empty, or names a class or a colour twice.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        rows = _csv_rows(path)
        if not rows:
            raise DataError(
                f"{path}: not a list of classes; expected the columns name, r, g, b or "
                "Pixel Value, Class, each number in 0..255"
            )
    else:
        rows = _json_rows(path) if suffix == ".json" else _text_rows(path)
    return _names_of(rows, path)


def _names_of(rows: list[Row], path: Path) -> Names:
    rows = [
        Row("background", row.number, row.colour) if row.name.casefold() == "_background_" else row
        for row in rows
    ]
    counted = rows[0].number is None
    numbered = [(i if row.number is None else row.number, row) for i, row in enumerate(rows)]
    if not counted:
        numbered.sort(key=lambda item: item[0])
    own: dict[str, list[object]] = {
        "class name": [row.name for row in rows],
        "number": [number for number, _ in numbered],
        "colour": [row.colour for row in rows if row.colour is not None],
    }
    for what, values in own.items():
        if len(set(values)) != len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise DataError(f"{path}: {what} {twice!r} is given twice; every class needs its own")
    kept = [item for item in numbered if item[1].name.casefold() not in VOID_NAMES]
    voids = [item for item in numbered if item not in kept]
    if rows[0].colour is not None:
        # Where colours say what is what, the order of the lines is the tool's.
        kept.sort(key=lambda item: item[1].name.casefold() not in BACKGROUND_NAMES)
    if len(rows) > VOID + 1 or not kept:
        raise DataError(f"{path}: expected 1 to {VOID} classes, got {len(kept)}")
    return Names(
        tuple(row.name for _, row in kept),
        tuple(number for number, _ in kept),
        tuple(row.colour for _, row in kept if row.colour is not None),
        tuple(number for number, _ in voids),
        tuple(row.colour for _, row in voids if row.colour is not None),
        counted,
    )


def _text_rows(path: Path) -> list[Row]:
    lines = [line.strip() for line in read_text(path, 1 << 20).splitlines()]
    lines = [line for line in lines if line]
    # labelme lists "__ignore__" first and counts it as -1.
    if lines[:1] == ["__ignore__"]:
        lines = lines[1:]
    if not lines:
        raise DataError(f"{path}: expected one class name per line, found none")
    entries = [line for line in lines if not line.startswith("#")]
    if path.name == "labelmap.txt":
        # datumaro leaves the colours out of a list whose masks are in VOC's.
        entries = lines = [re.sub(r":::?$", "", line) for line in entries] or lines
    for pattern in LINES:
        found = [pattern.fullmatch(line) for line in entries]
        rows = [_row(match.groupdict()) for match in found if match]
        if rows and len(rows) == len(entries) and None not in rows:
            listed = [row for row in rows if row]
            # EISeg's list begins with 1: what is black, and 0, is not listed.
            if pattern is EISEG and all(r.number and r.colour != (0, 0, 0) for r in listed):
                listed.insert(0, Row("background", 0, (0, 0, 0)))
            return listed
    counted = [COUNTED.fullmatch(line) for line in lines]
    numbers = [int(match["number"]) for match in counted if match and len(match["number"]) < 4]
    if len(numbers) > 1 and numbers in (list(range(len(lines))), list(range(1, len(lines) + 1))):
        return [Row(match["name"], int(match["number"])) for match in counted if match]
    return [Row(line) for line in lines]


def _row(fields: dict[str, str | None]) -> Row | None:
    """Return the row of a line's parts; None if one of its numbers is none that a mask can hold."""
    number, colour = fields.get("number"), [fields.get(key) for key in "rgb"]
    values = [value for value in (number, *colour) if value is not None]
    if any(len(value) > 3 or int(value) > VOID for value in values):
        return None
    r, g, b = (None if value is None else int(value) for value in colour)
    return Row(
        (fields["name"] or "").strip(),
        None if number is None else int(number),
        None if r is None or g is None or b is None else (r, g, b),
    )


def _csv_rows(path: Path) -> list[Row]:
    """Return the rows of a CSV file; none if it is not a list of classes."""
    text = read_text(path, 1 << 24)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    try:
        lines = list(csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []
    table = [[cell.strip() for cell in line] for line in lines if any(line)]
    if len(table) < 2 or len(table) > VOID + 2:
        return []
    header = [re.sub(r"[\s_]+", " ", cell.casefold()) for cell in table[0]]
    columns = _columns(header, table[1:])
    if columns is None:
        return []
    name, number, colour = columns
    rows = []
    for cells in table[1:]:
        if len(cells) < len(header) or not cells[name]:
            return []
        rgb = [cells[i] for i in colour]
        rgb = _channels(rgb[0]) if len(rgb) == 1 else rgb
        digits = [*rgb, *([] if number is None else [cells[number]])]
        if (colour and len(rgb) != 3) or not all(v.isascii() and v.isdigit() for v in digits):
            return []
        parts: dict[str, str | None] = {"name": cells[name], **dict(zip("rgb", rgb, strict=False))}
        row = _row(parts | ({} if number is None else {"number": cells[number]}))
        if row is None:
            return []
        rows.append(row)
    return rows


def _columns(
    header: list[str], rows: list[list[str]]
) -> tuple[int, int | None, tuple[int, ...]] | None:
    """Return the columns of name, number and colour; None if they make no list of classes."""

    def are_numbers(i: int) -> bool:
        return all(len(row) > i and row[i].isdigit() for row in rows)

    names = [header.index(n) for n in NAME_COLUMNS if n in header]
    names = [i for i in names if not are_numbers(i)] or names
    numbers = [header.index(n) for n in (*NUMBER_COLUMNS, "label", "class") if n in header]
    numbers = [i for i in numbers if are_numbers(i) and i not in names[:1]]
    triples = [t for t in COLOUR_COLUMNS if all(c in header for c in t)]
    colour = tuple(header.index(c) for c in triples[0]) if triples else ()
    colour = colour or tuple(header.index(c) for c in ONE_COLOUR if c in header)[:1]
    if not names or not (numbers or colour):
        return None
    return names[0], numbers[0] if numbers else None, colour


def _channels(text: str) -> list[str]:
    """Return red, green and blue of ``#rrggbb`` or of three numbers, as decimal digits."""
    if re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        return [str(value) for value in bytes.fromhex(text.removeprefix("#"))]
    return re.findall(r"\d+", text)


def _json_rows(path: Path) -> list[Row]:
    """Return the rows of Supervisely's table of names and colours, or of numbers and names."""
    try:
        content = json.loads(read_text(path, 1 << 20))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    rows = list(_pairs(content))
    if not rows or None in rows:
        raise DataError(
            f'{path}: not a list of classes; expected {{"name": [r, g, b], ...}} or {{"0": "name"}}'
        )
    if all(row and row.colour is None for row in rows):
        return [row for row in rows if row]
    # The colours of machine masks are grey levels: what is black is not listed.
    listed = [row for row in rows if row]
    if all(row.colour != (0, 0, 0) for row in listed):
        listed.insert(0, Row("background", None, (0, 0, 0)))
    return listed


def _pairs(content: object) -> Iterator[Row | None]:
    for name, colour in content.items() if isinstance(content, dict) else ():
        # id2label and label2id, as Hugging Face's models have them.
        number, other = (name, colour) if isinstance(colour, str) else (str(colour), name)
        if isinstance(colour, int | str) and number.isdecimal() and len(number) < 4:
            yield Row(other, int(number)) if int(number) <= VOID else None
            continue
        sound = isinstance(colour, list) and len(colour) == 3
        if not sound or not all(isinstance(v, int) and 0 <= v <= VOID for v in colour):
            yield None
        else:
            yield Row(name, None, (colour[0], colour[1], colour[2]))


def class_map(names: tuple[str, ...], where: Path, colours: tuple[Colour, ...] = ()) -> ClassMap:
    """Make class names that came from a file into a `ClassMap`; what does not fit is its fault.

    Raises
    ------
    DataError
        No name, too many, or a name twice; the message begins with ``where``.
    """
    try:
        return ClassMap(names, colours)
    except ArgumentError as error:
        raise DataError(f"{where}: {error}") from None
