"""The weights that come with the package: the files in this folder."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pixelwise.errors import WeightsError
from pixelwise.weights.card import KEY, ModelCard
from pixelwise.weights.onnx_file import read_metadata

SUFFIX = ".onnx"


SUBJECTS = ("background", "person", "bird", "cat", "cow", "dog", "horse", "sheep")
"""The background, persons and animals."""

ALIASES = {"subjects": ("voc", SUBJECTS)}
"""Other names of bundled weights: which they are, and the classes that they are restricted to."""


def bundled_weights() -> tuple[str, ...]:
    """Return the names of the weights that come with the package, sorted; without `ALIASES`.

    Examples
    --------
    >>> "voc" in bundled_weights()
    True
    """
    names = (file.name for file in resources.files("pixelwise.weights").iterdir())
    bundled = (name for name in names if name.endswith(SUFFIX) and not name.startswith("."))
    return tuple(sorted(name.removesuffix(SUFFIX) for name in bundled))


def find_weights(weights: str | Path) -> Traversable:
    """Return the file of weights: a name of `bundled_weights`, one of `ALIASES`, or a path.

    Raises
    ------
    WeightsError
        No such name or file; the message lists the names.
    """
    names = bundled_weights()
    name = str(whole_weights(weights))
    if name in names:
        return resources.files("pixelwise.weights") / f"{name}{SUFFIX}"
    path = Path(weights)
    if not path.is_file():
        known = f"name a file, or one of: {', '.join([*names, *ALIASES])}"
        if str(weights).count("/") == 1 and not path.suffix:
            hub = str(weights).removeprefix("hf:")
            known += (
                f"; a model of the hub becomes a file: pixelwise export hf:{hub} --out model.onnx"
            )
        raise WeightsError(f"{weights}: no such weights; {known}")
    return path


def whole_weights(weights: str | Path) -> str | Path:
    """Return the name of the weights that a name of `ALIASES` is of; other weights as given.

    Examples
    --------
    >>> whole_weights("edges")
    'edges'
    """
    return ALIASES[str(weights)][0] if str(weights) in ALIASES else weights


def read_weights(weights: str | Path) -> bytes:
    """Return the bytes of a weights file; of a name of `ALIASES`, those of the whole file.

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


def read_card(weights: str | Path) -> ModelCard:
    """Return what a weights file says about itself, without loading the network.

    Parameters
    ----------
    weights : str or Path
        As for `find_weights`.

    Raises
    ------
    WeightsError
        No such name or file, not an ONNX file, or not written by pixelwise.

    Examples
    --------
    >>> read_card("edges").task
    'boundary'
    """
    card = card_of(read_weights(weights), str(find_weights(weights)))
    if str(weights) not in ALIASES:
        return card
    return replace(card.restricted(ALIASES[str(weights)][1]), name=str(weights))


def card_of(data: bytes, where: str) -> ModelCard:
    """Return the card in the bytes of the weights file ``where``.

    Raises
    ------
    WeightsError
        Not an ONNX file, or not written by pixelwise.
    """
    metadata = read_metadata(data, where)
    if KEY not in metadata:
        raise WeightsError(
            f"{where}: no {KEY!r} entry in its metadata, so its classes and preprocessing are "
            "unknown; use a model.onnx that 'pixelwise train' wrote"
        )
    return ModelCard.from_json(metadata[KEY], where)
