"""Defaults that the library and the command line share; each stands here once.

They are kept apart from the functions so that ``--help`` can print them without importing numpy.
"""

from typing import Final

BLUR_STRENGTH = 2.0
"""Standard deviation of the background blur, in percent of the longer side of the photo."""

TRAIN_SPLIT = "train"
"""The list of a data set that is opened where none is named."""

EVALUATION_SPLIT = "val"
"""The list of a data set that weights are judged on."""

WEIGHTS = "subjects"
"""The bundled weights that are used where none are named."""

NAMED_WEIGHTS = "A name that 'pixelwise weights' lists, or a model.onnx."
"""How the command line explains where weights are named."""

TILE = 8192
"""Longer side in pixels above which a photo is labelled in tiles, and the tiles' side."""

BOUNDARIES: Final = "learned"
"""Where the edges between regions come from, at the command line."""

CUT = 20
"""How many regions a photo is cut into."""
