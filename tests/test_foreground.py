"""What stands out: its targets, its place in a run, and the subject that it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric

from pixelwise import ClassMap, Predictor, read_image
from pixelwise.backgrounds import find_subject
from pixelwise.classes import VOID
from pixelwise.cli.subjects import NOTHING_WRITTEN
from pixelwise.datasets import draw_shapes, open_dataset
from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.inference.session import Outputs
from pixelwise.inference.two_looks import joined
from pixelwise.instances import components
from pixelwise.networks import build_network
from pixelwise.samples import Float32Array, UInt8Array
from pixelwise.training import Recipe, Source, train
from pixelwise.training.augment import Labelled, paste
from pixelwise.training.cost import measure_cost
from pixelwise.training.export.onnx import export_network, write_card
from pixelwise.training.foreground_targets import foreground_loss, foreground_map_of
from pixelwise.weights import read_card, read_weights
from pixelwise.weights.card import ModelCard
from tests.conftest import run

CLASSES = ClassMap(("background", "dog", "sofa"))


def drawn(*rectangles: tuple[int, slice, slice]) -> UInt8Array:
    label_map = np.zeros((60, 80), np.uint8)
    for class_id, rows, columns in rectangles:
        label_map[rows, columns] = class_id
    return label_map


def test_what_is_large_and_central_stands_out() -> None:
    large, small = (1, np.s_[20:40], np.s_[30:50]), (1, np.s_[0:10], np.s_[0:12])
    label_map = drawn(large, small)
    found = foreground_map_of(label_map, None, CLASSES, "")
    assert (found[20:40, 30:50] == 1).all()
    # Whether a dog in the corner is part of the subject is for nobody to say.
    assert (found[0:10, 0:12] == VOID).all()
    assert (found[label_map == 0] == 0).all()
    # Of a photo with a small dog only, or one at the rim, nothing is known.
    for other in (drawn(small), drawn((1, np.s_[0:30], np.s_[0:20]))):
        assert (foreground_map_of(other, None, CLASSES, "") == VOID).all()


def test_furniture_stands_out_only_where_nothing_else_does() -> None:
    sofa, dog = (2, np.s_[20:50], np.s_[10:70]), (1, np.s_[25:40], np.s_[30:50])
    alone = foreground_map_of(drawn(sofa), None, CLASSES, "")
    assert (alone[20:50, 10:70] == 1).all()
    both = drawn(sofa, dog)
    found = foreground_map_of(both, None, CLASSES, "")
    assert (found[both == 1] == 1).all()
    assert (found[both == 2] == VOID).all()


def test_all_that_is_labelled_stands_out_where_a_source_says_so() -> None:
    label_map = drawn((1, np.s_[0:10], np.s_[0:20]))
    label_map[10, :20] = VOID
    found = foreground_map_of(label_map, None, CLASSES, "all")
    assert np.array_equal(found, np.where(label_map == VOID, VOID, label_map > 0))
    # An empty mask is no photo without a subject, but one that was not labelled.
    assert (foreground_map_of(np.zeros((9, 9), np.uint8), None, CLASSES, "only") == VOID).all()


@given(st.integers(0, 10_000))
def test_instances_count_as_their_areas_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label_map = np.repeat(np.repeat(rng.integers(0, 3, (6, 8)), 10, 0), 10, 1).astype(np.uint8)
    by_area = foreground_map_of(label_map, None, CLASSES, "")
    given = tuple(components(label_map, [1, 2], 1))
    assert np.array_equal(by_area, foreground_map_of(label_map, given, CLASSES, ""))
    assert not (by_area[label_map == 0] == 1).any()


def test_the_loss_counts_only_what_is_known() -> None:
    logits = torch.tensor([[[0.0, 9.0, -2.0]]])
    targets = torch.tensor([[[1, VOID, 0]]], dtype=torch.uint8)
    entropy = (np.log(2) + np.log1p(np.exp(-2.0))) / 2
    iou = 0.5 / (1 + 1 / (1 + np.exp(2.0)))
    assert float(foreground_loss(logits, targets)) == pytest.approx(entropy + 1 - iou, rel=1e-5)
    assert float(foreground_loss(logits, torch.full_like(targets, VOID))) == 0


def test_a_pasted_subject_stands_out_there_too() -> None:
    image, nothing = np.zeros((32, 32, 3), np.uint8), np.zeros((8, 8), np.uint8)
    label_map = nothing.copy()
    label_map[:4] = 1
    fine = np.zeros((16, 16), np.uint8)
    front = fine.copy()
    front[2:8] = 1
    front[:2] = VOID
    below = Labelled(image, nothing, None, fine)
    found = paste(below, Labelled(image, label_map, None, front)).foreground_map
    assert found is not None
    assert (found[:2] == VOID).all()
    assert (found[2:7] == 1).all()
    # Along the rim the label map is too coarse to say.
    assert (found[7:9] == VOID).all()
    assert (found[9:] == 0).all()


def test_sources_check_themselves() -> None:
    with pytest.raises(ArgumentError, match="foreground: expected one of all, only"):
        Source(foreground="some")
    source = Source.from_dict({"foreground": "only", "set_aside": ["a"]})
    assert source.set_aside == ("a",)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Weights of a small run on two drawn sets, one of which says only what stands out."""
    folder = tmp_path_factory.mktemp("foreground")
    shapes = draw_shapes(folder / "shapes", train=6, val=2)
    only = draw_shapes(folder / "salient", train=4, val=1)
    aside = open_dataset(only, say=str).entries[0].name
    recipe = Recipe(
        sources={"salient": Source(foreground="only", set_aside=(aside,))},
        settings={
            **{"size": "tiny", "encoder": "none", "epochs": 1, "crop": 64, "side": 64, "batch": 3},
            **{"foreground_share": 0.5, "copy_paste": 0.5},
        },
    )
    said: list[str] = []
    weights = train([shapes, only], folder / "run", recipe, said.append, device="cpu")
    return weights, shapes


