"""Numbers over the epochs of a run, as line charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from pixelwise.drawing.style import DIM, INK, LINE, PAPER, font

WIDTH, HEIGHT = 720, 200
"""Of one panel, px."""

LEFT, RIGHT, TOP, BOTTOM = 64, 16, 30, 26
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))
TICKS = 4


def draw_curves(series: Mapping[str, Sequence[float]]) -> Image.Image:
    """Draw one panel per series, one below the other, over the epochs 1, 2, 3, ...

    Parameters
    ----------
    series : mapping of str to sequence of float
        Name and values of each; NaN is left out.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Examples
    --------
    >>> draw_curves({"loss": [2.0, 1.0, 0.5], "mIoU": [0.1, float("nan"), 0.4]}).size
    (720, 400)
    """
    drawn = Image.new("RGB", (WIDTH, HEIGHT * len(series)), PAPER)
    draw, letters = ImageDraw.Draw(drawn), font()
    for panel, (name, values) in enumerate(series.items()):
        known = [v for v in values if math.isfinite(v)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        top, bottom = panel * HEIGHT + TOP, (panel + 1) * HEIGHT - BOTTOM
        right, n = WIDTH - RIGHT, max(2, len(values))
        last = f", last {known[-1]:.4g}" if known else ""
        draw.text((LEFT, top - 8), f"{name}{last}", INK, letters, anchor="ls")
        for tick in range(TICKS + 1):
            y = bottom - (bottom - top) * tick / TICKS
            draw.line((LEFT, y, right, y), LINE)
            value = f"{low + (high - low) * tick / TICKS:.3g}"
            draw.text((LEFT - 8, y), value, DIM, letters, anchor="rm")
        for i in sorted({0, (n - 1) // 2, n - 1}):
            x = LEFT + (right - LEFT) * i / (n - 1)
            label = f"epoch {i + 1}" if i == 0 else str(i + 1)
            draw.text(
                (x, bottom + 6),
                label,
                DIM,
                letters,
                anchor="la" if i == 0 else "ra" if i == n - 1 else "ma",
            )
        points = [
            (
                LEFT + (right - LEFT) * i / (n - 1),
                bottom - (bottom - top) * (value - low) / (high - low),
            )
            for i, value in enumerate(values)
            if math.isfinite(value)
        ]
        colour = COLOURS[panel % len(COLOURS)]
        if len(points) > 1:
            draw.line(points, colour, width=2, joint="curve")
        for x, y in points[-1:]:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    return drawn
