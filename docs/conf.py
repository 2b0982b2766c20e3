"""Settings of the site: ``python -m sphinx -W --keep-going docs docs/_build/html``.

Pages made from the program itself (reference, commands, weights, changelog) are written into
``docs/made`` before the build, by ``reference.py``.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]

import reference  # noqa: E402

import pixelwise  # noqa: E402

reference.write_pages(HERE / "made")

project = "pixelwise"
author = "the authors of pixelwise"
copyright = "the authors of pixelwise, MIT licence"
version = release = pixelwise.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints", "course/source", "course/data"]

nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_inline"]
myst_heading_anchors = 4

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 70
default_role = "literal"
smartquotes = False  # an option stays --option
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_title = "pixelwise"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_persistent": [],  # the search stands in the sidebar
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
