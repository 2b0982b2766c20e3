"""Image segmentation without labels: the parts a picture falls into by itself."""

from pixelwise.regions.hierarchy import Hierarchy, hierarchy
from pixelwise.regions.refine import refine
from pixelwise.regions.superpixels import superpixels

__all__ = ["Hierarchy", "hierarchy", "refine", "superpixels"]
