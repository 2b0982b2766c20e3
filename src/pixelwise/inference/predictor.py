"""From a photo to a label map, with ONNX Runtime and without torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from pixelwise.classes import ClassMap
from pixelwise.defaults import WEIGHTS
from pixelwise.errors import WeightsError
from pixelwise.inference.card import KEY, Card
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.preprocess import prepare
from pixelwise.inference.upsample import decide

BUNDLED = (WEIGHTS,)
"""The weights that come with the package, by name."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network ready to label photos. Make one with `Predictor.load`.

    Parameters
    ----------
    card : Card
        What the weights file says about itself.
    session : onnxruntime.InferenceSession
        Takes (N, 3, H, W) float32 RGB in 0..255, gives (N, C, H, W) float32 logits.
    """

    card: Card
    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, weights: str | Path = WEIGHTS, threads: int | None = None) -> Predictor:
        """Load weights that came with the package, or a file that ``pixelwise train`` wrote.

        Parameters
        ----------
        weights : str or Path
            ``"subjects"``, or the path of a ``model.onnx``.
        threads : int, optional
            Processor threads the network may use; all cores where not given.

        Raises
        ------
        WeightsError
            No such name or file, not an ONNX file, or not written by pixelwise.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # its warnings about the graph are of no use to a caller
        if threads is not None:
            options.intra_op_num_threads = threads
        path = _find(weights)
        try:
            session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime's own exceptions share no public base class.
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{path}: not a readable ONNX file ({reason})") from None
        metadata = session.get_modelmeta().custom_metadata_map
        if KEY not in metadata:
            raise WeightsError(
                f"{path}: no {KEY!r} entry in its metadata, so its classes and preprocessing are "
                "unknown; use a model.onnx that 'pixelwise train' wrote"
            )
        return cls(Card.from_json(metadata[KEY], str(path)), session)

    @property
    def classes(self) -> ClassMap:
        """The `ClassMap` of what this network tells apart."""
        return self.card.classes

    def predict(self, image: npt.NDArray[np.uint8]) -> Prediction:
        """Label one photo.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.

        Returns
        -------
        Prediction
            With a (H, W) uint8 label map of the photo's own size.

        Raises
        ------
        ArgumentError
            An array of another shape or dtype.
        """
        (logits,) = self.session.run(None, {"image": prepare(image, self.card.side)})
        size = image.shape[0], image.shape[1]
        return Prediction(decide(logits[0], size), self.classes, logits[0])


def _find(weights: str | Path) -> Traversable:
    if str(weights) in BUNDLED:
        return resources.files("pixelwise.inference.weights") / f"{weights}.onnx"
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(
            f"{weights}: no such weights; name a file, or one of: {', '.join(BUNDLED)}"
        )
    return path
