"""What a weights file says about itself, written into its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from pixelwise.io.files import written_whole
from pixelwise.weights.card import KEY, ModelCard


def add_score(path: Path, card: ModelCard, score: Mapping[str, object]) -> None:
    """Write the held-out score of a weights file into its metadata."""
    with written_whole(path) as beside:
        beside.write_bytes(path.read_bytes())
        write_card(beside, replace(card, score=score))


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card into an ONNX file, in place, and whatever else stood there out of it."""
    model = onnx.load(path)
    # Stack traces of the machine that exported tell a user nothing and name its folders.
    for node in model.graph.node:
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {KEY: card.to_json()})
    onnx.save(model, path)
