"""``pixelwise show``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import DATA, Weights, read_options
from pixelwise.defaults import WEIGHTS
from pixelwise.errors import ArgumentError

if TYPE_CHECKING:
    from pixelwise.datasets import ReadOptions


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
    from pixelwise.inference import Predictor
    from pixelwise.io.image import read_image, save_pillow
    from pixelwise.kinds import draw_kinds
    from pixelwise.progress import waiting

    if kinds is not None:
        if path.is_dir():
            raise ArgumentError(f"{path}: --kinds takes one image file, not a folder")
        wanted = [kind.strip() for kind in kinds.split(",")]
        with waiting("segmenting"):
            save_pillow(out, draw_kinds(read_image(path), wanted, Predictor.load(weights)))
        print(f"wrote {out}: {kinds} of {path}")
        return
    dataset = open_dataset(path, split, options)
    save_pillow(out, show(dataset[:n], overlaid=overlay))
    print(f"wrote {out}: {min(n, len(dataset))} of {len(dataset)} samples")
