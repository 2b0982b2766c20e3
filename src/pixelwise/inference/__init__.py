"""Networks at work: any size in, the same size out, without torch."""

from pixelwise.inference.evaluate import evaluate, translated
from pixelwise.inference.judge import Judgement, judge, saved_predictions
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.stream import Outcome, predict_files

__all__ = [
    "Judgement",
    "Outcome",
    "Prediction",
    "Predictor",
    "evaluate",
    "judge",
    "predict_files",
    "saved_predictions",
    "translated",
]
