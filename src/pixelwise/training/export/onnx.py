"""From a trained network to one file that runs anywhere, with its card and its score."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch

from pixelwise.datasets import Dataset
from pixelwise.errors import WeightsError
from pixelwise.evaluation import evaluate, evaluation_page
from pixelwise.inference import Predictor
from pixelwise.inference.session import FOREGROUND
from pixelwise.io.files import write_text, written_whole
from pixelwise.metrics import SemanticScores
from pixelwise.networks import Network
from pixelwise.training.export.half import store_half
from pixelwise.weights.card import KEY, ModelCard

PARITY_SIZES = ((1, 64, 96), (2, 97, 65), (3, 33, 128))
"""(batch, height, width) of the random inputs on which both runtimes are compared."""

LEAST_SIDE = 33
"""Px: an encoder of stride 32 makes more than one row of it. torch's exporter finds that out by
itself, but starts again then; the file takes smaller images, too."""

INSTANCE_OUTPUTS = {"centres": ("instances",), "kernels": ("mask_features", "cells")}
"""Names of the instance branch's outputs, by its design."""


def export_network(network: Network, card: ModelCard, path: Path, half: bool = False) -> float:
    """Write a network as ONNX with its card; one that cannot take every size for a single one.

    Parameters
    ----------
    network : Network
    card : ModelCard
    path : Path
        Where to write, once ONNX Runtime has run the file; a file there stays after an error.
        Batch, height and width of the file's input stay dynamic where possible.
    half : bool
        Store the weights in 16 bits (`pixelwise.training.export.half`).

    Returns
    -------
    float
        The largest difference between what ONNX Runtime and torch give, over random inputs of
        several batch sizes, heights and widths, odd ones included.

    Raises
    ------
    WeightsError
        torch cannot export the network, or ONNX Runtime cannot run it.
    """
    reason = "it does not take every size"
    # torch's exporter and ONNX Runtime fail in many ways, as on a network that counts its windows.
    try:
        if network.takes_any_size:
            return _export(network, card, path, half=half)
    except Exception as error:
        reason = _reason(error)
    try:
        if network.fix_size(card.side):
            return _export(network, card, path, half=half, one_image=True)
    except Exception as error:
        reason = _reason(error)
    raise WeightsError(f"{network.design}: cannot be exported ({reason})")


def _reason(error: BaseException) -> str:
    """Return the first line of what an error began with: torch's own text names only its steps."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _export(
    network: Network, card: ModelCard, path: Path, *, half: bool, one_image: bool = False
) -> float:
    """Do what `export_network` does, for a batch of any size or, with ``one_image``, of 1."""
    network = network.cpu().eval()
    batch = torch.export.Dim("batch")
    sizes = {
        2: torch.export.Dim("height", min=LEAST_SIDE),
        3: torch.export.Dim("width", min=LEAST_SIDE),
    }
    dynamic = {"image": sizes if one_image else {0: batch, **sizes}}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    with warnings.catch_warnings(), written_whole(path) as beside:
        warnings.simplefilter("ignore")  # of torch's exporter about its own internals
        torch.onnx.export(
            network,
            (torch.zeros(1 if one_image else 2, 3, 64, 96),),
            beside,
            input_names=["image"],
            output_names=_output_names(network),
            dynamic_shapes=dynamic,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        write_card(beside, card)
        if half:
            store_half(beside)
        return parity(network, beside, one_image)


def _output_names(network: Network) -> list[str]:
    foreground = [FOREGROUND] if network.foreground_stride else []
    return ["logits", *INSTANCE_OUTPUTS.get(network.instance_design, ()), *foreground]


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card into the metadata of an ONNX file, instead of whatever stood there."""
    model = onnx.load(path)
    # Stack traces of the machine that exported mean nothing to a user and name its folders.
    for node in model.graph.node:
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {KEY: card.to_json()})
    with written_whole(path) as beside:
        onnx.save(model, beside)


def parity(network: Network, path: Path, one_image: bool = False) -> float:
    """Return the largest difference between what the file and the torch network give."""
    session = Predictor.load(path).session
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    with torch.inference_mode():
        for batch, height, width in PARITY_SIZES:
            image = (
                torch.rand(1 if one_image else batch, 3, height, width, generator=generator) * 255
            )
            expected = network(image).tensors()
            logits, branch, foreground = session.run(
                image.numpy(), bool(network.instance_design), network.foreground_stride > 0
            )
            given = (logits, *branch, *(() if foreground is None else (foreground,)))
            for one, other in zip(given, expected, strict=True):
                worst = max(worst, float(np.abs(one - other.numpy()).max()))
    return worst


def score_export(
    weights: Path,
    held_out: list[Dataset],
    unlabelled: list[tuple[int, ...]],
    say: Callable[[str], object],
) -> tuple[Mapping[str, object], Mapping[str, float]]:
    """Evaluate an exported file on held-out splits, and write a page for each beside it.

    Parameters
    ----------
    weights : Path
        With its card.
    held_out : list of Dataset
    unlabelled : list of tuple of int
        Of each data set, as for `pixelwise.evaluation.evaluate`.
    say : callable
        Takes each line of the report.

    Returns
    -------
    score : mapping of str to object
        With the definitions, by data set, as a card has them; empty if there is no held-out split.
    class_iou : mapping of str to float
        By the name of the class, from one confusion matrix over all splits.
    """
    if not held_out:
        say("no val split and nothing held out: the weights carry no held-out score")
        return {}, {}
    predictor, score = Predictor.load(weights), {}
    matrix = np.zeros((len(predictor.classes),) * 2, dtype=np.int64)
    for dataset, silent in zip(held_out, unlabelled, strict=True):
        evaluation = evaluate(dataset, predictor, unlabelled=silent)
        scores, name = evaluation.scores, dataset.root.resolve().name
        matrix += scores.matrix
        instances = evaluation.instances.figures() if evaluation.instances else {}
        known = {key: value for key, value in instances.items() if np.isfinite(value)}
        score[f"{name} {dataset.split}"] = scores.as_dict() | known
        report = weights.with_name("report.html" if len(held_out) == 1 else f"report_{name}.html")
        write_text(report, evaluation_page(evaluation, dataset, predictor))
        line = f"{scores.source}: mIoU {scores.miou:.4f}, foreground {scores.foreground_iou:.4f}"
        if known:
            line += ", AP {ap:.4f}, AP50 {ap50:.4f}, PQ {pq:.4f}".format(**instances)
        say(line)
    return score, class_ious(replace(scores, matrix=matrix))


def class_ious(scores: SemanticScores) -> dict[str, float]:
    """Return the IoU of each class that has one, by its name, as a card has them."""
    ious = zip(scores.classes.names, scores.per_class_iou, strict=True)
    return {name: round(float(iou), 4) for name, iou in ious if np.isfinite(iou)}
