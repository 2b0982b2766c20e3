"""The training loop: prepare, fit, finish.

    pixelwise train FOLDER --out runs/mine --minutes 60
    pixelwise train-edges BSDS500 --out runs/edges
    torchrun --nproc-per-node 2 -m pixelwise train FOLDER --out runs/mine

What differs between segmentation and boundaries is a task: see `pixelwise.training.task`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from pixelwise.errors import ArgumentError, PixelwiseError
from pixelwise.io.files import stay_here, write_json
from pixelwise.io.stored_path import locate
from pixelwise.networks import Network, count_parameters
from pixelwise.progress import track
from pixelwise.training.batches import Batches, Targets
from pixelwise.training.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.training.cross_validation import cross_validate
from pixelwise.training.distributed import make_fabric, reduced, share_batch_norms
from pixelwise.training.edges.task import Boundaries
from pixelwise.training.export.onnx import export_network, write_card
from pixelwise.training.held_out import write_held_out
from pixelwise.training.journal import Journal
from pixelwise.training.optim import learning_rate, parameter_groups, update_average
from pixelwise.training.plan import Plan
from pixelwise.training.pretrained import start_from
from pixelwise.training.recipe import Recipe
from pixelwise.training.segmentation import Segmentation
from pixelwise.training.settings import Settings
from pixelwise.training.task import Loss, Say, Task
from pixelwise.weights.card import ModelCard

TASKS: dict[str, Callable[[list[Path], Recipe, Say], Task]] = {
    "semantic": Segmentation,
    "instance": Segmentation,
    "boundary": Boundaries,
}
"""What is made of the data, by the setting ``task``."""


def train(
    paths: Sequence[str | Path],
    out: str | Path,
    recipe: Recipe | None = None,
    say: Say = print,
    *,
    device: str = "auto",
    tensorboard: bool = False,
) -> Path:
    """Train a network and write it as ``out/model.onnx``.

    After each epoch ``out/checkpoint.pt`` holds the whole run; the same call again continues
    from it, and on a CPU ends with the same weights as a run that was never stopped. Started by
    torchrun, the processes share each batch between them, and one of them writes.

    Parameters
    ----------
    paths : sequence of str or Path
        Data sets, folders or URLs (`pixelwise.open_dataset`); trained on their ``train`` splits,
        validated on their ``val`` splits. Of a data set that has none, some images are held out
        (`pixelwise.training.held_out`). For the task ``"boundary"``, one folder of BSDS500.
    out : str or Path
        The folder of the run: ``plan.json``, ``held_out.txt`` if images are held out,
        ``checkpoint.pt``, ``log.csv``, ``curves.png``, and at the end ``model.onnx`` and, of
        segmentation, ``report.html``. With the setting ``folds``, also ``folds.json`` and the
        folders of the other runs (`pixelwise.training.cross_validation`).
    recipe : Recipe, optional
        Classes, sources and the settings that are decided; a plan is made for the others.
    say : callable
        Takes each line of the report.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    tensorboard : bool
        Write TensorBoard's files too, into ``out/tensorboard``.

    Returns
    -------
    Path
        Of the weights file.

    Raises
    ------
    DataError
        A data set that cannot be read, or whose classes do not fit.
    ArgumentError
        ``out`` holds a run with another recipe, or there is no such device.
    PixelwiseError
        The loss became NaN or infinite; the message names the images of that batch.

    Examples
    --------
    A run of one small epoch on a drawn data set takes seconds:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes
    >>> from pixelwise.training import Recipe
    >>> with TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     data = draw_shapes(Path(folder, "shapes"))
    ...     recipe = Recipe(settings={"size": "tiny", "epochs": 1, "crop": 32})
    ...     weights = train([data], Path(folder, "run"), recipe, say=str)
    """
    recipe, data, folder = recipe or Recipe(), [locate(path) for path in paths], stay_here(out)
    settings = Settings.of(recipe.settings)
    fabric = make_fabric(device, settings.precision)
    say = say if fabric.is_global_zero else _quiet

    def run(recipe: Recipe, out: Path) -> Path:
        return _train(data, out, recipe, fabric, say, tensorboard)

    if settings.folds and not settings.fold:
        return cross_validate(recipe, folder, run, say, fabric.is_global_zero)
    return run(recipe, folder)


def _train(
    paths: list[Path], out: Path, recipe: Recipe, fabric: Fabric, say: Say, tensorboard: bool
) -> Path:
    """Train once, or continue what is there."""
    task: Task = TASKS[Settings.of(recipe.settings).task](paths, recipe, say)
    state = _begun(out, task, recipe)
    if state.get("finished"):
        say(f"{out}: finished before; for another run give another --out")
        return out / "model.onnx"
    run = prepare(task, recipe, out, state, fabric, say)
    run.journal = Journal(out, tensorboard) if fabric.is_global_zero else None
    fit(run)
    return finish(run)


@dataclass
class Run:
    """All that a run consists of.

    Parameters
    ----------
    task : Task
    plan : Plan
        With every setting decided.
    out : Path
    state : dict of str to object
        What the checkpoint holds.
    fabric : Fabric
    say : callable
    batches : Batches
    network : Network
        In training.
    wrapped : nn.Module
        The same, for several processes.
    average : Network
        The running average of its weights: validated and exported.
    optimizer : torch.optim.Optimizer
    loss : callable
    card : ModelCard
        Of the weights file, without its score.
    journal : Journal, optional
        In the process that writes.
    """

    task: Task
    plan: Plan
    out: Path
    state: dict[str, Any]
    fabric: Fabric
    say: Say
    batches: Batches
    network: Network
    wrapped: nn.Module
    average: Network
    optimizer: torch.optim.Optimizer
    loss: Loss
    card: ModelCard
    journal: Journal | None = None


def prepare(
    task: Task, recipe: Recipe, out: Path, state: dict[str, Any], fabric: Fabric, say: Say
) -> Run:
    """Make or read the plan, build the network, and load what a checkpoint holds."""
    # The plan: made now, or the one the run began with.
    if state:
        plan = Plan(Recipe.from_dict(state["plan"]), facts=state["facts"])
        # A run of an earlier version held out nothing.
        task.hold_out(plan.facts.get("held_out", {}))
    else:
        plan = fabric.broadcast(task.plan(fabric))
        state = {"epoch": 0, "data": task.data, "asked": recipe.as_dict()}
        state |= {"plan": plan.recipe.as_dict(), "facts": dict(plan.facts)}
    settings = plan.settings

    # Network and batches: random weights, or those to start from.
    fabric.seed_everything(settings.seed, verbose=False)
    network = task.network(plan)
    batches = Batches(task.samples(plan, network), settings, fabric)
    if plan.recipe.weights and (settings.freeze_classes or not state["epoch"]):
        crops, _ = next(batches.epoch(0))
        say(start_from(network, plan.recipe.weights, crops, settings.freeze_classes))
    share_batch_norms(network.to(memory_format=torch.channels_last), fabric)  # type: ignore[call-overload]

    # What is validated and exported, and what moves the weights.
    average = deepcopy(network).eval().to(fabric.device)
    average.shift += task.shift(plan).to(fabric.device)
    optimizer = torch.optim.AdamW(parameter_groups(network, settings), lr=settings.learning_rate)
    wrapped, optimizer = fabric.setup(network, optimizer)
    card, loss = task.card(plan, network, out.resolve().name), task.loss(plan, fabric)
    run = Run(
        *(task, plan, out, state, fabric, say, batches),
        *(network, wrapped, average, optimizer, loss, card),
    )
    _introduce(run)

    # A run that has begun goes on where it stopped.
    if state["epoch"]:
        if network.state_dict().keys() != state["network"].keys():
            raise _earlier(out)
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
    elif fabric.is_global_zero:
        write_json(out / "plan.json", plan.recipe.as_dict())
        write_held_out(out, plan.facts.get("held_out", {}))
    return run


def fit(run: Run) -> None:
    """Train epoch by epoch: every batch once, validation if it is due, log and checkpoint."""
    settings, state = run.plan.settings, run.state
    for epoch in range(state["epoch"], settings.epochs):
        row = _train_epoch(run, epoch)

        # Validation, with the averaged weights.
        due = (epoch + 1) % settings.validate_every == 0 or epoch + 1 == settings.epochs
        found = run.task.validate(run.average, run.card, run.fabric) if due else {}
        row |= {name: round(found[name], 4) if name in found else "" for name in run.task.figures}

        # The log and the checkpoint, by one process.
        state |= {
            "epoch": epoch + 1,
            "network": run.network.state_dict(),
            "average": run.average.state_dict(),
            "optimizer": run.optimizer.state_dict(),
        }
        if run.journal is not None:
            run.journal.write(row)
            run.say("  ".join(f"{name} {value}" for name, value in row.items() if value != ""))
            save_checkpoint(run.out / "checkpoint.pt", state)


def finish(run: Run) -> Path:
    """Export the averaged weights, let the task calibrate and score them, and mark the end."""
    weights = run.out / "model.onnx"
    if run.fabric.is_global_zero:
        difference = export_network(run.average, run.card, weights, run.plan.settings.half_size)
        apart = f"largest difference between ONNX Runtime and torch {difference:.1e} (logits)"
        run.say(f"{weights}: {apart}")
        write_card(weights, run.task.finish(weights, run.average, run.card, run.say))
        save_checkpoint(run.out / "checkpoint.pt", run.state | {"finished": True})
    return weights


def _train_epoch(run: Run, epoch: int) -> dict[str, object]:
    """Go through every batch once; return the epoch's row of the log."""
    settings = run.plan.settings
    run.wrapped.train()
    # What a network draws by itself, as for dropout, is the same after a cut.
    torch.manual_seed(settings.seed + epoch)
    if settings.freeze_classes:
        run.network.freeze_classes()
    losses, waited = [], 0.0
    started = asked = time.perf_counter()
    batches = track(run.batches.epoch(epoch), f"epoch {epoch + 1}", run.batches.steps)
    for step, (images, targets) in enumerate(batches):
        waited += time.perf_counter() - asked
        losses.append(_train_step(run, epoch, step, images, targets))
        asked = time.perf_counter()
    seconds = time.perf_counter() - started
    return {
        "epoch": epoch + 1,
        "crop": settings.crop_in(epoch),
        "loss": round(float(torch.stack(losses).mean()), 4),
        "images_per_second": round(settings.batch * len(losses) / seconds, 1),
        "seconds": round(seconds, 1),
        "waiting": round(waited / seconds, 4),
    }


