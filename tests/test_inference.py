"""Prediction: any size in, the same size out, and weights that say what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import ClassMap, Prediction, Predictor, evaluate, open_dataset
from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.evaluation import translated
from pixelwise.inference.preprocess import prepare, working_size
from pixelwise.inference.refine import check_background, decide_along_edges
from pixelwise.inference.session import OnnxSession
from pixelwise.inference.upsample import decide, probability, upsampled
from pixelwise.training import Recipe
from pixelwise.weights.card import KEY
from tests.conftest import real
from tests.toy import CARD, write_toy

RECIPES = Path(__file__).parents[1] / "recipes"

RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.load(write_toy(tmp_path_factory.mktemp("toy") / "model.onnx"))


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_any_size_in_same_size_out(toy: Predictor, height: int, width: int) -> None:
    image = np.full((height, width, 3), RED, np.uint8)
    prediction = toy.predict(image)
    assert prediction.size == (height, width)
    assert (prediction.label_map == 1).all()
    assert (prediction.probability("red") > 0.99).all()


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (1, 1), (3, 4000), (2, 2)])
def test_thin_photos(toy: Predictor, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), GREEN, np.uint8)
    assert (toy.predict(image).label_map == 2).all()


def test_answers_lie_where_the_photo_has_them(toy: Predictor) -> None:
    image = np.full((200, 300, 3), BLUE, np.uint8)
    image[50:150, 30:180] = RED
    image[20:40, 200:290] = GREEN
    expected = np.zeros((200, 300), np.uint8)
    expected[50:150, 30:180] = 1
    expected[20:40, 200:290] = 2
    prediction = toy.predict(image)
    wrong = prediction.label_map != expected
    # The toy sees the photo at 64 px, so only pixels beside an edge may differ.
    assert wrong.mean() < 0.03
    inside = np.zeros_like(wrong)
    inside[56:144, 36:174] = True
    assert not wrong[inside].any()
    assert prediction.found() == ("red", "green")
    assert (prediction.mask("red") == (prediction.label_map == 1)).all()
    assert (prediction.mask("red", "green") == (prediction.label_map > 0)).all()


def test_weights_may_follow_the_photos_edges(toy: Predictor, tmp_path: Path) -> None:
    """The toy sees a photo at 64 px; with edges its answer is that of the photo's pixels."""
    careful = Predictor.load(write_toy(tmp_path / "edges.onnx", replace(CARD, refine_edges=True)))
    y, x = np.mgrid[:300, :400]
    disc = np.hypot(y - 150, x - 170) < 90
    image = np.where(disc[..., None], RED, BLUE).astype(np.uint8)
    image[200:260, 300:380] = GREEN
    expected = disc.astype(np.uint8)
    expected[200:260, 300:380] = 2
    wrong = [(p.predict(image).label_map != expected).sum() for p in (toy, careful)]
    assert wrong[1] < 0.2 * wrong[0]
    nothing = np.full((60, 80, 3), BLUE, np.uint8)
    assert (careful.predict(nothing).label_map == 0).all()
    assert (careful.predict(255 - nothing).label_map > 0).all()


def test_one_of_two_is_no_background() -> None:
    """Background is likelier than either of two classes, but not than both."""
    logits = np.log(np.array([0.4, 0.35, 0.25], np.float32))[:, None, None] * np.ones((3, 9, 9))
    image = np.full((40, 40, 3), 90, np.uint8)
    assert (decide(logits.astype(np.float32), (40, 40)) == 0).all()
    assert (decide_along_edges(logits.astype(np.float32), image) == 1).all()
    with pytest.raises(ArgumentError, match="got sky, road"):
        check_background(ClassMap(("sky", "road")))


def test_probabilities_are_the_softmax_of_upsampled_logits() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4, 5, 7)).astype(np.float32)
    size = (31, 44)
    full = np.stack([upsampled(plane, size) for plane in logits]).astype(np.float64)
    softmax = np.exp(full) / np.exp(full).sum(axis=0)
    for ids in ([0], [1, 3], [0, 1, 2, 3]):
        expected = softmax[ids].sum(axis=0)
        np.testing.assert_allclose(probability(logits, ids, size), expected, atol=1e-5)
    assert (decide(logits, size) == full.argmax(axis=0)).all()


def test_extreme_logits_give_no_nan() -> None:
    logits = np.array([[[-1e4]], [[1e4]]], np.float32)
    assert probability(logits, [1], (3, 3)).tolist() == [[1.0] * 3] * 3
    assert probability(logits, [0], (3, 3)).tolist() == [[0.0] * 3] * 3


def test_unknown_classes_list_the_known_ones(toy: Predictor) -> None:
    prediction = toy.predict(np.zeros((8, 8, 3), np.uint8))
    for call in (prediction.mask, prediction.probability):
        with pytest.raises(ArgumentError, match=r"'dog'.*background, red, green"):
            call("dog")
        with pytest.raises(ArgumentError, match="name at least one"):
            call()


