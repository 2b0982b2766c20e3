"""Weights on the way from those that a run started from to those that it ended with.

    python benchmarks/mix_weights.py START.onnx END.onnx --share 0.7 --out mixed.onnx

Each number is (1 - share) times the start's plus share times the end's (Wortsman et al., "Robust
fine-tuning of zero-shot models", 2022): on photos unlike those of the run, the way between often
beats both. Both files are exports of one design, with their norms folded into the convolutions.
What the start lacks is the end's; the last layer of its context, which begins at zero, is a share
of the end's. The card is the end's: its score is of other weights, and has to be measured again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

BEGINS_AT_ZERO = "context.restore."


def biases_of(model: onnx.ModelProto) -> dict[str, str]:
    """Return the name of each convolution's bias by that of its kernel."""
    return {
        node.input[1]: node.input[2]
        for node in model.graph.node
        if node.op_type == "Conv" and len(node.input) > 2
    }


def mix(start: onnx.ModelProto, end: onnx.ModelProto, share: float) -> tuple[int, int]:
    """Move the numbers of ``end`` towards those of ``start``, in place.

    Parameters
    ----------
    start, end : onnx.ModelProto
    share : float
        Of the end, 0..1.

    Returns
    -------
    mixed, kept : int
        Numbers that both have, and those that only the end has.
    """
    given = {i.name: numpy_helper.to_array(i) for i in start.graph.initializer}
    # The exporter numbers the biases, so that one and the same may have two names.
    names, before = {}, biases_of(start)
    for kernel, bias in biases_of(end).items():
        names[bias] = before.get(kernel, bias)
    mixed = kept = 0
    for tensor in end.graph.initializer:
        own = numpy_helper.to_array(tensor)
        if own.dtype not in (np.float16, np.float32):
            continue
        other = given.get(names.get(tensor.name, tensor.name))
        if other is not None and other.shape == own.shape:
            mixed += own.size
        elif tensor.name.startswith(BEGINS_AT_ZERO):
            other = np.zeros_like(own)
        else:
            kept += own.size
            continue
        new = (1 - share) * other.astype(np.float64) + share * own.astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(new.astype(own.dtype), tensor.name))
    return mixed, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("start", type=Path)
    parser.add_argument("end", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the end, 0..1")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    end = onnx.load(options.end)
    mixed, kept = mix(onnx.load(options.start), end, options.share)
    onnx.save(end, options.out)
    print(f"{options.out}: {mixed:,} numbers mixed, {kept:,} those of {options.end.name}")


if __name__ == "__main__":
    main()
