"""A model of the Hugging Face hub as one file that `Predictor` runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pixelwise.classes import ClassMap
from pixelwise.networks import count_parameters
from pixelwise.networks.hub import load_hub_model
from pixelwise.training.export.onnx import export_network
from pixelwise.weights.card import ModelCard

SIDE = 512
"""Longer side of the images for a model that names no size, px."""


def export_hub(model: str, out: Path, say: Callable[[str], object] = print) -> Path:
    """Write a hub model as ONNX, with its class names and its preprocessing inside.

    Parameters
    ----------
    model : str
        ``hf:<owner>/<model>``, or a folder that ``save_pretrained`` wrote.
    out : Path
        Of the ``.onnx`` file.
    say : callable
        Takes each line of the report.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    MissingExtraError
        transformers is not installed.
    WeightsError
        There is no such model, it is not one for semantic segmentation, or it cannot be exported.

    Examples
    --------
    >>> from pixelwise.training import export_hub
    >>> export_hub("hf:nvidia/segformer-b0", Path("segformer.onnx"))  # doctest: +SKIP
    """
    network, names = load_hub_model(model)
    card = ModelCard(
        name=out.stem,
        classes=ClassMap(names),
        side=max(network.preprocessing.size or (SIDE,)),
        design=f"{network.design}, {count_parameters(network):,} parameters",
        stride=network.stride,
        encoder=network.encoder_name,
        data=f"see the page of {model}",
        licence=f"see the page of {model}",
    )
    difference = export_network(network, card, out)
    size = network.fixed
    how = f"resized to {size[1]} x {size[0]} px in the file" if size else "at any size"
    say(f"{network.design}: {len(names)} classes; images are seen {how}")
    say(f"{out}: largest difference between ONNX Runtime and torch {difference:.1e} (logits)")
    return out
