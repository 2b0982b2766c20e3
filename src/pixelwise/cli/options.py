"""Arguments and options that several commands share, alike in name and help."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from pixelwise.defaults import CACHE_SIZE, CACHE_SIZE_VARIABLE

WAIT_POLICY = "OMP_WAIT_POLICY"
"""The variable by which OpenMP, and with it PyTorch on a processor, is told how to wait."""


def share_the_cores() -> None:
    """Let PyTorch's threads sleep while they wait for each other; to be called before its import.

    By default they spin, which on a machine that does other work, too, makes training several times
    slower (``benchmarks/threads.py``).
    """
    os.environ.setdefault(WAIT_POLICY, "PASSIVE")


TABLE = re.compile(r"\{([\w.]+:\w+)\}")
"""Where a metavar or a help text names a table of the library, ``{datasets:FORMATS}``."""


def names_in(table: str) -> tuple[str, ...]:
    """Return the names in a table of the library.

    Examples
    --------
    >>> names_in("datasets.options:ENCODINGS")
    ('ids', 'binary', 'levels', 'instances')
    """
    module, _, name = table.partition(":")
    return tuple(getattr(import_module(f"pixelwise.{module}"), name))


def with_names(text: str) -> str:
    """Replace the tables that a text names by their names.

    With spaces between them, so that a narrow terminal breaks between two.
    """
    return TABLE.sub(lambda found: " | ".join(names_in(found[1])), text)


def choice(table: str, **settings: Any) -> Any:
    """Return an option whose values are the names in a table of the library.

    The table is read when the help is shown or a shell completes the value, so that a further
    entry there is known here, and parsing imports nothing. The library itself rejects other names.
    """

    def complete(incomplete: str) -> list[str]:
        return [name for name in names_in(table) if name.startswith(incomplete)]

    return typer.Option(metavar=f"{{{table}}}", autocompletion=complete, **settings)


DATA = "A data set: VOC, COCO, YOLO-seg, labelme, VIA, Supervisely, or images and masks."
NAMED_WEIGHTS = "A name that `pixelwise weights` lists, or a model.onnx."

Data = Annotated[Path, typer.Argument(metavar="DATA", help=DATA)]
Inputs = Annotated[
    list[Path], typer.Argument(metavar="INPUT", help="Images, folders, or globs such as '*.jpg'.")
]
Recursive = Annotated[
    bool,
    typer.Option("--recursive/--flat", help="Search folders with all that lies below them."),
]
Weights = Annotated[str, typer.Option(metavar="NAME|FILE", help=NAMED_WEIGHTS)]
SubjectWeights = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        show_default="foreground; voc for classes and instances",
        help=NAMED_WEIGHTS,
    ),
]
Device = Annotated[str, choice("inference.session:DEVICES", help="Where the network runs.")]
TrainingDevice = Annotated[
    str,
    choice("training.settings:DEVICES", help="Where to train; auto is the fastest there is."),
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the same as JSON there.")]

READ_OPTIONS: dict[str, Any] = {
    "format": Annotated[
        str | None,
        choice("datasets:FORMATS", help="The format of DATA, if several fit it."),
    ],
    "encoding": Annotated[
        str | None,
        choice("datasets.options:ENCODINGS", help="What the numbers in a mask file are."),
    ],
    "void": Annotated[
        int | None,
        typer.Option(help="A further id that is void, beside 255; ids above it move down by one."),
    ],
    "images": Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="The folder of images, in DATA or anywhere."),
    ],
    "labels": Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder of masks, if several fit or its name says nothing.",
        ),
    ],
    "skip_unusable": Annotated[
        bool | None,
        typer.Option("--skip-unusable", help="Leave out annotations without area; count them."),
    ],
    "classes": Annotated[
        str | None,
        typer.Option(
            metavar="NAMES|FILE",
            help="Class names: a,b,c or a file, one per line or with numbers or colours as tools "
            "write it (labelmap.txt, class_dict.csv).",
        ),
    ],
}
"""The options that become a `ReadOptions`, by the names of its fields."""

DATA_ARGUMENTS = {"path", "paths", "source"}
"""What commands call the data sets that they are given: places on this machine, or URLs."""

CacheSize = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        envvar=CACHE_SIZE_VARIABLE,
        show_default=CACHE_SIZE,
        help="Of a data set at a URL: what is kept of it on this machine, e.g. 500MB.",
    ),
]


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
        for name, annotation in {**READ_OPTIONS, "cache_size": CacheSize}.items()
        # `quantise --images` is a number.
        if name not in signature.parameters
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        from pixelwise.classes import ClassMap
        from pixelwise.datasets import ReadOptions
        from pixelwise.io.file_cache import bytes_of
        from pixelwise.io.files import is_file
        from pixelwise.io.stored_path import locate

        values = {p.name: given.pop(p.name, None) for p in added}
        size = values.pop("cache_size")
        if size is not None:
            # In the environment, so that processes which this one starts know it, too.
            os.environ[CACHE_SIZE_VARIABLE] = str(bytes_of(size))
        classes = values.pop("classes")
        if classes is not None and is_file(Path(classes)):
            values["class_list"] = classes
        elif classes is not None:
            values["classes"] = ClassMap.of(n.strip() for n in classes.split(",") if n.strip())
        for name in DATA_ARGUMENTS & given.keys():
            places = given[name]
            given[name] = list(map(locate, places)) if isinstance(places, list) else locate(places)
        command(**given, options=ReadOptions(**values))

    seen: Any = run
    seen.__signature__ = signature.replace(parameters=[*own, *added])
    # Typer looks at both.
    seen.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
    return run
