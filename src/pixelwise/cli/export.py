"""``pixelwise export``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="hf:OWNER/MODEL, or the folder of a hub model."),
    ],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
) -> None:
    """Write a semantic model of the Hugging Face hub as a weights file."""
    from pixelwise.progress import waiting

    with waiting("loading PyTorch"):
        from pixelwise.training import export_hub
    with waiting(f"exporting {model}"):
        export_hub(model, out)