def test_a_run_learns_what_stands_out(trained: tuple[Path, Path]) -> None:
    weights, shapes = trained
    predictor = Predictor.load(weights)
    assert predictor.card.foreground
    image = open_dataset(shapes, "val", say=str)[0].image
    found = predictor.outputs(image)
    assert found.foreground is not None
    height, width = found.logits.shape[1:]
    assert found.foreground.shape == (height // 2, width // 2)
    assert np.isfinite(found.foreground).all()
    # Its label maps are those of the classes alone.
    assert predictor.predict(image).label_map.max() < len(predictor.classes)
    # What is left of a restriction has classes to go by.
    names = ("background", predictor.classes.names[1])
    assert Predictor.load(weights, classes=names).outputs(image).foreground is None


def test_an_export_names_each_output_rightly(tmp_path: Path) -> None:
    network = build_network(3, "tiny", "centres", foreground=True)
    card = ModelCard("toy", CLASSES, 64, "toy", "-", "MIT", task="instance", instance_classes=(1,))
    path = tmp_path / "toy.onnx"
    assert export_network(network, replace(card, foreground=True), path) < 1e-3
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 96)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image))
    session = Predictor.load(path).session
    whole = session.run(image, instances=True, foreground=True)
    cut = session.run(image, foreground=True)
    assert whole.branch[0].shape == (1, 3, 32, 48)
    assert cut.branch == ()
    assert session.run(image, instances=True).foreground is None
    for found in (whole, cut):
        assert found.foreground is not None
        assert expected.foreground is not None
        np.testing.assert_allclose(found.foreground, expected.foreground.numpy(), atol=1e-3)


def test_a_step_is_measured_with_the_backward_pass_of_all_outputs() -> None:
    network = build_network(3, "tiny", "centres", foreground=True)
    reached = set()
    for name, parameter in network.named_parameters():
        parameter.register_hook(lambda _, name=name: reached.add(name))  # type: ignore[no-untyped-call]
    measure_cost(network, 3, 64, Fabric(accelerator="cpu", devices=1))
    assert reached == {name for name, _ in network.named_parameters()}


def test_labels_that_say_only_what_stands_out_need_somebody_to_learn_it(tmp_path: Path) -> None:
    shapes = draw_shapes(tmp_path / "shapes", train=2)
    recipe = Recipe(sources={"shapes": Source(foreground="only")})
    with pytest.raises(ArgumentError, match="shapes: its labels say only what stands out"):
        train([shapes], tmp_path / "run", recipe, str)


def test_a_card_that_names_a_foreground_needs_the_output(tmp_path: Path) -> None:
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(read_weights("nuclei"))
    write_card(plain, replace(read_card("nuclei"), foreground=True))
    with pytest.raises(WeightsError, match="names a foreground"):
        Predictor.load(plain)


@given(st.integers(0, 10_000))
def test_two_looks_join_as_whole_and_detail(seed: int) -> None:
    rng = np.random.default_rng(seed)
    flat = np.full((1, 96, 144), rng.uniform(-4, 4), np.float32)
    other = np.full((1, 64, 96), rng.uniform(-4, 4), np.float32)
    # Of even areas the mean of both counts.
    np.testing.assert_allclose(joined(flat, other), (flat + other[0, 0, 0]) / 2, atol=1e-4)
    # A second look that says the same changes nothing.
    np.testing.assert_allclose(joined(flat, flat[:, :64, :96]), flat, atol=1e-4)
    # Detail that only the first look shows stays: a checkerboard of single pixels.
    fine = flat + np.where(np.indices(flat.shape[1:]).sum(0) % 2, 2, -2).astype(np.float32)
    found = joined(fine, other)[0] - joined(flat, other)[0]
    np.testing.assert_allclose(np.abs(found[20:70, 20:120]), 2, atol=0.1)
    # Of several classes what is added to all of them says nothing.
    planes = rng.normal(0, 3, (3, 24, 36)).astype(np.float32)
    shifted = planes + rng.normal(0, 3, (24, 36)).astype(np.float32)
    np.testing.assert_allclose(
        joined(planes, planes[:, ::2, ::2]), joined(shifted, planes[:, ::2, ::2]), atol=1e-4
    )


