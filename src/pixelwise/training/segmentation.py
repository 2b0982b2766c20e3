"""Segmentation as a task of the training loop: classes, and instances if asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric

from pixelwise.classes import VOID
from pixelwise.datasets import Dataset
from pixelwise.datasets.splits import HELD_OUT
from pixelwise.errors import ArgumentError
from pixelwise.inference import Predictor
from pixelwise.inference.preprocess import stretch_levels
from pixelwise.inference.refine import check_background
from pixelwise.io.depth import stretched_range
from pixelwise.io.image import resize_image
from pixelwise.io.mask import count_ids, resize_ids
from pixelwise.networks import Network, Output, build_network, count_parameters
from pixelwise.networks.encoders import describe_encoder
from pixelwise.networks.hub import load_hub_model
from pixelwise.progress import track, waiting
from pixelwise.samples import Int64Array
from pixelwise.training.augment import Labelled, augment, paste
from pixelwise.training.batches import Crop, Targets
from pixelwise.training.calibrate import choose_threshold
from pixelwise.training.cost import measure_cost
from pixelwise.training.distributed import reduced
from pixelwise.training.draws import Draws, plan_draws, read_shown
from pixelwise.training.export.onnx import score_export, write_card
from pixelwise.training.foreground_targets import foreground_loss, foreground_map_of
from pixelwise.training.held_out import HeldOut, choose_held_out
from pixelwise.training.instance_targets import instance_loss, instance_map_of, instance_targets
from pixelwise.training.kernel_targets import kernel_loss, kernel_targets
from pixelwise.training.optim import pixel_loss
from pixelwise.training.partial import main_box_only, partial_loss, says_something
from pixelwise.training.plan import Plan, StepCost, make_plan, summarise_data
from pixelwise.training.recipe import Recipe
from pixelwise.training.settings import Settings
from pixelwise.training.task import Loss, Say
from pixelwise.training.validate import validate
from pixelwise.weights.card import ModelCard

TRIES, ENOUGH = 3, 0.02
"""Crops that are tried to show an image's rarest class, and the share of one that is enough."""

PASTED_RARE, PASTED_ALIKE = 0.35, 0.45
"""Share of the pasted crops that are of a rare class, and that show a class of the image, too.

Only where rare classes are drawn more often; the latter have instances, so that two of one class
stand side by side and are found separately.
"""

INSTANCE_LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "centres": instance_loss,
    "kernels": kernel_loss,
}
"""By the setting ``instance_design``: of what the branch gives, and its targets."""


