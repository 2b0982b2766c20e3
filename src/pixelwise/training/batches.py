"""Training batches: read, shrink, keep, augment, in an order that one seed decides."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric

from pixelwise.datasets import Dataset
from pixelwise.errors import ArgumentError
from pixelwise.images import resize_image
from pixelwise.masks import resize_label_map
from pixelwise.training.augment import UInt8Array, augment, paste
from pixelwise.training.settings import Settings

Pair = tuple[UInt8Array, UInt8Array]


class Batches:
    """Batches of augmented crops from several data sets.

    Parameters
    ----------
    datasets : list of Dataset
    repeats : list of int
        How often an epoch goes through each.
    settings : Settings
    fabric : Fabric
        Says where the batches go, and which part of each is this process's.

    Raises
    ------
    ArgumentError
        There are fewer photos than processes, or a batch cannot be dealt out evenly.
    """

    def __init__(
        self, datasets: list[Dataset], repeats: list[int], settings: Settings, fabric: Fabric
    ) -> None:
        self.settings = settings
        # On a CPU, threads that decode ahead would take the cores from the network's own, which
        # wait for each other in every layer (measured on two cores: a third of the speed).
        self.ahead = 0 if fabric.device.type == "cpu" else 4
        self._rank, self._processes = fabric.global_rank, fabric.world_size
        self._datasets = datasets
        self._order = np.array(
            [
                (d, i)
                for d, (dataset, repeat) in enumerate(zip(datasets, repeats, strict=True))
                for i in list(range(len(dataset))) * repeat
            ]
        )
        self._kept: dict[tuple[int, int], Pair] = {}
        self._free = settings.cache_gb * 1e9
        if settings.batch % self._processes or len(self._order) < self._processes:
            raise ArgumentError(
                f"a batch of {settings.batch} of {len(self._order)} photos cannot be dealt out to "
                f"{self._processes} processes; choose a --batch that they divide"
            )

    @property
    def steps(self) -> int:
        """Batches an epoch; the last, smaller one is left out unless it is the only one."""
        return max(1, len(self._order) // self.settings.batch)

    def names(self, epoch: int, step: int) -> list[str]:
        """Return the names of the photos in one batch, as their data sets list them."""
        size = self.settings.batch
        picks = self._order[self._permutation(epoch)[step * size : (step + 1) * size]]
        return [self._datasets[d].entries[i].name for d, i in picks]

    def epoch(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the batches of one epoch, the same ones for the same seed and number.

        Yields
        ------
        images : (N / processes, 3, S, S) float32
            RGB, 0..255, channels last in memory.
        label_maps : (N / processes, S / 2, S / 2) int64
            Class ids, 255 = void.
        """
        crop = self.settings.crop_in(epoch)
        order = self._permutation(epoch)
        size = self.settings.batch
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            waiting: deque[list[Future[Pair]]] = deque()
            for step in range(self.steps):
                for ahead in range(step + len(waiting), min(step + self.ahead + 1, self.steps)):
                    picks = order[ahead * size : (ahead + 1) * size]
                    picks = picks[self._rank :: self._processes]
                    waiting.append([pool.submit(self._crop, epoch, int(p), crop) for p in picks])
                pairs = [future.result() for future in waiting.popleft()]
                images = torch.from_numpy(np.stack([image for image, _ in pairs]))
                label_maps = torch.from_numpy(np.stack([labels for _, labels in pairs]))
                yield images.permute(0, 3, 1, 2).float(), label_maps.long()

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng([self.settings.seed, epoch]).permutation(len(self._order))

    def _crop(self, epoch: int, place: int, crop: int) -> Pair:
        image, label_map = self._read(*self._order[place])
        # One generator a sample, so that the result does not depend on the threads' order.
        rng = np.random.default_rng([self.settings.seed, epoch, place])
        pair = augment(image, label_map, crop, self.settings, rng)
        if rng.random() < self.settings.paste:
            other = self._read(*self._order[rng.integers(len(self._order))])
            pair = paste(*pair, *augment(*other, crop, self.settings, rng))
        return pair

    def _read(self, which: int, index: int) -> Pair:
        kept = self._kept.get((which, index))
        if kept is not None:
            return kept
        sample = self._datasets[which][index]
        pair = sample.image, sample.label_map
        height, width = sample.label_map.shape
        # A quarter more than the usual scale keeps detail for crops that magnify.
        usual = float(np.sqrt(self.settings.scale[0] * self.settings.scale[1]))
        scale = 1.25 * usual * self.settings.crop / max(height, width)
        if scale < 1:
            size = max(1, round(height * scale)), max(1, round(width * scale))
            pair = resize_image(sample.image, size), resize_label_map(sample.label_map, size)
        if self._free > 0:
            self._free -= pair[0].nbytes + pair[1].nbytes
            self._kept[which, index] = pair
        return pair
