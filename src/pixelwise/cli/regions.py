"""``pixelwise regions``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pixelwise.cli.options import Inputs
from pixelwise.defaults import BOUNDARIES, CUT
from pixelwise.errors import ArgumentError, ImageFileError, PixelwiseError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def regions(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    n: Annotated[
        int | None, typer.Option("-n", min=1, show_default=str(CUT), help="How many regions.")
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Instead of -n: keep boundaries at least this strong."),
    ] = None,
    boundaries: Annotated[
        Literal["learned", "colour"],
        typer.Option(help="Found by a small network, or from colour alone."),
    ] = BOUNDARIES,
    superpixels: Annotated[
        int | None,
        typer.Option(min=1, help="Instead: about this many small regions of even colour."),
    ] = None,
) -> None:
    """Divide images into coherent regions, without classes.

    Writes STEM_regions.png (16-bit region ids), STEM_parts.jpg (mean colours) and, except for
    superpixels, STEM_boundaries.png (strength of every boundary, 0 to 65535).
    """
    from pixelwise.io.image import find_images, read_image
    from pixelwise.progress import track

    if superpixels is not None and (n is not None or level is not None):
        raise ArgumentError("--superpixels takes no -n and no --level")
    photos = find_images(inputs)
    stems = [photo.stem for photo in photos]
    if len(set(stems)) < len(stems):
        raise ArgumentError("photos of the same name would overwrite each other's results")
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for photo in track(photos, "regions", len(photos)):
        try:
            _write(read_image(photo), out / photo.stem, n, level, boundaries, superpixels)
        except ImageFileError as error:
            failed.append(str(error))
        except ArgumentError as error:
            raise ArgumentError(f"{photo}: {error}") from None
    print(f"cut {len(photos) - len(failed)} of {len(photos)} photos into {out}")
    if failed:
        raise ImageFileError("; ".join(failed))


def _write(
    image: npt.NDArray[np.uint8],
    stem: Path,
    n: int | None,
    level: float | None,
    boundaries: str,
    superpixels: int | None,
) -> None:
    import numpy as np
    from PIL import Image

    from pixelwise import regions
    from pixelwise.drawing import outline_regions
    from pixelwise.io.image import save_pillow
    from pixelwise.io.mask import write_instance_map

    def beside(ending: str) -> Path:
        return stem.with_name(stem.name + ending)

    if superpixels is not None:
        region_map = regions.superpixels(image, superpixels)
    else:
        found = regions.hierarchy(image, boundaries)
        region_map = found.cut(n, level)
        levels = (found.boundaries * 65535).round().astype(np.uint16)
        save_pillow(beside("_boundaries.png"), Image.fromarray(levels))
    if region_map.max() > 65535:
        raise PixelwiseError(
            f"{region_map.max() + 1} regions: a 16-bit file holds 65536; ask for fewer"
        )
    write_instance_map(beside("_regions.png"), region_map.astype(np.uint16))
    picture = Image.fromarray(outline_regions(image, region_map))
    save_pillow(beside("_parts.jpg"), picture, quality=92)