def test_a_large_object_that_is_lost_closely_is_found_from_further_away() -> None:
    whole = np.zeros((60, 80), np.uint8)
    whole[10:50, 10:70] = 1
    part = whole.copy()
    part[:, 40:] = 0

    class Looks:
        """A `Session` that sees half of an object in large images, all of it in small ones."""

        def run(
            self,
            batch: Float32Array,
            instances: bool = False,  # noqa: ARG002
            foreground: bool = False,
        ) -> Outputs:
            label_map, sure = (part, 1) if batch.shape[3] == CARD.side else (whole, 4)
            height, width = batch.shape[2:]
            drawing = cv2.resize(label_map, (width // 2, height // 2)).astype(np.float32)
            front = sure * (2 * drawing - 1)
            logits = np.stack([-2 * front, 2 * front, np.full_like(front, -9)])[None]
            return Outputs(logits, (), front[None] if foreground else None)

    image = np.zeros((60, 80, 3), np.uint8)
    twice = Predictor(replace(CARD, second_look=0.5), Looks())
    for found in (find_subject(twice, image).alpha(image) > 0.5, twice.predict(image).label_map):
        assert np.count_nonzero(found[whole > 0]) > 0.9 * np.count_nonzero(whole)
        # The outline of what only the second look sees is coarse.
        assert np.count_nonzero(found[whole == 0]) < 0.15 * np.count_nonzero(whole)
    once = twice.once().predict(image).label_map
    assert np.count_nonzero(once[(whole > 0) & (part == 0)]) < 0.05 * np.count_nonzero(whole)


def test_the_network_gives_it_at_half_the_images_size() -> None:
    network = build_network(3, "tiny", "centres", foreground=True).eval()
    with torch.inference_mode():
        for shrink in (1, network.stride):
            output = network(torch.zeros(2, 3, 33, 70), shrink)
            assert output.foreground is not None
            assert output.foreground.shape == (2, 17, 35)
    assert [t.ndim for t in output.tensors()] == [4, 4, 3]


@dataclass(frozen=True)
class Drawn:
    """A `Session` whose answers were drawn."""

    label_map: UInt8Array
    front: UInt8Array

    def run(
        self, batch: Float32Array, instances: bool = False, foreground: bool = False
    ) -> Outputs:
        assert batch.ndim == 4
        assert foreground
        assert not instances
        logits = np.stack([np.where(self.label_map == c, 9.0, 0.0) for c in range(3)])
        front = np.where(self.front, 5.0, -5.0).astype(np.float32)
        return Outputs(logits[None].astype(np.float32), (), front[None])


CARD = ModelCard("toy", CLASSES, 80, "drawn", "-", "MIT", foreground=True)


def test_the_subject_is_what_stands_out_whatever_its_class() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    dog, cup = np.s_[20:40, 10:30], np.s_[20:40, 50:70]
    label_map, front = np.zeros((60, 80), np.uint8), np.zeros((60, 80), np.uint8)
    label_map[dog] = 1
    front[cup] = 1
    front[0:2, 0:3] = 1  # a speck
    nothing_known = find_subject(Predictor(CARD, Drawn(label_map, front)), image)
    assert nothing_known.names == ("other",)
    assert (nothing_known.probability[cup] > 0.9).all()
    assert (nothing_known.probability[dog] < 0.1).all()
    assert (nothing_known.probability[0:2, 0:3] == 0).all()
    # Named classes are those of the label map.
    named = find_subject(Predictor(CARD, Drawn(label_map, front)), image, ("dog",))
    assert named.names == ("dog",)
    assert (named.probability[dog] > 0.9).all()
    front[dog] = 1
    both = find_subject(Predictor(CARD, Drawn(label_map, front)), image)
    assert both.names == ("dog",)
    nobody = Predictor(CARD, Drawn(label_map, np.zeros_like(front)))
    assert find_subject(nobody, image).names == ()


def test_blur_keeps_what_stands_out(trained: tuple[Path, Path], tmp_path: Path) -> None:
    weights, shapes = trained
    photo = next((shapes / "JPEGImages").iterdir())
    done = run("blur", photo, "--weights", weights, "--out", tmp_path / "out.png")
    assert done.returncode in (0, NOTHING_WRITTEN), done.stderr
    if done.returncode:
        assert "found nothing that stands out" in done.stdout
    else:
        assert read_image(tmp_path / "out.png").shape == read_image(photo).shape