def _train_step(
    run: Run, epoch: int, step: int, images: torch.Tensor, targets: Targets
) -> torch.Tensor:
    """Move the weights by one batch; return its loss, a mean over the processes."""
    fabric, settings = run.fabric, run.plan.settings
    done, total = epoch * run.batches.steps + step, settings.epochs * run.batches.steps
    for group in run.optimizer.param_groups:
        # A run of an earlier version has no shares in its checkpoint.
        group["lr"] = learning_rate(done, total, settings) * group.get("share", 1.0)

    # Forward and backward.
    images = fabric.to_device(images.contiguous(memory_format=torch.channels_last))
    output = run.wrapped(images, run.network.stride)
    loss = run.loss(output, fabric.to_device(targets))
    shared = reduced(fabric, loss.detach(), "mean")
    fabric.backward(loss)
    norm = fabric.clip_gradients(run.wrapped, run.optimizer, max_norm=5.0, error_if_nonfinite=False)

    # A loss or gradient of NaN would spoil all weights at once.
    for what, value in (("loss", shared), ("gradient", torch.as_tensor(norm))):
        if not torch.isfinite(value):
            names = ", ".join(run.batches.names(epoch, step))
            raise PixelwiseError(
                f"the {what} became {value.item()} in epoch {epoch + 1}, in the batch of {names}; "
                "look at these images, or start again in another --out with a lower "
                "--learning-rate"
            )

    # The step, and the average after it.
    run.optimizer.step()
    run.optimizer.zero_grad()
    update_average(run.average, run.network, settings.ema, done)
    return shared


