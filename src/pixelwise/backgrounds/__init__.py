"""Background blur, removal and replacement: in photos, clips, and live from a camera."""

from pixelwise.backgrounds.animation import blur_animation
from pixelwise.backgrounds.background import (
    Background,
    Blur,
    Colour,
    Mask,
    OtherImage,
    Transparent,
    parse_background,
)
from pixelwise.backgrounds.photos import BlurOutcome, blur_files
from pixelwise.backgrounds.subject import Selection, Subject, find_subject
from pixelwise.backgrounds.video import VideoOutcome, blur_video

__all__ = [
    "Background",
    "Blur",
    "BlurOutcome",
    "Colour",
    "Mask",
    "OtherImage",
    "Selection",
    "Subject",
    "Transparent",
    "VideoOutcome",
    "blur_animation",
    "blur_files",
    "blur_video",
    "find_subject",
    "parse_background",
]
