"""What the ids of a label map mean: names, colours, and the void id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.errors import ArgumentError

UInt8Array = npt.NDArray[np.uint8]

VOID = 255
"""The ignored id of every label map; a file format's own void is translated on reading.

Examples
--------
>>> label_map = np.array([[0, 0], [15, VOID]], np.uint8)
>>> (label_map != VOID).mean()  # the share of labelled pixels
np.float64(0.75)
"""

BACKGROUND = ("background", "0")
"""Names of class 0 where it stands for what no object covers: formats of objects may forget it."""

VOC_NAMES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""The 21 classes of PASCAL VOC, in the order of their ids."""


def voc_colormap() -> UInt8Array:
    """Return the VOC colour map, (256, 3) uint8 RGB, row i the colour of id i.

    Bit k of the id's three low bits goes, per channel, to the next high bit of that channel;
    the construction is the one of the VOC development kit (Everingham et al., 2012).

    Examples
    --------
    >>> voc_colormap()[[0, 1, 15, 255]].tolist()
    [[0, 0, 0], [128, 0, 0], [192, 128, 128], [224, 224, 192]]
    """
    ids = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.uint8)
    for round_ in range(3):
        for channel in range(3):
            bit = (ids >> (3 * round_ + channel)) & 1
            palette[:, channel] |= (bit << (7 - round_)).astype(np.uint8)
    return palette


@dataclass(frozen=True)
class ClassMap:
    """The classes of a data set or a model: id i is ``names[i]``, drawn in ``colours[i]``.

    Parameters
    ----------
    names : tuple of str
        1 to 255 different names, in the order of their ids.
    colours : tuple of (r, g, b), optional
        One colour per class, each channel 0..255; the VOC colour map if not given.

    Raises
    ------
    ArgumentError
        No name, too many, a name twice, or not one colour per name.

    Examples
    --------
    >>> pets = ClassMap(("background", "cat", "dog"))
    >>> pets.index("dog"), len(pets), pets.colours[1]
    (2, 3, (128, 0, 0))
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= VOID:
            raise ArgumentError(f"expected 1 to {VOID} class names, got {len(self.names)}")
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ArgumentError(f"class name {twice!r} is given twice; each class needs its own")
        if not self.colours:
            rows = voc_colormap()[: len(self.names)].tolist()
            object.__setattr__(self, "colours", tuple((r, g, b) for r, g, b in rows))
        if len(self.colours) != len(self.names):
            raise ArgumentError(
                f"expected one colour per class, got {len(self.colours)} for {len(self.names)}"
            )
        if any(len(c) != 3 or not all(0 <= v <= 255 for v in c) for c in self.colours):
            raise ArgumentError("expected colours as (r, g, b) with each value in 0..255")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Return the id of a class name; an unknown name lists the known ones."""
        try:
            return self.names.index(name)
        except ValueError:
            known = ", ".join(self.names)
            raise ArgumentError(f"unknown class {name!r}; the classes are: {known}") from None

    @property
    def palette(self) -> UInt8Array:
        """(256, 3) uint8 RGB: row i the colour of id i, row 255 the pale void colour."""
        palette = voc_colormap()
        palette[: len(self)] = self.colours
        return palette

    def remap(self, rules: Mapping[str, str], target: ClassMap) -> UInt8Array:
        """Return the (256,) uint8 table that turns ids of this map into ids of another.

        Parameters
        ----------
        rules : mapping of str to str
            From a class name here to one there. The key ``"*"`` stands for every class not
            named; without it each class must be named or exist there under its own name.
        target : ClassMap
            The classes to translate to.

        Raises
        ------
        ArgumentError
            A rule names an unknown class, or a class has no place to go.

        Examples
        --------
        >>> pets = ClassMap(("background", "cat", "sofa"))
        >>> pets.remap({"*": "background", "cat": "animal"}, ClassMap(("background", "animal")))[:3]
        array([0, 1, 0], dtype=uint8)
        """
        for name in rules:
            if name != "*":
                self.index(name)
        table = np.full(256, VOID, dtype=np.uint8)
        for id_, name in enumerate(self.names):
            there = rules.get(name, rules.get("*", name))
            if there not in target.names:
                known = ", ".join(target.names)
                raise ArgumentError(
                    f"class {name!r} has no place among: {known}; "
                    f'add a rule for it, or "*" for all the rest'
                )
            table[id_] = target.index(there)
        return table

    @classmethod
    def numbered(cls, count: int) -> ClassMap:
        """Return classes named by their ids, for data that comes without names."""
        return cls(tuple(str(i) for i in range(count)))

    @classmethod
    def of(cls, names: Iterable[str]) -> ClassMap:
        """Return the class map of some names, in the VOC colours."""
        return cls(tuple(names))


VOC = ClassMap.of(VOC_NAMES)
"""The 21 classes of PASCAL VOC with their colours.

Examples
--------
>>> VOC.index("dog"), VOC.names[15], VOC.colours[15]
(12, 'person', (192, 128, 128))
"""

CITYSCAPES = ClassMap(
    (
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
        "sky",
        "person",
        "rider",
        "car",
        "truck",
        "bus",
        "train",
        "motorcycle",
        "bicycle",
    ),
    (
        (128, 64, 128),
        (244, 35, 232),
        (70, 70, 70),
        (102, 102, 156),
        (190, 153, 153),
        (153, 153, 153),
        (250, 170, 30),
        (220, 220, 0),
        (107, 142, 35),
        (152, 251, 152),
        (70, 130, 180),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
    ),
)
"""The 19 classes that Cityscapes is evaluated on, in the order of its train ids."""

CITYSCAPES_LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Their numbers in ``*_labelIds.png``; all others up to 34 are void."""
