"""CVAT: a function for its automatic annotation, run by ``cvat-cli`` on your machine.

``cvat-cli task auto-annotate 137 --function-module pixelwise.integrations.cvat -p weights=str:voc
--allow-unmatched-labels`` sends what is found in the images of task 137 to CVAT, as masks, or as
polygons with ``--conv-mask-to-poly``. Labels are matched by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pixelwise.classes import BACKGROUND
from pixelwise.defaults import DEVICE, WEIGHTS
from pixelwise.errors import missing_package
from pixelwise.instances import polygons
from pixelwise.io.image import flatten
from pixelwise.samples import BoolArray
from pixelwise.weights.catalogue import read_card

if TYPE_CHECKING:
    from PIL import Image


def create(weights: str = WEIGHTS, classes: str = "", device: str = DEVICE) -> Function:
    """Make the function; ``cvat-cli`` calls this with what its option ``-p`` gives.

    Parameters
    ----------
    weights : str
        A name of `pixelwise.bundled_weights`, or the path of a ``model.onnx``.
    classes : str
        Only these, separated by commas; all if empty.
    device : str
        As for `Predictor.load`.

    Returns
    -------
    Function

    Raises
    ------
    MissingExtraError
        cvat-sdk is not installed.
    WeightsError, ArgumentError
        As `Predictor.load`.
    """
    import pixelwise

    wanted = [name.strip() for name in classes.split(",") if name.strip()]
    names = list(dict.fromkeys((read_card(weights).classes.names[0], *wanted))) if wanted else None
    return Function(pixelwise.Predictor.load(weights, device=device, classes=names))


class Function:
    """What CVAT calls a detection function: its labels in ``spec``, and `detect`.

    Parameters
    ----------
    predictor : Predictor

    Attributes
    ----------
    spec : cvat_sdk.auto_annotation.DetectionFunctionSpec
        A label for each class but the background; its id is the class id.
    """

    def __init__(self, predictor: Any) -> None:
        try:
            from cvat_sdk import auto_annotation
        except ImportError:
            raise missing_package("annotating CVAT's tasks", "cvat-sdk") from None
        self._cvat, self._predictor = auto_annotation, predictor
        names = predictor.classes.names
        labels = [
            auto_annotation.label_spec(name, class_id, type="mask")
            for class_id, name in enumerate(names)
            if class_id or name not in BACKGROUND
        ]
        self.spec = auto_annotation.DetectionFunctionSpec(labels=labels)

    def detect(self, context: Any, image: Image.Image) -> list[Any]:
        """Find what an image shows.

        Parameters
        ----------
        context : cvat_sdk.auto_annotation.DetectionFunctionContext
            Its ``conf_threshold`` takes the place of the weights' own least score.
        image : PIL.Image.Image

        Returns
        -------
        list of cvat_sdk.models.LabeledShapeRequest
            A mask per instance; polygons if the context asks for them, one per part, without holes.
            Weights without instances give each connected area of a class.
        """
        predictor = self._predictor
        # CVAT may send one to a function without instances, too.
        if context.conf_threshold is not None and predictor.card.instance_classes:
            predictor = predictor.at_least(context.conf_threshold)
        shapes = []
        for part in predictor.predict(flatten(image, context.frame_name)).parts():
            top, left, bottom, right = part.box
            if not context.conv_mask_to_poly:
                # Its box ends with the last pixel, ours with the one behind it.
                points = [*_runs(part.patch), left, top, right - 1, bottom - 1]
                shapes.append(self._cvat.mask(part.class_id, points))
                continue
            for polygon in polygons(part.patch):
                corners = (polygon + np.array((left, top))).ravel().astype(float).tolist()
                shapes.append(self._cvat.polygon(part.class_id, corners))
        return shapes


def _runs(patch: BoolArray) -> list[int]:
    """Return the lengths of runs over the rows of a mask, beginning with one of False."""
    flat = patch.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    lengths: list[int] = np.diff(changes, prepend=0, append=flat.size).tolist()
    return [0, *lengths] if flat[0] else lengths
