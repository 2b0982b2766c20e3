"""Colours and sizes that every drawing shares."""

from __future__ import annotations

from PIL import ImageFont

INK, DIM, LINE, PAPER = (30, 30, 30), (96, 100, 108), (217, 217, 224), (255, 255, 255)
"""Of text, of less important text, of thin lines, and of the ground; RGB."""

TEXT, GAP = 14, 8
"""Height of text and distance between parts of a drawing, px."""

VIEWED = 640
"""Width in pixels at which drawings over an image must still be readable."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font(height: int = TEXT) -> Font:
    """Return the font of all drawings at a height in pixels."""
    return ImageFont.load_default(height)


def enlargement(side: int) -> float:
    """Return how much larger to draw on an image so that it is readable at `VIEWED` pixels.

    Parameters
    ----------
    side : int
        Pixels of the side that is shrunk to `VIEWED`.

    Examples
    --------
    >>> enlargement(1280), enlargement(320)
    (2.0, 1.0)
    """
    return max(1.0, side / VIEWED)
