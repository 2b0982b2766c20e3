"""One object from points, strokes and boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import ArgumentError
from pixelwise.regions import Hierarchy, hierarchy, select

SIZE = (48, 64)


def drawn() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return two bright discs on a dark, speckled ground."""
    rng = np.random.default_rng(0)
    image = rng.integers(20, 60, (*SIZE, 3)).astype(np.uint8)
    rows, columns = np.indices(SIZE)
    for column in (18, 46):
        image[(rows - 24) ** 2 + (columns - column) ** 2 < 100] = (230, 140, 40)
    return image


@pytest.fixture(scope="module")
def tree() -> Hierarchy:
    return hierarchy(drawn())


def disc(column: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    rows, columns = np.indices(SIZE)
    return np.asarray((rows - 24) ** 2 + (columns - column) ** 2 < 100)


def test_a_point_takes_the_object_under_it_and_not_its_neighbour(tree: Hierarchy) -> None:
    found = select(tree, [(24, 18)], [(2, 2), (24, 46)])
    assert np.count_nonzero(found ^ disc(18)) < 0.1 * disc(18).sum()


def test_a_box_holds_what_is_found(tree: Hierarchy) -> None:
    found = select(tree, [], box=(12, 34, 37, 59))
    assert np.count_nonzero(found ^ disc(46)) < 0.15 * disc(46).sum()
    outside = np.ones(SIZE, bool)
    outside[12:37, 34:59] = False
    assert not (found & outside).any()


def test_a_correction_changes_what_the_click_means_and_nothing_else(tree: Hierarchy) -> None:
    mask = disc(18).copy()
    mask[0, :5] = True  # finer than any region
    found = select(tree, [(24, 46)], mask=mask)
    assert np.count_nonzero(found[:, 34:] ^ disc(46)[:, 34:]) < 0.1 * disc(46).sum()
    assert (found[:, :30] == mask[:, :30]).all()
    assert not select(tree, [], [(24, 18)], mask=disc(18))[24, 18]


POINTS = st.lists(
    st.tuples(st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1)), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None)
@given(POINTS, POINTS, st.randoms(use_true_random=False))
def test_points_are_kept_in_any_order(
    tree: Hierarchy, on: list[tuple[int, int]], off: list[tuple[int, int]], random: Any
) -> None:
    off = [point for point in off if point not in on]
    found = select(tree, on, off)
    assert all(found[point] for point in on)
    assert not any(found[point] for point in off)
    random.shuffle(on)
    random.shuffle(off)
    assert (select(tree, on, off) == found).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"on": []}, "expected a point"),
        ({"on": [(48, 0)]}, "outside of the image"),
        ({"on": [], "box": (5, 5, 2, 9)}, "expected a box"),
        ({"on": [(1, 1)], "mask": np.zeros((3, 3), bool)}, "mask: expected shape"),
        ({"on": [], "mask": np.ones(SIZE, np.uint8)}, "mask: expected bool, got uint8"),
        ({"on": [(1, 1)], "prior": np.full(SIZE, np.nan, np.float32)}, "values in 0..1"),
    ],
)
def test_what_does_not_fit_is_refused(
    tree: Hierarchy, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        select(tree, **values)
