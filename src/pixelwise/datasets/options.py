"""How a data set is to be read, where its files leave it open."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError

ENCODINGS = {
    "ids": "a mask's numbers are class ids (palette indices, grey levels or VOC colours)",
    "binary": "dark is background, light the one class; half the range divides them",
    "levels": "each number that occurs in the masks is a class, in ascending order",
    "instances": "a mask's numbers are instance ids, 0 = none",
}
"""What the numbers of a mask file can mean."""


@dataclass(frozen=True)
class ReadOptions:
    """How a data set is to be read; what is None is found out from its files.

    Parameters
    ----------
    format : str, optional
        One of `FORMATS`, for a folder that could be read as several.
    encoding : str, optional
        One of `ENCODINGS`: what the numbers of mask files mean.
    void : int, optional
        A further id in mask files, 0..255, that stands for void. Ids above it move down by one.
    images, labels : str or Path, optional
        The folders of images and of label maps, below the data set or anywhere, for data in a
        layout that is not recognised. One folder may hold both. ``labels`` alone is the name or
        path of one of several that could be meant.
    classes : ClassMap, optional
        What the ids mean.
    class_list : str or Path, optional
        A file that says what the numbers or colours of masks mean, as tools write it; it counts
        before ``classes``, and before a list that lies in the data's folder.
    skip_unusable : bool, optional
        Leave out annotations without area, such as boxes between polygons, instead of refusing
        them; the line that says what was found counts them, and a check lists them.

    Raises
    ------
    ArgumentError
        An unknown encoding, or a void out of range. An unknown format is an error when a data
        set is opened.

    Examples
    --------
    >>> from pixelwise.classes import ClassMap
    >>> ReadOptions(void=11, classes=ClassMap(("sky", "road"))).classes.names
    ('sky', 'road')
    """

    format: str | None = None
    encoding: str | None = None
    void: int | None = None
    images: str | Path | None = None
    labels: str | Path | None = None
    classes: ClassMap | None = None
    class_list: str | Path | None = None
    skip_unusable: bool | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None and self.encoding not in ENCODINGS:
            known = ", ".join(ENCODINGS)
            raise ArgumentError(f"unknown encoding {self.encoding!r}; there is: {known}")
        if self.void is not None and not 0 <= self.void <= 255:
            raise ArgumentError(f"void: expected an id in 0..255, got {self.void}")
        for name in ("images", "labels", "class_list"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, str(getattr(self, name)))

    def or_else(self, other: ReadOptions) -> ReadOptions:
        """Return these options; what is None in them is taken from ``other``.

        Examples
        --------
        >>> options = ReadOptions(void=0).or_else(ReadOptions(format="pairs", void=11))
        >>> options.format, options.void
        ('pairs', 0)
        """
        if self.classes is not None:
            other = replace(other, class_list=None)
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return ReadOptions(**{k: getattr(other, k) if v is None else v for k, v in own.items()})
