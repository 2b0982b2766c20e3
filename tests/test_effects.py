"""Blur without halos, and mattes that follow edges."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import blur_background, replace_background, soft_alpha
from pixelwise.effects import cast_shadow, cut_out
from pixelwise.effects.blur import SHAPES, ground_share
from pixelwise.effects.temporal import steady
from pixelwise.errors import ArgumentError
from pixelwise.samples import Float32Array, Float64Array, UInt8Array


def disc(size: tuple[int, int] = (120, 160), radius: int = 35) -> Float32Array:
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
    assert found[alpha == 0].max() <= int(outside.max()) + 2


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


def test_a_wide_blur_looks_like_a_plain_one_where_nobody_stands() -> None:
    image = np.random.default_rng(0).integers(0, 90, (200, 300, 3)).astype(np.uint8)
    image[80:120, 100:200] = 255
    plain = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 20)
    found = blur_background(image, np.zeros((200, 300), np.float32), 20)
    assert np.abs(found - plain).max() < 6


def blended(image: UInt8Array, alpha: Float32Array, sigma: float) -> Float64Array:
    """Blur the photo, blend by alpha: what leaves a halo."""
    plain = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)
    return np.asarray(alpha[..., None] * image + (1 - alpha[..., None]) * plain)


@pytest.mark.parametrize("colour", [(255, 0, 0), (20, 200, 40)])
def test_a_soft_edge_leaves_a_quarter_of_the_halo(colour: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.normal(0, 400, (120, 160, 3)), (0, 0), 6)
    behind = (110 + noise).clip(0, 255).astype(np.float32)
    alpha = np.asarray(cv2.GaussianBlur(disc(), (0, 0), 2), np.float32)
    mix = alpha[..., None] * np.array(colour) + (1 - alpha[..., None]) * behind
    image = mix.round().clip(0, 255).astype(np.uint8)
    ideal = alpha[..., None] * np.array(colour)
    ideal = ideal + (1 - alpha[..., None]) * cv2.GaussianBlur(behind, (0, 0), 8)
    ring = (alpha < 0.5) & (cv2.distanceTransform((alpha < 0.5).view(np.uint8), 2, 5) < 24)
    ours = np.abs(blur_background(image, alpha, 8) - ideal)[ring].mean()
    plain = np.abs(blended(image, alpha, 8) - ideal)[ring].mean()
    assert ours < plain / 4


def test_discs_are_discs_and_brighter_than_gaussians() -> None:
    image = np.zeros((121, 161, 3), np.uint8)
    image[59:62, 79:82] = 255
    nobody = np.zeros((121, 161), np.float32)
    soft, hard = (blur_background(image, nobody, 6, shape)[..., 0] for shape in SHAPES)
    y, x = np.mgrid[:121, :161]
    away = np.hypot(y - 60, x - 80)
    assert hard[away < 8].min() > 0.7 * hard.max()  # flat inside
    assert hard[away > 16].max() < 0.2 * hard.max()  # nothing outside
    assert hard.max() > 2 * soft[60, 88]


def test_the_ground_stays_sharp_at_the_feet() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (200, 160, 3)).astype(np.uint8)
    alpha = np.zeros((200, 160), np.float32)
    alpha[40:150, 60:90] = 1
    found = blur_background(image, alpha, 10, ground=True).astype(float)
    rough = np.abs(np.diff(found[:, 100:], axis=1)).mean(axis=(1, 2))
    assert rough[149] > 0.95 * np.abs(np.diff(image[149, 100:].astype(float), axis=0)).mean()
    assert rough[149] > 2 * rough[120] > 2.5 * rough[60]
    assert (found[5] == blur_background(image, alpha, 10)[5]).all()
    share = ground_share(alpha)
    assert share is not None
    assert share[149] == 0
    assert share[:41].min() == 1
    alpha[150:] = alpha[149]
    assert ground_share(alpha) is None  # cut off by the border: no feet, no ground


def test_the_old_background_is_gone_from_a_new_one() -> None:
    alpha = np.asarray(cv2.GaussianBlur(disc(), (0, 0), 1.2), np.float32).clip(0, 1)
    red, blue = np.array((200, 30, 30)), np.array((20, 40, 220))
    image = (alpha[..., None] * red + (1 - alpha[..., None]) * blue).round().astype(np.uint8)
    ideal = alpha[..., None] * red + (1 - alpha[..., None]) * np.array((0, 160, 0))
    found = replace_background(image, alpha, (0, 160, 0))
    naive = alpha[..., None] * image + (1 - alpha[..., None]) * np.array((0, 160, 0))
    assert np.abs(found - ideal).max() < 0.4 * np.abs(naive - ideal).max()
    cut = cut_out(image, alpha)
    edge = (alpha > 0.2) & (alpha < 0.8)
    assert np.abs(cut[edge][:, :3] - red).mean() < 12
    assert (cut[..., 3] == (alpha * 255).round()).all()
    assert cut[cut[..., 3] == 0].max() == 0  # the old background is not hidden in the file
    tall = np.zeros((400, 100, 3), np.uint8)
    tall[:200] = 255  # scaled to cover, so only its middle is seen
    found = replace_background(image, np.zeros_like(alpha), tall)
    assert found[:55].min() == 255
    assert found[65:].max() == 0


def noisy_disc(at: float, rng: np.random.Generator) -> tuple[UInt8Array, Float32Array]:
    y, x = np.mgrid[:90, :160]
    truth = np.clip(20.5 - np.hypot(y - 45, x - at), 0, 1).astype(np.float32)
    image = 60 + 120 * truth[..., None] + rng.normal(0, 3, (90, 160, 3))
    alpha = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1).astype(np.float32)
    return image.round().clip(0, 255).astype(np.uint8), alpha


def test_what_stands_still_does_not_flicker() -> None:
    rng = np.random.default_rng(0)
    frames = [(i, *noisy_disc(80, rng)) for i in range(40)]
    found = list(steady(frames))
    assert [i for i, _ in found] == list(range(40))
    before = np.std([alpha for *_, alpha in frames], axis=0).mean()
    after = np.std([alpha for _, alpha in found], axis=0).mean()
    assert after < before / 3


def test_what_moves_does_not_lag() -> None:
    rng = np.random.default_rng(0)
    frames = [(i, *noisy_disc(30 + 3 * i, rng)) for i in range(30)]
    for i, alpha in steady(frames):
        truth = np.hypot(*(np.mgrid[:90, :160] - np.array([45, 30 + 3 * i])[:, None, None])) < 20
        wrong = (alpha > 0.5) != truth
        assert wrong.sum() < 0.03 * truth.sum()


def test_live_video_waits_for_nothing() -> None:
    rng = np.random.default_rng(0)
    seen = []

    def camera() -> Iterator[tuple[int, UInt8Array, Float32Array]]:
        for i in range(5):
            seen.append(i)
            yield (i, *noisy_disc(80, rng))

    for i, _ in steady(camera(), look_ahead=0):
        assert seen[-1] == i


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
def test_bad_arguments(alpha: Float32Array, sigma: float, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        blur_background(np.zeros((8, 8, 3), np.uint8), alpha, sigma)


def test_the_matte_draws_a_blurry_edge_to_the_photos() -> None:
    truth = disc(radius=40)
    image = np.where(truth[..., None] > 0, 200, 60).astype(np.uint8).repeat(3, axis=2)
    # A network that saw a small photo: its edge is a pixel off and a wide ramp.
    coarse = np.asarray(cv2.GaussianBlur(disc(radius=39), (0, 0), 3), dtype=np.float32)
    found = soft_alpha(image, coarse)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.abs(found - truth).mean() < 0.6 * np.abs(coarse - truth).mean()
    far = np.abs(cv2.GaussianBlur(truth, (0, 0), 8) - 0.5) > 0.49
    assert np.abs(found - truth)[far].max() < 0.05


def shaded_scene(
    strength: float, noise: float = 2, things: bool = False
) -> tuple[UInt8Array, Float32Array, Float64Array]:
    """Return a red subject on lit plain ground, its alpha, and the shade of its shadow."""
    row, column = np.mgrid[:300, :400]
    lit = np.stack([190 + 0.1 * row - 0.05 * column, 185 + 0.08 * row, 170 + 0.07 * column], 2)
    if things:
        lit[:, column[0] // 30 % 2 == 1] *= 0.5
    inside = ((row - 130) / 70) ** 2 + ((column - 180) / 50) ** 2
    alpha = np.clip((1.05 - inside) * 8, 0, 1).astype(np.float32)
    shade = strength * np.exp(-(((row - 200) / 25) ** 2 + ((column - 230) / 60) ** 2))
    ground = lit * (1 - shade)[..., None]
    image = alpha[..., None] * (180, 60, 40) + (1 - alpha[..., None]) * ground
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    return image.clip(0, 255).round().astype(np.uint8), alpha, shade


@pytest.mark.parametrize("noise", [2, 6])
@pytest.mark.parametrize("strength", [0.3, 0.5, 0.8])
def test_a_shadow_on_plain_ground_is_found(strength: float, noise: float) -> None:
    image, alpha, shade = shaded_scene(strength, noise)
    wrong = np.abs(cast_shadow(image, alpha) - shade)[alpha < 0.05]
    assert wrong.mean() < 0.01
    assert np.quantile(wrong, 0.99) < 0.2 * strength


def test_without_a_shadow_or_plain_ground_there_is_none() -> None:
    for image, alpha, _ in (shaded_scene(0), shaded_scene(0.5, things=True)):
        assert not cast_shadow(image, alpha).any()
    image, alpha, _ = shaded_scene(0.5)
    for nothing in (np.zeros_like(alpha), np.ones_like(alpha)):
        assert not cast_shadow(image, nothing).any()


def test_a_cut_out_with_its_shadow_looks_as_before_on_such_ground() -> None:
    image, alpha, shade = shaded_scene(0.5, noise=0)
    cut = cut_out(image, alpha, cast_shadow(image, alpha)).astype(float)
    opacity = cut[..., 3:] / 255
    again = (cut[..., :3] * opacity + (1 - opacity) * 200)[alpha == 0]
    shown = 200 * (1 - shade)[alpha == 0]
    assert np.abs(again.mean(axis=1) - shown).mean() < 2
    # The ground's own colours are not in the file, only their shade.
    assert (cut[alpha == 0][:, :3] == 0).all()
    assert (cut[alpha == 1] == cut_out(image, alpha)[alpha == 1]).all()
