"""The options that say how a data set is to be read; several commands share them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pixelwise.classes import ClassMap

DATA = "A data set: VOC, COCO, YOLO-seg, labelme, or photos and masks in two folders."

READ_OPTIONS: dict[str, Any] = {
    "format": Annotated[
        str | None,
        typer.Option(help="voc, coco, yolo, labelme or pairs, if several fit the data."),
    ],
    "encoding": Annotated[
        str | None, typer.Option(help="What a mask's numbers are: ids, binary or instances.")
    ],
    "void": Annotated[
        int | None,
        typer.Option(help="An id in mask files that is void, beside 255. Higher ids move down."),
    ],
    "labels": Annotated[
        str | None, typer.Option(help="The folder of label maps, if several could be meant.")
    ],
    "classes": Annotated[
        str | None,
        typer.Option(metavar="NAMES|FILE", help="Class names, by comma or one per line."),
    ],
}
"""The options that become a `ReadOptions`, by the names of its fields."""


def read_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how a data set is to be read to a command.

    Parameters
    ----------
    command : callable
        Its parameter ``options`` is given the `pixelwise.ReadOptions` that they make.
    """
    # The record lies beside numpy, which no help needs.
    signature = inspect.signature(command, eval_str=True, locals={"ReadOptions": object})
    own = [p for p in signature.parameters.values() if p.name != "options"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in READ_OPTIONS.items()
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        from pixelwise.datasets import ReadOptions

        values = {name: given.pop(name, None) for name in READ_OPTIONS}
        values["classes"] = class_map(values["classes"])
        command(**given, options=ReadOptions(**values))

    seen: Any = run
    seen.__signature__ = signature.replace(parameters=[*own, *added])
    # Typer looks at both.
    seen.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
    return run


def class_map(classes: str | None) -> ClassMap | None:
    """Return the classes that ``--classes`` gives: a file of names, or names with commas."""
    from pixelwise.classes import ClassMap
    from pixelwise.io.text import read_text

    if classes is None:
        return None
    names = read_text(Path(classes)).splitlines() if Path(classes).is_file() else classes.split(",")
    return ClassMap.of(name.strip() for name in names if name.strip())
