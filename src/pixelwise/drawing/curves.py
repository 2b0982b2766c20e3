"""Figures over the epochs of a run, as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, TEXT = 720, 200, 13
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 30, 26
INK, DIM, LINE, PAPER = (30, 30, 30), (96, 100, 108), (217, 217, 224), (255, 255, 255)
COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))
TICKS = 4


def draw_curves(series: Mapping[str, Sequence[float]], what: str = "epoch") -> Image.Image:
    """Draw one panel a series, one below the other, over 1, 2, 3, ...

    Parameters
    ----------
    series : mapping of str to sequence of float
        What to call each, and its values; NaN leaves a gap.
    what : str
        The name of the common axis.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    picture = Image.new("RGB", (WIDTH, HEIGHT * len(series)), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(TEXT)
    for panel, (name, values) in enumerate(series.items()):
        known = [v for v in values if math.isfinite(v)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        top, bottom = panel * HEIGHT + TOP, (panel + 1) * HEIGHT - BOTTOM
        right, n = WIDTH - RIGHT, max(2, len(values))
        last = f", last {known[-1]:.4g}" if known else ""
        draw.text((LEFT, top - 8), f"{name}{last}", INK, font, anchor="ls")
        for tick in range(TICKS + 1):
            y = bottom - (bottom - top) * tick / TICKS
            draw.line((LEFT, y, right, y), LINE)
            value = f"{low + (high - low) * tick / TICKS:.3g}"
            draw.text((LEFT - 8, y), value, DIM, font, anchor="rm")
        for i in sorted({0, (n - 1) // 2, n - 1}):
            x = LEFT + (right - LEFT) * i / (n - 1)
            label = f"{what} {i + 1}" if i == 0 else str(i + 1)
            draw.text(
                (x, bottom + 6),
                label,
                DIM,
                font,
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
    return picture
