"""How good predictions are on a data set, with every figure defined."""

from pixelwise.evaluation.measure import Evaluation, evaluate
from pixelwise.evaluation.page import evaluation_page
from pixelwise.evaluation.translate import translated

__all__ = ["Evaluation", "evaluate", "evaluation_page", "translated"]
