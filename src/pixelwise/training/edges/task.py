"""Train the network that finds boundaries, on photos that people have divided."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from pixelwise.classes import ClassMap
from pixelwise.datasets.bsds import BsdsSample, read_bsds
from pixelwise.defaults import EVALUATION_SPLIT, TRAIN_SPLIT
from pixelwise.errors import ArgumentError, PixelwiseError
from pixelwise.networks import Network, build_boundary_network, count_parameters
from pixelwise.progress import track
from pixelwise.regions.learned import EDGE_WEIGHTS
from pixelwise.training.augment import recolour
from pixelwise.training.checkpoint import load_checkpoint, save_checkpoint
from pixelwise.training.distributed import make_fabric
from pixelwise.training.edges.borders import learn_borders
from pixelwise.training.export.onnx import export_onnx
from pixelwise.training.journal import Journal
from pixelwise.training.optim import learning_rate, parameter_groups, update_average
from pixelwise.training.settings import Settings
from pixelwise.weights.card import ModelCard

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BoundarySettings:
    """The numbers of a run.

    Parameters
    ----------
    epochs : int
        Passes over the photos.
    batch : int
        Crops a step.
    crop : int
        Their side in pixels, even.
    scale : (low, high)
        How much crops are enlarged, drawn log-uniformly.
    rotate, stretch, colour : float
        As in `Settings`.
    learning_rate, weight_decay, warmup, ema : float
        As in `Settings`.
    seed : int
        Of all randomness.
    """

    epochs: int = 360
    batch: int = 8
    crop: int = 320
    scale: tuple[float, float] = (0.6, 1.6)
    rotate: float = 15.0
    stretch: float = 0.15
    colour: float = 0.4
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup: float = 0.02
    ema: float = 0.998
    seed: int = 0


def train_boundaries(
    data: Path,
    out: Path,
    settings: BoundarySettings | None = None,
    say: Callable[[str], object] = print,
    *,
    device: str = "auto",
) -> Path:
    """Train the boundary network from random weights and write it as ``out/model.onnx``.

    After each epoch ``out/checkpoint.pt`` holds the whole run; the same call again continues it.

    Parameters
    ----------
    data : Path
        BSDS500; learnt from its ``train`` split, and the loss is told on ``val``.
    out : Path
        The folder of the run: ``checkpoint.pt``, ``log.csv``, ``curves.png``, ``model.onnx``.
    settings : BoundarySettings, optional
    say : callable
        Takes each line of the report.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Returns
    -------
    Path
        Of the weights file.

    Raises
    ------
    DataError
        The data cannot be read.
    ArgumentError
        ``out`` holds a run with other settings, or there is no such device.
    PixelwiseError
        The loss is no number any more.
    """
    settings = settings or BoundarySettings()
    training, judged = read_bsds(data, TRAIN_SPLIT), read_bsds(data, EVALUATION_SPLIT)
    fabric = make_fabric(device, "auto")
    fabric.seed_everything(settings.seed, verbose=False)
    network = build_boundary_network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = deepcopy(network).eval().to(fabric.device)
    optimizer = torch.optim.AdamW(
        parameter_groups(network, settings.weight_decay), lr=settings.learning_rate
    )
    wrapped, optimizer = fabric.setup(network, optimizer)
    rates = Settings(learning_rate=settings.learning_rate, warmup=settings.warmup)
    steps = max(1, len(training) // settings.batch)
    total = settings.epochs * steps
    checkpoint, model, begun = out / "checkpoint.pt", out / "model.onnx", 0
    say(f"{network.design}, {count_parameters(network):,} parameters; {len(training)} photos")
    if checkpoint.exists():
        state = load_checkpoint(checkpoint)
        if state.get("settings") != _plain(settings):
            raise ArgumentError(f"{out}: holds a run with other settings; give another --out")
        begun = state["epoch"]
        say(f"continuing after epoch {begun} of {settings.epochs}")
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
    journal = Journal(out, tensorboard=False)

    for epoch in range(begun, settings.epochs):
        wrapped.train()
        started, losses = time.perf_counter(), []
        batches = track(crops(training, settings, epoch), f"epoch {epoch + 1}", steps)
        for step, (images, targets) in enumerate(batches, start=epoch * steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, rates)
            images = fabric.to_device(images.contiguous(memory_format=torch.channels_last))
            loss = boundary_loss(wrapped(images, network.stride).logits, fabric.to_device(targets))
            if not torch.isfinite(loss):
                raise PixelwiseError(f"the loss became {loss.item()} in epoch {epoch + 1}")
            fabric.backward(loss)
            fabric.clip_gradients(wrapped, optimizer, max_norm=5.0)
            optimizer.step()
            optimizer.zero_grad()
            update_average(average, network, settings.ema, step)
            losses.append(loss.detach())
        seconds = time.perf_counter() - started
        row: dict[str, object] = {
            "epoch": epoch + 1,
            "loss": round(float(torch.stack(losses).mean()), 4),
            "photos_per_second": round(settings.batch * steps / seconds, 1),
        }
        if (epoch + 1) % 10 == 0 or epoch + 1 == settings.epochs:
            row["val_loss"] = round(_judge(average, judged, fabric.device), 4)
        journal.write(row)
        say("  ".join(f"{name} {value}" for name, value in row.items()))
        state = {"epoch": epoch + 1, "settings": _plain(settings)}
        state |= {"network": network.state_dict(), "average": average.state_dict()}
        save_checkpoint(checkpoint, state | {"optimizer": optimizer.state_dict()})

    held_out = round(_judge(average, judged, fabric.device), 4)
    card = ModelCard(
        name=EDGE_WEIGHTS,
        task="boundary",
        classes=ClassMap(("boundary",)),
        side=max(training[0].image.shape[:2]),
        design=f"{network.design}, {count_parameters(network):,} parameters",
        stride=network.stride,
        encoder=network.encoder_name,
        data=f"{data.resolve().name} {TRAIN_SPLIT}",
        licence="MIT",
        score={f"{data.resolve().name} {EVALUATION_SPLIT}": {"boundary_loss": held_out}},
    )
    difference = export_onnx(average, card, model)
    say(f"{model}: largest difference between ONNX Runtime and torch {difference:.1e} (logits)")
    learn_borders(model, training)
    return model


def boundary_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against the share of people who drew a boundary: a probability is learnt.

    Parameters
    ----------
    logits : (N, 1, h, w) float
    targets : (N, h, w) float32
        0..1. Pixels count up to four times as much the more people drew one there.

    Returns
    -------
    () float32
    """
    scores = logits.float()[:, 0]
    cross = F.binary_cross_entropy_with_logits(scores, targets, reduction="none")
    return 4 * (cross * (1 + 3 * targets)).mean()


