"""A network that runs: what a Predictor asks of it, and the one that ONNX Runtime runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import onnxruntime

from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.samples import Float32Array
from pixelwise.weights.onnx_file import cut_to_outputs, output_names

DEVICES = {
    "auto": "",
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""What a network can run on, by the name of ONNX Runtime's part for it."""

PACKAGES = {
    "cuda": "onnxruntime-gpu (NVIDIA; Linux and Windows)",
    "directml": "onnxruntime-directml (any GPU on Windows)",
    "coreml": "onnxruntime on macOS",
    "openvino": "onnxruntime-openvino (Intel; Linux and Windows)",
}
"""Which build of ONNX Runtime brings a device."""

AUTOMATIC = ("cuda", "directml")
"""What ``auto`` tries before the processor: GPUs, on which everything but small networks gains."""

INPUT = "image"
"""What every weights file calls its input."""


FOREGROUND = "foreground"
"""What a weights file calls the output of what stands out."""


class Outputs(NamedTuple):
    """What a network gives for a batch of images, or without the first axis for one.

    Parameters
    ----------
    logits : (N, C, h, w) float32
    branch : tuple of (N, ...) float32
        The instance branch's, see `pixelwise.inference.grouping`; empty if not asked.
    foreground : (N, h, w) float32, or None
        The logit that a pixel is of what stands out; None if the network does not find it.
    """

    logits: Float32Array
    branch: tuple[Float32Array, ...] = ()
    foreground: Float32Array | None = None


class Session(Protocol):
    """A network behind a `Predictor`; ONNX Runtime runs one, and training another."""

    def run(
        self, batch: Float32Array, instances: bool = False, foreground: bool = False
    ) -> Outputs:
        """Return the outputs of a batch.

        Parameters
        ----------
        batch : (N, 3, h, w) float32
            RGB, 0..255.
        instances : bool
            Run the instance branch too.
        foreground : bool
            Find what stands out, too; None if the network does not.

        Returns
        -------
        Outputs
        """
        ...


@dataclass(frozen=True, eq=False)
class OnnxSession:
    """A weights file in ONNX Runtime, which loads only what is asked for.

    What is not asked for is cut off the file, so that it costs nothing.

    Parameters
    ----------
    data : bytes
        Of the weights file.
    where : str
        What to call the file in a message.
    threads : int, optional
        Processor threads; all cores if not given.
    device : str
        One of `DEVICES`; ``auto`` is the first of `AUTOMATIC` that works, else the processor.

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
        if self.device != "auto" and DEVICES[self.device] not in available():
            raise ArgumentError(
                f"device {self.device!r}: the installed ONNX Runtime cannot use it; install "
                f"{PACKAGES[self.device]} in the place of onnxruntime, or use --device auto"
            )

    @cached_property
    def _loaded(self) -> dict[tuple[bool, bool], onnxruntime.InferenceSession]:
        """The sessions that were asked for so far, by what they give beside the classes."""
        return {}

    def _giving(self, instances: bool, foreground: bool) -> onnxruntime.InferenceSession:
        """Return a session of the classes, and of instances and what stands out if asked."""
        key = instances, foreground
        if key not in self._loaded:
            self._loaded[key] = self._session(
                cut_to_outputs(
                    self.data,
                    self.where,
                    lambda name: foreground if name == FOREGROUND else instances,
                )
            )
        return self._loaded[key]

    def load(self, instances: bool, foreground: bool = False) -> None:
        """Load what `run` needs, so that a damaged file is refused at once.

        Raises
        ------
        WeightsError
            ONNX Runtime cannot read the file, or it lacks the instance branch or the foreground.
        """
        # Weights without instances are there for what stands out.
        self._giving(instances, foreground and not instances)
        others = output_names(self.data, self.where)[1:]
        if foreground and FOREGROUND not in others:
            raise WeightsError(f"{self.where}: its card names a foreground, but no output does")
        if instances and not set(others) - {FOREGROUND}:
            raise WeightsError(f"{self.where}: its card names instances, but no output has them")

    def run(
        self, batch: Float32Array, instances: bool = False, foreground: bool = False
    ) -> Outputs:
        """Return logits, and what else is asked for; see `Session.run`."""
        session = self._giving(instances, foreground)
        # By position: older files call the second output objects.
        names = [output.name for output in session.get_outputs()]
        found = dict(zip(names, session.run(None, {INPUT: batch}), strict=True))
        front = found.pop(FOREGROUND, None)
        logits, *branch = found.values()
        return Outputs(logits, tuple(branch), front)

    def _session(self, data: bytes) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what matters comes as an exception too
        if self.threads is not None:
            options.intra_op_num_threads = self.threads
        # What the device has no kernel for falls back to the processor.
        tried = AUTOMATIC if self.device == "auto" else (self.device,)
        wanted = [DEVICES[name] for name in tried if DEVICES[name] in available()]
        providers = list(dict.fromkeys([*wanted, DEVICES["cpu"]]))
        try:
            session = onnxruntime.InferenceSession(data, options, providers=providers)
        # ONNX Runtime's own exceptions share no public base class.
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise WeightsError(f"{self.where}: not a readable ONNX file ({reason})") from None
        # Without its driver, ONNX Runtime leaves a device out and says nothing.
        if self.device != "auto" and DEVICES[self.device] not in session.get_providers():
            raise ArgumentError(
                f"device {self.device!r}: ONNX Runtime has it, but it does not start here; are its "
                "driver and libraries installed? --device auto uses what works"
            )
        return session


def available() -> list[str]:
    """Return the names of the parts that the installed ONNX Runtime has.

    Examples
    --------
    >>> "CPUExecutionProvider" in available()
    True
    """
    return list(onnxruntime.get_available_providers())
