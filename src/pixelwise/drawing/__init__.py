"""Drawings of masks, with their legends."""

from pixelwise.drawing.curves import draw_curves
from pixelwise.drawing.grid import show
from pixelwise.drawing.instances import instance_colours, overlay_instances
from pixelwise.drawing.legends import legend, with_instance_legend, with_legend
from pixelwise.drawing.overlays import colourise, outline_regions, overlay

__all__ = [
    "colourise",
    "draw_curves",
    "instance_colours",
    "legend",
    "outline_regions",
    "overlay",
    "overlay_instances",
    "show",
    "with_instance_legend",
    "with_legend",
]
