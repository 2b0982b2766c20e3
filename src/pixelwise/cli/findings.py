"""What a check found, for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pixelwise.datasets.checks.findings import KINDS, Report

LISTED = 8
"""Findings of one kind that a terminal shows; the JSON file and the page have all."""


def print_findings(report: Report) -> None:
    """Print what a check found, by kind, with the files, and the class histogram."""
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
        console.print(f"  to mend: {KINDS[kind].mend}", highlight=False)
    table = Table("class", *(f"{split} %" for split in report.histogram), "weight")
    for column in table.columns[1:]:
        column.justify = "right"
    totals = {split: max(1, sum(counts.values())) for split, counts in report.histogram.items()}
    for name in max((list(h) for h in report.histogram.values()), key=len, default=[]):
        shares = [
            f"{100 * counts.get(name, 0) / totals[split]:.3f}"
            for split, counts in report.histogram.items()
        ]
        weight = report.weights.get(name)
        table.add_row(name, *shares, "absent" if weight is None else f"{weight:.3f}")
    console.print(table)
    n = len(report.findings)
    console.print(
        f"{sum(report.samples.values()):,} samples checked in {report.seconds:.1f} s: "
        + ("nothing wrong was found" if not n else f"{n:,} finding{'s' if n > 1 else ''}"),
        highlight=False,
    )
