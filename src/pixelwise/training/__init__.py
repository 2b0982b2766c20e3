"""Training: recipe, augmentation, loop, checkpoint, export.

Reading a recipe needs no torch; ``train`` is loaded when it is first used and needs the extra
``pixelwise[train]``.
"""

from typing import TYPE_CHECKING, Any

from pixelwise.errors import MissingExtraError
from pixelwise.training.recipe import Recipe, Settings, Source

if TYPE_CHECKING:
    from pixelwise.training.loop import train

__all__ = ["Recipe", "Settings", "Source", "train"]


def __getattr__(name: str) -> Any:
    if name != "train":
        raise AttributeError(f"module 'pixelwise.training' has no attribute {name!r}")
    try:
        from pixelwise.training.loop import train
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pixelwise"):
            raise
        raise MissingExtraError(
            f"training needs {error.name}, which is not installed; "
            "install it with: pip install 'pixelwise[train]'"
        ) from None
    return train
