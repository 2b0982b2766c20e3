"""``pixelwise quantise``.

Libraries are imported inside the commands, so that ``--help`` costs none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import NAMED_WEIGHTS, Data, read_options
from pixelwise.defaults import EVALUATION_SPLIT

if TYPE_CHECKING:
    from pixelwise.datasets import ReadOptions


@read_options
def quantise(
    weights: Annotated[str, typer.Argument(metavar="WEIGHTS", help=NAMED_WEIGHTS)],
    path: Data,
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    images: Annotated[
        int, typer.Option(min=1, help="Training images that measure the ranges of activations.")
    ] = 100,
    *,
    options: ReadOptions,
) -> None:
    """Write 8-bit weights, smaller and often faster; reports what they lose on the val split."""
    from pixelwise.datasets import list_splits, open_dataset
    from pixelwise.progress import waiting
    from pixelwise.weights import read_weights

    with waiting("loading PyTorch"):
        from pixelwise.training import quantise

    has_val = EVALUATION_SPLIT in list_splits(path, options)
    held_out = open_dataset(path, EVALUATION_SPLIT, options).semantic() if has_val else None
    scores = quantise(weights, open_dataset(path, None, options), out, held_out, images)
    before, after = len(read_weights(weights)), out.stat().st_size
    print(f"wrote {out}: {after / 1e6:.2f} MB, before {before / 1e6:.2f} MB")
    if scores is None:
        print("the data has no val split, so what they lose is not measured")
    else:
        print(f"{scores[1].source}: mIoU {scores[1].miou:.4f}, before {scores[0].miou:.4f}")
        print(f"compare the times: pixelwise bench {weights}; pixelwise bench {out}")
