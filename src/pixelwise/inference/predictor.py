"""From a photo to a label map, with ONNX Runtime and without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from pixelwise.classes import ClassMap
from pixelwise.defaults import WEIGHTS
from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.inference.grouping import find_instances
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.preprocess import prepare
from pixelwise.inference.refine import decide_along_edges
from pixelwise.inference.upsample import Float32Array, decide, upsampled
from pixelwise.weights.card import ModelCard
from pixelwise.weights.catalogue import card_of, find_weights, read_weights

DEVICES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""What a network can run on, by the name of ONNX Runtime's part for it."""

TTA: dict[str, tuple[tuple[float, bool], ...]] = {
    "flip": ((1.0, True),),
    "scales": ((0.75, False), (1.25, False)),
}
"""Further looks at a photo whose logits are averaged in: at what scale, and whether mirrored."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network ready to label photos. Make one with `Predictor.load`.

    Parameters
    ----------
    card : ModelCard
        What the weights file says about itself.
    session : onnxruntime.InferenceSession
        Takes (N, 3, H, W) float32 RGB in 0..255, gives (N, C, H, W) float32 logits, and objects
        where ``card.instance_classes`` are any.
    """

    card: ModelCard
    session: onnxruntime.InferenceSession

    @classmethod
    def load(
        cls, weights: str | Path = WEIGHTS, threads: int | None = None, device: str = "cpu"
    ) -> Predictor:
        """Load weights that came with the package, or a file that ``pixelwise train`` wrote.

        Parameters
        ----------
        weights : str or Path
            ``"subjects"``, ``"street"`` or ``"nuclei"``, or the path of a ``model.onnx``.
        threads : int, optional
            Processor threads the network may use; all cores where not given.
        device : str
            One of `DEVICES`.

        Raises
        ------
        ArgumentError
            An unknown device, or one that the installed ONNX Runtime cannot use.
        WeightsError
            No such name or file, not an ONNX file, or not written by pixelwise.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what matters comes as an exception too
        if threads is not None:
            options.intra_op_num_threads = threads
        if device not in DEVICES:
            raise ArgumentError(f"unknown device {device!r}; there is: {', '.join(DEVICES)}")
        if DEVICES[device] not in onnxruntime.get_available_providers():
            raise ArgumentError(
                f"device {device!r}: the installed onnxruntime cannot use it; "
                "install its package for that device (onnxruntime-gpu for cuda)"
            )
        path, data = find_weights(weights), read_weights(weights)
        card = card_of(data, str(path))
        # What the device has no kernel for falls back to the processor.
        providers = list(dict.fromkeys([DEVICES[device], DEVICES["cpu"]]))
        try:
            session = onnxruntime.InferenceSession(data, options, providers=providers)
        # ONNX Runtime's own exceptions share no public base class.
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{path}: not a readable ONNX file ({reason})") from None
        return cls(card, session)

    @property
    def classes(self) -> ClassMap:
        """The `ClassMap` of what this network tells apart."""
        return self.card.classes

    def predict(self, image: npt.NDArray[np.uint8], tta: tuple[str, ...] = ()) -> Prediction:
        """Label one photo.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.
        tta : tuple of str
            Names in `TTA`: further looks whose logits are averaged in. Each costs a run.

        Returns
        -------
        Prediction
            With a (H, W) uint8 label map of the photo's own size, and the objects where the
            weights tell them apart.

        Raises
        ------
        ArgumentError
            An array of another shape or dtype, or an unknown name in ``tta``.
        """
        logits, objects = self._looks(image, tta)
        size = image.shape[0], image.shape[1]
        found = (
            decide_along_edges(logits, image) if self.card.refine_edges else decide(logits, size)
        )
        if objects is None:
            return Prediction(found, self.classes, logits)
        instances = find_instances(objects, logits, found, self.card)
        return Prediction(found, self.classes, logits, instances)

    def scores(self, image: npt.NDArray[np.uint8], tta: tuple[str, ...] = ()) -> Float32Array:
        """Return the network's scores of one photo, averaged over all looks at it.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.
        tta : tuple of str
            As for `predict`.

        Returns
        -------
        (C, h, w) float32
            Logits at the size the network saw.

        Raises
        ------
        ArgumentError
            An array of another shape or dtype, or an unknown name in ``tta``.
        """
        return self._looks(image, tta)[0]

    def _looks(
        self, image: npt.NDArray[np.uint8], tta: tuple[str, ...]
    ) -> tuple[Float32Array, Float32Array | None]:
        """Return logits averaged over all looks, and the objects of the first."""
        unknown = [name for name in tta if name not in TTA]
        if unknown:
            raise ArgumentError(f"unknown tta {unknown[0]!r}; there is: {', '.join(TTA)}")
        logits, objects = self._run(image, 1.0)
        looks = [look for name in tta for look in TTA[name]]
        for scale, mirrored in looks:
            seen = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
            further = self.logits(seen, scale)
            further = further[:, :, ::-1] if mirrored else further
            size = logits.shape[1], logits.shape[2]
            logits += np.stack([upsampled(np.ascontiguousarray(p), size) for p in further])
        logits *= np.float32(1 / (1 + len(looks)))
        return logits, objects

    def logits(self, image: npt.NDArray[np.uint8], scale: float = 1.0) -> Float32Array:
        """Return the network's raw scores of one photo.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB, any size.
        scale : float
            Of the size at which the network sees it, against the weights' own.

        Returns
        -------
        (C, h, w) float32
            At the size the network saw.
        """
        return self._run(image, scale)[0]

    def _run(
        self, image: npt.NDArray[np.uint8], scale: float
    ) -> tuple[Float32Array, Float32Array | None]:
        side = round(self.card.side_of(image.shape) * scale)
        seen = prepare(image, side, self.card.stretch_levels)
        logits, *objects = self.session.run(None, {"image": seen})
        return np.array(logits[0], dtype=np.float32), objects[0][0] if objects else None
