"""Data sets that label only some of the model's classes."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from pixelwise import evaluate, open_dataset
from pixelwise.classes import VOC, VOID, ClassMap
from pixelwise.errors import ArgumentError
from pixelwise.evaluation import evaluation_page
from pixelwise.evaluation.unlabelled import leave_out_instances
from pixelwise.samples import Instance, UInt8Array
from pixelwise.training import Recipe, Settings, Source, train
from pixelwise.training.augment import UNKNOWN
from pixelwise.training.batches import Batches
from pixelwise.training.draws import plan_draws
from pixelwise.training.instance_targets import instance_map_of
from pixelwise.training.optim import pixel_loss
from pixelwise.training.partial import main_box_only, partial_loss, says_something
from pixelwise.training.segmentation import LabelledSamples
from tests.made import mask, photo, write

CLASSES = ClassMap(("background", "person", "cat", "chair"))
SHARES = torch.tensor([0.4, 0.3, 0.2, 0.1])


def one_pixel(label: int, *labelled: str) -> float:
    """The loss of a pixel with the probabilities `SHARES`, if only some classes are labelled."""
    hidden = torch.tensor([Source(labelled=labelled).hidden(CLASSES)])
    logits = SHARES.log().view(1, 4, 1, 1) + 3  # a shift of all logits changes nothing
    return partial_loss(logits, torch.tensor([[[label]]]), hidden).item()


@pytest.mark.parametrize(
    ("label", "labelled", "share"),
    [
        (0, ("person", "cat", "chair"), 0.4),
        (0, ("person",), 0.4 + 0.2 + 0.1),
        (0, ("cat", "chair"), 0.4 + 0.3),
        (0, (), 1.0),
        (1, ("person",), 0.3),
        (3, ("person",), 0.1),
        (2, (), 0.2),
    ],
)
def test_background_is_the_sum_of_what_it_may_contain(
    label: int, labelled: tuple[str, ...], share: float
) -> None:
    assert one_pixel(label, *labelled) == pytest.approx(-math.log(share), abs=1e-6)


def test_void_says_nothing() -> None:
    assert one_pixel(255, "person") == 0


def test_with_all_classes_labelled_it_is_the_ordinary_loss() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 6, 5)
    labels = torch.randint(0, 4, (2, 6, 5))
    labels[0, :2] = 255
    hidden = torch.tensor([Source().hidden(CLASSES)] * 2)
    weights = torch.tensor([0.5, 1.0, 2.0, 3.0])
    for weight in (None, weights):
        loss = partial_loss(logits, labels, hidden, weight)
        torch.testing.assert_close(loss, pixel_loss(logits, labels, weight))


def test_each_image_of_a_batch_has_its_own_labelled_classes() -> None:
    logits = SHARES.log().view(1, 4, 1, 1).expand(3, 4, 1, 1)
    labels = torch.zeros(3, 1, 1, dtype=torch.int64)
    sources = (Source(), Source(labelled=("person",)), Source(labelled=()))
    hidden = torch.tensor([source.hidden(CLASSES) for source in sources])
    # The third image says nothing, so the mean is over two pixels.
    expected = -(math.log(0.4) + math.log(0.7)) / 2
    assert partial_loss(logits, labels, hidden).item() == pytest.approx(expected, abs=1e-6)
    assert says_something(labels, hidden).flatten().tolist() == [True, True, False]


def test_the_unlabelled_classes_are_not_pushed_against_each_other() -> None:
    logits = torch.zeros(1, 4, 1, 1, requires_grad=True)
    hidden = torch.tensor([Source(labelled=("person",)).hidden(CLASSES)])
    partial_loss(logits, torch.zeros(1, 1, 1, dtype=torch.int64), hidden).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    push = logits.grad.flatten()
    assert push[1] > 0
    assert torch.allclose(push[[0, 2, 3]], push[0].expand(3))
    assert push[0] < 0


def test_a_batch_that_says_nothing_has_loss_and_gradient_zero() -> None:
    logits = torch.randn(1, 4, 2, 2, requires_grad=True)
    hidden = torch.ones(1, 4, dtype=torch.bool)
    loss = partial_loss(logits, torch.zeros(1, 2, 2, dtype=torch.int64), hidden)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_outside_the_box_of_the_main_instance_nothing_is_known(shapes: Path) -> None:
    label_map = np.zeros((40, 60), np.uint8)
    label_map[10:30, 20:30] = 2
    label_map[12, 22] = VOID
    found = main_box_only(label_map)
    expected = np.full_like(label_map, VOID)
    expected[8:32, 18:32] = label_map[8:32, 18:32]
    np.testing.assert_array_equal(found, expected)
    assert (main_box_only(np.zeros((3, 4), np.uint8)) == VOID).all()
    # The batches of such a data set have void where the others have background.
    dataset = open_dataset(shapes, say=str)
    settings = Settings(crop=32, first_crop=32, batch=len(dataset), scale=(2, 2))
    draws, fabric = plan_draws([dataset], [1]), Fabric(accelerator="cpu", devices=1)
    void = []
    for main_only in (False, True):
        samples = LabelledSamples([dataset], draws, None, settings, (2, 2), None, [main_only])
        ((_, (label_maps, *_)),) = Batches(samples, settings, fabric).epoch(0)
        assert label_maps is not None
        void.append(int((label_maps == VOID).sum()))
    assert void[1] > void[0]


def test_a_recipe_keeps_what_is_labelled() -> None:
    sources = {"a": Source(labelled=("cat",)), "b": Source(labelled=()), "c": Source()}
    recipe = Recipe(sources=sources)
    assert Recipe.from_dict(recipe.as_dict()) == recipe
    raw = {"sources": {"a": {"labelled": ["cat"]}, "b": {"labelled": []}, "c": {}}}
    assert Recipe.from_dict(raw) == recipe


def test_an_unknown_labelled_class_lists_the_known_ones() -> None:
    with pytest.raises(ArgumentError, match=r"unknown class 'dog'.*person, cat"):
        Source(labelled=("dog",)).hidden(CLASSES)


def test_instances_of_partly_labelled_images_are_known_within_their_boxes_only() -> None:
    mask = np.zeros((5, 6), dtype=np.bool_)
    mask[1, 1:3] = mask[2, 2] = True
    label_map = mask.astype(np.uint8)
    found = instance_map_of(label_map, (Instance.of(mask, 1, 1),), "", complete=False)
    assert found is not None
    expected = np.full((5, 6), UNKNOWN, dtype=np.uint16)
    expected[1:3, 1:3] = [[1, 1], [0, 1]]
    np.testing.assert_array_equal(found, expected)
    # A crowd, or an instance that the model has no class for, says nothing of its box.
    for unknown in (Instance.of(mask, 1, 1, crowd=True), Instance.of(mask, 255, 1)):
        crowd = instance_map_of(label_map, (unknown,), "", complete=False)
        assert crowd is not None
        assert (crowd == UNKNOWN).all()
    nothing = instance_map_of(np.zeros_like(label_map), (), "", complete=False)
    assert nothing is not None
    assert (nothing == UNKNOWN).all()


def test_batches_say_of_each_image_what_its_data_set_labels(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    sources = (Source(), Source(labelled=dataset.classes.names[1:2]))
    hidden = [source.hidden(dataset.classes) for source in sources]
    settings = Settings(crop=32, first_crop=32, batch=len(dataset))
    fabric = Fabric(accelerator="cpu", devices=1)
    draws = plan_draws([dataset, dataset], [1, 1])
    samples = LabelledSamples([dataset, dataset], draws, None, settings, (2, 2), hidden)
    rows: list[tuple[bool, ...]] = []
    for _, (_, found, _) in Batches(samples, settings, fabric).epoch(0):
        assert found is not None
        rows += map(tuple, found.tolist())
    assert sorted(rows) == sorted(hidden * len(dataset))
    whole = LabelledSamples([dataset], plan_draws([dataset], [1]), None, settings, (2, 2))
    assert next(Batches(whole, settings, fabric).epoch(0))[1][1] is None


def test_training_uses_what_the_recipe_says_is_labelled(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SeenEnoughError(Exception):
        pass

    def seen(
        _: torch.Tensor, label_maps: torch.Tensor, hidden: torch.Tensor, *__: object
    ) -> torch.Tensor:
        assert hidden.tolist() == [list(source.hidden(classes))] * len(label_maps)
        raise SeenEnoughError

    monkeypatch.setattr("pixelwise.training.segmentation.partial_loss", seen)
    classes = open_dataset(shapes, say=str).classes
    source = Source(labelled=classes.names[1:2])
    settings = {"epochs": 1, "crop": 32, "first_crop": 32, "side": 64, "batch": 4}
    recipe = Recipe(sources={shapes.name: source}, settings=settings)
    with pytest.raises(SeenEnoughError):
        train([shapes], tmp_path / "run", recipe, lambda _: None)


def test_the_recipe_of_the_weights_voc() -> None:
    recipe = Recipe.read(Path(__file__).parents[1] / "recipes" / "voc.json")
    assert recipe.classes is not None
    assert recipe.classes.names == VOC.names
    hidden = {name: source.hidden(recipe.classes) for name, source in recipe.sources.items()}
    assert sum(hidden["voc2012"]) == 1
    assert not hidden["coco_person"][VOC.index("person")]
    assert not hidden["furniture"][VOC.index("chair")]
    mains = {name for name, source in recipe.sources.items() if source.main_only}
    assert mains == {"people", "furniture"}
    assert recipe.sources["coco_extra"].options.format == "coco"
    assert recipe.sources["voc2012_aug"].instances == "single"
    assert (recipe.sources["coco"].repeat, recipe.sources["pets"].repeat) == (1.8, 0.18)
    salient = recipe.sources["salient"]
    assert salient.foreground == "only"
    assert len(set(salient.set_aside)) == 100
    settings = Settings.of(recipe.settings)
    assert (settings.rare_share, settings.copy_paste, settings.instance_share) == (0.3, 0.3, 0.5)
    assert [replace(settings, epochs=60).crop_in(epoch) for epoch in (0, 59)] == [320, 480]


def by_hand(folder: Path, label_map: UInt8Array) -> Path:
    """Write a data set of one image, of the size of `label_map`, with the names of `CLASSES`."""
    for split in ("train", "val"):
        photo(folder / split / "images" / "a.png", 0, label_map.shape)
        mask(folder / split / "masks" / "a.png", label_map)
    write(folder / "classes.txt", "\n".join(CLASSES.names))
    return folder


TRUTH = np.array([[0, 0, 0, 0, 0, 1, 1, 1, 255, 255]] * 8, np.uint8)
FOUND = np.array([[0, 1, 2, 2, 3, 1, 2, 0, 2, 1]] * 8, np.uint8)
"""Against `TRUTH`, in columns: where person and cat are labelled, a chair there says nothing."""


@pytest.mark.parametrize(
    ("labelled", "errors"),
    [
        (None, {(0, 1): 1, (0, 2): 2, (0, 3): 1}),
        (("person",), {(0, 1): 1}),
        (("person", "cat"), {(0, 1): 1, (0, 2): 2}),
        ((), {}),
    ],
)
def test_a_background_pixel_counts_only_for_classes_that_are_labelled(
    tmp_path: Path, labelled: tuple[str, ...] | None, errors: dict[tuple[int, int], int]
) -> None:
    dataset = open_dataset(by_hand(tmp_path, TRUTH), "val", say=str)
    hidden = Source(labelled=labelled).hidden(CLASSES)
    unlabelled = [c for c in range(1, 4) if hidden[c]]
    evaluation = evaluate(dataset, lambda _: (FOUND, None), unlabelled=unlabelled)
    # What is labelled as something always counts: a person found, one taken for a cat, one missed.
    right = {(0, 0): 1, (1, 1): 1, (1, 2): 1, (1, 0): 1}
    columns = {at: int(n) // 8 for at, n in np.ndenumerate(evaluation.scores.matrix) if n}
    assert columns == right | errors
    assert evaluation.void_pixels == 8 * (2 + 4 - sum(errors.values()))
    page = evaluation_page(evaluation, dataset, lambda _: (FOUND, None))
    wrong = 2 + sum(errors.values())
    assert f"{100 * wrong / sum(columns.values()):.1f} % of the labelled pixels are wrong" in page


def test_found_instances_count_only_if_their_class_is_labelled() -> None:
    truth = np.zeros((4, 10), np.uint8)
    truth[:, :2], truth[:, 2] = 1, VOID

    def at(left: int, right: int, class_id: int) -> Instance:
        there = np.zeros(truth.shape, np.bool_)
        there[:, left:right] = True
        return Instance.of(there, class_id, 10 * class_id + left)

    found = [at(0, 2, 1), at(0, 2, 2), at(5, 8, 1), at(5, 8, 2), at(1, 6, 2), at(1, 3, 3)]
    left = leave_out_instances(truth, found, [2, 3])
    # A cat in the background or mostly there says nothing; on a person it is wrong.
    assert [i.id for i in left] == [10, 20, 15, 31]
    assert leave_out_instances(truth, found, []) == tuple(found)


def test_a_run_validates_by_what_the_recipe_says_is_labelled(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def validate(*args: object) -> dict[str, float]:
        seen.append(args[-1])
        return {}

    monkeypatch.setattr("pixelwise.training.segmentation.validate", validate)
    monkeypatch.setattr("pixelwise.training.loop.finish", lambda run: run.out)  # no export
    # The data set lies below the folder that is given, and that the recipe names.
    shutil.copytree(shapes, tmp_path / "mine" / "below")
    settings = {"epochs": 1, "crop": 32, "first_crop": 32, "side": 64, "batch": 4, "size": "tiny"}
    recipe = Recipe(sources={"mine": Source(labelled=("square",))}, settings=settings)
    train([tmp_path / "mine"], tmp_path / "run", recipe, lambda _: None)
    assert seen == [[(1, 3)]]
