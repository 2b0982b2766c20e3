"""What is drawn, on the screen: in the notebook, or in the system's viewer."""

from __future__ import annotations

import io
import sys
from typing import Any

from PIL import Image


def png_of(picture: Image.Image) -> bytes:
    """Return a drawing as a PNG file, as notebooks take it.

    Examples
    --------
    >>> png_of(Image.new("RGB", (2, 1)))[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def put_on_screen(picture: Image.Image) -> None:
    """Show a drawing below the notebook's cell, or else in the system's image viewer."""
    interactive: Any = sys.modules.get("IPython")
    if interactive is not None and getattr(interactive.get_ipython(), "kernel", None):
        interactive.display.display(picture)
    else:
        picture.show()
