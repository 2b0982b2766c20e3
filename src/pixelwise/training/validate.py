"""Scores of a network while it is trained, by the one `pixelwise.evaluation.evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from lightning_fabric import Fabric

from pixelwise.datasets import Dataset
from pixelwise.evaluation import evaluate
from pixelwise.inference import Predictor
from pixelwise.inference.session import Outputs
from pixelwise.metrics import SemanticScores
from pixelwise.metrics.cells import CELL_THRESHOLDS, CellCounts
from pixelwise.networks import Network
from pixelwise.samples import Float32Array, Int64Array
from pixelwise.training.distributed import reduced
from pixelwise.weights.card import ModelCard


@dataclass(frozen=True, eq=False)
class TorchSession:
    """A network in torch behind a `Predictor`: an `pixelwise.inference.session.Session`.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    fabric : Fabric
        With the device and the precision.
    """

    network: Network
    fabric: Fabric

    def run(
        self, batch: Float32Array, instances: bool = False, foreground: bool = False
    ) -> Outputs:
        """Return the logits of (N, 3, h, w) float32, and what else is asked for."""
        images = self.fabric.to_device(torch.from_numpy(batch))
        with torch.inference_mode(), self.fabric.autocast():
            output = self.network(images.contiguous(memory_format=torch.channels_last))
        wanted = output if instances else output._replace(instances=())
        logits, *others = (t.float().cpu().numpy() for t in wanted.tensors())
        front = others.pop() if output.foreground is not None else None
        return Outputs(logits, tuple(others), front if foreground else None)


def validate(
    network: Network,
    datasets: list[Dataset],
    card: ModelCard,
    fabric: Fabric,
    unlabelled: list[tuple[int, ...]],
) -> dict[str, float]:
    """Score a network in torch on images at their own size.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    datasets : list of Dataset
        At least one, with the classes of ``card``. The images are dealt out to the processes of
        ``fabric``.
    card : ModelCard
        At what size images are seen, and what comes as instances. Its refined edges and its second
        look are left out.
    fabric : Fabric
    unlabelled : list of tuple of int
        Of each data set, as for `pixelwise.evaluation.evaluate`.

    Returns
    -------
    dict of str to float
        ``miou`` and ``foreground_iou``, from one confusion matrix over all images, and
        ``cell_ap50``, the share of instances found, if there are any.
    """
    predictor = Predictor(replace(card, refine_edges=False), TorchSession(network, fabric)).once()
    classes = datasets[0].classes
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    cells = np.zeros((len(CELL_THRESHOLDS), 3), dtype=np.int64)
    for dataset, silent in zip(datasets, unlabelled, strict=True):
        mine = dataset[fabric.global_rank :: fabric.world_size]
        evaluation = evaluate(mine, predictor, unlabelled=silent, boundaries=False)
        matrix += evaluation.scores.matrix
        if evaluation.instances is not None:
            cells += evaluation.instances.cells.counts.sum(axis=0)
    matrix, cells = _summed(matrix, fabric), _summed(cells, fabric)
    source = " + ".join(d.root.name for d in datasets)
    scores = SemanticScores(matrix, classes, sum(map(len, datasets)), source)
    figures = {"miou": scores.miou, "foreground_iou": scores.foreground_iou}
    if cells.any():
        figures["cell_ap50"] = float(CellCounts(cells[None]).pooled[0])
    return figures


def _summed(counts: Int64Array, fabric: Fabric) -> Int64Array:
    total = reduced(fabric, fabric.to_device(torch.from_numpy(counts)), "sum")
    return np.asarray(total.cpu().numpy(), dtype=np.int64)
