"""The program: its commands in a plain dict, and one place where errors become one line."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import pixelwise
from pixelwise.cli.app import app
from pixelwise.cli.bench import bench
from pixelwise.cli.blur import blur
from pixelwise.cli.check import check
from pixelwise.cli.combinations import check_options
from pixelwise.cli.convert import convert
from pixelwise.cli.cutout import cutout
from pixelwise.cli.demo import demo
from pixelwise.cli.download import download
from pixelwise.cli.elsewhere import ELSEWHERE, translated
from pixelwise.cli.evaluate import evaluate
from pixelwise.cli.export import export
from pixelwise.cli.masks import masks
from pixelwise.cli.options import with_names
from pixelwise.cli.predict import predict
from pixelwise.cli.quantise import quantise
from pixelwise.cli.regions import regions
from pixelwise.cli.show import show
from pixelwise.cli.train import train
from pixelwise.cli.train_edges import train_edges
from pixelwise.cli.weights import weights
from pixelwise.errors import PixelwiseError

GUESS = re.compile(r" \(Possible options: .*\)| Did you mean .*\?")
"""What the parser adds to its message."""

FAILED, INTERRUPTED, PIPE_CLOSED = 2, 130, 1
"""Exit codes: an error, Ctrl-C, and a reader of the output that went away (as Typer has it)."""


@dataclass(frozen=True)
class Command:
    """A command of the program.

    Parameters
    ----------
    function : callable
        Its parameters are the command's arguments and options, its docstring the help.
    group : str
        The panel of ``pixelwise --help`` that lists it.
    example : str
        What may follow the command's name; the help ends with such a command line.
    """

    function: Callable[..., Any]
    group: str
    example: str


COMMANDS = {
    "show": Command(show, "Data", "data/VOCdevkit/VOC2012 --split val --overlay"),
    "check": Command(check, "Data", "data/VOCdevkit/VOC2012 --html check.html"),
    "convert": Command(convert, "Data", "data/VOCdevkit/VOC2012 --to coco --out coco"),
    "download": Command(download, "Data", "voc2012"),
    "train": Command(train, "Learn", "data/VOCdevkit/VOC2012 --out runs/voc --minutes 60"),
    "train-edges": Command(train_edges, "Learn", "BSDS500 --out runs/edges"),
    "quantise": Command(
        quantise, "Learn", "runs/voc/model.onnx data/VOCdevkit/VOC2012 --out small.onnx"
    ),
    "export": Command(
        export, "Learn", "hf:nvidia/segformer-b0-finetuned-ade-512-512 --out model.onnx"
    ),
    "demo": Command(demo, "Use", "--out demo.html"),
    "predict": Command(predict, "Use", "photo.jpg folder/ --out masks"),
    "masks": Command(masks, "Use", "tables --image day1/photo.jpg --out masks"),
    "app": Command(app, "Use", "photos --save corrected"),
    "blur": Command(blur, "Use", "photo.jpg --out blurred.jpg --strength 3"),
    "cutout": Command(cutout, "Use", "photo.jpg --out cutout.png --crop"),
    "regions": Command(regions, "Use", "photo.jpg --out parts -n 50"),
    "evaluate": Command(
        evaluate, "Measure", "data/VOCdevkit/VOC2012 --weights runs/voc/model.onnx"
    ),
    "weights": Command(weights, "Measure", "voc"),
    "bench": Command(bench, "Measure", "street --sizes 960x720 --threads 1,4"),
}
"""The commands by name, in the order of the help."""


class _BareFlags:
    """Parameters whose flags show no type in the help: a flag takes no value."""

    def get_params(self, ctx: Any) -> Any:
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return parameters


class _Command(_BareFlags, TyperCommand):
    """A command whose help shows the names in the tables that its options take."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        for parameter in self.params:
            for text in ("metavar", "help"):
                if getattr(parameter, text, None):
                    setattr(parameter, text, with_names(getattr(parameter, text)))
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        check_options(ctx)
        return super().invoke(ctx)


class _Group(_BareFlags, TyperGroup):
    pass


def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    debug: Annotated[  # noqa: ARG001 -- main() reads it, before any command can fail
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Turn images into pixel-accurate masks and do something useful with them."""
    if version:
        print(pixelwise.__version__)
        raise typer.Exit


def build_app() -> typer.Typer:
    """Return the command-line program with every command."""
    program = typer.Typer(
        cls=_Group, no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False
    )
    program.callback(invoke_without_command=True)(root)
    for name, command in COMMANDS.items():
        program.command(
            name,
            cls=_Command,
            help=_unwrapped(command.function),
            epilog=f"Example: [bold]pixelwise {name} {command.example}[/]",
            rich_help_panel=command.group,
        )(command.function)
    return program


def _unwrapped(function: Callable[..., Any]) -> str:
    """Return a docstring with a line for each paragraph, since the terminal wraps them."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def main() -> None:
    """Run the command line; an error is one red line and exit code 2.

    With ``--debug`` before the command the traceback is shown instead. Ctrl-C ends with 130, a
    closed pipe with 1, both without a message.
    """
    debug = "--debug" in sys.argv[1:2]
    if meant := translated(sys.argv[1:]):
        sys.exit(_fail(f"settings are not written as NAME=VALUE here. Here it is: {meant}"))
    try:
        code = build_app()(prog_name="pixelwise", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = _closed_pipe()
    except typer.TyperException as error:
        code = _usage(error)
    except (PixelwiseError, OSError) as error:
        if debug:
            raise
        code = _fail(_words(error))
    except Exception as error:
        if debug:
            raise
        code = _fail(f"{type(error).__name__}: {error} (pixelwise --debug shows where)")
    sys.exit(code)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, PixelwiseError):
        return f"{error.filename or 'system'}: {error.strerror or error}"
    return str(error)


def _usage(error: typer.TyperException) -> int:
    """Report a command line that does not parse; without any argument the help was printed."""
    if not sys.argv[1:]:
        return FAILED
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "pixelwise"
    first = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    here = ELSEWHERE.get(getattr(error, "option_name", None) or first)
    if here is None and first not in COMMANDS and Path(first).exists():
        here = f"pixelwise predict {first}"
    said = f". Here it is {here}." if here else ""
    message = error.format_message()
    if here:  # a guess beside it would be a second answer
        message = GUESS.sub("", message).rstrip(".")
    return _fail(f"{message}{said} See {command} --help.")


def _fail(message: str) -> int:
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red}pixelwise: {' '.join(message.split())}{plain}", file=sys.stderr)
    return FAILED


def _closed_pipe() -> int:
    """Point standard output elsewhere, since Python flushes it once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
