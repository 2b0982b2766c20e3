"""Write and execute the notebooks of the course.

Each chapter is one file source/N_name.md. A line `@code`, `@en` or `@zh` starts a cell:
code stands once, prose once in each language. A chapter is executed once, and both notebooks get
its outputs.

    python docs/course/build.py                # all chapters
    python docs/course/build.py 2_voc         # one
    python docs/course/build.py --check        # compare the notebooks' cells, execute nothing
    python docs/course/build.py --run          # execute, write nothing
"""

import argparse
import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
LANGUAGES = ("en", "zh")
MARK = re.compile(r"^@(code|en|zh)\n", re.MULTILINE)

Cell = tuple[str, str]


def read_source(path: Path) -> list[Cell]:
    """Return the cells of a chapter as (kind, text), kind being code, en or zh."""
    parts = MARK.split(path.read_text(encoding="utf-8"))
    if parts[0].strip():
        raise ValueError(f"{path.name}: text before the first mark")
    return [(kind, text.strip()) for kind, text in zip(parts[1::2], parts[2::2], strict=True)]


def cells_of(cells: list[Cell], language: str) -> list[Cell]:
    """Return the cells that one language's notebook has, in order."""
    return [cell for cell in cells if cell[0] in ("code", language)]


def execute(cells: list[Cell], folder: Path) -> list[nbformat.NotebookNode]:
    """Execute a chapter's code in `folder` and return its code cells with their outputs."""
    code = [nbformat.v4.new_code_cell(text) for kind, text in cells if kind == "code"]
    notebook = nbformat.v4.new_notebook(cells=code)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    # A reader may see warnings of other packages; the course is not about them.
    client.execute(env={**os.environ, "PYTHONWARNINGS": "ignore"})
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.outputs:
            _keep_one_picture(output.get("data", {}))
    return list(notebook.cells)


def _keep_one_picture(data: dict[str, object]) -> None:
    """Keep the smaller of the two encodings that Pillow gives a notebook."""
    both = [kind for kind in ("image/png", "image/jpeg") if kind in data]
    for kind in sorted(both, key=lambda kind: len(str(data[kind])))[1:]:
        del data[kind]


def write_notebook(cells: list[Cell], ran: list[nbformat.NotebookNode], path: Path) -> None:
    """Write one language's notebook. Cell ids are numbers, so that a second build is the same."""
    language, done, notebook = path.parent.name, iter(ran), nbformat.v4.new_notebook()
    for number, (kind, text) in enumerate(cells_of(cells, language)):
        cell = next(done).copy() if kind == "code" else nbformat.v4.new_markdown_cell(text)
        cell["id"] = f"cell-{number}"
        notebook.cells.append(cell)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


def drifted(source: Path, notebook: Path) -> bool:
    """Return whether a notebook is missing or has other cells than its source."""
    if not notebook.is_file():
        return True
    found = [
        ("code" if cell.cell_type == "code" else notebook.parent.name, cell.source)
        for cell in nbformat.read(notebook, as_version=4).cells
    ]
    return found != cells_of(read_source(source), notebook.parent.name)


def main() -> int:
    """Build or check the chapters named, or all."""
    parser = argparse.ArgumentParser(description="Write and execute the course's notebooks.")
    parser.add_argument("chapters", nargs="*")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--run", action="store_true", help="execute only")
    options = parser.parse_args()
    names = options.chapters or sorted(path.stem for path in (HERE / "source").glob("*.md"))
    wrong = 0
    for name in names:
        source = HERE / "source" / f"{name}.md"
        targets = [HERE / language / f"{name}.ipynb" for language in LANGUAGES]
        if options.check:
            for target in targets:
                if drifted(source, target):
                    sys.stderr.write(f"{target.relative_to(HERE)} differs from its source\n")
                    wrong += 1
            continue
        cells = read_source(source)
        ran = execute(cells, targets[0].parent)
        for target in targets:
            if not options.run:
                write_notebook(cells, ran, target)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
