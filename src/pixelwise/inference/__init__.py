"""Networks at work: any size in, the same size out, without torch."""

from pixelwise.inference.blur_files import BlurOutcome, Look, blur_files
from pixelwise.inference.blur_video import VideoOutcome, blur_video
from pixelwise.inference.evaluate import evaluate, translated
from pixelwise.inference.judge import Judgement, answers, judge, saved_predictions, things_of
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.stream import Outcome, predict_files
from pixelwise.inference.subject import Subject, find_subject

__all__ = [
    "BlurOutcome",
    "Judgement",
    "Look",
    "Outcome",
    "Prediction",
    "Predictor",
    "Subject",
    "VideoOutcome",
    "answers",
    "blur_files",
    "blur_video",
    "evaluate",
    "find_subject",
    "judge",
    "predict_files",
    "saved_predictions",
    "things_of",
    "translated",
]
