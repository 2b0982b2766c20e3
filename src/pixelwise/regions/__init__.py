"""Image segmentation without labels: the parts a picture falls into by itself."""

from pixelwise.regions.graph import graph_regions

__all__ = ["graph_regions"]
