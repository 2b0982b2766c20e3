"""COCO's results: what ``pycocotools.coco.COCO.loadRes`` reads.

Its boxes are [left, top, width, height].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pixelwise.io.rle import encode_rle
from pixelwise.samples import Instance


def results(
    instances: Sequence[Instance], image_id: int, category_ids: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Return instances as COCO results, masks as compressed RLE.

    Parameters
    ----------
    instances : sequence of Instance
    image_id : int
        Of the image in its COCO file.
    category_ids : sequence of int, optional
        The category of each class id; the class id itself if not given.

    Returns
    -------
    list of dict
        Ready for JSON.

    Examples
    --------
    >>> found = Instance.of(np.array([[False, True], [False, True]]), class_id=3, id=1)
    >>> result = results([found], image_id=7, category_ids=(0, 1, 2, 90))[0]
    >>> result["bbox"], result["category_id"]
    ([1, 0, 1, 2], 90)
    """
    return [
        {
            "image_id": image_id,
            "category_id": category_ids[i.class_id] if category_ids else i.class_id,
            "segmentation": encode_rle(i.mask),
            "bbox": [left, top, right - left, bottom - top],
            "area": i.area,
            "score": i.score,
        }
        for i in instances
        for top, left, bottom, right in [i.box]
    ]