def crops(
    photos: list[BsdsSample], settings: BoundarySettings, epoch: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the batches of an epoch; the next ones are made meanwhile.

    Yields
    ------
    images : (N, 3, crop, crop) float32
        RGB, 0..255.
    targets : (N, crop / 2, crop / 2) float32
        Of `people_share`.
    """
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(photos))

    def batch(first: int) -> tuple[torch.Tensor, torch.Tensor]:
        pairs = []
        for place in range(first, first + settings.batch):
            rng = np.random.default_rng((settings.seed, epoch, place))
            pairs.append(crop(photos[order[place % len(order)]], settings, rng))
        images = torch.from_numpy(np.stack([image for image, _ in pairs]))
        return images.permute(0, 3, 1, 2).float(), torch.from_numpy(np.stack([t for _, t in pairs]))

    steps = max(1, len(photos) // settings.batch)
    waiting: list[Future[tuple[torch.Tensor, torch.Tensor]]] = []
    with ThreadPoolExecutor(1) as pool:
        for step in range(steps + 2):
            if step < steps:
                waiting.append(pool.submit(batch, step * settings.batch))
            if step >= 2:
                yield waiting.pop(0).result()


def crop(
    photo: BsdsSample, settings: BoundarySettings, rng: np.random.Generator
) -> tuple[UInt8Array, Float32Array]:
    """Cut a random crop, turned any quarter and a little, scaled, stretched, mirrored, recoloured.

    Region maps are warped, not boundaries: a boundary stays one pixel wide.

    Returns
    -------
    image : (crop, crop, 3) uint8
    target : (crop / 2, crop / 2) float32
    """
    height, width = photo.image.shape[:2]
    scale = np.exp(rng.uniform(*np.log(settings.scale)))
    stretch = np.exp(rng.uniform(-settings.stretch, settings.stretch) / 2)
    angle = np.deg2rad(rng.uniform(-settings.rotate, settings.rotate) + 90 * rng.integers(4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flip = 1 if rng.random() < 0.5 else -1
    matrix = turn @ np.diag([flip * scale * stretch, scale / stretch])
    half = settings.crop / 2 / scale
    middle = [rng.uniform(min(half, n / 2), max(n - half, n / 2)) for n in (width, height)]
    shift = (settings.crop - 1) / 2 - matrix @ np.array(middle)
    warp, size = np.hstack([matrix, shift[:, None]]), (settings.crop, settings.crop)
    beyond = cv2.BORDER_REFLECT_101
    image = cv2.warpAffine(photo.image, warp, size, flags=cv2.INTER_LINEAR, borderMode=beyond)
    maps = [
        cv2.warpAffine(m.astype(np.float32), warp, size, flags=cv2.INTER_NEAREST, borderMode=beyond)
        for m in photo.region_maps
    ]
    coloured = cv2.transform(image, recolour(settings.colour, rng))
    return np.asarray(coloured, np.uint8), people_share(maps)


def people_share(region_maps: list[npt.NDArray[Any]]) -> Float32Array:
    """Return which share of the people drew a boundary through each block of 2 x 2 pixels.

    Parameters
    ----------
    region_maps : list of (H, W)
        A person each.

    Returns
    -------
    (H / 2, W / 2) float32
        0..1; sizes are rounded up.
    """
    height, width = region_maps[0].shape
    total = np.zeros(((height + 1) // 2, (width + 1) // 2), dtype=np.float32)
    for region_map in region_maps:
        border = np.zeros((2 * total.shape[0], 2 * total.shape[1]), dtype=np.uint8)
        border[:height, : width - 1] |= region_map[:, :-1] != region_map[:, 1:]
        border[: height - 1, :width] |= region_map[:-1] != region_map[1:]
        total += border.reshape(total.shape[0], 2, total.shape[1], 2).max(axis=(1, 3))
    return np.asarray(total / len(region_maps), dtype=np.float32)


def _judge(network: Network, photos: list[BsdsSample], device: torch.device) -> float:
    """Return the mean loss on whole photos."""
    losses = []
    for photo in photos:
        image = torch.from_numpy(photo.image).permute(2, 0, 1)[None].float().to(device)
        target = torch.from_numpy(people_share(list(photo.region_maps)))[None].to(device)
        with torch.inference_mode():
            losses.append(float(boundary_loss(network(image, network.stride).logits, target)))
    return float(np.mean(losses))


def _plain(settings: BoundarySettings) -> dict[str, Any]:
    values = asdict(settings)
    return values | {"scale": list(settings.scale)}
