"""``pixelwise check``, ``pixelwise convert`` and ``pixelwise download``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.options import DATA, Classes, Encoding, Format, Labels, Void, class_map

WRONG = 1
"""Exit code where a check found something."""


def check(
    path: Annotated[Path, typer.Argument(help=DATA)],
    json_: Annotated[Path | None, typer.Option("--json", help="Write the findings there.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a thumbnail of each finding there.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out what needs the photos decoded.")
    ] = False,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Find what is wrong with a data set; exit code 1 where something is."""
    from pixelwise.cli.findings import print_findings
    from pixelwise.datasets import check
    from pixelwise.io.files import written_whole

    report = check(
        path,
        fast=fast,
        classes=class_map(classes),
        format=format,
        encoding=encoding,
        void=void,
        labels=labels,
    )
    print_findings(report)
    if json_ is not None:
        with written_whole(json_) as beside:
            beside.write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    if html is not None:
        from pixelwise.datasets.checks.page import check_page

        with written_whole(html) as beside:
            beside.write_text(check_page(report), encoding="utf-8")
        print(f"wrote {html}")
    if report.findings:
        raise typer.Exit(WRONG)


def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help=DATA)],
    target: Annotated[Path, typer.Argument(metavar="DST", help="A folder that is new.")],
    to: Annotated[str, typer.Option(help="voc, coco, yolo, labelme or pairs.")],
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Write what the format can hold, though not all.")
    ] = False,
    format: Format = None,
    encoding: Encoding = None,
    void: Void = None,
    labels: Labels = None,
    classes: Classes = None,
) -> None:
    """Write a data set in another format; stops where something would be lost."""
    from pixelwise.datasets import convert

    convert(
        source,
        target,
        to,
        lossy=lossy,
        classes=class_map(classes),
        format=format,
        encoding=encoding,
        void=void,
        labels=labels,
    )


def download(
    name: Annotated[str, typer.Argument(help="voc2012 or voc2007.")],
    root: Annotated[Path, typer.Option(help="Folder to put it into.")] = Path("data"),
    archive: Annotated[
        Path | None, typer.Option(help="The archive, where it is here already.")
    ] = None,
) -> None:
    """Fetch a data set, check it by its hash, and unpack it; the same command resumes."""
    from pixelwise.datasets import download

    path = download(name, root, archive)
    print(f"{name} is in {path}")
