"""The score below which instances are left out, chosen on training images after the training."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.evaluation.unlabelled import leave_out_instances
from pixelwise.inference import Predictor
from pixelwise.metrics.cells import CELL_THRESHOLDS
from pixelwise.metrics.mask_iou import mask_ious
from pixelwise.progress import track

IMAGES = 100
"""Training images that are predicted at most, evenly spread."""

STEP = 0.02
"""Between two scores that are tried."""


def choose_threshold(
    predictor: Predictor, training: list[Dataset], unlabelled: list[tuple[int, ...]] | None = None
) -> float | None:
    """Choose the score threshold with which most instances are right.

    Right means TP / (TP + FP + FN) at IoU 0.5, whatever the class, as in
    `pixelwise.metrics.cells.cell_counts`; crowds are left out.

    Parameters
    ----------
    predictor : Predictor
    training : list of Dataset
        Images without instances, and those of which nothing is labelled, count for nothing.
    unlabelled : list of tuple of int, optional
        Of each data set, the classes that it does not label, as for
        `pixelwise.evaluation.evaluate`.

    Returns
    -------
    float, or None
        0..1; None if no instance that is labelled is found.
    """
    silent = unlabelled or [()] * len(training)
    images = [(d, i, c) for d, c in zip(training, silent, strict=True) for i in range(len(d))]
    images = images[:: max(1, math.ceil(len(images) / IMAGES))]
    every = replace(predictor, card=replace(predictor.card, score_threshold=0.0))
    scores, right, there = [np.zeros(0)], [np.zeros(0, np.bool_)], 0
    for dataset, i, classes in track(images, "calibrating", len(images)):
        sample = dataset[i]
        # What is found where nothing is labelled is neither right nor wrong.
        if sample.instances is None or (sample.label_map == VOID).all():
            continue
        truth = [t for t in sample.instances if not t.crowd]
        found = every.predict(sample.image).instances or ()
        found = leave_out_instances(sample.label_map, found, classes)
        in_crowd = mask_ious(found, [t for t in sample.instances if t.crowd]).max(axis=1, initial=0)
        counted = [f for f, share in zip(found, in_crowd, strict=True) if share <= 0.5]
        ious = mask_ious(counted, truth)
        # Two instances of more than half of the same one would overlap: no true one has two.
        right.append(ious.max(axis=1, initial=0) > CELL_THRESHOLDS[0])
        scores.append(np.array([f.score for f in counted]))
        there += len(truth)
    score, hit = np.concatenate(scores), np.concatenate(right)
    if not hit.any():
        return None
    tried = np.arange(0.0, 1.0, STEP)
    hits = np.array([np.count_nonzero(hit & (score >= least)) for least in tried])
    found_at = np.array([np.count_nonzero(score >= least) for least in tried])
    return round(float(tried[np.argmax(hits / (found_at + there - hits))]), 2)
