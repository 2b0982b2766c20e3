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
    from pixelwise.errors import ArgumentError
    from pixelwise.progress import waiting
    from pixelwise.weights.catalogue import ALIASES, bundled_weights

    if model in (*bundled_weights(), *ALIASES) and not Path(model).is_dir():
        raise ArgumentError(
            f"{model} is bundled, as an ONNX file already; give hf:OWNER/MODEL or a folder"
        )
    with waiting("loading PyTorch"):
        from pixelwise.training import export_hub
    with waiting(f"exporting {model}"):
        export_hub(model, out)
