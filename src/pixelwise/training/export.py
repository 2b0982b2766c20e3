"""From a trained network to one file that runs anywhere."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pixelwise.files import written_whole
from pixelwise.inference import Predictor
from pixelwise.inference.card import Card
from pixelwise.training.metadata import write_card

PARITY_SIZES = ((1, 64, 96), (2, 97, 65), (3, 33, 128))
"""(batch, height, width) of the random inputs on which both runtimes are compared."""


def export_onnx(network: nn.Module, card: Card, path: Path) -> float:
    """Write a network as ONNX with its card, and compare it with torch.

    Parameters
    ----------
    network : nn.Module
        Takes (N, 3, H, W) float32 RGB in 0..255, gives (N, C, H, W) float32 logits.
    card : Card
    path : Path
        Where to write. Batch, height and width of the file's input stay dynamic.

    Returns
    -------
    float
        The largest difference between the logits of ONNX Runtime and torch, over random inputs
        of several batch sizes, heights and widths, odd ones included.
    """
    network = network.cpu().eval()
    batch = torch.export.Dim("batch")
    dynamic = {"image": {0: batch, 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    with warnings.catch_warnings(), written_whole(path) as beside:
        warnings.simplefilter("ignore")  # of torch's exporter about its own internals
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, 64, 96),),
            beside,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=dynamic,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        write_card(beside, card)
    return parity(network, path)


def parity(network: nn.Module, path: Path) -> float:
    """Return the largest difference between the logits of the file and of the torch network."""
    session = Predictor.load(path).session
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    with torch.inference_mode():
        for batch, height, width in PARITY_SIZES:
            image = torch.rand(batch, 3, height, width, generator=generator) * 255
            (logits,) = session.run(None, {"image": image.numpy()})
            worst = max(worst, float(np.abs(logits - network(image).numpy()).max()))
    return worst
