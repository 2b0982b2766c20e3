"""Text and JSON files that came with a data set; none of them is trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixelwise.errors import DataError


def read_text(path: Path, limit: int = 1 << 31) -> str:
    """Read a text file of at most ``limit`` bytes.

    Raises
    ------
    DataError
        It is missing, too large, or not UTF-8.
    """
    try:
        if path.stat().st_size > limit:
            raise DataError(f"{path}: larger than {limit >> 20} MB, not a file of this kind")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object (``{...}``).

    Raises
    ------
    DataError
        It is not JSON, too deeply nested, or not an object.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content
