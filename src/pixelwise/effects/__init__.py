"""What a mask is good for: mattes and background blur."""

from pixelwise.effects.blur import blur_background
from pixelwise.effects.matte import soft_alpha

__all__ = ["blur_background", "soft_alpha"]
