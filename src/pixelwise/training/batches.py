"""Training batches: in an order that one seed decides, dealt out to the processes of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric

from pixelwise.concurrency import prefetch
from pixelwise.errors import ArgumentError
from pixelwise.samples import Int64Array, UInt8Array
from pixelwise.training.settings import Settings

Targets = tuple[torch.Tensor | None, ...]
"""What a batch of crops is to be answered with; a task's samples make them, its loss reads them."""

Batch = tuple[torch.Tensor, Targets]
"""(N, 3, S, S) float32 RGB in 0..255, channels last in memory, and the targets."""

Crop = tuple[UInt8Array, tuple[npt.NDArray[Any] | None, ...]]
"""(S, S, 3) uint8, and the targets of one crop; an absent one is None in every crop."""


LEAST_ALONE = 64
"""Px of a crop that is a whole batch: at a stride of 32 a batch norm needs more than a pixel."""


class Samples(Protocol):
    """The images that a task learns from, numbered from 0."""

    def __len__(self) -> int:
        """Return how many images an epoch draws."""

    def epoch(self, rng: np.random.Generator) -> Int64Array:
        """Return the numbers of an epoch's images, (length,) int64, in their order."""

    def name(self, number: int) -> str:
        """Return what the data set calls an image."""

    def crop(self, number: int, side: int, rng: np.random.Generator) -> Crop:
        """Cut a random crop of ``side`` pixels; called in threads."""


class Batches:
    """The batches of a run.

    Parameters
    ----------
    samples : Samples
    settings : Settings
    fabric : Fabric
        Says where the batches go, and which part of each is this process's.

    Attributes
    ----------
    ahead : int
        Batches that are prepared while the network works on one.

    Raises
    ------
    ArgumentError
        There are fewer images than processes, a batch cannot be dealt out evenly, or it is one
        crop of which the coarsest features are a single pixel.
    """

    def __init__(self, samples: Samples, settings: Settings, fabric: Fabric) -> None:
        self.settings, self.samples = settings, samples
        # On a CPU, threads that decode ahead would take the cores from the network's own, which
        # wait for each other in every layer (measured on two cores: a third of the speed).
        self.ahead = 0 if fabric.device.type == "cpu" else 4
        self._rank, self._processes = fabric.global_rank, fabric.world_size
        if settings.batch % self._processes or len(samples) < self._processes:
            raise ArgumentError(
                f"a batch of {settings.batch} of {len(samples)} images cannot be dealt out to "
                f"{self._processes} processes; choose a --batch that they divide"
            )
        alone = min(settings.batch, len(samples)) < 2 * self._processes
        if alone and settings.crop_in(0) < LEAST_ALONE:
            raise ArgumentError(
                f"first_crop: expected at least {LEAST_ALONE} px in batches of one image, got "
                f"{settings.crop_in(0)}; give --set first_crop={LEAST_ALONE} and a --crop as large"
            )

    @property
    def steps(self) -> int:
        """Batches per epoch; the last, smaller one is left out unless it is the only one."""
        return max(1, len(self.samples) // self.settings.batch)

    def names(self, epoch: int, step: int) -> list[str]:
        """Return the names of the images in one batch, of all processes."""
        order = self._order(epoch)
        return [self.samples.name(int(order[place])) for place in self._places(step)]

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield this process's part of each batch of an epoch, the same for the same seed.

        Yields
        ------
        images : (N / processes, 3, S, S) float32
            RGB, 0..255, channels last in memory.
        targets : tuple of tensor or None
        """
        side = self.settings.crop_in(epoch)

        order = self._order(epoch)

        def crop(place: int) -> Crop:
            # One generator per sample, so that the result does not depend on the threads' order.
            rng = np.random.default_rng([self.settings.seed, epoch, place])
            return self.samples.crop(int(order[place]), side, rng)

        with ThreadPoolExecutor(os.cpu_count()) as pool:

            def batch(step: int) -> Batch:
                places = self._places(step)[self._rank :: self._processes]
                return _stacked(list(pool.map(crop, places)))

            steps = range(self.steps)
            yield from (
                prefetch(batch, steps, self.ahead, self.ahead) if self.ahead else map(batch, steps)
            )

    def _order(self, epoch: int) -> Int64Array:
        return self.samples.epoch(np.random.default_rng([self.settings.seed, epoch]))

    def _places(self, step: int) -> range:
        """Return which draws of an epoch are in a batch."""
        size = self.settings.batch
        return range(step * size, min((step + 1) * size, len(self.samples)))


def _stacked(crops: list[Crop]) -> Batch:
    images = torch.from_numpy(np.stack([image for image, _ in crops]))
    targets = tuple(
        None if column[0] is None else torch.from_numpy(np.stack(column))
        for column in zip(*(targets for _, targets in crops), strict=True)
    )
    return images.permute(0, 3, 1, 2).float(), targets
