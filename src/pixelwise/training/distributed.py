"""One run on several devices, which share each batch.

Batch norms, the loss of classes and that of boundaries are those of one device with the whole
batch. The losses of instances and of what stands out are means over each device's part of it, which
is not quite the mean over the batch.
"""

from __future__ import annotations

import logging
import os

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.distributed.nn.functional import all_reduce

from pixelwise.errors import ArgumentError
from pixelwise.training.settings import DEVICES


def make_fabric(device: str, precision: str) -> Fabric:
    """Set up the device of this process, and its place among others if torchrun started it.

    Parameters
    ----------
    device : str
        One of `pixelwise.training.settings.DEVICES`.
    precision : str
        One of `pixelwise.training.settings.PRECISIONS`.

    Raises
    ------
    ArgumentError
        An unknown device, or one that this machine does not have.
    """
    if device not in DEVICES:
        raise ArgumentError(f"unknown device {device!r}; there is: {', '.join(DEVICES)}")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fast = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    everywhere = int(os.environ.get("WORLD_SIZE", "1"))
    try:
        fabric = Fabric(
            accelerator=device,
            devices=here,
            num_nodes=everywhere // here,
            strategy="ddp" if everywhere > 1 else "auto",
            precision="bf16-mixed" if fast else "32-true",
        )
    # Lightning's own error for this is private.
    except Exception as error:
        raise ArgumentError(f"device {device!r}: {error}") from None
    fabric.launch()
    return fabric


def _has_bfloat16(device: str) -> bool:
    if device in ("auto", "cuda") and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    # Without the instructions, bf16 is emulated and slower than float32.
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes.

    torch's own (`torch.nn.SyncBatchNorm`) does this on CUDA only. Without it each process would
    normalise by its part of the batch, and the run would depend on their number.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the same."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return super().forward(x)
        y = x.float()
        count = _summed(torch.full((1,), y.numel() / y.shape[1], device=y.device))
        mean = _summed(y.sum(dim=(0, 2, 3))) / count
        centred = y - mean[:, None, None]
        variance = _summed(centred.square().sum(dim=(0, 2, 3))) / count
        with torch.no_grad():
            step = 0.1 if self.momentum is None else self.momentum
            unbiased = variance * count / (count - 1).clamp(min=1)
            self.running_mean.lerp_(mean, step)
            self.running_var.lerp_(unbiased, step)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        factor = self.weight * torch.rsqrt(variance + self.eps)
        shaped = centred * factor[:, None, None] + self.bias[:, None, None]
        return shaped.to(x.dtype)


def _summed(value: torch.Tensor) -> torch.Tensor:
    """Add every process's ``value``; gradients flow back through the sum."""
    return all_reduce(value)  # type: ignore[no-untyped-call, no-any-return]


def share_batch_norms(network: nn.Module, fabric: Fabric) -> None:
    """Make a network's batch norms see the batches of all processes, in place."""
    if fabric.world_size == 1:
        return
    if fabric.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm


def reduced(fabric: Fabric, value: torch.Tensor, how: str) -> torch.Tensor:
    """Return the ``mean`` or the ``sum`` of every process's ``value``."""
    if fabric.world_size == 1:
        return value
    result = fabric.all_reduce(value.clone(), reduce_op=how)
    return torch.as_tensor(result)
