"""Roboflow's supervision: ``Detections``, for its annotators, trackers and zones.

Its boxes are (left, top, right, bottom) as float, right and bottom exclusive like ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixelwise.classes import ClassMap
from pixelwise.errors import missing_package
from pixelwise.samples import Instance


def detections(instances: Sequence[Instance], classes: ClassMap) -> Any:
    """Return instances as `supervision.Detections`.

    Parameters
    ----------
    instances : sequence of Instance
    classes : ClassMap

    Returns
    -------
    supervision.Detections
        ``xyxy`` (N, 4) float32, ``mask`` (N, H, W) bool, ``confidence`` (N,) float32, ``class_id``
        (N,) int, and the class names in ``data["class_name"]``.

    Raises
    ------
    MissingExtraError
        supervision is not installed.
    """
    try:
        import supervision
    except ImportError:
        raise missing_package("to_supervision", "supervision") from None
    if not instances:
        return supervision.Detections.empty()
    boxes = [i.box for i in instances]
    return supervision.Detections(
        xyxy=np.array([(left, top, right, bottom) for top, left, bottom, right in boxes], "f4"),
        mask=np.stack([i.mask for i in instances]),
        confidence=np.array([i.score for i in instances], dtype=np.float32),
        class_id=np.array([i.class_id for i in instances], dtype=int),
        data={"class_name": np.array([classes.names[i.class_id] for i in instances])},
    )
