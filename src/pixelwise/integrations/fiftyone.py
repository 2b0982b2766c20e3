"""Voxel51's FiftyOne: ``Detections`` with masks.

Its boxes are [left, top, width, height] in shares of the image's sides; a mask is that of its box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pixelwise.classes import ClassMap
from pixelwise.errors import missing_package
from pixelwise.samples import Instance


def detections(instances: Sequence[Instance], classes: ClassMap) -> Any:
    """Return instances as `fiftyone.Detections`, to be set as a field of a sample.

    Parameters
    ----------
    instances : sequence of Instance
    classes : ClassMap

    Raises
    ------
    MissingExtraError
        fiftyone is not installed.
    """
    try:
        import fiftyone
    except ImportError:
        raise missing_package("to_fiftyone", "fiftyone") from None
    found = []
    for instance in instances:
        (top, left, bottom, right), (height, width) = instance.box, instance.size
        found.append(
            fiftyone.Detection(
                label=classes.names[instance.class_id],
                bounding_box=[
                    *(left / width, top / height),
                    *((right - left) / width, (bottom - top) / height),
                ],
                mask=instance.patch,
                confidence=instance.score,
            )
        )
    return fiftyone.Detections(detections=found)
