"""Samples as tensors, for PyTorch's DataLoader."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from pixelwise.errors import ArgumentError
from pixelwise.samples import Sample

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB values, 0..1: what pretrained encoders were trained with."""

Pair = tuple[torch.Tensor, torch.Tensor]


class Crops(Dataset[Pair]):
    """Samples as pairs of tensors, of which the DataLoader makes batches.

    Parameters
    ----------
    samples : sequence of Sample
        Read when they are asked for; a `pixelwise.Dataset`. It goes to the loader's workers, which
        may be spawned.
    crop : (height, width), optional
        Of a random part, the same of image and label map; whole images if None, which make
        batches only if they are alike in size. A sample that is smaller is an error.
    normalise : bool
        Subtract `MEAN` and divide by `DEVIATION`.
    augment : bool
        Mirror half of the samples.
    left_out : int
        Samples that were smaller than the crop and are not among these.

    Raises
    ------
    ArgumentError
        A crop that is not two numbers above 0.

    Examples
    --------
    >>> from pixelwise import VOC
    >>> sample = Sample("a", np.zeros((4, 6, 3), np.uint8), np.full((4, 6), 255, np.uint8), VOC)
    >>> image, label_map = Crops([sample], crop=(2, 3))[0]
    >>> image.shape, image.dtype, label_map.shape, label_map.dtype, int(label_map[0, 0])
    (torch.Size([3, 2, 3]), torch.float32, torch.Size([2, 3]), torch.int64, 255)
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        crop: tuple[int, int] | None = None,
        *,
        normalise: bool = True,
        augment: bool = False,
        left_out: int = 0,
    ) -> None:
        if crop is not None and (len(crop) != 2 or min(crop) < 1):
            raise ArgumentError(f"crop: expected (height, width) in pixels, got {crop}")
        self.samples, self.crop, self.left_out = samples, crop, left_out
        self.normalise, self.augment = normalise, augment

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Pair:
        """Return a sample.

        The crop is drawn from PyTorch's generator, which each worker of a loader seeds for itself
        and `torch.manual_seed` repeats.

        Returns
        -------
        image : (3, h, w) float32
            RGB, 0..1, or normalised.
        label_map : (h, w) int64
            Class ids, 255 = void: ``ignore_index=255`` of the loss.

        Raises
        ------
        ArgumentError
            The sample is smaller than the crop.
        """
        sample = self.samples[index]
        image, label_map = sample.image, sample.label_map
        if self.crop is not None:
            rows, columns = _random_part(label_map.shape, self.crop, sample.name)
            image, label_map = image[rows, columns], label_map[rows, columns]
        if self.augment and torch.rand(()) < 0.5:
            image, label_map = image[:, ::-1], label_map[:, ::-1]
        # A copy: parts of a cached data set are read-only.
        pixels = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32, order="C")) / 255
        if self.normalise:
            mean, deviation = (torch.tensor(v).reshape(3, 1, 1) for v in (MEAN, DEVIATION))
            pixels = (pixels - mean) / deviation
        return pixels, torch.from_numpy(label_map.astype(np.int64, order="C"))


def _random_part(size: tuple[int, ...], crop: tuple[int, int], name: str) -> tuple[slice, slice]:
    if size[0] < crop[0] or size[1] < crop[1]:
        raise ArgumentError(f"{name}: {size[0]} x {size[1]} is smaller than the crop {crop}")
    if tuple(size) == tuple(crop):
        return slice(None), slice(None)
    top, left = (
        int(torch.randint(0, whole - part + 1, (1,)))
        for whole, part in zip(size, crop, strict=True)
    )
    return slice(top, top + crop[0]), slice(left, left + crop[1])
