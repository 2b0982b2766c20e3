"""The one family of errors that pixelwise raises on purpose.

::

    PixelwiseError
    ├── DataError            something is wrong with the files somebody gave
    │   ├── NotADatasetError     a folder in none of the known layouts
    │   ├── AmbiguousError       files that can be read in two ways
    │   ├── ImageFileError       a picture that cannot be read whole
    │   ├── VideoFileError       a clip of which nothing can be read
    │   └── LabelError           a label map that does not fit its photo or its classes
    ├── WeightsError         a weights file that is not ours, or does not fit
    ├── ArgumentError        a value out of its range, an unknown name
    └── MissingExtraError    a part of pixelwise that needs an optional install

Every message says what was expected, what came, where, and how to mend it; the doors
(command line) print it as one line and exit with code 2.
"""


class PixelwiseError(Exception):
    """Base of every error that pixelwise raises on purpose."""


class DataError(PixelwiseError):
    """Something is wrong with the files somebody gave."""


class NotADatasetError(DataError):
    """A folder in none of the layouts that pixelwise knows."""


class AmbiguousError(DataError):
    """Files that can be read in two ways; the message lists them with the flag that chooses."""


class ImageFileError(DataError):
    """A picture that is missing, truncated, or not a picture at all."""


class VideoFileError(DataError):
    """A clip that is missing, or of which nothing can be read."""


class LabelError(DataError):
    """A label map that does not fit its photo, its encoding or its classes."""


class WeightsError(PixelwiseError):
    """A weights file that pixelwise did not write, or that does not fit the call."""


class ArgumentError(PixelwiseError, ValueError):
    """A value out of its range, or a name that is not known."""


class MissingExtraError(PixelwiseError, ImportError):
    """A part of pixelwise that needs an optional install, e.g. ``pixelwise[train]``."""
