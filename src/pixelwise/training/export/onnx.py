"""From a trained network to one file that runs anywhere."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pixelwise.datasets import Dataset
from pixelwise.errors import WeightsError
from pixelwise.evaluation import evaluate, evaluation_page
from pixelwise.inference import Predictor
from pixelwise.io.files import written_whole
from pixelwise.networks import Network
from pixelwise.training.export.metadata import add_score, write_card
from pixelwise.weights.card import ModelCard

PARITY_SIZES = ((1, 64, 96), (2, 97, 65), (3, 33, 128))
"""(batch, height, width) of the random inputs on which both runtimes are compared."""


def export_network(network: Network, card: ModelCard, path: Path) -> float:
    """Write a network as ONNX; a hub model that cannot be general becomes one for its own size.

    Takes and gives what `export_onnx` does.

    Raises
    ------
    WeightsError
        torch cannot export the network, or ONNX Runtime cannot run it.
    """
    # torch's exporter and ONNX Runtime fail in many ways on a network that counts its windows.
    try:
        if network.takes_any_size:
            return export_onnx(network, card, path)
    except Exception:
        path.unlink(missing_ok=True)
    network.fix_size(card.side)
    try:
        return export_onnx(network, card, path, one_photo=True)
    except Exception as error:
        path.unlink(missing_ok=True)
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"{network.design}: cannot be exported ({reason})") from None


def export_onnx(network: Network, card: ModelCard, path: Path, one_photo: bool = False) -> float:
    """Write a network as ONNX with its card, and compare it with torch.

    Parameters
    ----------
    network : Network
    card : ModelCard
    path : Path
        Where to write. Batch, height and width of the file's input stay dynamic.
    one_photo : bool
        Fix the batch at 1.

    Returns
    -------
    float
        The largest difference between what ONNX Runtime and torch give, over random inputs of
        several batch sizes, heights and widths, odd ones included.
    """
    network = network.cpu().eval()
    batch = torch.export.Dim("batch")
    sizes = {2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    dynamic = {"image": sizes if one_photo else {0: batch, **sizes}}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    with warnings.catch_warnings(), written_whole(path) as beside:
        warnings.simplefilter("ignore")  # of torch's exporter about its own internals
        torch.onnx.export(
            network,
            (torch.zeros(1 if one_photo else 2, 3, 64, 96),),
            beside,
            input_names=["image"],
            output_names=["logits", "instances"] if card.instance_classes else ["logits"],
            dynamic_shapes=dynamic,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        write_card(beside, card)
    return parity(network, path, one_photo)


def parity(network: Network, path: Path, one_photo: bool = False) -> float:
    """Return the largest difference between what the file and the torch network give."""
    session = Predictor.load(path).session
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    with torch.inference_mode():
        for batch, height, width in PARITY_SIZES:
            image = (
                torch.rand(1 if one_photo else batch, 3, height, width, generator=generator) * 255
            )
            expected = network(image).tensors()
            given = [g for g in session.run(image.numpy(), len(expected) > 1) if g is not None]
            for one, other in zip(given, expected, strict=True):
                worst = max(worst, float(np.abs(one - other.numpy()).max()))
    return worst


def judge_export(
    weights: Path, card: ModelCard, judged: list[Dataset], say: Callable[[str], object]
) -> None:
    """Judge an exported file on val splits: a page each beside it, the scores into its card.

    Parameters
    ----------
    weights : Path
    card : ModelCard
        The one in the file.
    judged : list of Dataset
    say : callable
        Takes each line of the report.
    """
    if not judged:
        say("no val split in the data: the weights carry no held-out score")
        return
    predictor = Predictor.load(weights)
    held_out = {}
    for dataset in judged:
        evaluation = evaluate(dataset, predictor)
        scores, name = evaluation.scores, dataset.root.resolve().name
        objects = evaluation.instances.figures() if evaluation.instances else {}
        known = {key: value for key, value in objects.items() if np.isfinite(value)}
        held_out[f"{name} {dataset.split}"] = scores.as_dict() | known
        report = weights.with_name("report.html" if len(judged) == 1 else f"report_{name}.html")
        with written_whole(report) as beside:
            beside.write_text(evaluation_page(evaluation, dataset, predictor), "utf-8")
        line = f"{scores.source}: mIoU {scores.miou:.4f}, foreground {scores.foreground_iou:.4f}"
        if known:
            line += f", AP {objects['ap']:.4f}, AP50 {objects['ap50']:.4f}, PQ {objects['pq']:.4f}"
        say(line)
    add_score(weights, card, held_out)
