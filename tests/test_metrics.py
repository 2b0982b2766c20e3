"""Scores, against the definitions written out in plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise import ClassMap, SemanticScores, confusion_matrix
from pixelwise.errors import ArgumentError, LabelError
from pixelwise.samples import Int64Array

ABC = ClassMap(("a", "b", "c"))


def scores(matrix: list[list[int]]) -> SemanticScores:
    return SemanticScores(np.array(matrix, dtype=np.int64), ABC, 1, "toy val")


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.integers(1, 255))
def test_matrix_equals_counting_by_hand(seed: int, height: int, width: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n, (height, width)).astype(np.uint8)
    truth[rng.random((height, width)) < 0.2] = 255
    guess = rng.integers(0, n, (height, width)).astype(np.uint8)
    by_hand = np.zeros((n, n), dtype=np.int64)
    for t, g in zip(truth.ravel().tolist(), guess.ravel().tolist(), strict=True):
        if t != 255:
            by_hand[t, g] += 1
    assert (confusion_matrix(truth, guess, n) == by_hand).all()


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (1, 1), (1, 5000), (5000, 1)])
def test_thin_maps(shape: tuple[int, int]) -> None:
    ones = np.ones(shape, np.uint8)
    assert confusion_matrix(ones, ones, 2).tolist() == [[0, 0], [0, ones.size]]


def test_views_count_like_copies() -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 3, (2, 50, 60)).astype(np.uint8)
    assert (
        confusion_matrix(truth[::2, ::3], guess[::2, ::3], 3)
        == confusion_matrix(truth[::2, ::3].copy(), guess[::2, ::3].copy(), 3)
    ).all()


def test_counts_stay_exact_above_the_float_limit() -> None:
    # OpenCV returns float32 counts; one bin with more than 2^24 pixels would be rounded.
    size = (4097, 4099)
    zeros = np.zeros(size, np.uint8)
    assert confusion_matrix(zeros, zeros, 1)[0, 0] == size[0] * size[1]


def test_strange_labels_are_named() -> None:
    truth = np.zeros((4, 4), np.uint8)
    guess = truth.copy()
    guess[0, :3] = 7
    with pytest.raises(LabelError, match="prediction: label 7 in 3 pixels"):
        confusion_matrix(truth, guess, 3)
    with pytest.raises(LabelError, match="truth: label 7 in 3 pixels"):
        confusion_matrix(guess, truth, 3)
    guess[guess == 7] = 255  # "I do not know" is no answer where the truth is known
    with pytest.raises(LabelError, match="prediction: label 255"):
        confusion_matrix(truth, guess, 3)
    assert confusion_matrix(guess, truth, 3).sum() == 13
    with pytest.raises(LabelError, match="truth is 4 x 4, prediction 2 x 4"):
        confusion_matrix(truth, guess[:2], 3)
    with pytest.raises(ArgumentError, match="uint8"):
        confusion_matrix(truth.astype(np.int64), guess, 3)


def test_iou_of_each_class_by_hand() -> None:
    found = scores([[4, 1, 0], [2, 3, 0], [0, 0, 0]])
    assert found.per_class_iou[:2] == pytest.approx([4 / 7, 3 / 6])
    assert math.isnan(found.per_class_iou[2])  # in neither truth nor prediction
    assert found.miou == pytest.approx((4 / 7 + 1 / 2) / 2)
    assert found.pixel_accuracy == pytest.approx(7 / 10)
    assert found.foreground_iou == pytest.approx(3 / 6)
    assert "2 of 3 classes" in found.definition
    assert "void excluded" in found.definition


def test_a_class_predicted_but_never_there_counts_zero() -> None:
    found = scores([[4, 0, 1], [0, 5, 0], [0, 0, 0]])
    assert found.per_class_iou[2] == 0
    assert found.miou == pytest.approx((4 / 5 + 1 + 0) / 3)


def test_all_void_is_nan_and_none_in_json() -> None:
    found = scores([[0] * 3] * 3)
    assert math.isnan(found.miou)
    assert math.isnan(found.pixel_accuracy)
    values = found.as_dict()
    assert values["miou"] is None
    assert values["per_class_iou"] == {"a": None, "b": None, "c": None}


def test_foreground_joins_all_classes_but_the_first() -> None:
    # A cat called a dog is still cut out rightly.
    found = scores([[10, 0, 0], [0, 0, 5], [0, 5, 0]])
    assert found.foreground_iou == 1
    assert found.miou == pytest.approx(1 / 3)


def test_the_matrix_must_fit_the_classes() -> None:
    with pytest.raises(ArgumentError, match="3, 3"):
        scores([[1]])


@given(st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_names_order(seed: int) -> None:
    matrix: Int64Array = np.random.default_rng(seed).integers(0, 50, (3, 3))
    turned = matrix[::-1, ::-1]
    one, other = SemanticScores(matrix, ABC, 1, "x"), SemanticScores(turned, ABC, 1, "x")
    assert one.miou == pytest.approx(other.miou, nan_ok=True)
    assert one.per_class_iou == pytest.approx(other.per_class_iou[::-1], nan_ok=True)
