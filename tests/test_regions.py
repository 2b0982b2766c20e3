"""Regions: superpixels, the hierarchy and its cuts, refining; from Python and the command line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from skimage.measure import label

from pixelwise import hierarchy, read_image, refine, superpixels, write_image, write_regions
from pixelwise.datasets.bsds import read_bsds
from pixelwise.errors import ArgumentError
from pixelwise.metrics.regions import (
    achievable_accuracy,
    boundary_recall,
    covering,
    overlaps,
    region_boundaries,
)
from pixelwise.regions import hierarchical
from pixelwise.regions.boundary_model import (
    FEATURES,
    BoundaryModel,
    boundary_features,
    drawn_share,
    fit_boundary_model,
)
from pixelwise.regions.hierarchical import COARSE, coarsened
from pixelwise.regions.partition import connected, fitted, label_parts
from pixelwise.samples import Int32Array, UInt8Array
from tests.conftest import call, real, run

HALVES = np.full((40, 60, 3), 128, np.uint8)
HALVES[:, 30:] = (200, 30, 30)


def noise(*size: int, seed: int = 0) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def check_region_map(region_map: Int32Array, size: tuple[int, ...]) -> None:
    """A region map has the photo's size, ids 0..K-1, and connected regions."""
    assert region_map.shape == size
    assert region_map.dtype == np.int32
    count = int(region_map.max()) + 1
    assert np.array_equal(np.unique(region_map), np.arange(count))
    assert label(region_map, background=-1, connectivity=1).max() == count


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99), st.data())
def test_superpixels_are_a_region_map_of_about_n(
    height: int, width: int, seed: int, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, height * width))
    found = superpixels(noise(height, width, seed=seed), n)
    check_region_map(found, (height, width))
    assert found.max() + 1 == n


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99), st.data())
def test_cuts_are_region_maps_and_nest(
    height: int, width: int, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    found = hierarchy(image)
    counts = sorted(data.draw(st.lists(st.integers(1, height * width), min_size=2, max_size=3)))
    cuts = [found.cut(n) for n in counts]
    for n, region_map in zip(counts, cuts, strict=True):
        check_region_map(region_map, (height, width))
        assert region_map.max() + 1 == min(n, len(found))
    for coarse, fine in pairwise(cuts):
        # Each finer region lies in one coarser region.
        assert (np.count_nonzero(overlaps(fine, coarse), axis=1) == 1).all()
    for level in (0.1, 0.5):
        borders = region_boundaries(found.cut(level=level))
        assert np.array_equal(found.boundaries >= level, borders)


@settings(max_examples=10, deadline=None)
@given(st.integers(70, 120), st.integers(70, 140), st.integers(0, 99))
def test_cuts_of_a_larger_image_than_that_of_the_tree_are_connected_and_nest(
    height: int, width: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Regions that touch in the shrunk image need not touch in the image itself.
        patch.setattr(hierarchical, "WORK", 60)
        found = hierarchy(noise(height, width, seed=seed))
    cuts = [found.cut(n) for n in range(1, len(found), 9)]
    for n, region_map in zip(range(1, len(found), 9), cuts, strict=True):
        check_region_map(region_map, (height, width))
        assert region_map.max() + 1 == n
    for coarse, fine in pairwise(cuts):
        assert (np.count_nonzero(overlaps(fine, coarse), axis=1) == 1).all()
    borders = region_boundaries(found.cut(level=0.5))
    assert np.array_equal(found.boundaries >= 0.5, borders)


@settings(max_examples=60, deadline=None)
@given(
    npst.arrays(
        np.int32,
        npst.array_shapes(min_dims=2, max_dims=2, max_side=20),
        elements=st.integers(0, 3),
    )
)
def test_parts_are_those_of_scikit_image(region_map: np.ndarray) -> None:
    expected = label(region_map, background=-1, connectivity=1) - 1
    assert np.array_equal(label_parts(region_map), expected)


def test_two_halves_come_apart_first() -> None:
    # The network's map has half the photo's size: its border may be a pixel off.
    for boundaries, off in (("colour", 0), ("learned", 1)):
        found = hierarchy(HALVES, boundaries)
        region_map = found.cut(2)
        assert (region_map[:, : 30 - off] == region_map[0, 0]).all()
        assert (region_map[:, 30 + off :] == region_map[0, -1]).all()
        border = found.boundaries[:, 29 - off : 30 + off].max(axis=1)
        assert border.min() == found.boundaries.max() > 0.2


def test_superpixels_follow_a_boundary() -> None:
    found = superpixels(HALVES, 20)
    assert achievable_accuracy(overlaps(found, (HALVES[..., 0] == 200).astype(np.int32))) == 1


def test_images_of_any_kind_work() -> None:
    grey = np.tile(np.arange(60, dtype=np.uint8), (40, 1))
    for image in (grey, grey.astype(np.uint16) * 256, np.dstack([grey] * 4), noise(1, 1)):
        check_region_map(hierarchy(image).cut(1), image.shape[:2])
        check_region_map(superpixels(image, 1), image.shape[:2])
    assert len(hierarchy(np.zeros((300, 300, 3), np.uint8))) == 1
    # Nobody asked for twenty regions of one pixel.
    for size in ((1, 1), (1, 7), (7, 1)):
        for boundaries in ("colour", "learned"):
            assert hierarchy(noise(*size), boundaries).cut().shape == size


def test_more_regions_than_pixels_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"1 to 6 regions.*got 7"):
        superpixels(noise(2, 3), 7)
    with pytest.raises(ArgumentError, match=r"1 to 6 regions.*got 7"):
        hierarchy(noise(2, 3)).cut(7)
    with pytest.raises(ArgumentError, match="got 0"):
        hierarchy(noise(2, 3)).cut(0)
    with pytest.raises(ArgumentError, match="not both"):
        hierarchy(noise(2, 3)).cut(2, 0.5)
    with pytest.raises(ArgumentError, match=r"level.*1\.5"):
        hierarchy(noise(2, 3)).cut(level=1.5)
    with pytest.raises(ArgumentError, match="unknown boundaries 'x'; there is: colour, learned"):
        hierarchy(noise(2, 3), "x")
    with pytest.raises(ArgumentError, match="expected"):
        superpixels(np.zeros((2, 2), np.float32))


def test_a_large_photo_gets_its_boundaries_at_full_resolution() -> None:
    y, x = np.mgrid[:1500, :2000]
    disc = (y - 700) ** 2 + (x - 900) ** 2 < 400**2
    image = np.where(disc[..., None], (210, 60, 40), (40, 120, 60)).astype(np.uint8)
    region_map = hierarchy(image).cut(2)
    check_region_map(region_map, disc.shape)
    box, plane = np.ones((3, 3), np.uint8), disc.astype(np.uint8)
    wrong = (region_map == region_map[700, 900]) != disc
    inner, outer = cv2.erode(plane, box) > 0, cv2.dilate(plane, box) > 0
    assert not (wrong & (inner | ~outer)).any(), "off by more than a pixel"
    found = superpixels(image, 100)
    check_region_map(found, disc.shape)
    assert achievable_accuracy(overlaps(found, disc.astype(np.int32))) > 0.998


def test_parts_that_hang_apart_are_joined_to_a_neighbour() -> None:
    apart = np.array([[0, 1, 0], [0, 1, 1], [0, 1, 1]], np.int32)
    assert connected(apart).tolist() == [[0, 1, 1], [0, 1, 1], [0, 1, 1]]
    assert fitted(apart, noise(3, 3)) is apart


def test_refine_snaps_to_regions() -> None:
    region_map = np.array([[0, 0, 1], [0, 2, 1]], np.int32)
    label_map = np.array([[3, 3, 255], [5, 255, 4]], np.uint8)
    assert refine(label_map, region_map).tolist() == [[3, 3, 4], [3, 255, 4]]
    wrong: dict[str, Any] = {
        r"region map of \(2, 3\), got \(3, 2\)": region_map.T,
        "ids from 0, got -1": region_map - 1,
        "whole ids, got float32": region_map.astype(np.float32),
    }
    for message, given_map in wrong.items():
        with pytest.raises(ArgumentError, match=message):
            refine(label_map, given_map)


def test_the_features_of_a_boundary() -> None:
    thirds = np.zeros((20, 30), np.int32)
    thirds[:, 10:20], thirds[:, 20:] = 1, 2
    image = np.full((20, 30, 3), 60, np.uint8)
    image[:, 20:] = 180
    strength = np.full((20, 30), 0.01, np.float32)
    strength[:, 9:11], strength[:, 19:21] = 0.1, 0.5
    boundaries, features = boundary_features(thirds, strength, image)
    assert list(zip(boundaries.first, boundaries.second, strict=True)) == [(0, 1), (1, 2)]
    known = dict(zip(FEATURES, features.T, strict=True))
    odds, colour, smaller, larger, length, share, weaker, stronger = known.values()
    np.testing.assert_allclose(odds, np.log([1 / 9, 1]), atol=1e-5)
    assert colour[0] == 0
    assert colour[1] > np.log(40)  # 47 of lightness
    np.testing.assert_allclose([*smaller, *larger], np.log(1 / 3))
    np.testing.assert_allclose(length, np.log(20 / np.sqrt(200)))
    assert share.tolist() == [1, 1]  # all of an outer third's outline
    np.testing.assert_allclose(np.exp(weaker) - 1e-3, [0.1, 0.3], atol=1e-5)
    np.testing.assert_allclose(np.exp(stronger) - 1e-3, [0.3, 0.5], atol=1e-5)
    # One person drew the right boundary, the other one both; a third cut through a region.
    one, both, through = (np.zeros((20, 30), np.int32) for _ in range(3))
    one[:, 20:] = 1
    both[:, 10:20], both[:, 20:] = 1, 2
    through[:, 22:] = 1
    assert drawn_share(thirds, boundaries, (one, both, through)).tolist() == [1 / 3, 1]


def test_the_model_of_boundaries_learns_what_made_its_data() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(2, 3, (4000, len(FEATURES)))
    true = BoundaryModel((0.5, -0.2, 0, 0, 0.3, 0, 0, 0), -0.4)
    found = fit_boundary_model(features, true.probability(features), rng.uniform(1, 9, 4000))
    np.testing.assert_allclose(found.weights, true.weights, atol=0.01)
    assert found.bias == pytest.approx(true.bias, abs=0.03)
    # Features that never vary, and boundaries that all agree, break nothing.
    same = fit_boundary_model(np.ones((5, len(FEATURES))), np.zeros(5), np.ones(5))
    assert same.probability(np.ones((1, len(FEATURES))))[0] < 0.01
    with pytest.raises(ArgumentError, match="expected 8, got 1"):
        BoundaryModel((1.0,), 0)


def test_boundary_strength_alone_leads_to_a_few_regions() -> None:
    rough = np.asarray(noise(90, 120)[..., 0] / np.float32(255), np.float32)
    region_map = coarsened(rough)
    check_region_map(region_map, (90, 120))
    assert region_map.max() + 1 == COARSE
    assert coarsened(np.zeros((9, 9), np.float32)).max() == 0


def test_regions_on_real_photos_agree_with_people() -> None:
    photos = read_bsds(real("bsds500"), "val")[::10]
    assert len(photos) == 10
    assert all(len(photo.region_maps) >= 4 for photo in photos)
    figures: dict[str, list[float]] = {"colour": [], "learned": [], "blocks": [], "recall": []}
    for photo in photos:
        for boundaries in ("colour", "learned"):
            region_map = hierarchy(photo.image, boundaries).cut(12)
            check_region_map(region_map, photo.image.shape[:2])
            figures[boundaries] += [covering(overlaps(region_map, t)) for t in photo.region_maps]
        rows, columns = np.indices(photo.image.shape[:2])
        blocks = (rows // 110 * 5 + columns // 110).astype(np.int32)
        figures["blocks"] += [covering(overlaps(np.asarray(blocks), t)) for t in photo.region_maps]
        found = superpixels(photo.image, 200)
        check_region_map(found, photo.image.shape[:2])
        assert found.max() + 1 == 200
        figures["recall"] += [boundary_recall(found, t) for t in photo.region_maps]
    means = {name: float(np.mean(values)) for name, values in figures.items()}
    assert means["learned"] > means["blocks"] + 0.1
    assert means["colour"] > means["blocks"] + 0.05
    assert means["recall"] > 0.75


def test_the_command_writes_three_files_a_photo(tmp_path: Path) -> None:
    Image.fromarray(HALVES).save(tmp_path / "a.png")
    Image.fromarray(HALVES[..., 0].astype(np.uint16) * 256).save(tmp_path / "b.png")
    done = run("regions", tmp_path, "--out", tmp_path / "out", "-n", "2")
    assert done.returncode == 0, done.stderr
    assert "divided 2 of 2 images" in done.stdout
    with Image.open(tmp_path / "out" / "a_regions.png") as picture:
        assert picture.mode == "I;16"
        ids = np.asarray(picture)
    assert set(np.unique(ids)) == {0, 1}
    assert (ids[:, :29] == ids[0, 0]).all()
    assert (ids[:, 31:] == ids[0, -1]).all()
    with Image.open(tmp_path / "out" / "a_boundaries.png") as picture:
        assert np.asarray(picture)[:, 28:31].max(axis=1).min() > 0
    assert read_image(tmp_path / "out" / "b_parts.jpg").shape == HALVES.shape


def test_the_command_cuts_at_a_level_and_into_superpixels(tmp_path: Path) -> None:
    Image.fromarray(HALVES).save(tmp_path / "a.png")
    out = tmp_path / "out"
    done = run(
        "regions", tmp_path / "a.png", "--out", out, "--level", "0.1", "--boundaries", "colour"
    )
    assert done.returncode == 0, done.stderr
    assert np.asarray(Image.open(out / "a_regions.png")).max() == 1
    done = run("regions", tmp_path / "a.png", "--out", out / "s", "--superpixels", "30")
    assert done.returncode == 0, done.stderr
    assert np.asarray(Image.open(out / "s" / "a_regions.png")).max() == 29
    assert not (out / "s" / "a_boundaries.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--superpixels", "9999"), "a.png: n: expected 1 to 2400 regions"),
        (("-n", "9999"), "a.png: n: expected 1 to 2400 regions"),
        (("-n", "3", "--superpixels", "3"), "--superpixels takes no -n"),
        (("--superpixels", "3", "--boundaries", "colour"), "--superpixels takes no --boundaries"),
        (("-n", "3", "--level", "0.5"), "not both"),
        (("--boundaries", "x"), "unknown boundaries 'x'; there is: colour, learned"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    Image.fromarray(HALVES).save(tmp_path / "a.png")
    done = call("regions", tmp_path / "a.png", "--out", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_folders_are_walked_and_images_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", "day1/a.png", "day2/a.png"):
        write_image(tmp_path / name, HALVES)
    out = tmp_path / "parts"
    command = ("regions", tmp_path, "--out", out, "-n", "2", "--boundaries", "colour")
    for _ in range(2):  # results that lie among the images are not divided in turn
        done = call(*command)
        assert done.returncode == 0, done.stderr
        assert "divided 4 of 4 images" in done.stdout
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*_regions.png"))
    assert found == [
        *("a.bmp_regions.png", "a.png_regions.png"),
        *("day1/a_regions.png", "day2/a_regions.png"),
    ]
    assert "divided 2 of 2 images" in call(*command, "--flat").stdout
    images = [tmp_path / "day1" / "a.png", tmp_path / "day2" / "a.png"]
    write_regions(images, tmp_path / "own", n=2, boundaries="colour")
    assert (tmp_path / "own" / "day2" / "a_regions.png").exists()
    with pytest.raises(ArgumentError, match="several images would be called 'b'"):
        write_regions(dict.fromkeys(images, "b"), tmp_path / "own")
    with pytest.raises(ArgumentError, match="superpixels take no"):
        write_regions(images, tmp_path / "own", boundaries="nonsense", n_superpixels=3)


def test_a_damaged_photo_is_reported_and_the_rest_is_done(tmp_path: Path) -> None:
    Image.fromarray(HALVES).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    done = run("regions", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "divided 1 of 2 images" in done.stdout
    assert "b.png" in done.stderr
    assert (tmp_path / "out" / "a_regions.png").exists()
