"""The fast decoders for the two common kinds of file.

Each returns None for what it does not know; `pixelwise.io.image` then asks Pillow, which knows
nearly every kind and says what is damaged.
"""

from __future__ import annotations

import io

import numpy as np
import simplejpeg
from PIL import Image
from zlib_ng import zlib_ng as zlib

from pixelwise.samples import UInt8Array

MAX_PIXELS = 2 * (1024 * 1024 * 1024 // 4 // 3)
"""Pixels above which an image is refused as a decompression bomb; Pillow's own limit."""

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG_START, PNG_HEADER = b"\x89PNG\r\n\x1a\n", 33
ORIENTATION = 0x0112
DEFLATE_AT_MOST = 1032
"""A deflated byte becomes at most so many (RFC 1951: 258 bytes for two bits)."""
BOMB = 1 << 28


def decode_jpeg(data: bytes) -> UInt8Array | None:
    """Decode an upright RGB or grey JPEG.

    Parameters
    ----------
    data : bytes
        A whole file.

    Returns
    -------
    (H, W, 3) uint8 or None
        RGB. None for another format, CMYK, a turned photo (EXIF), one too large, and any file
        that libjpeg-turbo warns about.

    Raises
    ------
    EOFError
        A part of the pixels is missing.
    """
    # libjpeg fills the missing part of a truncated JPEG with grey; such a file does not end as
    # a JPEG must, or makes the strict decoder speak up.
    if not (data.startswith(JPEG_START) and data.endswith(JPEG_END)):
        return None
    if _has_exif(data) and _is_turned(data):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if height * width > MAX_PIXELS or colours not in ("YCbCr", "RGB", "Gray"):
            return None
        return np.asarray(simplejpeg.decode_jpeg(data), dtype=np.uint8)
    except ValueError as error:
        # "Corrupt JPEG data: premature end of data segment", though the end mark is there.
        if "premature end" in str(error).lower():
            raise EOFError(str(error)) from None
        return None


def decode_png_levels(data: bytes) -> UInt8Array | None:
    """Decode the levels of an 8-bit palette or grey PNG, as label maps are mostly written.

    Palette indices compress best without row filters, and then a PNG is nothing but the rows,
    deflated, with a zero before each.

    Parameters
    ----------
    data : bytes
        A whole file.

    Returns
    -------
    (H, W) uint8 or None
        Palette indices or grey levels. None for any other kind of PNG and for damaged ones.
    """
    if not data.startswith(PNG_START) or data[12:16] != b"IHDR" or len(data) < PNG_HEADER:
        return None
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    depth, colours, *rest = data[24:29]
    plain = depth == 8 and colours in (0, 3) and rest == [0, 0, 0]
    if not plain or not 0 < width * height <= MAX_PIXELS:
        return None
    parts, at = [], 8
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind in (b"IHDR", b"IDAT"):
            if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(
                data[at + 8 + length : at + 12 + length], "big"
            ):
                return None
            if kind == b"IDAT":
                parts.append(body)
        elif kind == b"IEND":
            break
        at += 12 + length
    else:
        return None
    packed, whole = b"".join(parts), height * (width + 1)
    # Inflating into one block of the right size saves a copy, but has no limit: that way is only
    # for streams that cannot become much more than what they should.
    if len(packed) * DEFLATE_AT_MOST > 4 * whole + BOMB:
        return None
    try:
        rows = zlib.decompress(packed, bufsize=whole)
    except zlib.error:  # type: ignore[misc]  # its stub has no class there
        return None
    if len(rows) != whole:
        return None
    table = np.frombuffer(rows, dtype=np.uint8).reshape(height, width + 1)
    return None if table[:, 0].any() else np.ascontiguousarray(table[:, 1:])


XMP_TURNS = b"tiff:Orientation"


def _has_exif(data: bytes) -> bool:
    """Return whether a segment before the pixels may turn them; True if it cannot be parsed.

    EXIF does, or, as Pillow reads it, XMP.
    """
    at = 2
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data):
        kind = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == 0xE1 and (data[at + 4 : at + 8] == b"Exif" or XMP_TURNS in data[at:end]):
            return True
        if 0xC0 <= kind <= 0xDA:  # tables, frame or scan: application segments come before
            return False
        at = end
    return True


def _is_turned(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return bool(picture.getexif().get(ORIENTATION, 1) != 1)
    except Exception:  # damaged EXIF comes with many kinds of exception; Pillow's reader says
        return True
