"""Effects from masks: mattes, background blur, other backgrounds."""

from pixelwise.effects.blending import cut_out, replace_background
from pixelwise.effects.blur import SHAPES, blur_background
from pixelwise.effects.matte import soft_alpha
from pixelwise.effects.shadow import cast_shadow

__all__ = [
    "SHAPES",
    "blur_background",
    "cast_shadow",
    "cut_out",
    "replace_background",
    "soft_alpha",
]
