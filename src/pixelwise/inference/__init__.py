"""Networks at work: any size in, the same size out, without torch."""

from pixelwise.inference.files import Outcome, predict_files
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor

__all__ = ["Outcome", "Prediction", "Predictor", "predict_files"]
