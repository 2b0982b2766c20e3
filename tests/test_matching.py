"""Boundaries matched one-to-one, and region maps compared: the Berkeley benchmark's figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.io import loadmat
from scipy.optimize import linear_sum_assignment
from skimage import morphology
from sklearn.metrics import rand_score

from pixelwise.datasets.bsds import read_bsds
from pixelwise.errors import LabelError
from pixelwise.metrics.bsds import REACH, BoundaryCurve, match_boundaries, match_counts
from pixelwise.metrics.regions import (
    achievable_accuracy,
    boundary_recall,
    covering,
    overlaps,
    rand_index,
    region_boundaries,
    undersegmentation_error,
    variation_of_information,
)
from pixelwise.metrics.thinning import thin
from tests.conftest import real

HALVES = np.repeat([[0, 0, 1, 1]], 4, axis=0)
QUARTERS = HALVES + 2 * HALVES.T


def line(column: int) -> np.ndarray:
    drawn = np.zeros((20, 20), np.bool_)
    drawn[:, column] = True
    return drawn


@settings(max_examples=60, deadline=None)
@given(npst.arrays(np.bool_, npst.array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_thinning_is_that_of_scikit_image(mask: np.ndarray) -> None:
    assert np.array_equal(thin(mask), morphology.thin(mask))


def test_lines_match_within_reach_and_not_beyond() -> None:
    for away, partners in ((0, 20), (2, 20), (3, 0)):
        found, truth = match_boundaries(line(5 + away), line(5), 2.0)
        assert found.sum() == truth.sum() == partners


def test_each_pixel_has_one_partner() -> None:
    both = line(4) | line(6)
    found, truth = match_boundaries(both, line(5), 2.0)
    assert found.sum() == truth.sum() == 20
    assert not (found & ~both).any()
    dot = np.zeros((20, 20), np.bool_)
    dot[5, 5] = True
    found, truth = match_boundaries(dot, line(5), 3.0)
    assert found.sum() == truth.sum() == 1


def test_a_greedy_choice_would_lose_a_pair() -> None:
    found, truth = np.zeros((2, 1, 5), np.bool_)
    found[0, [1, 3]] = True
    truth[0, [2, 4]] = True
    # 3 is as near to 2 as 1 is; only if it takes 4, both have a partner.
    assert [m.sum() for m in match_boundaries(found, truth, 1.0)] == [2, 2]


@settings(max_examples=200, deadline=None)
@given(
    npst.arrays(np.bool_, (9, 8)), npst.arrays(np.bool_, (9, 8)), st.sampled_from([1.0, 1.5, 2.3])
)
def test_as_many_pairs_as_the_best_assignment(
    one: np.ndarray, other: np.ndarray, reach: float
) -> None:
    found, truth = match_boundaries(one, other, reach)
    a, b = np.argwhere(one), np.argwhere(other)
    too_far = np.hypot(*(a[:, None] - b).transpose(2, 0, 1)) > reach
    rows, columns = linear_sum_assignment(too_far)
    assert found.sum() == truth.sum() == (~too_far[rows, columns]).sum()
    assert not (found & ~one).any()
    assert not (truth & ~other).any()


def test_maps_of_two_sizes_are_refused() -> None:
    with pytest.raises(LabelError, match="one size"):
        match_boundaries(line(1), line(1)[:5])
    with pytest.raises(LabelError, match="differ in size"):
        overlaps(HALVES, HALVES[:2])
    with pytest.raises(LabelError, match="ids from 0"):
        overlaps(HALVES - 1, HALVES)


def test_the_curve_of_a_known_case() -> None:
    strength = np.zeros((40, 40), np.float32)
    strength[:, 10], strength[:, 30] = 0.9, 0.5
    drawn = np.zeros((40, 40), np.bool_)
    drawn[:, 10] = True
    # Two people: the first drew one line, the second both.
    truths = [drawn, drawn | (strength == 0.5)]
    counts = match_counts(strength, truths, np.array([0.4, 0.8]))
    assert counts.tolist() == [[80, 80, 120, 120], [40, 40, 80, 120]]
    curve = BoundaryCurve(counts[None])
    assert curve.precision.tolist() == [1, 1]
    assert curve.ods == curve.ois == 1
    assert curve.best == 0
    # Recall runs from 2/3 to 1: 34 of 101 samples, each of precision 1.
    assert curve.average_precision == pytest.approx(0.34)


def test_ois_takes_each_photos_own_threshold() -> None:
    counts = np.array([[[9, 10, 9, 10], [1, 1, 1, 10]], [[10, 100, 10, 10], [9, 10, 9, 10]]])
    curve = BoundaryCurve(counts)
    precision, recall = 19 / 110, 19 / 20
    assert curve.ods == pytest.approx(
        max(2 * precision * recall / (precision + recall), 2 * (10 / 11) * 0.5 / (10 / 11 + 0.5))
    )
    assert curve.ois == pytest.approx(0.9)


def test_region_figures_of_known_cases() -> None:
    table = overlaps(QUARTERS, HALVES)
    assert table.tolist() == [[4, 0], [0, 4], [4, 0], [0, 4]]
    assert covering(table) == 0.5
    assert covering(table.T) == 0.5
    assert variation_of_information(table) == pytest.approx(1.0)
    assert achievable_accuracy(table) == 1
    assert achievable_accuracy(table.T) == 0.5
    assert undersegmentation_error(table) == 0
    assert undersegmentation_error(table.T) == 1
    assert boundary_recall(QUARTERS, HALVES, 0) == 1
    assert boundary_recall(HALVES, QUARTERS, 0) == pytest.approx(4 / 7)
    assert np.isnan(boundary_recall(HALVES, HALVES * 0))


@settings(max_examples=50, deadline=None)
@given(npst.arrays(np.int32, (5, 6), elements=st.integers(0, 4)), st.integers(0, 9))
def test_region_figures_keep_their_laws(one: np.ndarray, seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 4, one.shape)
    table = overlaps(one, other)
    assert rand_index(table) == pytest.approx(rand_score(one.ravel(), other.ravel()))
    assert rand_index(table) == pytest.approx(rand_index(table.T))
    assert variation_of_information(table) == pytest.approx(variation_of_information(table.T))
    itself = overlaps(one, one)
    assert covering(itself) == pytest.approx(1)
    assert rand_index(itself) == pytest.approx(1)
    assert variation_of_information(itself) == pytest.approx(0, abs=1e-9)
    assert achievable_accuracy(itself) == 1


def test_boundaries_are_those_of_the_published_ground_truth() -> None:
    root = real("bsds500")
    photo = read_bsds(root, "val")[3]
    people = loadmat(root / "groundTruth" / "val" / f"{photo.name}.mat")["groundTruth"].ravel()
    for region_map, person in zip(photo.region_maps, people, strict=True):
        published = person["Boundaries"][0, 0] > 0
        assert np.array_equal(thin(region_boundaries(region_map)), published)


def test_people_agree_with_each_other_on_real_photos() -> None:
    photo = read_bsds(real("bsds500"), "val")[3]
    first, *others = [np.asarray(thin(region_boundaries(m)), np.bool_) for m in photo.region_maps]
    exact = match_counts(first.astype(np.float32), [first], np.array([0.5]))
    assert (exact == first.sum()).all()
    curve = BoundaryCurve(match_counts(first.astype(np.float32), others, np.array([0.5]))[None])
    assert 0.5 < curve.ods < 1
    # The matching of least distance, which the benchmark asks for, has as many pairs.
    reach = REACH * float(np.hypot(*first.shape))
    window = np.s_[:60, :60]
    one, other = first[window], others[0][window]
    a, b = np.argwhere(one), np.argwhere(other)
    distance = np.hypot(*(a[:, None] - b).transpose(2, 0, 1))
    rows, columns = linear_sum_assignment(np.where(distance <= reach, distance, 100 * reach))
    found, _ = match_boundaries(one, other, reach)
    assert found.sum() == (distance[rows, columns] <= reach).sum()
