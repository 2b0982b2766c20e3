"""Region maps of image files, written beside drawings of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.defaults import BOUNDARIES
from pixelwise.drawing import outline_regions
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.folders import distinct_names
from pixelwise.io.image import read_image, save_pillow
from pixelwise.io.mask import write_instance_map
from pixelwise.progress import track
from pixelwise.regions.hierarchical import hierarchy
from pixelwise.regions.superpixel import superpixels
from pixelwise.samples import Int32Array, UInt8Array

MOST = 65536
"""Regions that a 16-bit file holds."""


@dataclass(frozen=True)
class RegionsOutcome:
    """The result of `write_regions`.

    Parameters
    ----------
    written : dict of Path to int
        Images of which files were written, and how many regions each has.
    failed : dict of Path to str
        Images that could not be read, and why.

    Examples
    --------
    >>> RegionsOutcome({Path("a.jpg"): 20}, {}).written[Path("a.jpg")]
    20
    """

    written: dict[Path, int]
    failed: dict[Path, str]


def write_regions(
    images: Sequence[Path] | Mapping[Path, str],
    out: Path,
    n: int | None = None,
    level: float | None = None,
    boundaries: str = BOUNDARIES,
    n_superpixels: int | None = None,
) -> RegionsOutcome:
    """Divide image files into regions and write, for each, files into a folder.

    ``STEM_regions.png`` has the region ids (16-bit), ``STEM_parts.jpg`` the mean colours and,
    except for superpixels, ``STEM_boundaries.png`` the strength of every boundary (0 to 65535).

    Parameters
    ----------
    images : sequence of Path, or mapping of Path to str
        Or what to call each one's results. By default its stem, with the suffix or the folder
        where several are alike.
    out : Path
        Folder; it is made.
    n, level : int, float, optional
        As for `Hierarchy.cut`.
    boundaries : str
        As for `hierarchy`.
    n_superpixels : int, optional
        Instead: about so many `superpixels`.

    Returns
    -------
    RegionsOutcome

    Raises
    ------
    ArgumentError
        Arguments that exclude each other or do not fit an image, two results of one name, or more
        regions than a 16-bit file holds.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> image = np.zeros((30, 40, 3), dtype=np.uint8)
    >>> image[:, 20:] = 255
    >>> with TemporaryDirectory() as folder:
    ...     save_pillow(Path(folder, "a.png"), Image.fromarray(image))
    ...     outcome = write_regions([Path(folder, "a.png")], Path(folder, "out"), n=2)
    ...     sorted(path.name for path in Path(folder, "out").iterdir())
    ['a_boundaries.png', 'a_parts.jpg', 'a_regions.png']
    """
    if n_superpixels is not None and (n, level, boundaries) != (None, None, BOUNDARIES):
        raise ArgumentError("superpixels take no n, no level and no boundaries")
    if not isinstance(images, Mapping):
        images = distinct_names({path: Path(path.name) for path in images})
    for name, count in Counter(images.values()).items():
        if count > 1:
            raise ArgumentError(
                f"the results of several images would be called {name!r} and overwrite each other"
            )
    out.mkdir(parents=True, exist_ok=True)
    written, failed = {}, {}
    for path, name in track(images.items(), "regions", len(images)):
        beginning = str(out / name)
        try:
            image = read_image(path)
            if n_superpixels is not None:
                region_map = superpixels(image, n_superpixels)
            else:
                tree = hierarchy(image, boundaries)
                region_map = tree.cut(n, level)
                levels = (tree.boundaries * 65535).round().astype(np.uint16)
                save_pillow(f"{beginning}_boundaries.png", Image.fromarray(levels))
            _write(beginning, image, region_map)
        except ImageFileError as error:
            failed[path] = str(error)
            continue
        except ArgumentError as error:
            raise ArgumentError(f"{path}: {error}") from None
        written[path] = int(region_map.max()) + 1
    return RegionsOutcome(written, failed)


def _write(beginning: str, image: UInt8Array, region_map: Int32Array) -> None:
    count = int(region_map.max()) + 1
    if count > MOST:
        raise ArgumentError(f"{count} regions: a 16-bit file holds {MOST}; ask for fewer")
    write_instance_map(f"{beginning}_regions.png", region_map.astype(np.uint16))
    drawn = Image.fromarray(outline_regions(image, region_map))
    save_pillow(f"{beginning}_parts.jpg", drawn, quality=92)