class Segmentation:
    """Learns classes from data sets, and instances with the task ``"instance"``.

    Parameters
    ----------
    paths : list of Path
        Data sets; opened, and checked for what a run would fail on.
    recipe : Recipe
    say : callable
        Takes what each folder was recognised as.

    Raises
    ------
    ArgumentError
        Two folders of the same name, or instances asked of a hub model.
    DataError
        A data set cannot be read, or its classes do not fit.
    """

    def __init__(self, paths: list[Path], recipe: Recipe, say: Say) -> None:
        self.data = [path.resolve().name for path in paths]
        if len(set(self.data)) < len(self.data):
            raise ArgumentError(f"folders of the same name: {', '.join(self.data)}; rename one")
        self.recipe, self._say = recipe, say
        self.training, self.held_out = recipe.open(paths, say)
        self.classes = self.training[0].classes
        self._names: HeldOut = {}
        self.repeats = [recipe.source(path).repeat for path in paths]
        self.instances = Settings.of(recipe.settings).task == "instance"
        sources = [recipe.source(path).instances for path in paths]
        self.sources = sources if self.instances else None
        if self.instances and recipe.model:
            raise ArgumentError("--model: hub models learn classes only; leave out --task instance")
        asked = [recipe.source(path) for path in paths]
        self.main_only = [source.main_only for source in asked]
        self.foreground = [source.foreground for source in asked]
        learns_foreground = Settings.of(recipe.settings).foreground_share > 0
        if learns_foreground and recipe.model:
            raise ArgumentError("foreground_share: hub models learn classes only; expected 0")
        if "only" in self.foreground and not learns_foreground:
            raise ArgumentError(
                f"{self.data[self.foreground.index('only')]}: its labels say only what stands out; "
                "give the recipe a foreground_share above 0, or leave the folder out"
            )
        partly = any(source.labelled is not None for source in asked)
        hidden = [source.hidden(self.classes) for source in asked]
        self.hidden = hidden if partly else None
        # By its own folder, which may lie below the one that was given, under another name.
        self._unlabelled = {
            dataset.root: tuple(np.flatnonzero(hides)[1:].tolist())
            for dataset, hides in zip(self.training, hidden, strict=True)
        }
        self.figures = ("miou", "foreground_iou", *(("cell_ap50",) if self.instances else ()))

    def plan(self, fabric: Fabric) -> Plan:
        """Decide what the recipe leaves open, from the data and the cost of a step."""
        # Chosen by one process, so that all of them leave out the same images.
        names = self._choose_held_out() if fabric.is_global_zero else {}
        self.hold_out(fabric.broadcast(names))
        with waiting("looking at the data"):
            summary = summarise_data(
                self.training, self.repeats, self.held_out, self.sources, self.hidden
            )

        def measure(settings: Settings, crop: int) -> StepCost:
            network = self._network(self.recipe, settings)
            with waiting(f"measuring a step: {network.design}, crops of {crop} px"):
                return measure_cost(network, len(self.classes), crop, fabric)

        plan = make_plan(self.recipe, summary, measure, fabric.world_size)
        if plan.settings.refine_edges or plan.settings.copy_paste:
            check_background(self.classes)
        facts = {**plan.facts, "held_out": dict(self._names)}
        # Read by one process: the loop gives its plan to all of them.
        if plan.settings.rare_share and fabric.is_global_zero:
            facts["shown"] = read_shown(self.training, self.sources)
        return replace(plan, facts=facts)

    def _choose_held_out(self) -> HeldOut:
        """Choose images to score on from each data set that has no val split."""
        settings = Settings.of(self.recipe.settings)
        scored = {dataset.root for dataset in self.held_out}
        # Labels that say only what stands out give no classes to score on.
        with_classes = {
            name: dataset
            for name, dataset in zip(self.data, self.training, strict=True)
            if self.recipe.source(Path(name)).foreground != "only"
        }
        without = {n: dataset for n, dataset in with_classes.items() if dataset.root not in scored}
        if settings.val != Settings.val and len(without) < len(with_classes):
            there = ", ".join(name for name in with_classes if name not in without)
            self._say(f"{there}: scored on its own val split, which --val does not change")
        return choose_held_out(without, settings, self._say)

    def hold_out(self, names: HeldOut) -> None:
        """Score on these images instead of learning from them, by the name of the data set."""
        self._names = names
        for place, name in enumerate(self.data):
            if name in names:
                dataset, aside = self.training[place], set(names[name])
                rest = (e.name for e in dataset.entries if e.name not in aside)
                self.training[place] = dataset.only(rest)
                self.held_out.append(replace(dataset.only(aside), split=HELD_OUT))

    def network(self, plan: Plan) -> Network:
        """Build the plan's network, or load the hub's model with a new head."""
        return self._network(plan.recipe, plan.settings)

    def _network(self, recipe: Recipe, settings: Settings) -> Network:
        if recipe.model:
            return load_hub_model(recipe.model, len(self.classes))[0]
        design = settings.instance_design if self.instances else ""
        return build_network(
            len(self.classes),
            settings.size,
            design,
            settings.encoder,
            settings.foreground_share > 0,
        )

    def samples(self, plan: Plan, network: Network) -> LabelledSamples:
        """Return the training images with their label maps, and instance maps if asked."""
        shown, rare_share = None, plan.settings.rare_share
        if rare_share:
            # The plan knows all images, unless some were added to the data of a run that goes on.
            shown = read_shown(self.training, self.sources, plan.facts.get("shown"))
        draws = plan_draws(self.training, self.repeats, rare_share, shown)
        levels = stretched_range if plan.settings.stretch_levels else None
        self.training = [replace(dataset, levels=levels) for dataset in self.training]
        self.held_out = [replace(dataset, levels=levels) for dataset in self.held_out]
        return LabelledSamples(
            *(self.training, draws, self.sources, plan.settings),
            (network.stride, network.foreground_stride or network.stride),
            *(self.hidden, self.main_only),
            self.foreground if network.foreground_stride else None,
        )

    def loss(self, plan: Plan, fabric: Fabric) -> Loss:
        """Return the cross-entropy of classes, plus the losses of foreground and instances."""
        weights, share = None, plan.settings.instance_share
        foreground_share = plan.settings.foreground_share
        instance_losses = INSTANCE_LOSSES[plan.settings.instance_design]
        if plan.settings.balance:
            weights = fabric.to_device(torch.tensor(plan.facts["class_weights"]))

        def loss(output: Output, targets: Targets) -> torch.Tensor:
            label_maps, hidden, foreground, *instances = targets
            if label_maps is None:
                raise TypeError("segmentation learns from label maps; a batch came without")
            label_maps = label_maps.long()
            known = label_maps != VOID if hidden is None else says_something(label_maps, hidden)
            # Over the whole batch, so that a process with few labelled pixels counts for few.
            labelled = reduced(fabric, known.sum().float(), "mean")
            if hidden is None:
                total = pixel_loss(output.logits, label_maps, weights, labelled)
            else:
                total = partial_loss(output.logits, label_maps, hidden, weights, labelled)
            if output.foreground is not None and foreground is not None:
                total = total + foreground_share * foreground_loss(output.foreground, foreground)
            if not output.instances:
                return total
            known_instances = tuple(t for t in instances if t is not None)
            return total + share * instance_losses(output.instances, *known_instances)

        return loss

    def shift(self, plan: Plan) -> torch.Tensor:
        """Take the weights of the classes back, (C,) float32.

        Weighing a class multiplies its odds; without that, the softmax is a probability again.
        """
        if not plan.settings.balance:
            return torch.zeros(len(self.classes))
        return -torch.tensor(plan.facts["class_weights"]).log()

    def card(self, plan: Plan, network: Network, name: str) -> ModelCard:
        """Return the card of the weights file, without its score."""
        settings, recipe = plan.settings, plan.recipe
        return ModelCard(
            name=name,
            task="instance" if self.instances else "semantic",
            classes=self.classes,
            side=settings.side,
            design=f"{network.design}, {count_parameters(network):,} parameters",
            stride=network.stride,
            logits_stride=network.logits_stride,
            foreground=network.foreground_stride > 0,
            encoder=describe_encoder(network.encoder_name),
            data=recipe.data or ", ".join(map(self._described, range(len(self.data)))),
            licence=recipe.licence,
            class_rules={name: source.rules for name, source in recipe.sources.items()},
            refine_edges=settings.refine_edges,
            instance_classes=tuple(plan.facts["instance_classes"]),
            instance_design=settings.instance_design,
            nms_window=settings.nms_window,
            image_scale=settings.image_scale,
            stretch_levels=settings.stretch_levels,
            second_look=settings.second_look,
        )

    def _described(self, place: int) -> str:
        """Return what is learnt from a data set, in words."""
        dataset, aside = self.training[place], len(self._names.get(self.data[place], ()))
        words = f"{dataset.root.name} {dataset.split}"
        return f"{words} but for {aside} images {HELD_OUT}" if aside else words

    def validate(self, network: Network, card: ModelCard, fabric: Fabric) -> dict[str, float]:
        """Return mIoU and the foreground's IoU, and the share of instances found."""
        if not self.held_out:
            return {}
        unlabelled = [self._unlabelled[dataset.root] for dataset in self.held_out]
        return validate(network, self.held_out, card, fabric, unlabelled)

    def finish(self, weights: Path, network: Network, card: ModelCard, say: Say) -> ModelCard:  # noqa: ARG002
        """Choose the score threshold of instances on training images; score the file on val."""
        if self.instances:
            unlabelled = [self._unlabelled[dataset.root] for dataset in self.training]
            threshold = choose_threshold(Predictor.load(weights), self.training, unlabelled)
            how = "the default: none that is labelled in training images is found"
            if threshold is not None:
                card, how = replace(card, score_threshold=threshold), "chosen on training images"
                write_card(weights, card)
            say(f"instances count from a score of {card.score_threshold} on, {how}")
        unlabelled = [self._unlabelled[dataset.root] for dataset in self.held_out]
        score, class_iou = score_export(weights, self.held_out, unlabelled, say)
        return replace(
            card,
            score=score,
            class_iou=class_iou,
            class_images=count_class_images(self.training),
        )


