"""The numbers of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pixelwise.errors import ArgumentError

SIZES = ("tiny", "small", "base")
"""The networks, by name."""

PRECISIONS = ("auto", "bfloat16", "float32")

TASKS = ("semantic", "instance")
"""What is learnt: classes alone, or objects as well."""

KINDS = ("", "areas", "one")
"""How objects are told: by the data, by connected areas of a class, or as one a photo."""


@dataclass(frozen=True)
class Settings:
    """The numbers of a run. Each has its default here and nowhere else.

    What a person leaves open, the plan chooses from the data where it can
    (`pixelwise.training.plan`).

    Parameters
    ----------
    task : str
        One of `TASKS`.
    size : str
        Of the network, one of `SIZES`.
    epochs : int
        Passes over all training photos.
    crop, first_crop : int
        Side of the square training crops in pixels, at the end and in the first epoch. It grows
        in between: small pictures first cost little and teach most (progressive learning, Tan
        and Le, EfficientNetV2, 2021).
    side : int
        Pixels of a photo's longer side when the network judges it.
    zoom : float
        Where above 0, photos are seen at so many times their own size instead, whatever it is:
        right where a pixel always shows as much, as under a microscope.
    normalised : bool
        Stretch the levels of each photo first: right where their brightness says nothing, as under
        a microscope.
    batch : int
        Photos a step.
    learning_rate, weight_decay : float
        Of AdamW, at the top of the schedule.
    warmup : float
        Share of all steps in which the rate climbs; after it, it falls by a cosine to zero.
    ema : float
        Share of the averaged weights that stays at each step.
    scale : (low, high)
        Longer side of a photo in crops, drawn log-uniformly; with a zoom, times the zoom.
    rotate : float
        Degrees, either way.
    stretch : float
        Natural log of the aspect change, either way.
    colour : float
        Strength of brightness, contrast, saturation and tint changes, 0..1.
    spread : float
        Deviation of the spot that stands for an object's centre, as a share of the object's size.
    frozen : bool
        Learn to tell objects apart and nothing else, on weights to start from: what these say of
        classes stays as it is.
    apart : int
        Side of the window in which an object's centre is the only one, in pixels of the network's
        map of centres, of which one covers two of what it sees; odd.
    paste : float
        Share of the crops over which the subject of another is laid, 0..1: everything there
        that is not class 0, the background.
    balance : float
        How much rare classes count in the loss: the power of a class's share of all pixels by
        which its weight falls, 0..1. 0 weighs all pixels alike.
    edges : bool
        Draw the border between the background, class 0, and the others to the photo's edges, in
        prediction and in the final scores; the scores on the way are without.
    judge_every : int
        Epochs between two looks at the val split; the last epoch is always judged.
    cache_gb : float
        Memory for decoded photos, in GB; those that do not fit are read in every epoch.
    precision : str
        Of the arithmetic, one of `PRECISIONS`; ``auto`` is bfloat16 where the device has it.
    seed : int
        The one source of randomness.
    """

    task: str = "semantic"
    size: str = "small"
    epochs: int = 60
    crop: int = 224
    first_crop: int = 128
    side: int = 288
    zoom: float = 0.0
    normalised: bool = False
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup: float = 0.03
    ema: float = 0.998
    scale: tuple[float, float] = (0.6, 1.7)
    rotate: float = 10.0
    stretch: float = 0.2
    colour: float = 0.5
    spread: float = 0.1
    frozen: bool = False
    apart: int = 5
    paste: float = 0.0
    balance: float = 0.0
    edges: bool = False
    judge_every: int = 1
    cache_gb: float = 4.0
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("task", TASKS), ("size", SIZES), ("precision", PRECISIONS)):
            value = getattr(self, name)
            if value not in known:
                raise ArgumentError(f"unknown {name} {value!r}; there is: {', '.join(known)}")
        for name in ("epochs", "batch", "judge_every"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("crop", "first_crop", "side"):
            if not 32 <= getattr(self, name) <= 2048:
                raise ArgumentError(f"{name}: expected 32..2048 px, got {getattr(self, name)}")
        for name in ("warmup", "ema", "colour"):
            if not 0 <= getattr(self, name) < 1:
                raise ArgumentError(f"{name}: expected 0 <= value < 1, got {getattr(self, name)}")
        for name in ("balance", "paste"):
            if not 0 <= getattr(self, name) <= 1:
                raise ArgumentError(f"{name}: expected 0..1, got {getattr(self, name)}")
        if not 0 <= self.zoom <= 8:
            raise ArgumentError(f"zoom: expected 0..8, got {self.zoom}")
        if not 0 < self.spread <= 0.5:
            raise ArgumentError(f"spread: expected 0 < value <= 0.5, got {self.spread}")
        if self.frozen and (self.task != "instance" or self.balance):
            raise ArgumentError("frozen: expected task=instance and balance=0")
        if not 3 <= self.apart <= 63 or self.apart % 2 == 0:
            raise ArgumentError(f"apart: expected an odd number 3..63, got {self.apart}")
        if self.learning_rate <= 0:
            raise ArgumentError(f"learning_rate: expected above 0, got {self.learning_rate}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ArgumentError(f"scale: expected 0 < low <= high, got {self.scale}")

    def crop_in(self, epoch: int) -> int:
        """Side of the crops in an epoch (0, 1, ...), in px, a multiple of 32."""
        share = epoch / max(1, self.epochs - 1)
        # The last third runs at the full crop, so that the weights settle on it.
        first = min(self.first_crop, self.crop)
        side = first + (self.crop - first) * min(1.0, 1.5 * share)
        return max(32, round(side / 32) * 32)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Build settings from what stands in a recipe; the rest keeps its defaults.

        Raises
        ------
        ArgumentError
            A name that is not known, or a value out of its range.
        """
        refuse_unknown(values, cls)
        values = dict(values)
        if "scale" in values:
            values["scale"] = tuple(values["scale"])  # a list in JSON
        try:
            return cls(**values)
        except TypeError as error:
            raise ArgumentError(f"settings: a value of the wrong kind ({error})") from None


def refuse_unknown(values: Mapping[str, Any], kind: type) -> None:
    """Stop at a key that is no field of a record.

    Raises
    ------
    ArgumentError
        With the names that are known.
    """
    known = [f.name for f in fields(kind)]
    for name in values:
        if name not in known:
            raise ArgumentError(f"unknown key {name!r}; known: {', '.join(known)}")
