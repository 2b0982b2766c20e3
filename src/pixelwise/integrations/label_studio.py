"""Label Studio: predictions to be corrected there, masks in its own run-length code.

The code is not COCO's: it is a stream of bits over the rows of an RGBA image, as the converter of
Label Studio (Apache-2.0) documents it by its decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixelwise.classes import ClassMap
from pixelwise.samples import BoolArray, Instance

CHANNELS = 4
"""Values per pixel: the code is that of an RGBA image."""

WORD = 8
"""Bits per value."""

LENGTHS = (3, 4, 8, 16)
"""Bits that the length of a run may take; two bits say which of the four."""


def brush_code(mask: BoolArray) -> list[int]:
    """Encode a mask in Label Studio's run-length code.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    list of int
        Bytes, 0..255.

    Examples
    --------
    >>> brush_code(np.array([[False, True]]))[:4]  # the number of values, 32 bits
    [0, 0, 0, 8]
    """
    flat = mask.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    ends = np.append(starts[1:], flat.size)
    bits = [f"{flat.size * CHANNELS:032b}", f"{WORD - 1:05b}", *(f"{n - 1:04b}" for n in LENGTHS)]
    longest = 1 << LENGTHS[-1]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        value = f"{255 if flat[start] else 0:08b}"
        left = (end - start) * CHANNELS
        while left:
            run = min(left, longest)
            which = next(k for k, n in enumerate(LENGTHS) if run <= 1 << n)
            # 1: one value that is repeated, against a row of different ones.
            bits.append(f"1{which:02b}{run - 1:0{LENGTHS[which]}b}{value}")
            left -= run
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8, "big"))


def prediction(
    instances: Sequence[Instance],
    classes: ClassMap,
    from_name: str,
    to_name: str,
    model_version: str,
) -> dict[str, Any]:
    """Return instances as an entry of a task's ``predictions``.

    Parameters
    ----------
    instances : sequence of Instance
    classes : ClassMap
    from_name, to_name : str
        The names of ``BrushLabels`` and ``Image`` in the labelling interface.
    model_version : str

    Returns
    -------
    dict
        Ready for JSON.

    Examples
    --------
    >>> found = Instance.of(np.array([[False, True]]), class_id=1, id=1)
    >>> entry = prediction([found], ClassMap(("background", "cat")), "tag", "image", "voc")
    >>> entry["result"][0]["value"]["brushlabels"]
    ['cat']
    """
    result = [
        {
            "id": f"pixelwise{number}",
            "from_name": from_name,
            "to_name": to_name,
            "type": "brushlabels",
            "original_width": i.size[1],
            "original_height": i.size[0],
            "image_rotation": 0,
            "score": i.score,
            "value": {
                "format": "rle",
                "rle": brush_code(i.mask),
                "brushlabels": [classes.names[i.class_id]],
            },
        }
        for number, i in enumerate(instances, start=1)
    ]
    mean = sum(i.score for i in instances) / len(instances) if instances else 0.0
    return {"model_version": model_version, "score": mean, "result": result}
