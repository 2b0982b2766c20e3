"""What a weights file says about itself, in the ONNX metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pixelwise.classes import BACKGROUND, ClassMap
from pixelwise.errors import ArgumentError, WeightsError

KEY = "pixelwise"
FORMAT = 4
"""2 added `refine_edges`; 3 instances and `boundary_model`; 4 `task`, `stride`, `encoder`."""

TASKS = ("semantic", "instance", "boundary")

WEAK = 0.35
"""Held-out IoU below which a class is marked as weak."""

INSTANCE_DESIGNS = ("centres", "kernels")
"""How a network finds instances: see `pixelwise.inference.grouping`."""

OLD_NAMES = {
    "network": "design",
    "rules": "class_rules",
    "edges": "refine_edges",
    "things": "instance_classes",
    "apart": "nms_window",
    "least_score": "score_threshold",
    "zoom": "image_scale",
    "normalised": "stretch_levels",
    "borders": "boundary_model",
}
"""Fields of formats 1 to 3, and what they are called since."""


@dataclass(frozen=True)
class ModelCard:
    """Classes, preprocessing, origin and score of a weights file.

    Parameters
    ----------
    name : str
        Of the model.
    classes : ClassMap
        Names and colours of the output planes.
    side : int
        The longer side that an image is resized to, in pixels. The input is (N, 3, H, W) float32
        RGB in 0..255; mean and deviation are inside the network.
    design : str
        The network's published design.
    data : str
        What it was trained on, with each set's licence where known.
    licence : str
        Of the weights.
    task : str
        ``"semantic"``, ``"instance"`` (its file has a second output, see
        `pixelwise.inference.grouping`) or ``"boundary"``.
    stride : int
        Pixels of the image, as the network sees it, per output of the instance branch.
    logits_stride : int
        Pixels of the image, as the network sees it, per logit; images are resized to multiples of
        it.
    encoder : str
        The encoder and what it was pretrained on; empty if there is none of its own.
    class_rules : mapping of str to (mapping of str to str)
        How the training data's classes were translated, by the name of the data set's folder, as
        for `ClassMap.remap`.
    refine_edges : bool
        Align the boundary between class 0, the background, and the others with the image's edges
        (`pixelwise.inference.refine`).
    instance_classes : tuple of int
        Class ids whose instances are found; empty unless the task is ``"instance"``.
    instance_design : str
        How instances are found, one of `INSTANCE_DESIGNS`.
    nms_window : int
        With the design ``"centres"``: side of the window in which an instance's centre is the
        only one, in outputs of the instance branch; odd.
    score_threshold : float
        Instances of a lower score are left out; chosen on training images.
    foreground : bool
        Whether the file has an output of this name: the logit that a pixel is of what stands out,
        whatever its class.
    image_scale : float
        If above 0, an image is seen at this scale of its own size, whatever that is, and ``side``
        is that of a usual one.
    stretch_levels : bool
        The levels of each image are stretched first (`pixelwise.inference.preprocess`).
    second_look : float
        If above 0, an image is seen a second time at this scale of its size, below 1, for its
        classes and what stands out (`pixelwise.inference.two_looks`).
    boundary_model : tuple of float
        Of the network behind `pixelwise.hierarchy`: weights and bias of its
        `pixelwise.regions.boundary_model.BoundaryModel`.
    class_images : mapping of str to int
        How many training images show each class, by its name.
    class_iou : mapping of str to float
        IoU of each class, from one confusion matrix over all held-out splits; a class that is
        neither there nor predicted has none. Below `WEAK` it is marked as weak.
    left_out : tuple of str
        Classes of the weights that are background here: see `restricted`. Empty in a file.
    score : mapping of str to object
        The held-out score with its definition, as `SemanticScores.as_dict` gives it, by data set.

    Raises
    ------
    ArgumentError
        An unknown task, instance classes that do not fit the task or the classes, or a number out
        of range.

    Examples
    --------
    >>> card = ModelCard(
    ...     "toy", ClassMap(("sky", "road")), side=64, design="one layer", data="-", licence="MIT"
    ... )
    >>> card.side_of((480, 640))
    64
    >>> ModelCard.from_json(card.to_json(), "toy.onnx") == card
    True
    """

    name: str
    classes: ClassMap
    side: int
    design: str
    data: str
    licence: str
    task: str = "semantic"
    stride: int = 2
    logits_stride: int = 1
    encoder: str = ""
    class_rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    refine_edges: bool = False
    instance_classes: tuple[int, ...] = ()
    instance_design: str = "centres"
    nms_window: int = 5
    score_threshold: float = 0.3
    foreground: bool = False
    image_scale: float = 0.0
    stretch_levels: bool = False
    second_look: float = 0.0
    boundary_model: tuple[float, ...] = ()
    class_images: Mapping[str, int] = field(default_factory=dict)
    class_iou: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    score: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ArgumentError(f"task: expected one of {', '.join(TASKS)}, got {self.task!r}")
        if (self.task == "instance") != bool(self.instance_classes):
            raise ArgumentError(
                f"instance_classes: expected ids for the task 'instance' and none for others, "
                f"got {self.instance_classes} for {self.task!r}"
            )
        if self.instance_design not in INSTANCE_DESIGNS:
            raise ArgumentError(
                f"instance_design: expected one of {', '.join(INSTANCE_DESIGNS)}, "
                f"got {self.instance_design!r}"
            )
        for name, least in (
            ("side", 1),
            ("stride", 1),
            ("logits_stride", 1),
            ("nms_window", 1),
            ("image_scale", 0),
        ):
            if getattr(self, name) < least:
                raise ArgumentError(f"{name}: expected {least} or more, got {getattr(self, name)}")
        if not 0 <= self.second_look < 1:
            raise ArgumentError(f"second_look: expected 0 <= value < 1, got {self.second_look}")
        strange = [i for i in self.instance_classes if not 0 <= i < len(self.classes)]
        if strange:
            raise ArgumentError(f"instance_classes: {strange[0]} is none of the classes' ids")

    def side_of(self, size: tuple[int, ...]) -> int:
        """Return the longer side, px, at which the network sees an image of (height, width)."""
        if self.image_scale:
            return max(1, round(self.image_scale * max(size[:2])))
        return self.side

    def restricted(self, names: Sequence[str]) -> ModelCard:
        """Return the card of the same weights restricted to some of their classes.

        What it says about single classes is what was measured with all of them; `score` is empty,
        since its figures are not those of fewer classes. What stands out is of any class, so that
        it is left out, too.

        Parameters
        ----------
        names : sequence of str
            The classes that are kept, in their new order. The first one is class 0, which takes
            what the others cover.

        Raises
        ------
        ArgumentError
            An unknown class, one given twice, a first one that is not the background, or no other.

        Examples
        --------
        >>> card = ModelCard(
        ...     *("toy", ClassMap(("background", "cat", "dog")), 64, "one layer", "-", "MIT"),
        ...     task="instance",
        ...     instance_classes=(1, 2),
        ... )
        >>> card.restricted(("background", "dog")).instance_classes
        (1,)
        """
        ids = [self.classes.index(name) for name in names]
        if len(ids) < 2 or ids[0] != 0 or self.classes.names[0] not in BACKGROUND:
            raise ArgumentError(
                "classes: expected the background first, which takes those that are left out, "
                f"and others after it, got {', '.join(names) or 'none'}"
            )
        colours = tuple(self.classes.colours[id_] for id_ in ids)
        instance_classes = tuple(n for n, id_ in enumerate(ids) if id_ in self.instance_classes)
        return replace(
            self,
            classes=ClassMap(tuple(names), colours),
            task=self.task if instance_classes else "semantic",
            instance_classes=instance_classes,
            class_images={n: v for n, v in self.class_images.items() if n in names},
            class_iou={n: v for n, v in self.class_iou.items() if n in names[1:]},
            left_out=(*self.left_out, *(n for n in self.classes.names if n not in names)),
            foreground=False,
            score={},
        )

    def to_json(self) -> str:
        """Return the text that stands in the file's metadata."""
        return json.dumps({"format": FORMAT} | asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> ModelCard:
        """Read the metadata of the weights file ``where``, of this format or an older one.

        Raises
        ------
        WeightsError
            Not what `to_json` writes, or written by a newer pixelwise.
        """
        try:
            values = json.loads(text)
            format_ = values.pop("format")
            if format_ not in range(1, FORMAT + 1):
                raise WeightsError(
                    f"{where}: weights format {format_}, this pixelwise reads 1 to {FORMAT}; "
                    "upgrade pixelwise"
                )
            classes = values.pop("classes")
            colours = tuple(tuple(c) for c in classes["colours"])
            if format_ < 4:
                values = _renamed(values, classes["names"])
            for name in ("instance_classes", "boundary_model", "left_out"):
                values[name] = tuple(values.get(name, ()))
            return cls(classes=ClassMap(tuple(classes["names"]), colours), **values)
        except (ValueError, TypeError, KeyError, AttributeError, ArgumentError) as error:
            raise WeightsError(f"{where}: its pixelwise metadata is damaged ({error})") from None


def _renamed(values: dict[str, Any], class_names: list[str]) -> dict[str, Any]:
    """Return the fields of formats 1 to 3 under their names since, with the task they imply."""
    renamed = {OLD_NAMES.get(name, name): value for name, value in values.items()}
    if renamed.get("instance_classes"):
        return renamed | {"task": "instance"}
    return renamed | {"task": "boundary" if class_names == ["boundary"] else "semantic"}
