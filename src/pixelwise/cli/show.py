"""``pixelwise show``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import DATA, Weights, read_options
from pixelwise.defaults import BOUNDARIES, CUT, WEIGHTS

if TYPE_CHECKING:
    from PIL.Image import Image

    from pixelwise.datasets import ReadOptions

KINDS = ("semantic", "instance", "regions")


@read_options
def show(
    path: Annotated[Path, typer.Argument(metavar="DATA", help=f"{DATA} With --kinds: an image.")],
    kinds: Annotated[
        str | None,
        typer.Option(
            metavar="semantic,instance,regions",
            help="Segment an image in these ways and draw them side by side.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(show_default="train, or the only one", help="Which split.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many samples.")] = 5,
    out: Annotated[Path, typer.Option(help="Image file to write.")] = Path("grid.png"),
    weights: Weights = WEIGHTS,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Blend the label maps over the images.")
    ] = False,
    *,
    options: ReadOptions,
) -> None:
    """Draw samples of a data set: images above, label maps below, with a legend.

    With --kinds, draw one image and its segmentations by WEIGHTS side by side.
    """
    from pixelwise.datasets import open_dataset
    from pixelwise.drawing import show
    from pixelwise.io.image import save_pillow
    from pixelwise.progress import waiting

    if kinds is not None:
        with waiting("segmenting"):
            save_pillow(out, _kinds(path, [kind.strip() for kind in kinds.split(",")], weights))
        print(f"wrote {out}: {kinds} of {path}")
        return
    dataset = open_dataset(path, split, options)
    save_pillow(out, show(dataset[:n], overlaid=overlay))
    print(f"wrote {out}: {min(n, len(dataset))} of {len(dataset)} samples")


def _kinds(photo: Path, kinds: list[str], weights: str) -> Image:
    from pixelwise.drawing.kinds import (
        Panel,
        instance_panel,
        regions_panel,
        semantic_panel,
        side_by_side,
    )
    from pixelwise.errors import ArgumentError
    from pixelwise.inference import Predictor
    from pixelwise.io.image import read_image
    from pixelwise.regions import hierarchy

    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ArgumentError(f"--kinds: unknown {unknown[0]!r}; there is: {', '.join(KINDS)}")
    if photo.is_dir():
        raise ArgumentError(f"{photo}: --kinds takes one image file, not a folder")
    image = read_image(photo)
    panels = [Panel("photo", f"{image.shape[1]} x {image.shape[0]} pixels", image)]
    if set(kinds) != {"regions"}:
        prediction = Predictor.load(weights).predict(image)
        if "instance" in kinds and prediction.instances is None:
            raise ArgumentError(f"the weights {weights!r} find no instances")
    for kind in kinds:
        if kind == "semantic":
            panels.append(semantic_panel(image, prediction.label_map, prediction.classes))
        elif kind == "instance":
            found = prediction.instances or ()
            panels.append(instance_panel(image, found, prediction.classes))
        else:
            n = min(CUT, image.shape[0] * image.shape[1])
            panels.append(regions_panel(image, hierarchy(image, BOUNDARIES).cut(n)))
    return side_by_side(panels)