def _begun(out: Path, task: Task, recipe: Recipe) -> dict[str, Any]:
    """Return the checkpoint of a run that has begun, if it is the one that is asked for.

    The same command may have been given again, or the plan that it made. Empty before the first
    epoch.
    """
    path = out / "checkpoint.pt"
    if not path.exists():
        return {}
    state = load_checkpoint(path)
    # Through a recipe, so that older names are no difference.
    known = [Recipe.from_dict(state.get(name, {})).as_dict() for name in ("asked", "plan")]
    texts = [json.dumps(values) for values in known]
    if state.get("data") != task.data or json.dumps(recipe.as_dict()) not in texts:
        raise ArgumentError(
            f"{out}: holds a run with another recipe or other data; "
            "give the same ones to continue it, or another --out"
        )
    if "facts" not in state and not state.get("finished"):
        raise _earlier(out)
    return state


def _earlier(out: Path) -> ArgumentError:
    return ArgumentError(
        f"{out}: holds a run of an earlier pixelwise; start from its weights in another --out: "
        f"--weights {out / 'checkpoint.pt'}"
    )


def _introduce(run: Run) -> None:
    """Say what is trained on what, and by which plan."""
    settings, world = run.plan.settings, run.fabric.world_size
    processes = f"{world} processes, " if world > 1 else ""
    run.say(
        f"{run.network.design}, {count_parameters(run.network):,} parameters, "
        f"{len(run.card.classes)} classes; {len(run.batches.samples):,} images in "
        f"{run.batches.steps} steps per epoch; "
        f"{run.fabric.device}, {processes}{run.fabric._precision.precision}"
    )
    if run.state["epoch"]:
        run.say(f"continuing after epoch {run.state['epoch']} of {settings.epochs}")
    elif run.plan.reasons:
        run.say(f"the plan, about {run.plan.minutes:.0f} minutes on this machine:")
        for line in run.plan.lines():
            run.say(line)


def _quiet(_: str) -> None:
    """Say nothing: another process does."""
