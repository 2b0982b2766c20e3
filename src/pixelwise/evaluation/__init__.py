"""How good predictions are on a data set, with every figure defined."""

from pixelwise.evaluation.measure import (
    Evaluation,
    evaluate,
    predictions_of,
    saved_predictions,
    things_of,
)
from pixelwise.evaluation.translate import translated

__all__ = [
    "Evaluation",
    "evaluate",
    "predictions_of",
    "saved_predictions",
    "things_of",
    "translated",
]
