"""Pictures of masks, always with their legend at hand."""

from pixelwise.drawing.curves import draw_curves
from pixelwise.drawing.grid import legend, show, with_legend
from pixelwise.drawing.instances import instance_colours, instances_with_legend, overlay_instances
from pixelwise.drawing.overlays import colourise, outline_regions, overlay

__all__ = [
    "colourise",
    "draw_curves",
    "instance_colours",
    "instances_with_legend",
    "legend",
    "outline_regions",
    "overlay",
    "overlay_instances",
    "show",
    "with_legend",
]
