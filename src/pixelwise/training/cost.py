"""What a training step costs on this machine, measured before the run."""

from __future__ import annotations

import time

import psutil
import torch
from lightning_fabric import Fabric

from pixelwise.networks import Network, Output
from pixelwise.training.optim import pixel_loss
from pixelwise.training.plan import StepCost

IMAGES, SIDE, STEPS = 4, 256, 3


def measure_cost(network: Network, n_classes: int, crop: int, fabric: Fabric) -> StepCost:
    """Run a few steps on random crops.

    Parameters
    ----------
    network : Network
        Thrown away after this.
    n_classes : int
    crop : int
        Side of the crops to be planned for, px.
    fabric : Fabric
        With the device and the precision of the run.

    Returns
    -------
    StepCost
        Of one crop of that side.
    """
    network = network.to(fabric.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    side = min(crop, SIDE)  # the cost goes by the area, and a small crop shows it sooner
    images = torch.rand(IMAGES, 3, side, side, device=fabric.device) * 255
    images = images.contiguous(memory_format=torch.channels_last)
    small = side // network.stride
    label_maps = torch.randint(0, n_classes, (IMAGES, small, small), device=fabric.device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-9)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    best = float("inf")
    for step in range(STEPS):
        started = time.perf_counter()
        with fabric.autocast():
            if step == 0:
                with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                    loss = _loss(network(images, network.stride), label_maps)
            else:
                loss = _loss(network(images, network.stride), label_maps)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    area = (crop / side) ** 2
    held = round(sum(kept.values()) / IMAGES * area)
    return StepCost(crop, best / IMAGES * area, held, free_memory(fabric.device))


def _loss(output: Output, label_maps: torch.Tensor) -> torch.Tensor:
    loss = pixel_loss(output.logits, label_maps)
    for given in output.tensors()[1:]:
        loss = loss + given.float().square().mean()
    return loss


def free_memory(device: torch.device) -> int:
    """Return the bytes that are free on a device; the machine's own if the two share them."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
