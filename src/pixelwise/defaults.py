"""Defaults that the library and the command line share; each stands here once.

They stand apart from the functions so that ``--help`` prints them without importing numpy.
"""

from typing import Final

BLUR_STRENGTH = 2.0
"""Standard deviation of the background blur, in percent of the image's longer side."""

TRAIN_SPLIT = "train"
"""The split that is opened if none is given."""

EVALUATION_SPLIT = "val"
"""The split that weights are evaluated on if none is given."""

WEIGHTS = "voc"
"""The bundled weights that are used if none are given."""

FOREGROUND_WEIGHTS = "foreground"
"""Those that find what stands out, if a background is asked for and no weights are given."""

DEVICE = "cpu"
"""Where a network runs if nothing is said."""

TILE = 8192
"""Longer side in pixels above which an image is predicted in tiles, and the tiles' side."""

BOUNDARIES: Final = "learned"
"""Where the command line takes boundaries between regions from."""

CUT = 20
"""How many regions an image is divided into."""

TIMED_SIZES = ((240, 320), (480, 640), (720, 1280), (1080, 1920))
"""(height, width) in pixels of the images on which weights are timed."""

PART = 256
"""Images per part of a table: a file worth its name, and little to lose where a machine dies."""

CACHE_FOLDER = "PIXELWISE_CACHE"
"""The variable that names the folder in which files of remote storage are kept."""

CACHE_SIZE_VARIABLE = "PIXELWISE_CACHE_SIZE"
"""The variable that bounds it."""

CACHE_SIZE = "20GB"
"""What it holds at most if nothing is said."""
