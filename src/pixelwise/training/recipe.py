"""What decides a training run: classes, sources and settings, as data in one JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.classes import VOID, ClassMap
from pixelwise.datasets import Dataset, ReadOptions, check, stop_on_findings
from pixelwise.datasets.registry import find, splits_of
from pixelwise.defaults import EVALUATION_SPLIT, TRAIN_SPLIT
from pixelwise.errors import ArgumentError, DataError
from pixelwise.io.stored_path import locate
from pixelwise.networks.designs import NO_ENCODER
from pixelwise.training.settings import (
    FOREGROUND_SOURCES,
    INSTANCE_SOURCES,
    OLD_NAMES,
    Settings,
    refuse_unknown,
    renamed,
)

HELD_OUT_SPLITS = frozenset({EVALUATION_SPLIT, "test"})
"""Splits that are never trained on."""


@dataclass(frozen=True)
class Source:
    """How one data set takes part.

    Parameters
    ----------
    rules : mapping of str to str
        Its class names to the model's, as for `ClassMap.remap`; identity if empty.
    repeat : float
        How often an epoch goes through it, above 0: at 0.5, half of its images are drawn.
    options : ReadOptions
        How it is to be read, as for `open_dataset`.
    instances : str
        Where its instances come from, one of `training.settings.INSTANCE_SOURCES`: the data
        itself if empty; ``areas``: each connected area of a class is one; ``single``: an area that
        is the only one of its class and compact is one, the others are unlabelled; ``one``: all
        that is labelled in an image is one, and it may show others that are not labelled, so that
        nothing is learnt outside its box.
    labelled : tuple of str, or None
        The model's classes that the data set labels completely, without the background; all of
        them if None. Some pixels of the others may be labelled, too, but a background pixel does
        not say that it is none of them (`pixelwise.training.partial`). If empty, a background
        pixel says nothing at all.
    foreground : str
        What stands out in its images, one of `training.settings.FOREGROUND_SOURCES`: large and
        central instances if empty (`pixelwise.training.foreground_targets`); ``all``: all that is
        labelled, and nothing else; ``only``: the same, and the labels say nothing about classes.
    set_aside : tuple of str
        Names of images of the training split that are never trained on.

    Raises
    ------
    ArgumentError
        A value out of its range; the message names the field and what was expected.

    Examples
    --------
    >>> source = Source(rules={"cat": "animal", "*": "background"}, repeat=2)
    >>> Source.from_dict({"repeat": 2, "rules": source.rules}) == source
    True
    >>> Source(labelled=("cat",)).hidden(ClassMap(("background", "cat", "dog")))
    (True, False, True)
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    repeat: float = 1
    options: ReadOptions = field(default_factory=ReadOptions)
    instances: str = ""
    labelled: tuple[str, ...] | None = None
    foreground: str = ""
    set_aside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.instances not in INSTANCE_SOURCES:
            raise ArgumentError(
                f"instances: expected one of {', '.join(filter(None, INSTANCE_SOURCES))}, "
                f"got {self.instances!r}"
            )
        if self.foreground not in FOREGROUND_SOURCES:
            raise ArgumentError(
                f"foreground: expected one of {', '.join(filter(None, FOREGROUND_SOURCES))}, "
                f"got {self.foreground!r}"
            )
        if not (isinstance(self.repeat, int | float) and 0 < self.repeat < math.inf):
            raise ArgumentError(
                f"repeat: expected a number above 0, got {self.repeat!r}; to leave a data set "
                "out, leave its folder out of the command"
            )

    @property
    def main_only(self) -> bool:
        """Whether only the main instance of each image is labelled."""
        return self.instances == "one"

    def hidden(self, classes: ClassMap) -> tuple[bool, ...]:
        """Return for each of the model's classes whether the background here may contain it.

        Parameters
        ----------
        classes : ClassMap
            The model's.

        Raises
        ------
        ArgumentError
            ``labelled`` names a class that the model does not have.
        """
        if self.labelled is None:
            return tuple(id_ == 0 for id_ in range(len(classes)))
        complete = {classes.index(name) for name in self.labelled}
        return tuple(id_ == 0 or id_ not in complete for id_ in range(len(classes)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Source:
        """Build a source from JSON; keys left out keep their defaults.

        Older recipes have the reading options loose, and class names under ``names``.

        Raises
        ------
        ArgumentError
            A key that is not known.
        """
        raw = renamed(values, {"objects": "instances"})
        options = dict(raw.pop("options", {}))
        options |= {k: raw.pop(k) for k in ("format", "encoding", "void", "labels") if k in raw}
        if names := raw.pop("names", ()):
            options["classes"] = {"names": names}
        refuse_unknown(raw, cls)
        refuse_unknown(options, ReadOptions)
        options["classes"] = _class_map(options.get("classes"))
        if raw.get("labelled") is not None:
            raw["labelled"] = tuple(raw["labelled"])  # a list in JSON
        raw["set_aside"] = tuple(raw.get("set_aside", ()))
        return cls(**raw, options=ReadOptions(**options))


def _class_map(values: Mapping[str, Any] | None) -> ClassMap | None:
    if values is None:
        return None
    return ClassMap(tuple(values["names"]), tuple(tuple(c) for c in values.get("colours", ())))


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run but the images themselves.

    Parameters
    ----------
    classes : ClassMap or None
        What the model shall distinguish; None takes the classes of the first data set.
    sources : mapping of str to Source
        By the name of the data set's folder. A folder without an entry keeps its classes.
    settings : mapping of str to object
        Those of `Settings` that are decided; the plan chooses the others.
    minutes : float, optional
        How long training may take; the plan turns it into epochs if these are left open.
    model : str
        A network from the Hugging Face hub, ``hf:<name>``, or a folder of one; our own if empty.
    weights : str
        Weights to start from: a name, a model.onnx or a checkpoint.pt; random if empty.
    licence : str
        Of the trained weights; it travels in the weights file.
    data : str
        What the weights were trained on, in words; the folders' names if empty.

    Raises
    ------
    ArgumentError
        A setting that is not known, or out of its range.

    Examples
    --------
    >>> recipe = Recipe(settings={"epochs": 3, "crop": 64}, licence="MIT")
    >>> Recipe.from_dict(recipe.as_dict()) == recipe
    True
    """

    classes: ClassMap | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    minutes: float | None = None
    model: str = ""
    weights: str = ""
    licence: str = "not stated"
    data: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", renamed(self.settings, OLD_NAMES))
        if Settings.of(self.settings).freeze_classes and not self.weights:
            raise ArgumentError("freeze_classes: needs weights to start from (--weights)")
        if self.model and Settings.of(self.settings).encoder != NO_ENCODER:
            raise ArgumentError("encoder: a model of the hub has its own; leave out --encoder")
        if self.model and Settings.of(self.settings).size != Settings.size:
            raise ArgumentError("size: a model of the hub has its own; leave out --size")
        if self.minutes is not None and not self.minutes > 0:
            raise ArgumentError(f"minutes: expected above 0, got {self.minutes}")
        if self.minutes is not None and "epochs" in self.settings:
            raise ArgumentError("give --minutes or --epochs, not both")

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
        except (ValueError, TypeError, KeyError, AttributeError, ArgumentError) as error:
            raise DataError(f"{path}: not a recipe ({error})") from None

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Recipe:
        """Build a recipe from what `as_dict` returned; keys left out keep their defaults."""
        if not isinstance(values, Mapping):
            raise TypeError(f"expected a JSON object, got {type(values).__name__}")
        raw = renamed(values, {"start": "weights"})
        refuse_unknown(raw, cls)
        raw["classes"] = _class_map(raw.get("classes"))
        sources: Mapping[str, Mapping[str, Any]] = raw.get("sources", {})
        raw["sources"] = {name: Source.from_dict(source) for name, source in sources.items()}
        raw["settings"] = dict(raw.get("settings", {}))
        return cls(**raw)

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self)

    def open(
        self, paths: list[Path], say: Callable[[str], object] = print
    ) -> tuple[list[Dataset], list[Dataset]]:
        """Open data sets, check them, and translate their classes to the recipe's.

        Each folder is recognised and each split opened once, by the fast part of a check. Instances
        are read for the instance task only.

        Parameters
        ----------
        paths : list of Path
        say : callable
            Takes what each split was recognised as.

        Returns
        -------
        training : list of Dataset
            The ``train`` split of each; all of a data set without splits.
        held_out : list of Dataset
            The ``val`` splits of those that have one. Of the others nothing is held out yet; that
            is for `pixelwise.training.held_out`.

        Raises
        ------
        DataError
            A folder cannot be opened, the check finds something that a run would fail on or learn
            wrongly, or its classes differ from the model's and no rule translates them.
        """
        training: list[Dataset] = []
        held_out: list[Dataset] = []
        classes = self.classes
        for path in paths:
            splits = self._splits(path)
            for name, opened in ((TRAIN_SPLIT, training), (EVALUATION_SPLIT, held_out)):
                if name in splits:
                    say(splits[name].found)
                    classes = classes or splits[name].classes
                    dataset = self._translated(path, splits[name], classes)
                    if opened is training:
                        dataset = self._without_aside(path, dataset)
                    opened.append(dataset)
        left = set(self.sources) - {path.resolve().name for path in paths}
        if left:
            say(f"in the recipe's sources, but no folder given: {', '.join(sorted(left))}")
        return training, held_out

    def _without_aside(self, path: Path, dataset: Dataset) -> Dataset:
        """Return a training split without the images that its source sets aside."""
        aside = set(self.source(path).set_aside)
        if not aside:
            return dataset
        names = {entry.name for entry in dataset.entries}
        if unknown := sorted(aside - names):
            raise DataError(f"{path}: set_aside names {unknown[0]!r}, which is no image here")
        if aside == names:
            raise DataError(f"{path}: set_aside names all its images; none is left to train on")
        return dataset.only(names - aside)

    def _splits(self, path: Path) -> dict[str, Dataset]:
        """Return the splits of a checked data set that training uses; all of it is ``train``."""
        options = self.source(path).options
        root, format_ = find(locate(path), options)
        there = splits_of(root, format_, options)
        wanted = tuple(name for name in (TRAIN_SPLIT, EVALUATION_SPLIT) if name in there)
        if TRAIN_SPLIT not in there:
            # CVAT calls its only split default. One for evaluation is not trained on.
            if len(there) != 1 or not HELD_OUT_SPLITS.isdisjoint(there):
                raise DataError(f"{path}: no split 'train'; there is: {', '.join(sorted(there))}")
            wanted = tuple(there)
        report = check(root, replace(options, format=format_), fast=True, splits=wanted)
        stop_on_findings(report)
        return {d.split if d.split in HELD_OUT_SPLITS else TRAIN_SPLIT: d for d in report.datasets}

    def _translated(self, path: Path, dataset: Dataset, classes: ClassMap) -> Dataset:
        """Return a data set with the model's classes, and without instances if not asked."""
        if Settings.of(self.settings).task == "semantic":
            dataset = dataset.semantic()
        if self.source(path).foreground == "only":
            # Its labels are read as they are in the files, by `LabelledSamples`.
            nothing = np.full(256, VOID, dtype=np.uint8)
            own = dataset.classes
            return replace(dataset, classes=classes, table=nothing, file_ids=None, own_classes=own)
        rules = self.source(path).rules
        if not rules and dataset.classes == classes:
            return dataset
        try:
            return dataset.remapped(rules, classes)
        except ArgumentError as error:
            raise DataError(f"{path}: {error} (in the recipe's sources)") from None

    def source(self, path: Path) -> Source:
        """Return how the data set at ``path`` takes part."""
        # resolve(), so that "." and ".." find their folder's name
        return self.sources.get(path.resolve().name, Source())
