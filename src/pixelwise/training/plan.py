"""What a run decides by itself: from the data, the machine and the time there is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.errors import DataError
from pixelwise.io.mask import count_ids
from pixelwise.training.augment import UNKNOWN
from pixelwise.training.instance_targets import instance_map_of
from pixelwise.training.optim import class_weights
from pixelwise.training.recipe import Recipe
from pixelwise.training.settings import Settings

LOOKED_AT = 200
"""Label maps that are read for the plan, spread evenly over the data."""

PHOTOS = 100_000
"""Photos a run goes through where nobody says how long it may take."""

LONGEST_SIDE = 512
"""Photos are not seen larger than this unless someone asks for it, px."""

BATCHES = (32, 24, 16, 12, 8, 6, 4, 2, 1)
"""What a batch may hold, photos."""

FINE_TUNING = 3e-4
"""Learning rate on weights that have been trained already."""

SMALL = 0.1
"""Objects are small where the usual one is below this share of a photo's longer side."""

LEAST_OBJECT = 10
"""Pixels of the root of the smallest objects' area that the network shall see."""

JUDGING = 0.1
"""Share of the training's time that looks at the val split may take."""


@dataclass(frozen=True)
class DataSummary:
    """What the data is like.

    Parameters
    ----------
    photos, judged : int
        In the training splits (repeats counted) and in the val splits.
    size : (height, width)
        Medians over the photos, px.
    counts : (C,) int64
        Pixels of each class in the label maps looked at, void left out.
    things : tuple of int
        Classes that have objects told apart; empty where these are not learnt.
    object_sizes : (n,) float64
        Of these objects: the root of their area, px.
    """

    photos: int
    judged: int
    size: tuple[int, int]
    counts: npt.NDArray[np.int64]
    things: tuple[int, ...] = ()
    object_sizes: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class StepCost:
    """What one training crop costs on this machine.

    Parameters
    ----------
    crop : int
        Its side, px.
    seconds : float
        Forward, backward and their share of a step.
    bytes : int
        What the network keeps of it for the backward pass.
    memory : int
        Bytes that are free on the device.
    """

    crop: int
    seconds: float
    bytes: int
    memory: int


@dataclass(frozen=True)
class Plan:
    """Every setting of a run, and why.

    Parameters
    ----------
    recipe : Recipe
        With all settings decided: saved as ``plan.json``, it can be given back.
    reasons : dict of str to str
        For each setting that the plan chose.
    minutes : float
        What the run should take on this machine, by the measured cost.
    """

    recipe: Recipe
    reasons: dict[str, str]
    minutes: float

    @property
    def settings(self) -> Settings:
        """The settings, complete."""
        return Settings.of(self.recipe.settings)

    def lines(self) -> list[str]:
        """Return the plan for a person to read, a setting a line."""
        values = asdict(self.settings)
        width = max(map(len, values))
        return [
            f"  {name:<{width}}  {_shown(value):<12} {self.reasons.get(name, '')}".rstrip()
            for name, value in values.items()
            if name in self.reasons
        ]