def test_arrays_of_another_kind_are_refused(toy: Predictor) -> None:
    for wrong in (np.zeros((8, 8)), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(ArgumentError, match=r"\(H, W, 3\) uint8"):
            toy.predict(wrong)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="logits"):
        Prediction(np.zeros((2, 2), np.uint8), CARD.classes, np.zeros((2, 2, 2), np.float32))


def test_working_size_keeps_the_aspect() -> None:
    assert working_size((480, 640), 288) == (216, 288)
    assert working_size((100, 50), 200) == (200, 100)
    assert working_size((1, 4000), 256) == (16, 256)
    assert working_size((333, 500), 288, 4) == (192, 288)
    assert working_size((1, 4000), 254, 4) == (16, 256)
    assert prepare(np.zeros((10, 20, 3), np.uint8), 64).shape == (1, 3, 32, 64)


def test_weights_that_are_not_ours(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match="no such weights; name a file, or one of: edges, foreground, nuclei"
    ):
        Predictor.load("subject")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(WeightsError, match=r"text\.onnx: not a readable ONNX file"):
        Predictor.load(tmp_path / "text.onnx")
    with pytest.raises(WeightsError, match=r"bare\.onnx: no 'pixelwise' entry"):
        Predictor.load(write_toy(tmp_path / "bare.onnx", card=None))


def test_evaluate_counts_every_pixel_once(toy: Predictor, shapes: Path) -> None:
    target = toy.classes
    dataset = open_dataset(shapes, "val").remapped({"*": "background"}, target)
    scores = evaluate(dataset, toy).scores
    labelled = sum(int((s.label_map != 255).sum()) for s in dataset)
    assert scores.matrix.sum() == labelled
    assert scores.images == 4
    assert scores.source == "shapes val"
    with pytest.raises(ArgumentError, match="data set has no red, green; say what its classes"):
        evaluate(open_dataset(shapes, "val"), toy)


def test_translation_is_given_known_clear_or_refused(shapes: Path) -> None:
    dataset = open_dataset(shapes, "val")
    given_, how = translated(dataset, CARD, {"disc": "red", "*": "background"})
    assert given_.classes == CARD.classes
    assert "disc -> red" in how
    known = replace(CARD, class_rules={"shapes": {"*": "green"}})
    assert set(np.unique(translated(dataset, known)[0][0].label_map)) <= {2, 255}
    clear = replace(CARD, classes=ClassMap(("background", "disc")))
    assert "* -> background" in translated(dataset, clear)[1]
    same = replace(CARD, classes=dataset.classes)
    assert translated(dataset, same) == (dataset, "")
    with pytest.raises(ArgumentError, match=r"has no red, green; .*--map"):
        translated(dataset, CARD)
    # Without a background there is no class to which all else could belong.
    parts = replace(CARD, classes=ClassMap(("disc", "square")))
    with pytest.raises(ArgumentError, match=r"has background, triangle, which .* no background"):
        translated(dataset, parts)


def test_bundled_weights_say_what_they_are() -> None:
    for name in ("voc", "street", "nuclei"):
        card = Predictor.load(name).card
        assert card.name == name
        assert card.licence.startswith("MIT")
        assert card.data
        assert card.design
        assert all("definition" in figures for figures in card.score.values())  # type: ignore[operator]


@pytest.mark.parametrize(("folder", "least"), [("people", 0.87), ("voc2012", 0.74)])
def test_the_bundled_weights_on_real_photos(folder: str, least: float) -> None:
    predictor = Predictor.load("voc")
    # What a set does not label is left out, as when the card was written.
    source = Recipe.read(RECIPES / "voc.json").source(Path(folder))
    unlabelled = tuple(np.flatnonzero(source.hidden(predictor.classes))[1:].tolist())
    dataset = open_dataset(real(folder), "val")
    scores = evaluate(dataset, predictor, unlabelled=unlabelled).scores
    assert scores.foreground_iou >= least
    # The card's figure is measured, not written: it must come out again.
    recorded = predictor.card.score[f"{folder} val"]
    assert recorded["foreground_iou"] == pytest.approx(scores.foreground_iou, abs=1e-3)  # type: ignore[index]


def test_classes_alone_are_those_of_the_whole_network() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    both, classes = Predictor.load("voc"), Predictor.load("voc", instances=False)
    assert both.card.instance_classes
    assert classes.card.instance_classes == ()
    assert isinstance(classes.session, OnnxSession)
    prediction = classes.predict(image)
    assert prediction.instances is None
    assert "whole" not in vars(classes.session)  # the branch was never loaded
    # Instances vote for one class each, which only the whole network can have them do.
    alone = both.predict(image, instances=False)
    assert alone.instances is None
    assert (prediction.label_map == alone.label_map).all()
    assert (both.logits(image) == both.predict(image).logits).all()


def test_a_card_may_not_promise_instances_that_the_file_has_not(tmp_path: Path) -> None:
    path = write_toy(tmp_path / "toy.onnx")
    card = replace(CARD, task="instance", instance_classes=(1,))
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: card.to_json()})
    onnx.save(model, path)
    with pytest.raises(WeightsError, match="its card names instances, but no output has them"):
        Predictor.load(path)
