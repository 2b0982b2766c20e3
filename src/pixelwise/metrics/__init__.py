"""How good masks are, with every average named."""

from pixelwise.metrics.boundaries import BoundaryScores, boundary_counts
from pixelwise.metrics.semantic import SemanticScores, confusion_matrix

__all__ = ["BoundaryScores", "SemanticScores", "boundary_counts", "confusion_matrix"]
