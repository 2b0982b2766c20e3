"""A network whose answers are known: it calls what is redder than blue 'red'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pixelwise import ClassMap
from pixelwise.weights.card import KEY, ModelCard

CARD = ModelCard(
    name="toy",
    classes=ClassMap(("background", "red", "green"), ((0, 0, 0), (230, 159, 0), (0, 158, 115))),
    side=64,
    design="one 1 x 1 convolution",
    data="nothing",
    licence="MIT",
)


def write_toy(path: Path, card: ModelCard | None = CARD) -> Path:
    """Write an ONNX file: logits (0, red - blue, green - blue) / 10; no card where None.

    Further classes of the card have a logit of 0, and are never found.
    With ``instance_classes`` on the card, every second pixel says whether it is a centre,
    (green - 200) / 10, and that its instance's centre is where it is itself.
    """
    planes = max(3, len(card.classes)) if card is not None else 3
    weights = np.zeros((planes, 3, 1, 1), np.float32)
    weights[1:3, :, 0, 0] = np.array([[1, 0, -1], [0, 1, -1]]) / 10
    shape: list[str | int | None] = ["batch", 3, "height", "width"]
    nodes = [helper.make_node("Conv", ["image", "weights"], ["logits"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)]
    arrays = [numpy_helper.from_array(weights, "weights")]
    if card is not None and card.instance_classes:
        centres = np.zeros((3, 3, 1, 1), np.float32)
        centres[0, 1] = 0.1
        nodes.append(
            helper.make_node("Conv", ["image", "centres", "shift"], ["objects"], strides=[2, 2])
        )
        halves: list[str | int | None] = ["batch", 3, "half_height", "half_width"]
        outputs.append(helper.make_tensor_value_info("objects", TensorProto.FLOAT, halves))
        arrays.append(numpy_helper.from_array(centres, "centres"))
        arrays.append(numpy_helper.from_array(np.array([-20, 0, 0], np.float32), "shift"))
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if card is not None:
        helper.set_model_props(model, {KEY: card.to_json()})
    onnx.save(model, path)
    return path
