"""The tables of results: a row per image, and a row per instance."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pixelwise.errors import DataError
from pixelwise.inference.prediction import Prediction
from pixelwise.io.mask import count_ids
from pixelwise.io.rle import encode_rle

VERSION = 1
"""Of the columns; files of another version are refused."""

KEY = b"pixelwise"
"""Of what the schema's metadata says of the weights and the options, as JSON."""

Row = dict[str, Any]

CLASS = pa.struct(
    [("id", pa.int32()), ("name", pa.string()), ("area", pa.int64()), ("rle", pa.string())]
)
IMAGES = pa.schema(
    [
        ("path", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("classes", pa.list_(CLASS)),
        ("error", pa.string()),
    ]
)
"""``path`` below the source; ``classes`` those that occur, each with its pixels and COCO's
compressed RLE; ``error`` why the image could not be predicted, else null."""

INSTANCES = pa.schema(
    [
        ("path", pa.string()),
        ("id", pa.int32()),
        ("class_id", pa.int32()),
        ("class", pa.string()),
        ("score", pa.float32()),
        ("top", pa.int32()),
        ("left", pa.int32()),
        ("bottom", pa.int32()),
        ("right", pa.int32()),
        ("area", pa.int64()),
        ("rle", pa.string()),
    ]
)
"""``id`` 1, 2, ... within the image; the box excludes its bottom and right; COCO's RLE. Scores have
four digits: further ones depend on how many threads a network runs on."""


def image_row(path: str, prediction: Prediction) -> Row:
    """Return the row of an image that was predicted."""
    counts = count_ids(prediction.label_map)
    names = prediction.classes.names
    height, width = prediction.size
    classes = [
        {
            "id": int(id_),
            "name": names[id_],
            "area": int(counts[id_]),
            "rle": encode_rle(prediction.label_map == id_)["counts"],
        }
        for id_ in np.flatnonzero(counts)
    ]
    return {"path": path, "height": height, "width": width, "classes": classes, "error": None}


def error_row(path: str, error: str) -> Row:
    """Return the row of an image that could not be predicted."""
    return {"path": path, "height": None, "width": None, "classes": None, "error": error}


def instance_rows(path: str, prediction: Prediction) -> list[Row]:
    """Return the rows of an image's instances; none if the weights find none."""
    names = prediction.classes.names
    rows = []
    for instance in prediction.instances or ():
        top, left, bottom, right = instance.box
        rows.append(
            {
                "path": path,
                "id": instance.id,
                "class_id": instance.class_id,
                "class": names[instance.class_id],
                "score": round(instance.score, 4),
                "top": top,
                "left": left,
                "bottom": bottom,
                "right": right,
                "area": instance.area,
                "rle": encode_rle(instance.mask)["counts"],
            }
        )
    return rows


def to_bytes(rows: Sequence[Row], schema: pa.Schema, facts: Mapping[str, Any]) -> bytes:
    """Return rows as a Parquet file that says by which weights and options they were made."""
    described = schema.with_metadata({KEY: json.dumps(facts, sort_keys=True)})
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), described), target, compression="zstd")
    return target.getvalue()


def from_bytes(
    data: bytes, where: str, columns: Iterable[str] | None = None
) -> tuple[pa.Table, dict[str, Any]]:
    """Return the table of a file that `to_bytes` made, and its facts.

    Raises
    ------
    DataError
        Not such a file, or one of another version.
    """
    try:
        wanted = None if columns is None else list(columns)
        table = pq.read_table(io.BytesIO(data), columns=wanted)
        facts = json.loads(table.schema.metadata[KEY])
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        raise DataError(f"{where}: not a table of pixelwise") from None
    if facts.get("version") != VERSION:
        raise DataError(
            f"{where}: a table of version {facts.get('version')}; this pixelwise reads {VERSION}"
        )
    return table, dict(facts)
