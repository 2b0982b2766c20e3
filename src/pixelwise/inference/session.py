"""A network that runs: what a Predictor asks of it, and the one that ONNX Runtime runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import onnxruntime

from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.samples import Float32Array
from pixelwise.weights.onnx_file import first_output_only

DEVICES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""What a network can run on, by the name of ONNX Runtime's part for it."""

INPUT = "image"
"""What every weights file calls its input."""


class Session(Protocol):
    """A network behind a `Predictor`; ONNX Runtime runs one, and training another."""

    def run(
        self, batch: Float32Array, instances: bool = False
    ) -> tuple[Float32Array, tuple[Float32Array, ...]]:
        """Return the outputs of a batch.

        Parameters
        ----------
        batch : (N, 3, h, w) float32
            RGB, 0..255.
        instances : bool
            Run the instance branch too.

        Returns
        -------
        logits : (N, C, h, w) float32
        branch : tuple of (N, ...) float32
            The instance branch's outputs, see `pixelwise.inference.grouping`; empty if not asked.
        """
        ...


@dataclass(frozen=True, eq=False)
class OnnxSession:
    """A weights file in ONNX Runtime, which loads only what is asked for.

    The classes alone are a file cut to them, so that they cost no instance branch.

    Parameters
    ----------
    data : bytes
        Of the weights file.
    where : str
        What to call the file in a message.
    threads : int, optional
        Processor threads; all cores if not given.
    device : str
        One of `DEVICES`.

    Raises
    ------
    ArgumentError
        An unknown device, or one that the installed ONNX Runtime cannot use.
    """

    data: bytes
    where: str
    threads: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ArgumentError(f"unknown device {self.device!r}; there is: {', '.join(DEVICES)}")
        if DEVICES[self.device] not in onnxruntime.get_available_providers():
            raise ArgumentError(
                f"device {self.device!r}: the installed onnxruntime cannot use it; "
                "install its package for that device (onnxruntime-gpu for cuda)"
            )

    @cached_property
    def whole(self) -> onnxruntime.InferenceSession:
        """The file with all its outputs."""
        return self._session(self.data)

    @cached_property
    def classes(self) -> onnxruntime.InferenceSession:
        """The file with the logits only."""
        cut = first_output_only(self.data, self.where)
        return self.whole if cut == self.data else self._session(cut)

    def load(self, instances: bool) -> None:
        """Load what `run` needs, so that a damaged file is refused at once.

        Raises
        ------
        WeightsError
            ONNX Runtime cannot read the file, or it has no instance branch.
        """
        if instances and len(self.whole.get_outputs()) < 2:
            raise WeightsError(f"{self.where}: its card names instances, but it has one output")
        if not instances:
            _ = self.classes

    def run(
        self, batch: Float32Array, instances: bool = False
    ) -> tuple[Float32Array, tuple[Float32Array, ...]]:
        """Return logits, and the instance branch's outputs if asked for; see `Session.run`."""
        if not instances:
            return self.classes.run(None, {INPUT: batch})[0], ()
        # By position: older files call the second output objects.
        logits, *branch = self.whole.run(None, {INPUT: batch})
        return logits, tuple(branch)

    def _session(self, data: bytes) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what matters comes as an exception too
        if self.threads is not None:
            options.intra_op_num_threads = self.threads
        # What the device has no kernel for falls back to the processor.
        providers = list(dict.fromkeys([DEVICES[self.device], DEVICES["cpu"]]))
        try:
            return onnxruntime.InferenceSession(data, options, providers=providers)
        # ONNX Runtime's own exceptions share no public base class.
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{self.where}: not a readable ONNX file ({reason})") from None
