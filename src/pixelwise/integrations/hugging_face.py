"""Hugging Face: the answer of its image-segmentation pipeline, and its data sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any

import numpy as np
from PIL import Image

from pixelwise.classes import ClassMap
from pixelwise.errors import missing_package
from pixelwise.samples import BoolArray, Instance, Sample, UInt8Array


def pipeline_answer(
    label_map: UInt8Array, instances: Sequence[Instance] | None, classes: ClassMap
) -> list[dict[str, Any]]:
    """Return what ``transformers.pipeline("image-segmentation")`` answers for an image.

    Parameters
    ----------
    label_map : (H, W) uint8
    instances : sequence of Instance, or None
        None for a semantic answer: an item per class that occurs, the background among them.
    classes : ClassMap

    Returns
    -------
    list of dict
        ``score`` (a float, None in a semantic answer), ``label``, and ``mask``: a PIL image of
        mode L, 255 inside.

    Examples
    --------
    >>> answer = pipeline_answer(np.array([[0, 1]], np.uint8), None, ClassMap(("sky", "road")))
    >>> [(item["label"], item["score"], np.asarray(item["mask"]).tolist()) for item in answer]
    [('sky', None, [[255, 0]]), ('road', None, [[0, 255]])]
    """
    if instances is None:
        ids = [int(i) for i in np.unique(label_map) if i < len(classes)]
        return [_item(None, classes.names[i], label_map == i) for i in ids]
    return [_item(i.score, classes.names[i.class_id], i.mask) for i in instances]


def _item(score: float | None, label: str, mask: BoolArray) -> dict[str, Any]:
    inside = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return {"score": score, "label": label, "mask": inside}


def dataset_of(samples: Iterable[Sample], classes: ClassMap) -> Any:
    """Return samples as a `datasets.Dataset`, as the hub's segmentation data sets are.

    Parameters
    ----------
    samples : iterable of Sample
        Read one after the other; the result lies in the cache of ``datasets``, and is made again
        when a file of them has changed.
    classes : ClassMap

    Returns
    -------
    datasets.Dataset
        ``image``, ``label`` (a grey PNG of class ids, 255 = void) and ``name``. The names of the
        ids stand in ``info.description`` as JSON, as ``id2label``.

    Raises
    ------
    MissingExtraError
        The package datasets is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise missing_package("to_hf", "datasets") from None

    def rows(stamp: str) -> Iterator[dict[str, Any]]:  # noqa: ARG001 -- what the cache knows it by
        for sample in samples:
            yield {
                "image": Image.fromarray(sample.image),
                "label": Image.fromarray(sample.label_map),
                "name": sample.name,
            }

    columns = {
        "image": datasets.Image(),
        "label": datasets.Image(),
        "name": datasets.Value("string"),
    }
    made = datasets.Dataset.from_generator(
        rows, features=datasets.Features(columns), gen_kwargs={"stamp": _stamp(samples)}
    )
    made.info.description = json.dumps({"id2label": dict(enumerate(classes.names))})
    return made


def _stamp(samples: Any) -> str:
    """Return what changes whenever a file of a data set does; a constant for other samples."""
    more = getattr(getattr(samples, "reader", None), "more_paths", lambda _: ())
    entries = getattr(samples, "entries", ())
    digest = blake2b(digest_size=16)
    for path in sorted({path for entry in entries for path in entry.paths.union(more(entry))}):
        with suppress(OSError):  # reported, with its name, where it is read
            stat = path.stat()
            facts = f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
            digest.update(facts.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
