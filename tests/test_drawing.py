"""Drawings of masks: what is drawn where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise import VOC, ClassMap, Instance, Sample, open_dataset, overlay, show
from pixelwise.drawing import (
    colourise,
    instance_colours,
    legend,
    outline_regions,
    overlay_instances,
    with_instance_legend,
    with_legend,
)
from pixelwise.drawing.page import Figure, Section, render_page
from pixelwise.errors import ArgumentError

GREY = np.full((40, 60, 3), 128, np.uint8)
LABELS = np.zeros((40, 60), np.uint8)
LABELS[10:30, 20:40] = 15
LABELS[0:5] = 255


def test_overlay_colours_subjects_and_leaves_the_rest() -> None:
    found = overlay(GREY, LABELS, VOC)
    assert (found[32:, 45:] == 128).all()
    assert (found[:4] == 128).all()
    person = np.array(VOC.colours[15])
    assert np.abs(found[20, 30].astype(int) - (128 + person) / 2).max() <= 1
    assert (found[10, 30] == person).all()  # the outline is the colour itself
    assert (overlay(GREY, LABELS, VOC, opacity=0)[20, 30] == 128).all()
    with pytest.raises(ArgumentError, match="differ"):
        overlay(GREY, LABELS[:5], VOC)
    with pytest.raises(ArgumentError, match="opacity"):
        overlay(GREY, LABELS, VOC, opacity=2)


def test_a_first_class_that_is_no_background_is_painted() -> None:
    street = ClassMap(("sky", "road"))
    found = overlay(GREY, np.zeros((40, 60), np.uint8), street)
    assert (found != 128).any()


def test_colourise_uses_the_palette() -> None:
    assert (colourise(LABELS, VOC)[20, 30] == VOC.colours[15]).all()
    assert (colourise(LABELS, VOC)[0, 0] == (224, 224, 192)).all()


def test_a_legend_shows_each_colour_and_wraps() -> None:
    classes = ClassMap(tuple(f"class number {i}" for i in range(30)))
    wide, narrow = legend(classes, range(30), 1000), legend(classes, range(30), 300)
    assert narrow.height > wide.height
    pixels = {tuple(p) for p in np.asarray(narrow).reshape(-1, 3).tolist()}
    assert all(colour in pixels for colour in classes.colours)
    assert with_legend(GREY, LABELS, VOC).height > 40


def test_each_overlay_has_its_own_legend() -> None:
    person = Instance.of(LABELS == 15, class_id=15, id=1)
    for drawn, key in (
        (with_legend(GREY, LABELS, VOC), VOC.colours[15]),
        (with_instance_legend(GREY, [person], VOC), tuple(instance_colours(1)[0].tolist())),
    ):
        below = {tuple(p) for p in np.asarray(drawn)[40:].reshape(-1, 3).tolist()}
        others = {*VOC.colours, *map(tuple, instance_colours(9).tolist())} - {key}
        assert key in below
        assert not others & below


@pytest.mark.parametrize("width", [640, 3200])
def test_overlays_are_readable_at_640_pixels(width: int) -> None:
    height = width * 3 // 4
    image = np.full((height, width, 3), 128, np.uint8)
    mask = np.zeros((height, width), np.bool_)
    mask[height // 4 : height // 2, width // 4 : width // 2] = True
    person = Instance.of(mask, class_id=15, id=1)
    drawn = with_instance_legend(overlay_instances(image, [person]), [person], VOC)
    key = (drawn.height - height) * 640 / width
    assert key >= 30 - 1  # a line of 14 px and its margins
    white = np.asarray(drawn)[:height].min(axis=2) == 255
    number = np.flatnonzero(white.any(axis=1))
    assert (number[-1] - number[0]) * 640 / width > 14


def test_the_grid_has_photos_above_and_label_maps_below(shapes: Path) -> None:
    dataset = open_dataset(shapes)
    picture = show(dataset[:3], height=64)
    assert isinstance(picture, Image.Image)
    pixels = np.asarray(picture)
    x = 8
    for sample in dataset[:3]:
        assert (pixels[8 : 8 + 64, x : x + 80] == sample.image).all()
        expected = colourise(sample.label_map, dataset.classes)
        assert (pixels[16 + 64 : 16 + 128, x : x + 80] == expected).all()
        x += 88
    blended = np.asarray(show(dataset[:3], overlaid=True, height=64))
    assert (blended[:72] == pixels[:72]).all()
    assert (blended[80:144] != pixels[80:144]).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (700, 20)])
def test_odd_shapes_fit_the_grid(size: tuple[int, int]) -> None:
    sample = Sample("odd", np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8), VOC)
    assert show([sample]).width < 600


def test_show_refuses_nothing_and_mixed_classes() -> None:
    with pytest.raises(ArgumentError, match="at least one sample"):
        show([])
    samples = [Sample("a", GREY, LABELS, VOC), Sample("b", GREY, LABELS, ClassMap.numbered(3))]
    with pytest.raises(ArgumentError, match="different classes"):
        show(samples)


def test_regions_are_painted_in_their_mean_colours() -> None:
    image = GREY.copy()
    image[:, 30:] = (200, 30, 30)
    region_map = np.zeros((40, 60), np.int32)
    region_map[:, 30:] = 1
    drawn = outline_regions(image, region_map)
    assert (drawn[5, 5] == 128).all()
    assert (drawn[5, 30] == 255).all()
    assert (drawn[5, 40] == (200, 30, 30)).all()


def test_the_page_is_self_contained_and_escapes() -> None:
    html = render_page(
        "a <b>", "text", [Section("s", "t", [Figure(GREY, "<i>", "&", [("x", (1, 2, 3))])])]
    )
    assert "a &lt;b&gt;" in html
    assert "&lt;i&gt;" in html
    assert "data:image/jpeg;base64," in html
    assert "rgb(1, 2, 3)" in html
    assert "http" not in html