def count_class_images(datasets: list[Dataset]) -> dict[str, int]:
    """Count the images that show each class, whatever share of them it covers.

    Parameters
    ----------
    datasets : list of Dataset
        With the same classes; at least one.
    """
    classes, counts = datasets[0].classes, np.zeros(256, dtype=np.int64)
    entries = [(dataset, entry) for dataset in datasets for entry in dataset.entries]
    for dataset, entry in track(entries, "counting classes", len(entries)):
        counts += count_ids(dataset.read_labels(entry, dataset.reader.size(entry))[0]) > 0
    return {name: int(counts[id_]) for id_, name in enumerate(classes.names)}


class LabelledSamples:
    """Labelled images: read, shrunk, kept in memory and augmented.

    Parameters
    ----------
    datasets : list of Dataset
    draws : Draws
        How often each image is drawn.
    sources : list of str, optional
        Where each one's instances come from, of `settings.INSTANCE_SOURCES`; by default none are
        read.
    settings : Settings
    strides : (int, int)
        Pixels of a crop under one of its targets', and under one of the foreground's.
    hidden : list of tuple of bool, optional
        Which classes each one's background may contain (`Source.hidden`); by default all data sets
        label every class.
    main_only : list of bool, optional
        Whether each one labels only the main instance of its images (`Source.main_only`).
    foreground : list of str, optional
        What stands out in each one, of `settings.FOREGROUND_SOURCES`; by default it is not learnt.
    """

    def __init__(
        self,
        datasets: list[Dataset],
        draws: Draws,
        sources: list[str] | None,
        settings: Settings,
        strides: tuple[int, int],
        hidden: list[tuple[bool, ...]] | None = None,
        main_only: list[bool] | None = None,
        foreground: list[str] | None = None,
    ) -> None:
        self._datasets, self._sources = datasets, sources
        self._settings, self._strides = settings, strides
        self._hidden = None if hidden is None else np.array(hidden, dtype=np.bool_)
        self._draws, self._main_only = draws, main_only or [False] * len(datasets)
        self._foreground = foreground
        self._places = [(d, i) for d, dataset in enumerate(datasets) for i in range(len(dataset))]
        self._kept: dict[tuple[int, int], Labelled] = {}
        self._free = settings.cache_gb * 1e9

    def __len__(self) -> int:
        return self._draws.length

    def epoch(self, rng: np.random.Generator) -> Int64Array:
        """Return the numbers of an epoch's images, (length,) int64, in their order."""
        return self._draws.epoch(rng)

    def name(self, number: int) -> str:
        """Return what its data set calls an image."""
        dataset, index = self._places[number]
        return self._datasets[dataset].entries[index].name

    def crop(self, number: int, side: int, rng: np.random.Generator) -> Crop:
        """Cut a random crop, another pasted over it if asked.

        Returns
        -------
        image : (side, side, 3) uint8
        targets : tuple
            Label map, (side / stride, side / stride) uint8, 255 = void; None or (C,) bool, which
            classes the background may contain; None or what stands out, at its own stride; and
            those of the instances, if asked, of `instance_targets` or `kernel_targets`.
        """
        settings, stride = self._settings, self._strides[0]
        cut = self._cut(number, side, rng)
        if rng.random() < settings.copy_paste:
            cut = paste(cut, self._cut(self._other(number, rng), side, rng))
        # What is pasted over an image does not change what its background says.
        hidden = None if self._hidden is None else self._hidden[self._places[number][0]]
        if self._sources is None:
            return cut.image, (cut.label_map, hidden, cut.foreground_map)
        targets: tuple[npt.NDArray[Any], ...]
        if settings.instance_design == "kernels":
            targets = kernel_targets(cut.instance_map, cut.label_map, stride)
        else:
            targets = instance_targets(
                cut.instance_map, cut.label_map, settings.centre_sigma, stride
            )
        return cut.image, (cut.label_map, hidden, cut.foreground_map, *targets)

    def _cut(self, number: int, side: int, rng: np.random.Generator) -> Labelled:
        """Cut a crop; of a few the one that shows most of the image's class if that is sought."""
        image, sought = self._read(number), self._draws.sought(number)
        cut = augment(image, side, self._strides, self._settings, rng)
        if sought is None or np.mean(cut.label_map == sought) > ENOUGH:
            return cut
        others = (
            augment(image, side, self._strides, self._settings, rng) for _ in range(TRIES - 1)
        )
        return max([cut, *others], key=lambda c: np.count_nonzero(c.label_map == sought))

    def _other(self, number: int, rng: np.random.Generator) -> int:
        """Draw the image whose crop is pasted: one of a rare class, one alike, or any."""
        kind, other = rng.random(), None
        if kind < PASTED_RARE:
            other = self._draws.one_of_rare(rng)
        elif kind < PASTED_RARE + PASTED_ALIKE:
            other = self._draws.one_alike(number, rng)
        return self._draws.one(rng) if other is None else other

    def _read(self, number: int) -> Labelled:
        place = self._places[number]
        kept = self._kept.get(place)
        if kept is not None:
            return kept
        sample = self._datasets[place[0]][place[1]]
        instance_map = None
        if self._sources is not None:
            source = self._sources[place[0]]
            complete = self._hidden is None or self._hidden[place[0]].sum() == 1
            instance_map = instance_map_of(sample.label_map, sample.instances, source, complete)
        image = stretch_levels(sample.image) if self._settings.stretch_levels else sample.image
        label_map, foreground_map, kind = sample.label_map, None, ""
        if self._foreground is not None:
            # By the classes of the files: what is background to the model may stand out.
            dataset, kind = self._datasets[place[0]], self._foreground[place[0]]
            size = label_map.shape[0], label_map.shape[1]
            own = dataset.own_labels(dataset.entries[place[1]], size)
            foreground_map = foreground_map_of(*own, kind)
        if self._main_only[place[0]]:
            label_map = main_box_only(label_map)
        whole = kind == "only"
        labelled = self._shrunk(Labelled(image, label_map, instance_map, foreground_map, whole))
        if self._free > 0:
            self._free -= sum(a.nbytes for a in labelled if isinstance(a, np.ndarray))
            self._kept[place] = labelled
        return labelled

    def _shrunk(self, full: Labelled) -> Labelled:
        """Shrink an image and its maps to what crops can use of it."""
        settings = self._settings
        height, width = full.label_map.shape
        # A quarter more than the usual scale keeps detail for crops that magnify.
        usual = float(np.sqrt(settings.scale[0] * settings.scale[1]))
        scale = 1.25 * usual * (settings.image_scale or settings.crop / max(height, width))
        if scale >= 1:
            return full
        size = max(1, round(height * scale)), max(1, round(width * scale))
        return Labelled(
            resize_image(full.image, size),
            resize_ids(full.label_map, size),
            None if full.instance_map is None else resize_ids(full.instance_map, size),
            None if full.foreground_map is None else resize_ids(full.foreground_map, size),
            full.only_whole,
        )
