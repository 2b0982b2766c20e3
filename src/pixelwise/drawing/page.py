"""One self-contained HTML page: text, figures and tables, no file beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --dim: #60646c; --line: #d9d9e0; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #edeef0; --dim: #b0b4ba; --line: #3a3d44; --paper: #18191b } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 1240px; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.9rem; margin: 0 0 .25rem } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem }
p { margin: .25rem 0; color: var(--dim); max-width: 75ch }
.row { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)) }
figure { margin: 0 } img { width: 100%; height: auto; display: block; border-radius: 6px }
figure.wide img { width: auto; max-width: 100% }
figcaption { font-size: .9rem; color: var(--dim); margin-top: .4rem }
figcaption b { color: var(--ink) }
.chip { display: inline-block; white-space: nowrap; margin-right: .9em }
.chip i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em;
          border: 1px solid var(--line) }
"""


@dataclass(frozen=True, eq=False)
class Figure:
    """A picture with its caption.

    Parameters
    ----------
    picture : (H, W, 3) uint8 or PIL.Image.Image
        RGB.
    title : str
        Set in bold.
    text : str
        What follows it.
    legend : sequence of (name, (r, g, b))
        Colours that the picture uses.
    wide : bool
        At most as large as its pixels, for drawings with text in them.
    """

    picture: npt.NDArray[np.uint8] | Image.Image
    title: str
    text: str = ""
    legend: Sequence[tuple[str, tuple[int, int, int]]] = ()
    wide: bool = False

    def html(self) -> str:
        """Return the figure as HTML with the picture inside."""
        picture = self.picture
        if not isinstance(picture, Image.Image):
            picture = Image.fromarray(picture)
        chips = "".join(
            f'<span class="chip"><i style="background:rgb{colour}"></i>{escape(name)}</span>'
            for name, colour in self.legend
        )
        kind = ' class="wide"' if self.wide else ""
        return (
            f'<figure{kind}><img alt="{escape(self.title)}" src="{_uri(picture, self.wide)}">'
            f"<figcaption><b>{escape(self.title)}</b> {escape(self.text)}"
            f"{'<br>' if chips else ''}{chips}</figcaption></figure>"
        )


@dataclass(frozen=True, eq=False)
class Section:
    """A heading, a sentence and a row of figures."""

    title: str
    text: str
    figures: Sequence[Figure]

    def html(self) -> str:
        """Return the section as HTML."""
        figures = "".join(figure.html() for figure in self.figures)
        row = f'<div class="row">{figures}</div>' if len(self.figures) > 1 else figures
        return f"<section><h2>{escape(self.title)}</h2><p>{escape(self.text)}</p>{row}</section>"


def page(title: str, text: str, sections: Sequence[Section]) -> str:
    """Return a whole HTML page that needs no other file and no network.

    Parameters
    ----------
    title, text : str
        The heading and the sentence below it.
    sections : sequence of Section
    """
    body = "\n".join(section.html() for section in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1><p>{escape(text)}</p>\n{body}\n</body></html>\n"
    )


def _uri(picture: Image.Image, lossless: bool) -> str:
    buffer = io.BytesIO()
    if lossless:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=90, subsampling=0)
    kind = "png" if lossless else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