def summarise_data(
    training: list[Dataset],
    repeats: list[int],
    judged: list[Dataset],
    kinds: list[str] | None = None,
) -> DataSummary:
    """Read the sizes and label maps of some photos.

    Parameters
    ----------
    training : list of Dataset
        With the same classes.
    repeats : list of int
        How often an epoch goes through each.
    judged : list of Dataset
    kinds : list of str, optional
        Where each one's instances come from, of `settings.INSTANCE_SOURCES`; by default none are
        counted.

    Raises
    ------
    ImageFileError, LabelError
        A photo's header or a mask cannot be read.
    DataError
        Objects are to be learnt, and the data tells none apart.
    """
    everything = [
        (dataset, entry, repeat, kind)
        for dataset, repeat, kind in zip(
            training, repeats, kinds or [""] * len(training), strict=True
        )
        for entry in dataset.entries
    ]
    some = everything[:: math.ceil(len(everything) / LOOKED_AT)]
    sizes, counts = [], np.zeros(256, dtype=np.int64)
    told: set[int] = set()
    object_sizes: list[npt.NDArray[np.float64]] = []
    for dataset, entry, repeat, kind in some:
        size = dataset.reader.size(entry)
        sizes.append(size)
        label_map, instances = dataset.read_labels(entry, size)
        counts += repeat * count_ids(label_map)
        objects = None if kinds is None else instance_map_of(label_map, instances, kind)
        if objects is not None:
            there = (objects > 0) & (objects != UNKNOWN) & (label_map != VOID)
            told |= set(np.unique(label_map[there]).tolist())
            areas = np.bincount(objects[there])
            object_sizes.append(np.sqrt(areas[areas > 0]))
    if kinds is not None and not told:
        raise DataError(
            f"{', '.join(str(d.root) for d in training)}: no objects told apart in it; train it "
            "with --task semantic, or say in a recipe how its objects are told ('objects')"
        )
    n_classes = len(training[0].classes)
    # A class that none of these photos shows may well have objects.
    things = [c for c in range(1, n_classes) if c in told or not counts[c]] if told else []
    height, width = np.median(sizes, axis=0)
    return DataSummary(
        sum(len(d) * repeat for d, repeat in zip(training, repeats, strict=True)),
        sum(map(len, judged)),
        (round(height), round(width)),
        counts[:n_classes],
        tuple(things),
        np.concatenate(object_sizes) if object_sizes else np.zeros(0),
    )


