"""What a training run is told: classes, sources and settings, as data in one JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from pixelwise.classes import ClassMap
from pixelwise.datasets import (
    Dataset,
    check,
    list_splits,
    open_dataset,
    stop_on_findings,
)
from pixelwise.datasets.options import WHOLE
from pixelwise.defaults import JUDGED_SPLIT, TRAIN_SPLIT
from pixelwise.errors import ArgumentError, DataError


@dataclass(frozen=True)
class Settings:
    """The numbers of a run. Each has its default here and nowhere else.

    Parameters
    ----------
    epochs : int
        Passes over all training photos.
    crop, first_crop : int
        Side of the square training crops in pixels, at the end and in the first epoch. It grows
        in between: small pictures first cost little and teach most (progressive learning, Tan
        and Le, EfficientNetV2, 2021).
    side : int
        Pixels of a photo's longer side when the network judges it.
    batch : int
        Photos a step.
    learning_rate, weight_decay : float
        Of AdamW, at the top of the schedule.
    warmup : float
        Share of all steps in which the rate climbs; after it, it falls by a cosine to zero.
    ema : float
        Share of the averaged weights that stays at each step.
    scale : (low, high)
        Longer side of a photo in crops, drawn log-uniformly.
    rotate : float
        Degrees, either way.
    stretch : float
        Natural log of the aspect change, either way.
    colour : float
        Strength of brightness, contrast, saturation and tint changes, 0..1.
    cache_gb : float
        Memory for decoded photos, in GB; those that do not fit are read in every epoch.
    seed : int
        The one source of randomness.
    """

    epochs: int = 60
    crop: int = 224
    first_crop: int = 128
    side: int = 288
    batch: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup: float = 0.03
    ema: float = 0.998
    scale: tuple[float, float] = (0.6, 1.7)
    rotate: float = 10.0
    stretch: float = 0.2
    colour: float = 0.5
    cache_gb: float = 4.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("crop", "first_crop", "side"):
            if not 32 <= getattr(self, name) <= 2048:
                raise ArgumentError(f"{name}: expected 32..2048 px, got {getattr(self, name)}")
        for name in ("warmup", "ema", "colour"):
            if not 0 <= getattr(self, name) < 1:
                raise ArgumentError(f"{name}: expected 0 <= value < 1, got {getattr(self, name)}")
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


@dataclass(frozen=True)
class Source:
    """How one data set takes part.

    Parameters
    ----------
    rules : mapping of str to str
        Its class names to the model's, as for `ClassMap.remap`; identity where empty.
    repeat : int
        How often an epoch goes through it.
    format, encoding, void, labels
        How it is to be read, as for `open_dataset`.
    names : tuple of str
        What its ids mean; what its files say where empty.
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 1
    format: str | None = None
    encoding: str | None = None
    void: int | None = None
    labels: str | None = None
    names: tuple[str, ...] = ()

    @property
    def classes(self) -> ClassMap | None:
        """The names as a class map; None where the files' own count."""
        return ClassMap(tuple(self.names)) if self.names else None


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run but the photos themselves.

    Parameters
    ----------
    classes : ClassMap or None
        What the model shall tell apart; None takes the classes of the first data set.
    sources : mapping of str to Source
        By the name of the data set's folder. A folder without an entry keeps its classes.
    settings : Settings
    licence : str
        Of the trained weights; it travels in the weights file.
    data : str
        What the weights were trained on, in words; the folders' names where empty.
    """

    classes: ClassMap | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    licence: str = "not stated"
    data: str = ""

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """Read a recipe from JSON.

        Raises
        ------
        DataError
            The file is missing, no JSON, or holds a key that is not known.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{path}: not a recipe ({error})") from None

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Recipe:
        """Build a recipe from what `as_dict` returned; keys left out keep their defaults."""
        if not isinstance(values, Mapping):
            raise TypeError(f"expected a JSON object, got {type(values).__name__}")
        raw = dict(values)
        _refuse_unknown(raw, cls)
        if raw.get("classes") is not None:
            raw["classes"] = ClassMap(
                tuple(raw["classes"]["names"]),  # type: ignore[index]
                tuple(tuple(c) for c in raw["classes"].get("colours", ())),  # type: ignore[attr-defined]
            )
        sources: Mapping[str, dict[str, object]] = raw.get("sources", {})  # type: ignore[assignment]
        for source in sources.values():
            _refuse_unknown(source, Source)
        raw["sources"] = {
            name: Source(**{**source, "names": tuple(source.get("names", ()))})  # type: ignore[arg-type]
            for name, source in sources.items()
        }
        settings = dict(raw.get("settings", {}))  # type: ignore[call-overload]
        _refuse_unknown(settings, Settings)
        if "scale" in settings:
            settings["scale"] = tuple(settings["scale"])
        raw["settings"] = Settings(**settings)
        return cls(**raw)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON, every default spelled out."""
        return asdict(self)

    def open(
        self, paths: list[Path], split: str, say: Callable[[str], object] = print
    ) -> list[Dataset]:
        """Open a split of some data sets with their classes translated to the recipe's.

        A data set without splits is learnt from as a whole. Objects are left unread.

        Raises
        ------
        DataError
            A folder cannot be opened, or its classes differ from the model's and no rule
            translates them.
        """
        opened: list[Dataset] = []
        classes = self.classes
        for path in paths:
            source = self.source(path)
            here = split
            if split == TRAIN_SPLIT and list_splits(path, format=source.format) == (WHOLE,):
                here = WHOLE
            dataset = open_dataset(
                path,
                here,
                source.classes,
                format=source.format,
                encoding=source.encoding,
                void=source.void,
                labels=source.labels,
                say=say,
            ).semantic()
            classes = classes or dataset.classes
            if source.rules or dataset.classes.names != classes.names:
                try:
                    dataset = dataset.remapped(source.rules, classes)
                except ArgumentError as error:
                    raise DataError(f"{path}: {error} (in the recipe's sources)") from None
            opened.append(dataset)
        return opened

    def check(self, paths: list[Path]) -> None:
        """Look for what a run would stumble over, or learn wrongly, in data sets.

        Raises
        ------
        DataError
            The first such finding; ``pixelwise check`` tells all.
        """
        for path in paths:
            source = self.source(path)
            splits = list_splits(path, format=source.format)
            report = check(
                path,
                fast=True,
                splits=tuple(s for s in (TRAIN_SPLIT, JUDGED_SPLIT) if s in splits) or None,
                classes=source.classes,
                format=source.format,
                encoding=source.encoding,
                void=source.void,
                labels=source.labels,
            )
            stop_on_findings(report)

    def source(self, path: Path) -> Source:
        """How the data set at ``path`` takes part."""
        # resolve(), so that "." and ".." find their folder's name
        return self.sources.get(path.resolve().name, Source())


def _refuse_unknown(values: Mapping[str, object], kind: type) -> None:
    known = [f.name for f in fields(kind)]
    for name in values:
        if name not in known:
            raise ValueError(f"unknown key {name!r}; known: {', '.join(known)}")
