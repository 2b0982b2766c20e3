"""How often images are drawn: data sets by their weight, rare classes more often."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric
from PIL import Image

from pixelwise import open_dataset
from pixelwise.errors import ArgumentError
from pixelwise.samples import Float64Array
from pixelwise.training import Recipe, Source, train
from pixelwise.training.batches import Batches
from pixelwise.training.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.training.draws import WITHOUT_CLASS, Draws, plan_draws, read_shown
from pixelwise.training.plan import summarise_data
from pixelwise.training.segmentation import LabelledSamples
from pixelwise.training.settings import Settings

FACTORS = np.array([0, 1.4, 1.5, 3])
SHOWN = np.array([[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]], np.bool_)
HAVE = np.array([True, False, True, True, False])


def draws_of(weights: Float64Array, length: int) -> Draws:
    return Draws(weights, length, FACTORS, SHOWN, HAVE)


def test_any_two_images_meet_in_some_epoch() -> None:
    draws = Draws(
        np.full(8, 0.5), 4, np.zeros(1), np.zeros((8, 1), np.bool_), np.zeros(8, np.bool_)
    )
    epochs = {frozenset(draws.epoch(np.random.default_rng(seed)).tolist()) for seed in range(400)}
    assert all(any({a, b} <= epoch for epoch in epochs) for a in range(8) for b in range(a))


@given(st.lists(st.floats(0.05, 9), min_size=5, max_size=5), st.integers(1, 80), st.integers(0, 99))
def test_an_epoch_draws_by_weight(weights: list[float], length: int, seed: int) -> None:
    draws = draws_of(np.array(weights), length)
    order = draws.epoch(np.random.default_rng(seed))
    assert len(order) == length
    expected = length * draws.weights / draws.weights.sum()
    assert (np.abs(np.bincount(order, minlength=5) - expected) < 1 + 1e-6).all()
    np.testing.assert_array_equal(order, draws.epoch(np.random.default_rng(seed)))


def test_the_mean_of_many_draws_is_the_weight() -> None:
    draws, rng = draws_of(np.array([0.3, 1, 2, 0.5, 1.2]), 7), np.random.default_rng(0)
    expected = draws.weights / draws.weights.sum()
    epochs = np.concatenate([draws.epoch(rng) for _ in range(1000)])
    singles = np.array([draws.one(rng) for _ in range(7000)])
    for order in (epochs, singles):
        np.testing.assert_allclose(np.bincount(order) / 7000, expected, atol=0.02)


def test_whole_repeats_are_exact(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    draws = plan_draws([dataset, dataset], [1, 3])
    n = len(dataset)
    for seed in range(20):
        counts = np.bincount(draws.epoch(np.random.default_rng(seed)), minlength=2 * n)
        assert counts.tolist() == [1] * n + [3] * n
    half = plan_draws([dataset], [0.5])
    assert len(half.epoch(np.random.default_rng(0))) == n // 2


def test_rare_classes_have_the_factor_of_lvis(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    shown = np.array([[np.mean(s.label_map == c) > 0.005 for c in range(4)] for s in dataset])
    draws = plan_draws([dataset], [1], 0.9, read_shown([dataset], None))
    np.testing.assert_array_equal(draws.shown[:, 1:], shown[:, 1:])
    factors = np.maximum(1, np.sqrt(0.9 / np.maximum(shown[:, 1:].mean(axis=0), 1e-9)))
    np.testing.assert_allclose(draws.factors[1:], factors)
    own = np.where(shown[:, 1:], factors, 0).max(axis=1)
    np.testing.assert_allclose(draws.weights, np.where(own > 0, own, WITHOUT_CLASS))
    assert len(draws.epoch(np.random.default_rng(0))) == len(dataset)


def test_crops_show_the_rarest_class_of_their_image(tmp_path: Path) -> None:
    # In the first image a square of class 2 in a corner, in the others discs of class 1 all over.
    labels = np.ones((4, 60, 90), np.uint8)
    labels[0], labels[0, :12, :12] = 0, 2
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number, label_map in enumerate(labels):
        for kind, array in (("images", np.zeros((60, 90, 3), np.uint8)), ("masks", label_map)):
            Image.fromarray(array).save(tmp_path / kind / f"{number}.png")
    dataset = open_dataset(tmp_path, say=str)
    settings = Settings(crop=32, scale=(3, 3), rotate=0)

    def shares(rare_share: float) -> Float64Array:
        draws = plan_draws([dataset], [1], rare_share, read_shown([dataset], None))
        samples = LabelledSamples([dataset], draws, None, settings, (2, 2))
        crops = (samples.crop(0, 32, np.random.default_rng(seed)) for seed in range(200))
        return np.array([np.mean(targets[0] == 2) for _, targets in crops])

    alike, sought = shares(0.4), shares(0.9)  # factors of 1.26 and 1.9
    assert (sought >= alike).all()
    seen, chance = np.mean(sought > 0), np.mean(alike > 0)
    assert seen == pytest.approx(1 - (1 - chance) ** 3, abs=0.1)


def test_what_is_pasted() -> None:
    draws, rng = draws_of(np.ones(5), 5), np.random.default_rng(0)
    assert [draws.sought(n) for n in range(5)] == [None, 2, 3, None, 3]
    assert {draws.one_of_rare(rng) for _ in range(40)} == {2, 4}  # class 3
    # With instances, and a class of the first one's.
    assert {draws.one_alike(0, rng) for _ in range(40)} == {0, 2}
    assert {draws.one_alike(4, rng) for _ in range(40)} == {2}
    assert draws.one_alike(3, rng) is None
    nothing = Draws(np.ones(5), 5, np.zeros(4), np.zeros((5, 4), np.bool_), HAVE)
    assert nothing.one_of_rare(rng) is None
    assert nothing.sought(2) is None


def test_batches_with_rare_classes_depend_on_seed_and_epoch_alone(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    settings = Settings(crop=32, first_crop=32, batch=4, rare_share=0.9, copy_paste=0.5)
    draws = plan_draws([dataset], [1.5], 0.9, read_shown([dataset], [""]))

    def images(epoch: int, ahead: int = 0, rank: int = 0, processes: int = 1) -> torch.Tensor:
        device = SimpleNamespace(type="cpu")
        fabric = SimpleNamespace(device=device, global_rank=rank, world_size=processes)
        samples = LabelledSamples([dataset], draws, None, settings, (2, 2))
        batches = Batches(samples, settings, cast(Fabric, fabric))
        batches.ahead = ahead
        assert batches.steps == draws.length // 4
        assert len(batches.names(epoch, 0)) == 4
        return torch.stack([batch for batch, _ in batches.epoch(epoch)])

    first = images(3)
    assert torch.equal(images(3), first)
    assert torch.equal(images(3, ahead=2), first)  # prepared by threads
    assert torch.equal(images(3, rank=1, processes=2), first[:, 1::2])
    assert not torch.equal(images(4), first)


def test_a_stopped_run_goes_on_without_looking_for_rare_classes_again(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StoppedError(Exception):
        pass

    def stop(path: Path, state: dict[str, object]) -> None:
        save_checkpoint(path, state)
        raise StoppedError

    settings = {"epochs": 2, "crop": 32, "first_crop": 32, "side": 64, "batch": 4, "size": "tiny"}
    settings |= {"rare_share": 0.9, "copy_paste": 0.5}
    recipe = Recipe(sources={shapes.name: Source(repeat=1.5)}, settings=settings)
    monkeypatch.setattr("pixelwise.training.loop.finish", lambda run: run.out)  # no export
    train([shapes], tmp_path / "whole", recipe, lambda _: None)
    with monkeypatch.context() as patch:
        patch.setattr("pixelwise.training.loop.save_checkpoint", stop)
        with pytest.raises(StoppedError):
            train([shapes], tmp_path / "stopped", recipe, lambda _: None)
    read: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("pixelwise.training.draws.count_ids", read.append)
        train([shapes], tmp_path / "stopped", recipe, lambda _: None)
    assert not read
    one, other = (load_checkpoint(tmp_path / n / "checkpoint.pt") for n in ("whole", "stopped"))
    assert one["facts"] == other["facts"]
    assert all(torch.equal(one["average"][n], value) for n, value in other["average"].items())


def test_images_that_were_added_are_looked_at(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    shown = read_shown([dataset], None)
    few = [{name: shown[0][name] for name in list(shown[0])[:3]}]
    assert read_shown([dataset], None, few) == shown
    assert list(read_shown([dataset[:2]], None, shown)[0]) == [e.name for e in dataset[:2].entries]


def test_what_is_pasted_is_rare_or_alike_or_any(shapes: Path) -> None:
    samples = LabelledSamples(
        [open_dataset(shapes, say=str)[:5]], draws_of(np.ones(5), 5), None, Settings(), (2, 2)
    )
    rng = np.random.default_rng(0)
    share = np.bincount([samples._other(0, rng) for _ in range(4000)]) / 4000
    rare, alike = np.array([0, 0, 1, 0, 1]) / 2, np.array([1, 0, 1, 0, 0]) / 2
    np.testing.assert_allclose(share, 0.35 * rare + 0.45 * alike + 0.2 / 5, atol=0.03)


def test_what_is_pasted_where_no_class_is_rare_follows_the_repeats(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    draws = plan_draws([dataset[:2], dataset[2:]], [9, 1])
    samples = LabelledSamples([dataset[:2], dataset[2:]], draws, None, Settings(), (2, 2))
    rng = np.random.default_rng(0)
    share = np.mean([samples._other(5, rng) < 2 for _ in range(500)])
    assert share == pytest.approx(18 / (18 + len(dataset) - 2), abs=0.08)


@pytest.mark.parametrize("repeat", [0, -1.0, float("nan"), float("inf"), "2"])
def test_a_repeat_is_a_number_above_0(repeat: float) -> None:
    with pytest.raises(ArgumentError, match="repeat: expected a number above 0, got"):
        Source(repeat=repeat)
    assert Source.from_dict({"repeat": 2}) == Source(repeat=2.0)  # as older recipes have it


def test_shares_are_checked() -> None:
    for name in ("rare_share", "instance_share"):
        with pytest.raises(ArgumentError, match=f"{name}: expected 0..1, got 2"):
            Settings.of({name: 2})


def test_background_of_partly_labelled_sets_is_not_counted(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)

    def counts(*hidden: tuple[bool, ...]) -> list[int]:
        return list(summarise_data([dataset, dataset], [1, 1], [], None, list(hidden)).counts)

    whole, partly = (True, False, False, False), (True, True, False, False)
    both, alone = counts(whole, whole), counts(whole, partly)
    assert 2 * alone[0] == both[0]
    assert alone[1:] == both[1:]
    # Where no data set shows real background, that of all of them counts.
    assert counts(partly, partly) == both
