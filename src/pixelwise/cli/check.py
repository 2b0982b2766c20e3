"""``pixelwise check``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Data, Json, read_options

if TYPE_CHECKING:
    from rich.table import Table

    from pixelwise.datasets import ReadOptions
    from pixelwise.datasets.checks.findings import Report

WRONG = 1
"""Exit code if a check found something."""

LISTED = 8
"""Findings of one kind that a terminal shows; the JSON file and the page have all."""


@read_options
def check(
    path: Data,
    json_: Json = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a thumbnail of each finding there.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out the checks that decode images.")
    ] = False,
    *,
    options: ReadOptions,
) -> None:
    """Find faults in a data set; exit code 1 if there are any."""
    from pixelwise.datasets import check
    from pixelwise.io.files import write_json, write_text

    report = check(path, options, fast=fast)
    print_findings(report)
    if json_ is not None:
        write_json(json_, report.as_dict())
    if html is not None:
        from pixelwise.datasets.checks.page import check_page

        write_text(html, check_page(report))
        print(f"wrote {html}")
    if report.findings:
        raise typer.Exit(WRONG)


def print_findings(report: Report) -> None:
    """Print what a check found, by kind, with the files, and the class histogram."""
    from rich.console import Console

    from pixelwise.datasets.checks.findings import KINDS

    console = Console()
    for line in report.found:
        console.print(line, highlight=False, soft_wrap=True)
    for kind, findings in report.by_kind().items():
        console.print(f"\n[bold]{KINDS[kind].title}[/]: {len(findings):,}", highlight=False)
        for finding in findings[:LISTED]:
            console.print(
                f"  {finding.files[0]}: {finding.text}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        if len(findings) > LISTED:
            console.print(f"  and {len(findings) - LISTED:,} more")
        console.print(f"  to fix: {KINDS[kind].fix}", highlight=False)
    if report.histogram:
        console.print(_histogram(report))
    n = len(report.findings)
    console.print(
        f"{sum(report.samples.values()):,} samples checked in {report.seconds:.1f} s: "
        + ("nothing wrong was found" if not n else f"{n:,} finding{'s' if n > 1 else ''}"),
        highlight=False,
    )


def _histogram(report: Report) -> Table:
    """Return each class's share of the pixels, by split, and its weight."""
    from rich.table import Table

    table = Table("class", *(f"{split} %" for split in report.histogram), "weight")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in report.class_rows():
        table.add_row(*row)
    return table
