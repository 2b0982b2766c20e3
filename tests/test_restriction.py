"""Weights restricted to some of their classes, and the names that are weights so restricted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import ClassMap, Predictor, evaluate, open_dataset, write_image
from pixelwise.cli.main import build_app
from pixelwise.cli.weights import weights as weights_command
from pixelwise.datasets import draw_shapes
from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.evaluation import translated
from pixelwise.inference.refine import decide_along_edges
from pixelwise.inference.restriction import Restriction
from pixelwise.inference.session import Outputs
from pixelwise.inference.upsample import decide, probability
from pixelwise.networks import build_network
from pixelwise.samples import Float32Array, UInt8Array
from pixelwise.training import quantise
from pixelwise.training.pretrained import encoder_of, start_from
from pixelwise.weights import bundled_weights, read_card, read_weights
from pixelwise.weights.catalogue import ALIASES
from tests.test_kernels import CARD as KERNELS
from tests.test_kernels import areas, branch_of, logits_of
from tests.toy import CARD, write_toy

WALKERS = ("background", "person", "dog")


@pytest.fixture
def walkers(monkeypatch: pytest.MonkeyPatch) -> str:
    """The alias of some weights that are bundled."""
    monkeypatch.setitem(ALIASES, "walkers", ("voc", WALKERS))
    return "walkers"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_probabilities_of_left_out_classes_are_added_to_the_background(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 9))
    order = data.draw(st.permutations(range(1, count)))
    kept = (0, *order[: data.draw(st.integers(1, count - 1))])
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    deviation = np.float32(data.draw(st.sampled_from((1, 30, 300))))
    logits = deviation * rng.standard_normal((count, 5, 7), dtype=np.float32)
    names = ClassMap(("background", *(f"class {c}" for c in range(1, count))))
    restriction = Restriction(replace(CARD, classes=names), kept)
    merged = restriction.merged(logits)
    rest = [c for c in range(count) if c not in kept[1:]]
    size = (5, 7)
    for new, ids in enumerate((rest, *([c] for c in kept[1:]))):
        expected = probability(logits, ids, size)
        np.testing.assert_allclose(probability(merged, [new], size), expected, atol=1e-4)
    # A pixel keeps its class or becomes background, also between the logits, where it is convex.
    for size in ((5, 7), (13, 9)):
        before, after = decide(logits, size), np.array(kept)[decide(merged, size)]
        assert ((after == before) | (after == 0)).all()


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("tta", [(), ("flip", "scales")])
def test_left_out_classes_are_background(
    tmp_path: Path, refine: bool, tta: tuple[str, ...]
) -> None:
    path = write_toy(tmp_path / "toy.onnx", replace(CARD, refine_edges=refine))
    # Of the network's own size, since interpolated logits are not those of summed probabilities.
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    whole = Predictor.load(path).predict(image, tta)
    restricted = Predictor.load(path, classes=("background", "green"))
    green = restricted.predict(image, tta)
    assert green.classes.names == ("background", "green")
    assert green.classes.colours[1] == CARD.classes.colours[2]
    np.testing.assert_allclose(green.probability("green"), whole.probability("green"), atol=1e-5)
    rest = whole.probability("background", "red")
    np.testing.assert_allclose(green.probability("background"), rest, atol=1e-5)
    np.testing.assert_array_equal(green.logits, restricted.logits(image, tta))
    if refine:
        np.testing.assert_array_equal(green.label_map, decide_along_edges(green.logits, image))
    else:
        assert (green.mask("green") <= whole.mask("green")).all()


@pytest.mark.parametrize("refine", [False, True])
def test_another_order_is_no_more_than_that(tmp_path: Path, refine: bool) -> None:
    card = replace(CARD, task="instance", instance_classes=(1, 2), score_threshold=0.1)
    path = write_toy(tmp_path / "toy.onnx", replace(card, refine_edges=refine))
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    whole = Predictor.load(path).predict(image)
    turned = Predictor.load(path, classes=("background", "green", "red")).predict(image)
    order = np.array([0, 2, 1], np.uint8)
    untied = whole.logits[1] != whole.logits[2]  # of equals the lowest id wins
    np.testing.assert_array_equal(order[turned.label_map][untied], whole.label_map[untied])
    assert whole.instances
    assert turned.instances is not None
    for one, other in zip(whole.instances, turned.instances, strict=True):
        assert (one.box, one.area, one.score, one.id) == (
            *(other.box, other.area, other.score, other.id),
        )
        assert order[other.class_id] == one.class_id


def test_centres_find_no_instances_of_left_out_classes(tmp_path: Path) -> None:
    card = replace(CARD, task="instance", instance_classes=(1, 2), score_threshold=0.1)
    path = write_toy(tmp_path / "toy.onnx", card)
    image = np.zeros((64, 64, 3), np.uint8)
    image[8:40, 8:40] = 0, 255, 0
    image[8:40, 40:50] = 255, 0, 0  # no centre of its own, so that it goes to the green one
    (both,) = Predictor.load(path).predict(image).instances or ()
    assert (both.class_id, both.box) == (2, (8, 8, 40, 50))
    green = Predictor.load(path, classes=("background", "green")).predict(image)
    assert [(i.class_id, i.box, i.id) for i in green.instances or ()] == [(1, (8, 8, 40, 40), 1)]
    assert (green.label_map[:, 41:] == 0).all()
    red = Predictor.load(path, classes=("background", "red")).predict(image)
    assert red.instances == ()
    assert (red.label_map[10:38, 42:48] == 1).all()
    only = Predictor.load(write_toy(tmp_path / "b.onnx"), classes=("background", "red"))
    assert only.card.task == "semantic"


class Made:
    """A `Session` that finds one instance: a cow whose hind part was taken for a horse."""

    def run(
        self,
        batch: Float32Array,
        instances: bool = False,
        foreground: bool = False,  # noqa: ARG002
    ) -> Outputs:
        one = areas((4, 2, 14, 22))
        label_map: UInt8Array = one.astype(np.uint8)
        label_map[4:14, 16:22] = 2
        branch = branch_of([one], [0.9]) if instances else ()
        return Outputs(
            np.stack([logits_of(label_map)] * len(batch)), tuple(b[None] for b in branch)
        )


def test_what_kernels_find_stays_of_its_class() -> None:
    card, image = replace(KERNELS, side=128), np.zeros((96, 128, 3), np.uint8)
    whole = Predictor(card, Made()).predict(image)
    (cow,) = whole.instances or ()
    cows, horses = (
        Predictor(card.restricted(("background", name)), Made(), Restriction(card, (0, id_)))
        for id_, name in ((1, "cow"), (2, "horse"))
    )
    kept = cows.predict(image)
    assert [(i.class_id, i.box, i.area, i.score) for i in kept.instances or ()] == [
        (1, cow.box, cow.area, cow.score)
    ]
    np.testing.assert_array_equal(kept.label_map, whole.label_map)
    # The cow becomes no horse; what looks like one stays in the label map, and is no instance.
    other = horses.predict(image)
    assert other.instances == ()
    assert np.count_nonzero(other.label_map) == 40 * 24
    # A threshold on the restricted card counts.
    strict = replace(cows, card=replace(cows.card, score_threshold=0.99))
    assert strict.predict(image).instances == ()


def test_classes_start_with_the_background(tmp_path: Path) -> None:
    path = write_toy(tmp_path / "toy.onnx")
    for classes, message in (
        (("red", "background"), "expected the background first"),
        (("background",), "and others after it, got background"),
        (("background", "blue"), "unknown class 'blue'"),
        (("background", "red", "red"), "given twice"),
        ((), "expected the background first.*got none"),
    ):
        with pytest.raises(ArgumentError, match=message):
            Predictor.load(path, classes=classes)


def test_rules_of_the_training_leave_out_the_same_classes(tmp_path: Path) -> None:
    shapes = open_dataset(draw_shapes(tmp_path / "shapes", train=1, val=2), "val", say=str)
    other = {"background": "background", "disc": "green", "*": "red"}
    for names, rules in ((CARD.classes.names, other), (shapes.classes.names, {})):
        card = replace(CARD, classes=ClassMap(names), class_rules={"shapes": rules})
        part = card.restricted((names[0], names[2]))
        assert part.left_out == (names[1], *names[3:])
        before, after = translated(shapes, card)[0], translated(shapes, part)[0]
        assert after.classes.names == (names[0], names[2])
        for one, same in zip(before, after, strict=True):
            assert ((same.label_map == 1) == (one.label_map == 2)).all()
            assert ((same.label_map == 255) == (one.label_map == 255)).all()
    assert part.restricted(part.classes.names) == part


def test_an_alias_is_weights_restricted_to_classes(walkers: str) -> None:
    card = read_card(walkers)
    assert (card.name, card.classes.names, card.score) == (walkers, WALKERS, {})
    assert len(card.left_out) == 18
    assert not card.foreground
    assert walkers not in bundled_weights()
    assert read_weights(walkers) == read_weights("voc")
    photo = skimage.data.astronaut()
    found, whole = Predictor.load(walkers).predict(photo), Predictor.load().predict(photo)
    same = Predictor.load("voc", classes=WALKERS).predict(photo)
    assert found.classes.names == WALKERS
    np.testing.assert_array_equal(found.label_map, same.label_map)
    assert [i.score for i in found.instances or ()] == [
        i.score for i in whole.instances or () if whole.classes.names[i.class_id] in WALKERS
    ]
    assert found.mask("person").any()
    alone = Predictor.load(walkers, instances=False).predict(photo)
    assert alone.instances is None
    with pytest.raises(WeightsError, match=r"or one of: .*walkers"):
        read_card("runners")


def test_training_starts_from_the_whole_file(walkers: str) -> None:
    network = build_network(21, "small", "kernels", "efficientnet_lite0", foreground=True)
    crops = torch.rand(2, 3, 64, 64) * 255
    assert "100.0% of the weights" in start_from(network, walkers, crops, freeze=True)
    assert encoder_of(walkers) == encoder_of("voc")


def test_quantised_weights_have_all_classes_of_the_file(walkers: str, tmp_path: Path) -> None:
    shapes = open_dataset(draw_shapes(tmp_path / "shapes", train=2, val=1), say=str)
    quantise(walkers, shapes, tmp_path / "small.onnx", count=2)
    small = Predictor.load(tmp_path / "small.onnx")
    assert small.classes == read_card("voc").classes
    # Without a held-out split nothing is known of them.
    assert read_card("voc").class_iou
    assert small.card.score == small.card.class_iou == {}
    assert len(small.logits(np.zeros((40, 60, 3), np.uint8))) == 21


def test_commands_take_an_alias(
    walkers: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    weights_command(None, tmp_path / "all.json")
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ walk")]
    assert "alias of voc" in row
    content = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert content[walkers]["alias_of"] == "voc"
    weights_command(walkers)
    assert "left out" in capsys.readouterr().out
    photo = tmp_path / "photo.png"
    write_image(photo, skimage.data.astronaut()[:160, 140:300])
    shapes = draw_shapes(tmp_path / "shapes", train=1, val=1)
    for command in (
        ("predict", photo, "--out", tmp_path / "out"),
        ("blur", photo, "--out", tmp_path / "blurred.png"),
        ("evaluate", shapes, "--map", "*=person"),
    ):
        words = [str(word) for word in (*command, "--weights", walkers)]
        assert not build_app()(words, standalone_mode=False)
    assert (tmp_path / "out" / "photo_instances.png").exists()
    assert (tmp_path / "blurred.png").exists()
    data = translated(open_dataset(shapes, "val", say=str), read_card(walkers), {"*": "person"})[0]
    assert evaluate(data, Predictor.load(walkers)).scores.classes.names == WALKERS
