"""The program: its commands in a plain dict, and one place where errors become one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

import pixelwise
from pixelwise.cli.bench import bench
from pixelwise.cli.blur import blur
from pixelwise.cli.check import check
from pixelwise.cli.convert import convert
from pixelwise.cli.demo import demo
from pixelwise.cli.download import download
from pixelwise.cli.evaluate import evaluate
from pixelwise.cli.export import export
from pixelwise.cli.predict import predict
from pixelwise.cli.quantise import quantise
from pixelwise.cli.regions import regions
from pixelwise.cli.show import show
from pixelwise.cli.train import train
from pixelwise.cli.train_edges import train_edges
from pixelwise.errors import PixelwiseError

COMMANDS: dict[str, Callable[..., Any]] = {
    "demo": demo,
    "show": show,
    "check": check,
    "convert": convert,
    "download": download,
    "train": train,
    "export": export,
    "evaluate": evaluate,
    "predict": predict,
    "blur": blur,
    "regions": regions,
    "bench": bench,
    "quantise": quantise,
    "train-edges": train_edges,
}


def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    debug: Annotated[  # noqa: ARG001 -- main() reads it, before any command can fail
        bool, typer.Option("--debug", help="Show an error's traceback.")
    ] = False,
) -> None:
    """Turn pictures into pixel-accurate masks and do something useful with them."""
    if version:
        print(pixelwise.__version__)
        raise typer.Exit


def build_app() -> typer.Typer:
    """Return the command-line program with every command."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(root)
    for name, command in COMMANDS.items():
        app.command(name)(command)
    return app


def main() -> None:
    """Run the command line; an error of ours is one red line and exit code 2.

    With ``--debug`` (before the command) the traceback is shown instead.
    """
    debug = "--debug" in sys.argv[1:2]
    try:
        build_app()()
    except PixelwiseError as error:
        if debug:
            raise
        _fail(str(error))
    except OSError as error:
        if debug:
            raise
        _fail(f"{error.filename or 'system'}: {error.strerror or error}")


def _fail(message: str) -> None:
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red}pixelwise: {' '.join(message.split())}{plain}", file=sys.stderr)
    sys.exit(2)
