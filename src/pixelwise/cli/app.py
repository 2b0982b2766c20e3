"""``pixelwise app``: the page in the browser."""

from __future__ import annotations

import socket
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Weights
from pixelwise.defaults import FOREGROUND_WEIGHTS, WEIGHTS
from pixelwise.errors import ArgumentError, PixelwiseError, missing_extra

if TYPE_CHECKING:
    from pixelwise.app.server import Page
    from pixelwise.io.folders import Found

LOOPBACK = "127.0.0.1"


def app(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PHOTO|FOLDER", show_default=False, help="Photos to begin with."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep corrections here, as labelme files."),
    ] = None,
    weights: Weights = WEIGHTS,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 is any that is free.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address only.")
    ] = False,
) -> None:
    """Open a page in the browser: see what a network finds, correct it, train on it.

    Only this machine can reach it, by the address that is printed. Ctrl-C ends it.
    """
    try:
        import uvicorn

        from pixelwise.app.server import Page, build, new_token
    except ModuleNotFoundError as error:
        raise missing_extra("the page", str(error.name), "app") from None
    from pixelwise.classes import BACKGROUND
    from pixelwise.inference import Predictor
    from pixelwise.io.folders import find_in
    from pixelwise.progress import waiting

    found = find_in(inputs or [], skip=save)
    with waiting("loading the network"):
        predictor = Predictor.load(weights)
        if predictor.classes.names[0] not in BACKGROUND:
            raise ArgumentError(
                f"--weights {weights}: they label every pixel and know no background, and the page "
                "corrects objects on one; use pixelwise predict and evaluate"
            )
        finder = Predictor.load(FOREGROUND_WEIGHTS) if weights == WEIGHTS else predictor
    page = Page(predictor, weights, save, finder)
    try:
        _add(page, found)
        try:
            listener = socket.create_server((LOOPBACK, port))
        except OSError as error:
            raise ArgumentError(f"--port {port}: cannot listen there ({error.strerror})") from None
        with listener:
            port = listener.getsockname()[1]
            token = new_token()
            address = f"http://{LOOPBACK}:{port}/{token}/"
            print(address, flush=True)
            if not no_browser:
                webbrowser.open(address)
            settings = uvicorn.Config(
                build(page, token, port),
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=1 << 16,
            )
            uvicorn.Server(settings).run([listener])
    except KeyboardInterrupt:
        pass
    finally:
        page.close()


def _add(page: Page, found: Found) -> None:
    """Put photos on the page; those that cannot be read are reported, and the others shown."""
    from pixelwise.progress import track

    for path in track(found.names, "reading", len(found.names)):
        try:
            page.add(path)
        except PixelwiseError as error:
            if len(found.names) == 1:
                raise
            print(error, file=sys.stderr)
    if found.passed_over:
        print(f"{len(page.photos)} photos{found.said()}", file=sys.stderr)
