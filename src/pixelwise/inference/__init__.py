"""Networks at work: any size in, the same size out, without torch."""

from pixelwise.inference.evaluate import evaluate, translated
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import BUNDLED, Predictor

__all__ = ["BUNDLED", "Prediction", "Predictor", "evaluate", "translated"]
