"""The weights that come with the package: the files in this folder."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pixelwise.errors import WeightsError

SUFFIX = ".onnx"


def bundled_weights() -> tuple[str, ...]:
    """Return the names of the weights that come with the package, sorted.

    Examples
    --------
    >>> "subjects" in bundled_weights()
    True
    """
    files = resources.files("pixelwise.weights").iterdir()
    return tuple(sorted(f.name.removesuffix(SUFFIX) for f in files if f.name.endswith(SUFFIX)))


def find_weights(weights: str | Path) -> Traversable:
    """Return the file of weights: a name of `bundled_weights`, or a path.

    Raises
    ------
    WeightsError
        No such name or file; the message lists the names.
    """
    names = bundled_weights()
    if str(weights) in names:
        return resources.files("pixelwise.weights") / f"{weights}{SUFFIX}"
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(
            f"{weights}: no such weights; name a file, or one of: {', '.join(names)}"
        )
    return path


def read_weights(weights: str | Path) -> bytes:
    """Return the bytes of a weights file.

    Parameters
    ----------
    weights : str or Path
        As for `find_weights`.

    Raises
    ------
    WeightsError
        No such name or file.

    Examples
    --------
    >>> len(read_weights("edges")) > 10_000
    True
    """
    return find_weights(weights).read_bytes()
