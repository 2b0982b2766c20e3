"""Weights files of half the size: their numbers in 16 bits, computed with in 32."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from pixelwise.io.files import written_whole
from pixelwise.samples import Float32Array

SUFFIX = ".float16"
"""After the name of a tensor in its stored form; the tensor itself keeps its name."""

LEAST = 1024
"""Numbers in a tensor below which it stays as it is: it saves nothing."""


def store_half(path: Path) -> None:
    """Store the large tensors of an ONNX file in 16 bits, in place.

    A node in the file turns each back to 32 bits; ONNX Runtime does so once, when it loads the
    file, so that a run costs the same and differs only by the rounding of the weights.

    Parameters
    ----------
    path : Path
        Of an ONNX file; its other contents stay.
    """
    model = onnx.load(path)
    nodes = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and math.prod(tensor.dims) >= LEAST:
            values: Float32Array = numpy_helper.to_array(tensor)
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), name + SUFFIX))
            nodes.append(helper.make_node("Cast", [name + SUFFIX], [name], to=TensorProto.FLOAT))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    with written_whole(path) as beside:
        onnx.save(model, beside)
