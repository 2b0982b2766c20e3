"""One self-contained HTML page: text, figures and tables, no file beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

from pixelwise.samples import UInt8Array

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
.thumbs { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: .75rem }
.thumbs figure { width: min-content; min-width: 200px } .thumbs img { width: auto; max-width: 90vw }
table { border-collapse: collapse; font-size: .9rem; margin-top: .75rem }
th, td { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid var(--line);
         vertical-align: top }
.n { text-align: right; white-space: nowrap }
figure.wide img { width: auto; max-width: 100% }
figcaption { font-size: .9rem; color: var(--dim); margin-top: .4rem }
figcaption b { color: var(--ink) }
.chip { display: inline-block; white-space: nowrap; margin-right: .9em }
.chip i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em;
          border: 1px solid var(--line) }
"""


@dataclass(frozen=True, eq=False)
class Figure:
    """An image with its caption.

    Parameters
    ----------
    image : (H, W, 3) uint8 or PIL.Image.Image
        RGB.
    title : str
        Set in bold.
    text : str
        The text after it.
    legend : sequence of (name, (r, g, b))
        Colours that the image uses.
    wide : bool
        At most as large as its pixels, for drawings with text in them.

    Examples
    --------
    >>> figure = Figure(np.zeros((2, 2, 3), dtype=np.uint8), "A title")
    >>> "<b>A title</b>" in figure.html()
    True
    """

    image: UInt8Array | Image.Image
    title: str
    text: str = ""
    legend: Sequence[tuple[str, tuple[int, int, int]]] = ()
    wide: bool = False

    def html(self) -> str:
        """Return the figure as HTML with the image inside."""
        image = self.image
        if not isinstance(image, Image.Image):
            image = Image.fromarray(image)
        chips = "".join(
            f'<span class="chip"><i style="background:rgb{colour}"></i>{escape(name)}</span>'
            for name, colour in self.legend
        )
        kind = ' class="wide"' if self.wide else ""
        return (
            f'<figure{kind}><img alt="{escape(self.title)}" src="{_uri(image, self.wide)}">'
            f"<figcaption><b>{escape(self.title)}</b> {escape(self.text)}"
            f"{'<br>' if chips else ''}{chips}</figcaption></figure>"
        )


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of words and numbers below a header.

    Examples
    --------
    >>> "<td>cat</td>" in Table(["class", "IoU"], [["cat", "0.71"]]).html()
    True
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> str:
        """Return the table as HTML; columns of numbers are aligned right."""
        numeric = [
            i > 0 and all(row[i][:1].isdigit() or row[i] == "absent" for row in self.rows)
            for i in range(len(self.header))
        ]
        marks = [' class="n"' if right else "" for right in numeric]

        def line(tag: str, cells: Sequence[str]) -> str:
            filled = zip(marks, cells, strict=True)
            return "".join(f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in filled)

        head = line("th", self.header)
        body = "".join(f"<tr>{line('td', row)}</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True, eq=False)
class Section:
    """A heading, a sentence, a row of figures and a table.

    Parameters
    ----------
    title, text : str
    figures : sequence of Figure
        Side by side, as wide as there is room.
    table : Table, optional
    small : bool
        Show the figures at their own size.

    Examples
    --------
    >>> Section("A title", "Some text.", []).html()
    '<section><h2>A title</h2><p>Some text.</p></section>'
    """

    title: str
    text: str
    figures: Sequence[Figure]
    table: Table | None = None
    small: bool = False

    def html(self) -> str:
        """Return the section as HTML."""
        row = "".join(figure.html() for figure in self.figures)
        if self.figures and not self.figures[0].wide:
            row = f'<div class="{"thumbs" if self.small else "row"}">{row}</div>'
        table = self.table.html() if self.table else ""
        text = f"<h2>{escape(self.title)}</h2><p>{escape(self.text)}</p>"
        return f"<section>{text}{row}{table}</section>"


def render_page(title: str, text: str, sections: Sequence[Section]) -> str:
    """Return a whole HTML page that needs no other file and no network.

    Parameters
    ----------
    title, text : str
        The heading and the sentence below it.
    sections : sequence of Section

    Examples
    --------
    >>> render_page("A title", "Some text.", [Section("One", "", [])]).startswith("<!doctype html>")
    True
    """
    body = "\n".join(section.html() for section in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1><p>{escape(text)}</p>\n{body}\n</body></html>\n"
    )


def _uri(image: Image.Image, lossless: bool) -> str:
    buffer = io.BytesIO()
    if lossless:
        image.save(buffer, "PNG")
    else:
        image.save(buffer, "JPEG", quality=90, subsampling=0)
    kind = "png" if lossless else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
