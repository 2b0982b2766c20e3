"""The training loop: reads top to bottom."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from pixelwise.classes import VOID
from pixelwise.datasets import list_splits
from pixelwise.defaults import EVALUATION_SPLIT, TRAIN_SPLIT
from pixelwise.errors import ArgumentError, PixelwiseError
from pixelwise.inference import Predictor
from pixelwise.inference.refine import check_edges
from pixelwise.io.files import written_whole
from pixelwise.networks import Network, build_network, count_parameters
from pixelwise.networks.hub import load_hub_model
from pixelwise.progress import track
from pixelwise.training.batches import Batches
from pixelwise.training.calibrate import least_score
from pixelwise.training.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.training.cost import measure_cost
from pixelwise.training.distributed import make_fabric, reduced, share_batch_norms
from pixelwise.training.export.metadata import add_score
from pixelwise.training.export.onnx import export_network, judge_export
from pixelwise.training.instance_targets import instance_loss
from pixelwise.training.journal import Journal
from pixelwise.training.optim import (
    class_weights,
    learning_rate,
    parameter_groups,
    pixel_loss,
    update_average,
)
from pixelwise.training.plan import Plan, StepCost, make_plan, summarise_data
from pixelwise.training.pretrained import keep_classes, start_from
from pixelwise.training.recipe import Recipe
from pixelwise.training.settings import Settings
from pixelwise.training.validate import judge_network
from pixelwise.weights.card import ModelCard


def train(
    paths: list[Path],
    out: Path,
    recipe: Recipe | None = None,
    say: Callable[[str], object] = print,
    *,
    device: str = "auto",
    tensorboard: bool = False,
) -> Path:
    """Train a network and write it as ``out/model.onnx``.

    After each epoch ``out/checkpoint.pt`` holds the whole run; the same call again continues
    from it, and on a CPU ends with the same weights as a run that was never stopped. Started by
    torchrun, the processes share each batch between them.

    Parameters
    ----------
    paths : list of Path
        Data sets; their ``train`` splits are learnt from, their ``val`` splits (where they have
        one) are judged on.
    out : Path
        The folder of the run: ``plan.json``, ``checkpoint.pt``, ``log.csv``, ``curves.png``, and
        at the end ``model.onnx`` and ``report.html``.
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
        The loss is no number any more.
    """
    asked = recipe or Recipe()
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        raise ArgumentError(f"folders of the same name: {', '.join(names)}; rename one")
    fabric = make_fabric(device, Settings.of(asked.settings).precision)
    say = say if fabric.is_global_zero else _quiet
    asked.check(paths)
    training = asked.open(paths, TRAIN_SPLIT, say)
    with_val = [p for p in paths if EVALUATION_SPLIT in list_splits(p, asked.source(p).options)]
    judged = asked.open(with_val, EVALUATION_SPLIT, say)
    classes = training[0].classes
    repeats = [asked.source(path).repeat for path in paths]
    instances = Settings.of(asked.settings).task == "instance"
    kinds = [asked.source(path).instances for path in paths] if instances else None

    checkpoint = out / "checkpoint.pt"
    state: dict[str, Any] = {}
    if checkpoint.exists():
        state = load_checkpoint(checkpoint)
        plan = _continued(asked, names, state, out)
        if state.get("finished"):
            say(f"{out}: finished before; for another run give another --out")
            return out / "model.onnx"
    else:
        summary = summarise_data(training, repeats, judged, kinds)

        def measure(size: str, crop: int) -> StepCost:
            network = _network(asked, len(classes), size, instances)
            return measure_cost(network, len(classes), crop, fabric)

        plan = fabric.broadcast(make_plan(asked, summary, measure, fabric.world_size))
        weights = class_weights(summary.counts, plan.settings.balance)
        state = {"epoch": 0, "asked": asked.as_dict(), "plan": plan.recipe.as_dict()}
        state |= {"data": names, "weights": torch.from_numpy(weights), "things": summary.things}
    settings = plan.settings
    if settings.refine_edges or settings.copy_paste:
        check_edges(classes)

    fabric.seed_everything(settings.seed, verbose=False)
    batches = Batches(training, repeats, settings, fabric, kinds)
    network = _network(plan.recipe, len(classes), settings.size, instances)
    if plan.recipe.weights and (settings.freeze_classes or not state["epoch"]):
        crops = next(batches.epoch(0))[0]
        say(start_from(network, plan.recipe.weights, crops))
        if settings.freeze_classes:
            keep_classes(network, plan.recipe.weights, crops)
            network.freeze_classes()
    share_batch_norms(network.to(memory_format=torch.channels_last), fabric)  # type: ignore[call-overload]
    average = deepcopy(network).eval().to(fabric.device)
    optimizer = torch.optim.AdamW(
        parameter_groups(network, settings.weight_decay), lr=settings.learning_rate
    )
    wrapped, optimizer = fabric.setup(network, optimizer)
    total = settings.epochs * batches.steps
    class_weight = fabric.to_device(state["weights"]) if settings.balance else None
    if settings.balance:
        # Weighing a class multiplies its odds; taken back, the softmax is a probability again.
        average.shift.copy_(-state["weights"].log())
    say(
        f"{network.design}, {count_parameters(network):,} parameters, {len(classes)} classes; "
        f"{sum(map(len, training)):,} photos in {batches.steps} steps an epoch; "
        f"{fabric.device}, {_processes(fabric)}{fabric._precision.precision}"
    )
    if state["epoch"]:
        say(f"continuing after epoch {state['epoch']} of {settings.epochs}")
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
    else:
        say(f"the plan, about {plan.minutes:.0f} minutes on this machine:")
        for line in plan.lines():
            say(line)
        if fabric.is_global_zero:
            with written_whole(out / "plan.json") as beside:
                beside.write_text(json.dumps(plan.recipe.as_dict(), indent=1), encoding="utf-8")
    card = ModelCard(
        name=out.resolve().name,
        classes=classes,
        side=settings.side,
        design=f"{network.design}, {count_parameters(network):,} parameters",
        stride=network.stride,
        encoder=network.encoder_name,
        data=plan.recipe.data or ", ".join(f"{d.root.name} {d.split}" for d in training),
        licence=plan.recipe.licence,
        class_rules={name: source.rules for name, source in plan.recipe.sources.items()},
        refine_edges=settings.refine_edges,
        task="instance" if state["things"] else "semantic",
        instance_classes=tuple(state["things"]),
        nms_window=settings.nms_window,
        image_scale=settings.image_scale,
        stretch_levels=settings.stretch_levels,
    )
    journal = Journal(out, tensorboard) if fabric.is_global_zero else None

    for epoch in range(state["epoch"], settings.epochs):
        wrapped.train()
        if settings.freeze_classes:
            network.freeze_classes()
        started, waited, losses = time.perf_counter(), 0.0, []
        asked_at = started
        steps = track(batches.epoch(epoch), f"epoch {epoch + 1}", batches.steps)
        for step, (images, label_maps, objects) in enumerate(steps, epoch * batches.steps):
            waited += time.perf_counter() - asked_at
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, settings)
            images = fabric.to_device(images.contiguous(memory_format=torch.channels_last))
            label_maps = fabric.to_device(label_maps)
            # Over the whole batch, so that a process with few labelled pixels counts for few.
            labelled = reduced(fabric, (label_maps != VOID).sum().float(), "mean")
            output = wrapped(images, network.stride)
            loss = pixel_loss(output.logits, label_maps, class_weight, labelled)
            if objects is not None:
                loss = loss + instance_loss(output.instances, fabric.to_device(objects))
            shared = reduced(fabric, loss.detach(), "mean")
            fabric.backward(loss)
            norm = fabric.clip_gradients(wrapped, optimizer, max_norm=5.0, error_if_nonfinite=False)
            for what, value in (("loss", shared), ("gradient", torch.as_tensor(norm))):
                if not torch.isfinite(value):
                    photos = ", ".join(batches.names(epoch, step - epoch * batches.steps))
                    raise PixelwiseError(
                        f"the {what} became {value.item()} in epoch {epoch + 1}, in the batch of "
                        f"{photos}; look at these images, or start again in another --out with "
                        "a lower --learning-rate"
                    )
            optimizer.step()
            optimizer.zero_grad()
            update_average(average, network, settings.ema, step)
            losses.append(shared)
            asked_at = time.perf_counter()
        seconds = time.perf_counter() - started

        due = (epoch + 1) % settings.validate_every == 0 or epoch + 1 == settings.epochs
        found = judge_network(average, judged, card, fabric) if judged and due else None
        state |= {
            "epoch": epoch + 1,
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        if journal is not None:
            row = {
                "epoch": epoch + 1,
                "crop": settings.crop_in(epoch),
                "loss": round(float(torch.stack(losses).mean()), 4),
                "miou": round(found[0].miou, 4) if found else "",
                "foreground_iou": round(found[0].foreground_iou, 4) if found else "",
                "photos_per_second": round(settings.batch * len(losses) / seconds, 1),
                "seconds": round(seconds, 1),
                "waiting": round(waited / seconds, 4),
            }
            if instances:
                cells = found[1] if found else None
                row["cell_ap50"] = round(float(cells.pooled[0]), 4) if cells else ""
            journal.write(row)
            say("  ".join(f"{name} {value}" for name, value in row.items() if value != ""))
            save_checkpoint(checkpoint, state)

    model = out / "model.onnx"
    if fabric.is_global_zero:
        difference = export_network(average, card, model)
        say(f"{model}: largest difference between ONNX Runtime and torch {difference:.1e} (logits)")
        if instances:
            card = replace(card, score_threshold=least_score(Predictor.load(model), training))
            say(
                f"instances below a score of {card.score_threshold} are left out, by the train data"
            )
            add_score(model, card, {})
        judge_export(model, card, judged, say)
        save_checkpoint(checkpoint, state | {"finished": True})
    return model


def _network(recipe: Recipe, n_classes: int, size: str, objects: bool) -> Network:
    if recipe.model and objects:
        raise ArgumentError("--model: hub models learn classes only; leave out --task instance")
    if recipe.model:
        return load_hub_model(recipe.model, n_classes)[0]
    return build_network(n_classes, size, objects)


def _continued(asked: Recipe, names: list[str], state: dict[str, Any], out: Path) -> Plan:
    """Return the plan of a run that has begun, if it is the one that is asked for.

    The same command may have been given again, or the plan that it made.
    """
    texts = [json.dumps(state.get(name)) for name in ("asked", "plan")]
    if state.get("data") != names or json.dumps(asked.as_dict()) not in texts:
        raise ArgumentError(
            f"{out}: holds a run with another recipe or other data; "
            "give the same ones to continue it, or another --out"
        )
    return Plan(Recipe.from_dict(state["plan"]), {}, 0.0)


def _quiet(_: str) -> None:
    """Say nothing: another process does."""


def _processes(fabric: Fabric) -> str:
    return f"{fabric.world_size} processes, " if fabric.world_size > 1 else ""