def make_plan(
    recipe: Recipe,
    summary: DataSummary,
    measure: Callable[[str, int], StepCost],
    processes: int = 1,
) -> Plan:
    """Decide what the recipe leaves open.

    Parameters
    ----------
    recipe : Recipe
    summary : DataSummary
    measure : callable
        Takes the network's size and the side of a crop, gives what it costs.
    processes : int
        A batch is dealt out to so many.

    Returns
    -------
    Plan
    """
    values: dict[str, Any] = dict(recipe.settings)
    reasons: dict[str, str] = {}

    def choose(name: str, value: object, why: str) -> None:
        if name not in recipe.settings:
            values[name], reasons[name] = value, why

    longer = max(summary.size)
    if summary.things:
        low, usual, high = (float(v) for v in np.percentile(summary.object_sizes, [5, 50, 95]))
        sizes = f"objects are {low:.0f} to {high:.0f} px"
        if usual < SMALL * longer and not recipe.settings.get("side"):
            # Objects this small are small in every photo: the size of a photo says nothing.
            zoom = min(2.0, max(0.5, round(4 * LEAST_OBJECT / low) / 4))
            choose("image_scale", zoom, f"{sizes}; the smallest shall cover {LEAST_OBJECT} px")
            choose("stretch_levels", True, "seen at their own scale: levels of their own, too")
        spread = values.get("centre_sigma", Settings.centre_sigma)
        choose("centre_sigma", spread, f"of an object's size around its centre; {sizes}")
    zoom = values.get("image_scale", 0.0)
    longer = round(zoom * longer) or longer
    side = min(LONGEST_SIDE, max(64, _round32(longer)))
    choose("side", side, f"px; photos are about {summary.size[1]} x {summary.size[0]} px")
    side = values["side"]
    choose("crop", max(32, _round32(0.7 * side)), "px; 0.7 of what the network sees")
    crop = values["crop"]
    choose("first_crop", max(32, _round32(crop / 2)), "px; small crops first, they cost little")
    if summary.things:
        seen_low = low * (zoom or side / longer)
        apart = min(63, max(3, 2 * round((seen_low / 2 - 1) / 2) + 1))
        choose("nms_window", apart, f"the smallest objects cover {seen_low / 2:.0f} px of the map")
    unit = 1.0 if zoom else side / crop
    low, high = round(0.6 * unit, 2), round(1.6 * unit, 2)
    seen = f"{zoom:g} times their size" if zoom else f"{side} px"
    choose("scale", (low, high), f"crops; photos at 0.6 to 1.6 times {seen}")

    size = values.get("size", Settings.size)
    cost = measure(size, crop)
    fits = max(1, int(0.5 * cost.memory / max(1, cost.bytes)))
    most = min(fits * processes, max(4, summary.photos // 16), summary.photos)
    batch = max(
        next((b for b in BATCHES if b <= most and b % processes == 0), processes), processes
    )
    choose(
        "batch",
        batch,
        f"photos; {cost.bytes / 1e6:.0f} MB each, {cost.memory / 1e9:.0f} GB free",
    )
    batch = values["batch"]
    # Pretrained weights keep what they know at a lower rate; the usual range for fine-tuning.
    top = FINE_TUNING if recipe.model or recipe.weights else Settings.learning_rate
    rate = float(f"{top * math.sqrt(min(1.0, batch / 16)):.2g}")
    choose("learning_rate", rate, "AdamW; lower for batches under 16, and on pretrained weights")
    share = summary.counts / max(1, summary.counts.sum())
    present = share[share > 0]
    balance = (
        (0.0, "classes stay as they are")
        if values.get("freeze_classes")
        else _balance(present, summary)
    )
    choose("balance", *balance)
    choose("cache_gb", round(max(0.1, cost.memory / 4 / processes / 1e9), 1), "a quarter of it")

    frame = Settings.of({**values, "epochs": 100})
    area = float(np.mean([(frame.crop_in(e) / crop) ** 2 for e in range(100)]))
    epoch = summary.photos * cost.seconds * (crop / cost.crop) ** 2 * area
    # A forward pass is a third of a step; photos are seen at side x side, at most.
    judging = summary.judged * cost.seconds * (side / cost.crop) ** 2 / 3
    epochs, why = _epochs(recipe.minutes, summary, epoch * (1 + (JUDGING if summary.judged else 0)))
    choose("epochs", epochs, why)
    epochs = values["epochs"]
    every = max(1, min(math.ceil(judging / (JUDGING * epoch)), epochs // 10))
    choose("validate_every", every, f"epochs; {summary.judged} photos to evaluate")
    steps = epochs * max(1, summary.photos // batch)
    ema = round(1 - 1 / min(1000, max(10, steps / 50)), 4)
    choose("ema", ema, "averages the weights over the last fiftieth of the steps, at most 1,000")

    settings = asdict(Settings.of(values))
    decided = replace(recipe, settings=settings, minutes=None)
    total = epochs * (epoch + judging / values["validate_every"]) / 60
    return Plan(decided, reasons, total)


def _epochs(minutes: float | None, summary: DataSummary, seconds: float) -> tuple[int, str]:
    if minutes is not None:
        return max(1, int(60 * minutes / seconds)), f"{seconds:.1f} s each on this machine"
    epochs = min(300, max(20, round(PHOTOS / summary.photos)))
    return epochs, f"about {PHOTOS:,} photos in all, but 20 to 300 times each"


def _balance(share: npt.NDArray[np.float64], summary: DataSummary) -> tuple[float, str]:
    """Weigh classes where the rarest is far rarer than an even share would be."""
    rarest = float(share.min() * len(share)) if len(share) else 1.0
    balance = 0.0 if rarest > 0.25 else 0.5
    weights = class_weights(summary.counts, balance)[summary.counts > 0]
    if balance and len(weights):
        return balance, (
            f"the rarest class has {share.min():.2%} of the pixels; "
            f"weights {weights.min():.2f} to {weights.max():.2f}"
        )
    return 0.0, "classes are common enough to count alike"


def _round32(value: float) -> int:
    return round(value / 32) * 32


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " to ".join(f"{v:g}" for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
