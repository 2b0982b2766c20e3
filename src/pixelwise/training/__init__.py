"""Training: recipe, plan, augmentation, loop, checkpoint, export, 8-bit weights.

Reading a recipe needs no torch; ``train``, ``quantise`` and ``export_hub`` are loaded when they
are first used and need the extra ``pixelwise[train]``, or ``pixelwise[hub]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixelwise.errors import missing_extra
from pixelwise.training.recipe import Recipe, Source
from pixelwise.training.settings import Settings

if TYPE_CHECKING:
    from pixelwise.training.export.hub import export_hub
    from pixelwise.training.export.quantisation import quantise
    from pixelwise.training.loop import train

__all__ = ["Recipe", "Settings", "Source", "export_hub", "quantise", "train"]

_HOMES = {"train": "loop", "quantise": "export.quantisation", "export_hub": "export.hub"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pixelwise.training' has no attribute {name!r}")
    try:
        return getattr(import_module(f"pixelwise.training.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pixelwise"):
            raise
        raise missing_extra("training", error.name, "train") from None
