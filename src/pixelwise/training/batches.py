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
from pixelwise.inference.preprocess import normalise
from pixelwise.io.image import resize_image
from pixelwise.io.mask import resize_ids
from pixelwise.training.augment import Labelled, augment, paste
from pixelwise.training.instance_targets import Float32Array, instance_map_of, instance_targets
from pixelwise.training.settings import Settings

Crop = tuple[Labelled, Float32Array | None]


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
    kinds : list of str, optional
        Where each data set's instances come from, of `settings.INSTANCE_SOURCES`; by default
        none are read.

    Raises
    ------
    ArgumentError
        There are fewer photos than processes, or a batch cannot be dealt out evenly.
    """

    def __init__(
        self,
        datasets: list[Dataset],
        repeats: list[int],
        settings: Settings,
        fabric: Fabric,
        kinds: list[str] | None = None,
    ) -> None:
        self.settings = settings
        self._kinds = kinds
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
        self._kept: dict[tuple[int, int], Labelled] = {}
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

    def epoch(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]]:
        """Yield the batches of one epoch, the same ones for the same seed and number.

        Yields
        ------
        images : (N / processes, 3, S, S) float32
            RGB, 0..255, channels last in memory.
        label_maps : (N / processes, S / 2, S / 2) int64
            Class ids, 255 = void.
        objects : (N / processes, 4, S / 2, S / 2) float32, or None
            Of `objects.instance_targets`; None where no objects are learnt.
        """
        crop = self.settings.crop_in(epoch)
        order = self._permutation(epoch)
        size = self.settings.batch
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            waiting: deque[list[Future[Crop]]] = deque()
            for step in range(self.steps):
                for ahead in range(step + len(waiting), min(step + self.ahead + 1, self.steps)):
                    picks = order[ahead * size : (ahead + 1) * size]
                    picks = picks[self._rank :: self._processes]
                    waiting.append([pool.submit(self._crop, epoch, int(p), crop) for p in picks])
                crops = [future.result() for future in waiting.popleft()]
                images = torch.from_numpy(np.stack([c.image for c, _ in crops]))
                label_maps = torch.from_numpy(np.stack([c.label_map for c, _ in crops]))
                told = [targets for _, targets in crops if targets is not None]
                objects = torch.from_numpy(np.stack(told)) if told else None
                yield images.permute(0, 3, 1, 2).float(), label_maps.long(), objects

    def _permutation(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng([self.settings.seed, epoch]).permutation(len(self._order))

    def _crop(self, epoch: int, place: int, crop: int) -> Crop:
        photo = self._read(*self._order[place])
        # One generator a sample, so that the result does not depend on the threads' order.
        rng = np.random.default_rng([self.settings.seed, epoch, place])
        cut = augment(photo, crop, self.settings, rng)
        if rng.random() < self.settings.copy_paste:
            other = self._read(*self._order[rng.integers(len(self._order))])
            cut = paste(cut, augment(other, crop, self.settings, rng))
        if self._kinds is None:
            return cut, None
        return cut, instance_targets(cut.instance_map, cut.label_map, self.settings.centre_sigma)

    def _read(self, which: int, index: int) -> Labelled:
        kept = self._kept.get((which, index))
        if kept is not None:
            return kept
        sample = self._datasets[which][index]
        objects = None
        if self._kinds is not None:
            objects = instance_map_of(sample.label_map, sample.instances, self._kinds[which])
        image = normalise(sample.image) if self.settings.stretch_levels else sample.image
        photo = Labelled(image, sample.label_map, objects)
        height, width = sample.label_map.shape
        # A quarter more than the usual scale keeps detail for crops that magnify.
        usual = float(np.sqrt(self.settings.scale[0] * self.settings.scale[1]))
        scale = (
            1.25 * usual * (self.settings.image_scale or self.settings.crop / max(height, width))
        )
        if scale < 1:
            size = max(1, round(height * scale)), max(1, round(width * scale))
            photo = Labelled(
                resize_image(image, size),
                resize_ids(sample.label_map, size),
                None if objects is None else resize_ids(objects, size),
            )
        if self._free > 0:
            self._free -= sum(a.nbytes for a in photo if a is not None)
            self._kept[which, index] = photo
        return photo
