"""Networks at work: any size in, the same size out, without torch."""

from pixelwise.inference.evaluate import evaluate, translated
from pixelwise.inference.judge import Judgement, judge, saved_predictions
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import BUNDLED, Predictor

__all__ = [
    "BUNDLED",
    "Judgement",
    "Prediction",
    "Predictor",
    "evaluate",
    "judge",
    "saved_predictions",
    "translated",
]
