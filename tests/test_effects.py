"""Blur without halos, and mattes that follow edges."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import blur_background, soft_alpha
from pixelwise.effects.blur import gaussian
from pixelwise.errors import ArgumentError


def disc(size: tuple[int, int] = (120, 160), radius: int = 35) -> npt.NDArray[np.float32]:
    y, x = np.mgrid[: size[0], : size[1]]
    inside = np.hypot(y - size[0] / 2, x - size[1] / 2) < radius
    return np.asarray(inside, dtype=np.float32)


@pytest.mark.parametrize("sigma", [2.0, 12.0, 40.0])
def test_the_subjects_colour_does_not_bleed_out(sigma: float) -> None:
    alpha = disc()
    image = np.where(alpha[..., None] > 0, (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    found = blur_background(image, alpha, sigma)
    # A uniform background has nothing to blur: the picture must come back as it was.
    assert np.abs(found.astype(int) - image).max() <= 2
    plain = cv2.GaussianBlur(image, (0, 0), sigma)
    halo = plain[alpha == 0][:, 0].max()
    assert halo > 40  # what blurring the whole photo would have left there


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 60))
def test_subject_stays_and_background_stays_within_its_own_range(seed: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    image[disc((40, 50), 12) > 0] = 255
    alpha = disc((40, 50), 12)
    before = image.copy()
    found = blur_background(image, alpha, sigma)
    assert (image == before).all()
    assert (found[alpha == 1] == image[alpha == 1]).all()
    outside = image[alpha == 0]
    # Cubic upsampling may overshoot by little, a bleeding 255 by much more.
    assert found[alpha == 0].max() <= min(255, int(outside.max()) + 12)


def test_no_subject_is_a_plain_blur_and_all_subject_is_the_photo() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    nothing = blur_background(image, np.zeros((60, 60), np.float32), 3)
    plain = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 3)
    assert np.abs(nothing - plain).max() <= 1
    assert (blur_background(image, np.ones((60, 60), np.float32), 3) == image).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 3)])
def test_tiny_photos(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    alpha = np.zeros(size, np.float32)
    assert (blur_background(image, alpha) == 90).all()
    assert soft_alpha(image, alpha).shape == size


def test_the_fast_gaussian_looks_like_the_slow_one() -> None:
    values = np.random.default_rng(0).random((200, 300, 1)).astype(np.float32)
    values[80:120, 100:200] = 5
    slow = cv2.GaussianBlur(values, (0, 0), 20)
    assert np.abs(gaussian(values, 20) - slow).max() < 0.05


@pytest.mark.parametrize(
    ("alpha", "sigma", "message"),
    [
        (np.zeros((3, 3), np.float32), 12, "differ in size"),
        (np.full((8, 8), 1.5, np.float32), 12, r"0\.\.1"),
        (np.full((8, 8), np.nan, np.float32), 12, r"0\.\.1"),
        (np.zeros((8, 8), np.float32), 0, "above 0"),
        (np.zeros((8, 8), np.float32), float("inf"), "above 0"),
    ],
)
def test_bad_arguments(alpha: npt.NDArray[np.float32], sigma: float, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        blur_background(np.zeros((8, 8, 3), np.uint8), alpha, sigma)


def test_the_matte_draws_a_blurry_edge_to_the_photos() -> None:
    truth = disc(radius=40)
    image = np.where(truth[..., None] > 0, 200, 60).astype(np.uint8).repeat(3, axis=2)
    # A network that saw a small photo: its edge is a pixel off and a wide ramp.
    coarse = np.asarray(cv2.GaussianBlur(disc(radius=39), (0, 0), 3), dtype=np.float32)
    found = soft_alpha(image, coarse, radius=0.04)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.abs(found - truth).mean() < 0.6 * np.abs(coarse - truth).mean()
    far = np.abs(cv2.GaussianBlur(truth, (0, 0), 8) - 0.5) > 0.49
    assert np.abs(found - truth)[far].max() < 0.05
