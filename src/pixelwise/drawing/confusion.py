"""A confusion matrix as an image."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from pixelwise.classes import ClassMap
from pixelwise.drawing.style import GAP, INK, LINE, PAPER, TEXT, Font, font
from pixelwise.samples import Int64Array

CELL = 36
"""Side of a cell, px."""

FULL = np.array([8, 69, 148])
"""The colour of 100 %; 0 % is white."""


def draw_confusion(matrix: Int64Array, classes: ClassMap) -> Image.Image:
    """Draw where the pixels of each true class went, in percent of that class.

    Parameters
    ----------
    matrix : (C, C) int64
        Row: true class; column: predicted class.
    classes : ClassMap
        C names.

    Returns
    -------
    PIL.Image.Image
        RGB. A row without a pixel stays empty.

    Examples
    --------
    >>> draw_confusion(np.array([[8, 2], [0, 0]]), ClassMap(("sky", "tree"))).mode
    'RGB'
    """
    letters = font()
    label = round(max(letters.getlength(name) for name in classes.names)) + 2 * GAP
    n = len(classes)
    left, top = label + TEXT + GAP, label + TEXT + GAP
    drawn = Image.new("RGB", (left + n * CELL + GAP, top + n * CELL + GAP), PAPER)
    draw = ImageDraw.Draw(drawn)
    draw.text((left + n * CELL / 2, GAP / 2), "predicted", INK, letters, anchor="ma")
    _rotated(drawn, "true", (GAP / 2, top + n * CELL / 2), letters)
    totals = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.maximum(totals, 1)
    for row, name in enumerate(classes.names):
        y = top + row * CELL
        draw.text((left - GAP, y + CELL / 2), name, INK, letters, anchor="rm")
        _rotated(drawn, name, (left + row * CELL + CELL / 2, top - GAP), letters, above=True)
        for column in range(n):
            x, value = left + column * CELL, float(share[row, column])
            colour = tuple(int(v) for v in 255 + (FULL - 255) * value)
            draw.rectangle((x, y, x + CELL, y + CELL), fill=colour, outline=LINE)
            if totals[row, 0] and value >= 0.005:
                ink = PAPER if value > 0.5 else INK
                middle = (x + CELL / 2, y + CELL / 2)
                draw.text(middle, f"{100 * value:.0f}", ink, letters, anchor="mm")
    return drawn


def _rotated(
    drawn: Image.Image,
    text: str,
    at: tuple[float, float],
    letters: Font,
    above: bool = False,
) -> None:
    """Write from bottom to top: centred at a point, or ending above it."""
    width, height = round(letters.getlength(text)) + 2, TEXT + 4
    line = Image.new("RGB", (width, height), PAPER)
    ImageDraw.Draw(line).text((1, height / 2), text, INK, letters, anchor="lm")
    turned = line.rotate(90, expand=True)
    x, y = (at[0] - height / 2, at[1] - width) if above else (at[0], at[1] - width / 2)
    drawn.paste(turned, (round(x), round(y)))
