"""Scores of predictions against the truth, each with its definition."""

from pixelwise.metrics.boundaries import BoundaryScores, boundary_counts
from pixelwise.metrics.semantic import SemanticScores, confusion_matrix

__all__ = ["BoundaryScores", "SemanticScores", "boundary_counts", "confusion_matrix"]
