"""COCO's masks against pycocotools, the reference, and against files that lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as reference

from pixelwise.errors import LabelError
from pixelwise.io.rle import decode_rle, draw_polygons, encode_rle

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""pycocotools' own, of numpy 2."""

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(masks)
def test_what_is_encoded_comes_back(mask: npt.NDArray[np.bool_]) -> None:
    code = encode_rle(mask)
    assert (decode_rle(code, (mask.shape[0], mask.shape[1])) == mask).all()
    assert (reference.decode(code).astype(bool) == mask).all()


@given(masks)
def test_uncompressed_codes_mean_the_same(mask: npt.NDArray[np.bool_]) -> None:
    flat = mask.T.ravel()
    borders = np.flatnonzero(np.diff(np.concatenate([[False], flat, [not flat[-1]]])))
    counts = np.diff(np.concatenate([[0], borders])).tolist()
    size = mask.shape[0], mask.shape[1]
    assert (decode_rle({"size": list(size), "counts": counts}, size) == mask).all()


@pytest.mark.parametrize(
    "counts",
    [
        [5],
        [2, 3, -1],
        [2**62, 2**62, 4],
        "",
        "\x00",
        "zzzzzzzzzzzzzzzzzzzzzz",
        "23",
        "é",
        None,
        {"a": 1},
        [[4]],
        ["x"],
        [1e300],
    ],
)
def test_codes_that_do_not_add_up_are_refused(counts: Any) -> None:
    with pytest.raises(LabelError, match="here: its counts"):
        decode_rle({"size": [2, 2], "counts": counts}, (2, 2), "here")


@pytest.mark.parametrize("size", [[3, 2], None, 4, [2**40, 2**40]])
def test_codes_of_another_size_are_refused(size: Any) -> None:
    with pytest.raises(LabelError, match=r"is for .* but the image is \[2, 2\]"):
        decode_rle({"size": size, "counts": [4]}, (2, 2))


@settings(max_examples=60)
@given(st.lists(st.floats(-5, 45), min_size=6, max_size=20).filter(lambda p: len(p) % 2 == 0))
def test_polygons_are_drawn_as_pycocotools_draws_them(polygon: list[float]) -> None:
    expected = reference.decode(reference.merge(reference.frPyObjects([polygon], 30, 40)))
    assert (draw_polygons([polygon], (30, 40)) == expected.astype(bool)).all()


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([1, 2, 3, 4], "three points or more"),
        ([1, 2, 3, 4, 5, 6, 7], "three points or more"),
        ([1, 2, 3, 4, 5, float("nan")], "far outside"),
        ([1, 2, 3, 4, 5, 1e9], "far outside"),
        (["a"] * 6, "made of numbers"),
        ([None] * 6, "made of numbers|far outside"),
    ],
)
def test_polygons_that_are_none_are_refused(polygon: list[Any], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        draw_polygons([polygon], (30, 40))
