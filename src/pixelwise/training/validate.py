"""Scores of a network while it is trained, as its exported file will have them."""

from __future__ import annotations

import numpy as np
import torch
from lightning_fabric import Fabric

from pixelwise.datasets import Dataset
from pixelwise.inference.grouping import find_instances
from pixelwise.inference.preprocess import prepare
from pixelwise.inference.upsample import decide
from pixelwise.metrics import SemanticScores, confusion_matrix
from pixelwise.metrics.cells import CELL_THRESHOLDS, CellCounts, cell_counts
from pixelwise.networks import Network
from pixelwise.progress import track
from pixelwise.training.distributed import reduced
from pixelwise.weights.card import ModelCard


def judge_network(
    network: Network, datasets: list[Dataset], card: ModelCard, fabric: Fabric
) -> tuple[SemanticScores, CellCounts | None]:
    """Score a network in torch on photos at their own size.

    Parameters
    ----------
    network : Network
        In eval mode.
    datasets : list of Dataset
        With the classes of ``card``.
    card : ModelCard
        At what size photos are seen, and what comes as objects.
    fabric : Fabric
        The photos are dealt out to its processes.

    Returns
    -------
    SemanticScores
        The borders of `ModelCard.refine_edges` are left out.
    CellCounts, or None
        One row, the sum over the photos that have objects told apart; None where none has.
    """
    classes = datasets[0].classes
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    cells = np.zeros((len(CELL_THRESHOLDS), 3), dtype=np.int64)
    for dataset in datasets:
        mine = dataset[fabric.global_rank :: fabric.world_size]
        for sample in track(mine, f"judging {dataset.root.name}", len(mine)):
            image = prepare(sample.image, card.side_of(sample.image.shape), card.stretch_levels)
            tensor = fabric.to_device(torch.from_numpy(image))
            with torch.inference_mode(), fabric.autocast():
                output = network(tensor.contiguous(memory_format=torch.channels_last))
            logits, *instances = (t[0].float().cpu().numpy() for t in output.tensors())
            guess = decide(logits, (sample.image.shape[0], sample.image.shape[1]))
            matrix += confusion_matrix(sample.label_map, guess, len(classes))
            if instances and sample.instances is not None:
                found = find_instances(instances[0], logits, guess, card)
                cells += cell_counts(found, sample.instances)
    summed, cells = (
        reduced(fabric, fabric.to_device(torch.from_numpy(counts)), "sum").cpu().numpy()
        for counts in (matrix, cells)
    )
    images = sum(map(len, datasets))
    semantic = SemanticScores(summed, classes, images, " + ".join(d.root.name for d in datasets))
    return semantic, CellCounts(cells[None]) if cells.any() else None
