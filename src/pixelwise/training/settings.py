"""The numbers of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

from pixelwise.errors import ArgumentError
from pixelwise.networks.designs import DESIGNS, NO_ENCODER, PRETRAINED_DESIGNS, design_of
from pixelwise.weights.card import INSTANCE_DESIGNS, TASKS

SIZES = tuple(DESIGNS)
"""The networks, by name."""

ENCODER_CHOICES = (NO_ENCODER, *PRETRAINED_DESIGNS)
"""What the network starts from: random weights, or an encoder that was pretrained."""

PRECISIONS = ("auto", "bfloat16", "float32")

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where training runs; ``auto`` is the fastest that is there."""

INSTANCE_SOURCES = ("", "areas", "single", "one")
"""Where instances come from: the data itself, connected areas of a class, or one per image."""

FOREGROUND_SOURCES = ("", "all", "only")
"""What stands out: by a rule, all that is labelled, or what is labelled that and nothing else."""

MOST_FOLDS = 20
"""Runs of a cross-validation, at most."""

OLD_NAMES = {
    "spread": "centre_sigma",
    "zoom": "image_scale",
    "edges": "refine_edges",
    "paste": "copy_paste",
    "apart": "nms_window",
    "normalised": "stretch_levels",
    "frozen": "freeze_classes",
    "judge_every": "validate_every",
}
"""Settings of older recipes, and what they are called since."""


