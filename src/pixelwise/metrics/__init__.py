"""How good masks are, with every average named."""

from pixelwise.metrics.semantic import SemanticScores, confusion_matrix

__all__ = ["SemanticScores", "confusion_matrix"]
