"""The kinds of segmentation of one image, computed and drawn side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from pixelwise.defaults import BOUNDARIES, CUT
from pixelwise.drawing.panels import (
    Panel,
    instance_panel,
    regions_panel,
    semantic_panel,
    side_by_side,
)
from pixelwise.errors import ArgumentError
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.regions import hierarchy
from pixelwise.samples import UInt8Array


def _semantic(image: UInt8Array, prediction: Prediction) -> Panel:
    return semantic_panel(image, prediction.label_map, prediction.classes)


def _instance(image: UInt8Array, prediction: Prediction) -> Panel:
    if prediction.instances is None:
        raise ArgumentError("these weights find no instances; try --weights voc")
    return instance_panel(image, prediction.instances, prediction.classes)


PREDICTED: dict[str, Callable[[UInt8Array, Prediction], Panel]] = {
    "semantic": _semantic,
    "instance": _instance,
}
"""The kinds that need a network, by name."""

KINDS = (*PREDICTED, "regions")


def draw_kinds(
    image: UInt8Array, kinds: Sequence[str] = KINDS, predictor: Predictor | None = None
) -> Image.Image:
    """Segment an image in several ways and draw the results beside it.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    kinds : sequence of str
        Of ``"semantic"``, ``"instance"`` and ``"regions"``, in the order of drawing.
    predictor : Predictor, optional
        For semantic and instance; that of the default weights if not given.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    ArgumentError
        An unknown kind, or instances of weights that find none.

    Examples
    --------
    >>> import skimage.data
    >>> draw_kinds(skimage.data.astronaut()[:200, 100:300], ("semantic",)).mode
    'RGB'
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ArgumentError(f"unknown kind {unknown[0]!r}; there is: {', '.join(KINDS)}")
    panels = [Panel("image", f"{image.shape[1]} x {image.shape[0]} pixels", image)]
    prediction: Prediction | None = None
    for kind in kinds:
        if kind == "regions":
            n = min(CUT, image.shape[0] * image.shape[1])
            panels.append(regions_panel(image, hierarchy(image, BOUNDARIES).cut(n)))
            continue
        if prediction is None:
            prediction = (predictor or Predictor.load()).predict(image)
        panels.append(PREDICTED[kind](image, prediction))
    return side_by_side(panels)
