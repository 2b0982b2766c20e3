"""The one family of errors that pixelwise raises on purpose.

::

    PixelwiseError
    ├── DataError            something is wrong with the files somebody gave
    │   ├── NotADatasetError     a folder in none of the known layouts
    │   ├── AmbiguousError       files that can be read in two ways
    │   ├── ImageFileError       an image file that cannot be read whole
    │   ├── VideoFileError       a clip of which nothing can be read
    │   ├── StorageError         a storage that does not answer, or a cache of it that is full
    │   └── LabelError           a label map that does not fit its image or its classes
    │       └── ColourError          a mask in colours that stand for no class
    ├── WeightsError         a weights file of another program, or one that does not fit
    ├── ArgumentError        a value out of its range, an unknown name
    └── MissingExtraError    a part of pixelwise that needs an optional install

Every message says what was expected, what came, where, and how to fix it; the entry points
(command line) print it as one line and exit with code 2.
"""

from __future__ import annotations

from pathlib import Path


class PixelwiseError(Exception):
    """Base of every error that pixelwise raises on purpose.

    Its text is one line that says what was expected, what came, where, and how to fix it.

    Examples
    --------
    >>> import pixelwise
    >>> try:
    ...     pixelwise.read_image("absent.jpg")
    ... except pixelwise.PixelwiseError as error:
    ...     print(type(error).__name__, "absent.jpg" in str(error))
    ImageFileError True
    """


class DataError(PixelwiseError):
    """Something is wrong with the files somebody gave."""


class NotADatasetError(DataError):
    """A folder in none of the layouts that pixelwise knows."""


class AmbiguousError(DataError):
    """Files that can be read in two ways; the message lists them with the flag that chooses.

    Parameters
    ----------
    message : str
    *files : Path
        Image files that show why, for the page of a check.
    """

    def __init__(self, message: str, *files: Path) -> None:
        super().__init__(message)
        self.files = files


class ImageFileError(DataError):
    """An image file that is missing, truncated, or not an image at all."""


class VideoFileError(DataError):
    """A clip that is missing, or of which nothing can be read."""


class StorageError(DataError):
    """A remote storage that does not answer or does not allow it, or a cache that has no room.

    The files in it may be right: no check counts this as a finding.
    """


class LabelError(DataError):
    """A label map that does not fit its photo, its encoding or its classes."""


class ColourError(LabelError):
    """A mask whose areas are painted in colours that stand for no class."""


class WeightsError(PixelwiseError):
    """A weights file that pixelwise did not write, or that does not fit the call."""


class ArgumentError(PixelwiseError, ValueError):
    """A value out of its range, or a name that is not known."""


class MissingExtraError(PixelwiseError, ImportError):
    """A part of pixelwise that needs an optional install, e.g. ``pixelwise[train]``."""


def missing_extra(what: str, package: str, extra: str) -> MissingExtraError:
    """Return the error for a part of pixelwise whose optional packages are not installed.

    Parameters
    ----------
    what : str
        What needs them, in words, e.g. ``"training"``.
    package : str
        The first package that could not be imported.
    extra : str
        The extra that brings it: ``train``, ``hub``, ``video``, ``heic`` or ``app``.

    Examples
    --------
    >>> print(missing_extra("training", "torch", "train"))
    training needs torch, which is not installed: pip install -c constraints.txt '.[train]'
    """
    return MissingExtraError(
        f"{what} needs {package}, which is not installed: "
        f"pip install -c constraints.txt '.[{extra}]'"
    )


def missing_package(what: str, package: str) -> MissingExtraError:
    """Return the error for a tool next door whose own package is not installed.

    Examples
    --------
    >>> print(missing_package("to_supervision", "supervision"))
    to_supervision needs supervision, which is not installed: pip install supervision
    """
    return MissingExtraError(
        f"{what} needs {package}, which is not installed: pip install {package}"
    )


def size_mismatch(
    where: str, what: str, size: tuple[int, ...], expected: tuple[int, ...], fix: str
) -> LabelError:
    """Return the error for a mask, label map or instance whose size is not its image's.

    Parameters
    ----------
    where : str
        The file or sample.
    what : str
        What has the wrong size, e.g. ``"mask"``.
    size, expected : (height, width)
        Its own, and the image's.
    fix : str
        How to fix it.

    Examples
    --------
    >>> print(size_mismatch("a.png", "mask", (3, 4), (6, 8), "annotate the image again"))
    a.png: the image is 6 x 8 but its mask is 3 x 4 (height x width); annotate the image again
    """
    return LabelError(
        f"{where}: the image is {expected[0]} x {expected[1]} but its {what} is "
        f"{size[0]} x {size[1]} (height x width); {fix}"
    )
