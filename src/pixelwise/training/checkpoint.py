"""One file that holds a whole run: network, averaged network, optimizer, recipe, plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pixelwise.errors import DataError
from pixelwise.io.files import written_whole


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a kill at any moment leaves the previous one whole."""
    with written_whole(path) as beside:
        torch.save(state, beside)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running code from it.

    Raises
    ------
    DataError
        The file is not a checkpoint of pixelwise.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    # torch.load has no error of its own; zip, pickle and key errors all mean the same here.
    except Exception as error:
        raise DataError(f"{path}: not a readable checkpoint ({error})") from None
    if not isinstance(state, dict) or "epoch" not in state:
        raise DataError(f"{path}: not a checkpoint of 'pixelwise train'")
    return state
