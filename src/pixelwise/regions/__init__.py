"""Image segmentation without labels: the parts a picture falls into by itself."""

from pixelwise.regions.hierarchical import Hierarchy, hierarchy
from pixelwise.regions.refinement import refine
from pixelwise.regions.slic import superpixels

__all__ = ["Hierarchy", "hierarchy", "refine", "superpixels"]
