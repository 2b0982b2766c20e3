"""Pictures of masks, always with their legend at hand."""

from pixelwise.drawing.curves import draw_curves
from pixelwise.drawing.grid import legend, show, with_legend
from pixelwise.drawing.instances import object_colours, object_overlay, overlay_objects
from pixelwise.drawing.overlays import colourise, outline_regions, overlay

__all__ = [
    "colourise",
    "draw_curves",
    "legend",
    "object_colours",
    "object_overlay",
    "outline_regions",
    "overlay",
    "overlay_objects",
    "show",
    "with_legend",
]
