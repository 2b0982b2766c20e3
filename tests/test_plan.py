"""The plan of a run: from the data, the machine and the time; given back it is the same."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixelwise import Predictor, ReadOptions, open_dataset
from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.networks import build_network, count_parameters
from pixelwise.training import Recipe, Settings, train
from pixelwise.training.checkpoint import load_checkpoint
from pixelwise.training.draws import plan_draws
from pixelwise.training.optim import class_weights
from pixelwise.training.plan import DataSummary, StepCost, make_plan, summarise_data
from pixelwise.training.pretrained import start_from
from tests.conftest import call, real, run

EVEN = np.array([100, 120, 90])


def look(
    photos: int = 400,
    size: tuple[int, int] = (360, 480),
    counts: Any = EVEN,
    judged: int = 100,
) -> DataSummary:
    return DataSummary(photos, judged, size, np.asarray(counts))


def cost(seconds: float = 0.02, memory: float = 16e9) -> Any:
    return lambda _, crop: StepCost(crop, seconds, 50_000_000, int(memory))


def settings(recipe: Recipe, at: DataSummary, cost: Any) -> Settings:
    return make_plan(recipe, at, cost).settings


def test_sizes_come_from_the_photos() -> None:
    small = settings(Recipe(), look(size=(100, 130)), cost())
    assert small.side == 128
    assert small.crop < small.side
    large = settings(Recipe(), look(size=(3000, 4000)), cost())
    assert large.side == 512
    for plan in (small, large):
        low, high = (share * plan.crop / plan.side for share in plan.scale)
        assert low < 1 < high


def test_the_batch_comes_from_the_memory_and_the_number_of_photos() -> None:
    assert settings(Recipe(), look(photos=5000), cost()).batch == 32
    assert settings(Recipe(), look(photos=5000), cost(memory=0.9e9)).batch == 8
    assert settings(Recipe(), look(photos=5000), cost(memory=0.9e9)).learning_rate < 0.003
    assert settings(Recipe(), look(photos=3), cost()).batch == 2
    shared = make_plan(Recipe(), look(photos=5000), cost(memory=0.4e9), processes=3)
    assert shared.settings.batch == 12


@pytest.mark.parametrize("minutes", [5, 60])
def test_the_epochs_come_from_the_time(minutes: float) -> None:
    plan = make_plan(Recipe(minutes=minutes), look(), cost())
    assert plan.minutes == pytest.approx(minutes, rel=0.25)
    slower = make_plan(Recipe(minutes=minutes), look(), cost(seconds=0.06))
    assert slower.settings.epochs < plan.settings.epochs
    assert make_plan(Recipe(minutes=0.001), look(), cost()).settings.epochs == 1


def test_rare_classes_count_more() -> None:
    assert settings(Recipe(), look(), cost()).balance == 0
    plan = make_plan(Recipe(), look(counts=[10_000, 3_000, 20]), cost())
    assert plan.settings.balance == 0.5
    assert "0.15%" in plan.reasons["balance"]


def test_what_is_given_stays_and_has_no_reason() -> None:
    told: dict[str, Any] = {"side": 200, "batch": 5, "epochs": 7, "balance": 0.1}
    plan = make_plan(Recipe(settings=told), look(), cost())
    assert {name: getattr(plan.settings, name) for name in told} == told
    assert not set(told) & set(plan.reasons)
    text = "\n".join(plan.lines())
    assert "crop" in text
    assert "side" not in text.split()


def test_a_plan_given_back_decides_everything() -> None:
    plan = make_plan(Recipe(minutes=10), look(), cost())
    again = make_plan(
        Recipe.from_dict(json.loads(json.dumps(plan.recipe.as_dict()))), look(), cost(seconds=9)
    )
    assert again.settings == plan.settings
    assert again.reasons == {}


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30), st.floats(0, 1))
def test_weights_keep_the_mean_weight_of_a_pixel(counts: list[int], balance: float) -> None:
    weights = class_weights(np.array(counts), balance)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    if sum(counts):
        share = np.array(counts) / sum(counts)
        assert float((weights * share).sum()) == pytest.approx(1, rel=1e-3)
        order = np.argsort(counts)
        assert (np.diff(weights[order]) <= 1e-4 * weights.max()).all()


def test_repeats_and_void_in_the_look(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    once = summarise_data([dataset], [1], [])
    both = summarise_data([dataset, dataset], [1, 2], [dataset])
    assert (once.images, both.images, both.held_out) == (8, 24, 8)
    assert (both.counts == 3 * once.counts).all()
    assert once.size == (64, 80)
    labels = np.concatenate([s.label_map.ravel() for s in dataset])
    assert once.counts.sum() == (labels != 255).sum()


@pytest.mark.parametrize("minutes", [None, 1.0])
def test_a_small_share_of_few_images_is_one_image(shapes: Path, minutes: float | None) -> None:
    dataset = open_dataset(shapes, say=str)[:4]
    summary = summarise_data([dataset], [0.1], [dataset])
    # As many as an epoch draws.
    assert summary.images == plan_draws([dataset], [0.1]).length == 1
    assert settings(Recipe(minutes=minutes), summary, cost()).epochs >= 20


def test_a_class_that_only_label_maps_without_instances_show_may_have_some(shapes: Path) -> None:
    dataset = open_dataset(shapes, say=str)
    names = dataset.classes.names
    rules = dict.fromkeys(names[2:], "background")
    # One folder shows instances of the first class alone, the other all classes without any.
    discs = dataset.remapped(rules, dataset.classes)
    summary = summarise_data([discs, dataset.semantic()], [1, 1], [], ["areas", ""])
    assert summary.counts[2] > 0
    assert summary.instance_classes == tuple(range(1, len(names)))


def test_camvid_is_planned_for_its_rare_classes() -> None:
    dataset = open_dataset(real("camvid"), options=ReadOptions(void=11), say=str)
    plan = make_plan(Recipe(minutes=60), summarise_data([dataset], [1], []), cost())
    assert plan.settings.side == 480
    assert plan.settings.balance > 0


@pytest.mark.parametrize(("size", "most"), [("small", 1_500_000), ("base", 8_000_000)])
def test_the_networks_keep_their_size(size: str, most: int) -> None:
    assert most / 2 < count_parameters(build_network(21, size)) <= most


QUICK = ("--minutes", "0.02", "--encoder", "none")


@pytest.fixture(scope="module")
def planned(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("plan") / "run"
    done = run("train", shapes, "--out", out, *QUICK, "--tensorboard")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_train_with_nothing_but_a_time(planned: tuple[Path, str], shapes: Path) -> None:
    out, said = planned
    assert "the plan, about" in said
    assert "images are about 80 x 64 px" in said
    saved = Recipe.read(out / "plan.json")
    assert saved.settings["side"] in (64, 96)
    assert list((out / "tensorboard").iterdir())
    # The same command continues, and so does the plan it made.
    again = call("train", shapes, "--out", out, *QUICK)
    assert "finished before" in again.stdout, again.stderr
    given_back = call("train", shapes, "--out", out, "--recipe", out / "plan.json")
    assert "finished before" in given_back.stdout, given_back.stderr
    other = call("train", shapes, "--out", out, "--minutes", "9")
    assert other.returncode == 2
    assert "holds a run with another recipe" in other.stderr


@pytest.mark.parametrize("file", ["model.onnx", "checkpoint.pt"])
def test_a_run_starts_from_weights(planned: tuple[Path, str], file: str) -> None:
    """Judged in training mode, as the run begins, the network must give what the file gives."""
    out = planned[0]
    images = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    network = build_network(4)
    said = start_from(network, str(out / file), images)
    assert "random" not in said
    trained = Predictor.load(out / "model.onnx")
    expected = trained.session.run(images.numpy()).logits
    state = load_checkpoint(out / "checkpoint.pt")
    assert Recipe.from_dict(state["plan"]).settings["balance"] > 0
    # The file's logits are those of probabilities: the classes' weights are taken back in it.
    expected = expected + np.log(state["facts"]["class_weights"])[:, None, None]
    with torch.inference_mode():
        found = network.eval()(images).logits.numpy()
    assert np.abs(found - expected).max() < 1e-3
    if file == "model.onnx":
        with torch.inference_mode():
            found = network.train()(images).logits.numpy()
        assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max() + 1e-3


def test_other_classes_get_a_new_head(planned: tuple[Path, str]) -> None:
    network = build_network(7)
    said = start_from(network, str(planned[0] / "model.onnx"), torch.rand(2, 3, 64, 64) * 255)
    assert said.endswith("% of the weights; random: head")


def test_weights_that_do_not_fit_are_refused(planned: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is it of another --size"):
        start_from(
            build_network(4, "base"), str(planned[0] / "model.onnx"), torch.rand(1, 3, 64, 64)
        )
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no")
    with pytest.raises(WeightsError):
        start_from(build_network(4), str(broken), torch.rand(1, 3, 64, 64))


def test_the_weights_of_the_package_are_a_start_for_other_classes() -> None:
    images = torch.rand(2, 3, 64, 64) * 255
    fresh = build_network(4, "tiny")
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    start_from(fresh, "nuclei", images)
    changed = [n for n, v in fresh.state_dict().items() if not torch.equal(v, before[n])]
    assert len(changed) > 0.8 * len(before) - 40
    assert torch.equal(fresh.head.weight, before["head.weight"])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--size", "huge"), "unknown size 'huge'; there is: tiny, small, base"),
        # Its range is known to the command line, which words it in its own way.
        (("--balance", "2"), "Invalid value for '--balance'"),
        (("--set", "balance=2"), "balance: expected 0..1"),
        (("--minutes", "0"), "minutes: expected above 0"),
        (("--set", "rotate"), "--set takes NAME=VALUE"),
        (("--set", "speed=9"), "unknown key 'speed'; known: task, size, epochs"),
        (("--set", "precision=float8"), "unknown precision 'float8'"),
        (("--device", "tpu"), "unknown device 'tpu'"),
        (("--weights", "gone.onnx"), "gone.onnx: no such weights"),
    ],
)
def test_bad_options_are_explained(
    shapes: Path, tmp_path: Path, option: tuple[str, str], message: str
) -> None:
    command = ("train", shapes, "--out", tmp_path / "run", "--epochs", "1", "--crop", "64")
    done = call(*command, *option)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_epochs_without_a_time_depend_on_the_number_of_photos() -> None:
    counts = [settings(Recipe(), look(photos=n), cost()).epochs for n in (10, 1000, 10**6)]
    assert counts == [300, 100, 20]
    assert all(math.isfinite(n) for n in counts)


def test_a_frozen_recipe_is_not_changed_by_its_plan() -> None:
    recipe = Recipe(minutes=5)
    make_plan(recipe, look(), cost())
    assert recipe == Recipe(minutes=5)
    with pytest.raises(ArgumentError):
        replace(recipe, settings={"epochs": 0})


def test_train_takes_a_plan_from_python(shapes: Path, tmp_path: Path) -> None:
    told = {"epochs": 1, "crop": 64, "side": 80, "batch": 4}
    said: list[str] = []
    train([shapes], tmp_path / "run", Recipe(settings=told), said.append, device="cpu")
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["epoch"] == 1
    assert not any(line.strip().startswith("crop ") for line in said)


def test_small_objects_are_seen_at_their_own_scale() -> None:
    asked = Recipe(settings={"task": "instance"})
    cells = replace(
        look(size=(512, 640)), instance_classes=(1,), instance_sizes=np.linspace(5, 30, 100)
    )
    plan = make_plan(asked, cells, cost())
    assert plan.settings.image_scale == pytest.approx(1.5)  # the smallest, 6.25 px, become 10
    assert plan.settings.stretch_levels
    assert "instances are 6 to 29 px" in plan.reasons["image_scale"]
    assert plan.settings.nms_window == 5
    people = replace(cells, instance_sizes=np.linspace(60, 300, 100))
    plan = make_plan(asked, people, cost())
    assert plan.settings.image_scale == 0
    assert not plan.settings.stretch_levels
    assert plan.settings.nms_window > 5
    assert "centre_sigma" in plan.reasons
    # What is decided stays.
    asked = Recipe(settings={"task": "instance", "image_scale": 0.0, "stretch_levels": False})
    assert make_plan(asked, cells, cost()).settings.image_scale == 0
    assert "image_scale" not in make_plan(Recipe(), look(), cost()).reasons
