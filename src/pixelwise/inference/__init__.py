"""Networks at work: any size in, the same size out, without torch."""

from pixelwise.inference.clips import ClipOutcome, predict_video
from pixelwise.inference.files import Outcome, predict_files
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.timing import Timing, time_weights

__all__ = [
    "ClipOutcome",
    "Outcome",
    "Prediction",
    "Predictor",
    "Timing",
    "predict_files",
    "predict_video",
    "time_weights",
]
