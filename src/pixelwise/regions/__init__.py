"""Image segmentation without labels: the coherent parts of an image."""

from pixelwise.regions.files import RegionsOutcome, write_regions
from pixelwise.regions.hierarchical import Hierarchy, hierarchy
from pixelwise.regions.refinement import refine
from pixelwise.regions.selection import select
from pixelwise.regions.superpixel import superpixels

__all__ = [
    "Hierarchy",
    "RegionsOutcome",
    "hierarchy",
    "refine",
    "select",
    "superpixels",
    "write_regions",
]