@dataclass(frozen=True)
class Settings:
    """The numbers of a run. Each has its default here and nowhere else.

    Those that are not given are chosen from the data where possible (`pixelwise.training.plan`).

    Parameters
    ----------
    task : str
        What is learnt, one of `TASKS`: classes alone, instances as well, or the boundaries that
        people draw.
    size : str
        Of the network, one of `SIZES`.
    epochs : int
        Passes over all training images.
    crop, first_crop : int
        Side of the square training crops in pixels, at the end and in the first epoch. It grows
        in between: small crops first cost little and teach most (progressive learning, Tan and
        Le, EfficientNetV2, 2021).
    side : int
        Pixels of an image's longer side in validation and prediction.
    image_scale : float
        If above 0, images are seen at this multiple of their own size instead: right where a
        pixel always shows as much, as under a microscope.
    stretch_levels : bool
        Stretch the levels of each image first: right where their brightness means nothing, as
        under a microscope.
    batch : int
        Images per step.
    learning_rate, weight_decay : float
        Of AdamW, at the top of the schedule.
    encoder : str
        One of `ENCODER_CHOICES`: ``none`` starts from random weights, any other name from those of
        a pretrained encoder, whose network has one size.
    encoder_rate : float
        Learning rate of a pretrained encoder as a share of ``learning_rate``, 0..1.
    warmup : float
        Share of all steps in which the rate climbs; after it, it falls by a cosine to zero.
    ema : float
        Share of the averaged weights that is kept at each step.
    scale : (low, high)
        Longer side of an image in crops, drawn log-uniformly, as a multiple of the crop's side;
        with ``image_scale``, as a multiple of that.
    flip : float
        Share of the crops that are mirrored, 0..1: 0 where left and right are classes.
    rotate : float
        Degrees, either way, 0..180.
    stretch : float
        Natural log of the aspect change, either way, 0..2.
    colour : float
        Strength of brightness, contrast, saturation and tint changes, 0..1; above 0 a tenth of the
        crops is grey.
    instance_design : str
        How instances are learnt, one of `INSTANCE_DESIGNS`: ``kernels`` only on a pretrained
        encoder.
    centre_sigma : float
        Standard deviation of the spot that marks an instance's centre, as a share of the
        instance's size.
    freeze_classes : bool
        Train the instance branch alone, on weights to start from; their classes stay the same.
    nms_window : int
        Side of the window in which an instance's centre is the only one, in pixels of the
        network's map of centres; odd.
    instance_share : float
        Weight of the losses of instances, against 1 of the classes'.
    foreground_share : float
        Weight of the loss of what stands out, against 1 of the classes', 0..1; 0 does not learn it.
    rare_share : float
        Share of the images below which a class is drawn more often (`training.draws`), 0..1; 0
        draws all images alike.
    copy_paste : float
        Share of the crops over which the subject of another is pasted, 0..1: everything there
        that is not class 0, the background.
    balance : float
        How much rare classes count in the loss: the power of a class's share of all pixels by
        which its weight falls, 0..1. 0 weighs all pixels alike.
    refine_edges : bool
        In prediction and in the final scores, align the boundary between the background, class 0,
        and the others with the image's edges; scores during training are without it.
    second_look : float
        In prediction and in the final scores, see each image a second time, at this scale of its
        size, for what large objects are (`pixelwise.inference.two_looks`); 0 is once.
    validate_every : int
        Epochs between two validations; the last epoch is always validated.
    cache_gb : float
        Memory for decoded images, in GB; those that do not fit are read in every epoch.
    val : float
        Share of the images that is held out to score the network, 0..0.5, of each data set that
        has no ``val`` split; 0 holds out none.
    folds : int
        If at least 2, cross-validate instead: train once per fold, each time with another part of
        such a data set held out, and at the end on all of it.
    fold : int
        The one run of a cross-validation that holds out this part, 1 to ``folds``; 0 is all of it.
    precision : str
        Of the arithmetic, one of `PRECISIONS`; ``auto`` is bfloat16 if the device has it.
    half_size : bool
        Store the trained weights in 16 bits: a file of half the size, with the same answers but
        for rounding.
    seed : int
        The one source of randomness.

    Raises
    ------
    ArgumentError
        A value of the wrong kind or out of its range; the message names the setting and what
        it may be.

    Examples
    --------
    >>> settings = Settings(epochs=30, crop=224, first_crop=128)
    >>> [settings.crop_in(epoch) for epoch in (0, 10, 29)]
    [128, 192, 224]
    """

    task: str = "semantic"
    size: str = "small"
    epochs: int = 60
    crop: int = 224
    first_crop: int = 128
    side: int = 288
    image_scale: float = 0.0
    stretch_levels: bool = False
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    encoder: str = NO_ENCODER
    encoder_rate: float = 1 / 15
    warmup: float = 0.03
    ema: float = 0.998
    scale: tuple[float, float] = (0.6, 1.7)
    flip: float = 0.5
    rotate: float = 10.0
    stretch: float = 0.2
    colour: float = 0.5
    instance_design: str = "centres"
    centre_sigma: float = 0.1
    freeze_classes: bool = False
    nms_window: int = 5
    instance_share: float = 1.0
    foreground_share: float = 0.0
    rare_share: float = 0.0
    copy_paste: float = 0.0
    balance: float = 0.0
    refine_edges: bool = False
    second_look: float = 0.0
    validate_every: int = 1
    cache_gb: float = 4.0
    val: float = 0.2
    folds: int = 0
    fold: int = 0
    precision: str = "auto"
    half_size: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check_kind(setting.name, getattr(self, setting.name), setting.default)
        for name, known in (
            ("task", TASKS),
            ("precision", PRECISIONS),
            ("instance_design", INSTANCE_DESIGNS),
        ):
            value = getattr(self, name)
            if value not in known:
                raise ArgumentError(f"unknown {name} {value!r}; there is: {', '.join(known)}")
        design_of(self.size, self.encoder)
        if self.instance_design == "kernels" and self.encoder == NO_ENCODER:
            raise ArgumentError("instance_design: 'kernels' needs a pretrained encoder (--encoder)")

        def expect(right: bool, name: str, what: str) -> None:
            if not right:
                raise ArgumentError(f"{name}: expected {what}, got {getattr(self, name)}")

        for name in ("epochs", "batch", "validate_every"):
            expect(getattr(self, name) >= 1, name, "at least 1")
        for name in ("crop", "first_crop", "side"):
            expect(32 <= getattr(self, name) <= 2048, name, "32..2048 px")
        for name in ("warmup", "ema", "colour"):
            expect(0 <= getattr(self, name) < 1, name, "0 <= value < 1")
        for name in ("seed", "weight_decay", "cache_gb"):
            expect(getattr(self, name) >= 0, name, "at least 0")
        expect(0 <= self.rotate <= 180, "rotate", "0..180 degrees")
        expect(0 <= self.stretch <= 2, "stretch", "0..2")
        shares = ("balance", "copy_paste", "foreground_share", "instance_share", "rare_share")
        for name in (*shares, "encoder_rate", "flip"):
            expect(0 <= getattr(self, name) <= 1, name, "0..1")
        expect(0 <= self.image_scale <= 8, "image_scale", "0..8")
        expect(0 <= self.second_look < 1, "second_look", "0 <= value < 1")
        expect(0 < self.centre_sigma <= 0.5, "centre_sigma", "0 < value <= 0.5")
        expect(0 <= self.val <= 0.5, "val", "0..0.5")
        expect(self.folds == 0 or 2 <= self.folds <= MOST_FOLDS, "folds", f"0 or 2..{MOST_FOLDS}")
        expect(0 <= self.fold <= self.folds, "fold", f"0..{self.folds}, the number of folds")
        odd = 3 <= self.nms_window <= 63 and self.nms_window % 2 == 1
        expect(odd, "nms_window", "an odd number 3..63")
        expect(self.learning_rate > 0, "learning_rate", "above 0")
        expect(0 < self.scale[0] <= self.scale[1], "scale", "0 < low <= high")
        if self.folds and self.task == "boundary":
            raise ArgumentError("folds: the task 'boundary' has a val split; leave out --folds")
        if self.freeze_classes and (self.task != "instance" or self.balance):
            raise ArgumentError("freeze_classes: expected task=instance and balance=0")

    def crop_in(self, epoch: int) -> int:
        """Side of the crops in an epoch (0, 1, ...), in px, a multiple of 32."""
        share = epoch / max(1, self.epochs - 1)
        # The last third runs at the full crop, so that the weights settle on it.
        first = min(self.first_crop, self.crop)
        side = first + (self.crop - first) * min(1.0, 1.5 * share)
        return max(32, round(side / 32) * 32)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Build settings from those of a recipe; the rest keeps its defaults.

        Raises
        ------
        ArgumentError
            A name that is not known, or a value of the wrong kind or out of its range.

        Examples
        --------
        >>> Settings.of({"epochs": 3, "judge_every": 2}).validate_every
        2
        """
        values = renamed(values, OLD_NAMES)
        refuse_unknown(values, cls)
        if isinstance(values.get("scale"), list):  # in JSON
            values["scale"] = tuple(values["scale"])
        return cls(**values)


def _check_kind(name: str, value: object, default: object) -> None:
    """Check that a setting is of the kind of its default.

    Raises
    ------
    ArgumentError
        With what it may be.
    """

    def is_number(value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)

    if isinstance(default, bool):
        right, what = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        right, what = is_number(value) and isinstance(value, int), "a whole number"
    elif isinstance(default, float):
        right, what = is_number(value), "a number"
    elif isinstance(default, tuple):
        right = isinstance(value, tuple) and len(value) == 2 and all(is_number(v) for v in value)
        what = "two numbers"
    else:
        right, what = isinstance(value, str), "a name"
    if not right:
        raise ArgumentError(f"{name}: expected {what}, got {value!r}")


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the values under the names that their keys have today.

    Parameters
    ----------
    values : mapping of str to object
    names : mapping of str to str
        From old names to those of today.
    """
    return {names.get(name, name): value for name, value in values.items()}


def refuse_unknown(values: Mapping[str, Any], kind: type) -> None:
    """Check that every key is a field of a record.

    Raises
    ------
    ArgumentError
        With the names that are known.
    """
    known = [f.name for f in fields(kind)]
    for name in values:
        if name not in known:
            raise ArgumentError(f"unknown key {name!r}; known: {', '.join(known)}")
