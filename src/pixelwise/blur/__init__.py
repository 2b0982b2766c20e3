"""Background blur, removal and replacement: in photos, clips, and live from a camera."""

from pixelwise.blur.photos import BlurOutcome, Look, blur_files
from pixelwise.blur.subject import Subject, find_subject
from pixelwise.blur.video import VideoOutcome, blur_video

__all__ = [
    "BlurOutcome",
    "Look",
    "Subject",
    "VideoOutcome",
    "blur_files",
    "blur_video",
    "find_subject",
]
