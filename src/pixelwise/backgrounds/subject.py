"""Which part of an image is the subject."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pixelwise.classes import BACKGROUND, VOID
from pixelwise.defaults import FOREGROUND_WEIGHTS, WEIGHTS
from pixelwise.effects import soft_alpha
from pixelwise.errors import ArgumentError
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.upsample import decide, probability, upsampled
from pixelwise.io.mask import count_ids, resize_ids
from pixelwise.samples import BoolArray, Float32Array, Instance, UInt8Array

ALL, LARGEST = "all", "largest"

OTHER = "other"
"""What a subject of no known class is called."""

SPECK = 1e-3
"""Share of an image below which a class counts as absent."""

SURE = 0.7
"""Mean probability below which an area that may stand out belongs to nothing."""

NAMED = 0.7
"""Mean probability that an area which stands out has of a class, to be called by its name: on val
photos of voc2012 and coco 87 % of the names are right then (75 % without), and 91 % of the right
ones are kept."""

PIECE = 0.05
"""Share of the largest area below which another that stands out, too, belongs to nothing."""

MARGIN = 0.15
"""Of a box's longer side, that the network sees around it."""

CERTAIN = 0.75
"""Probability that a pixel of the chosen instance has at least."""

REACH = 0.04
"""Share of the image's longer side that a subject reaches at most beyond its instance's mask."""

NUMBER = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True)
class Selection:
    """Which subject of an image is meant.

    Parameters
    ----------
    names : tuple of str
        Classes; ``"all"`` is what stands out, whatever its class, or every class but the
        background if the weights do not find that; ``"largest"`` keeps only the largest connected
        area of the other classes named, or of all.
    instance : int, optional
        The one of this number among the instances of those classes, 1 = the best score, as the
        pictures of `pixelwise predict` number them.
    at : (x, y), optional
        The instance that covers this pixel, or what stands out there.
    box : (left, top, right, bottom), optional
        Only what is inside, in pixels; the network looks closer there.

    Raises
    ------
    ArgumentError
        Instance and point at once, a number below 1, or an empty box.

    Examples
    --------
    >>> Selection.parse(["person,dog", "largest"]).names
    ('person', 'dog', 'largest')
    >>> Selection.parse(["2"], box="10,20,300,400")
    Selection(names=('all',), instance=2, at=None, box=(10, 20, 300, 400))
    """

    names: tuple[str, ...] = (ALL,)
    instance: int | None = None
    at: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.instance is not None and self.at is not None:
            raise ArgumentError("subject: give the number of an instance or a point, not both")
        if self.instance is not None and self.instance < 1:
            raise ArgumentError(f"subject: instances are numbered from 1, got {self.instance}")
        if self.box is not None and (self.box[0] >= self.box[2] or self.box[1] >= self.box[3]):
            raise ArgumentError(f"box: expected left < right and top < bottom, got {self.box}")

    @property
    def of_instances(self) -> bool:
        """Whether it asks for one instance, so that the weights have to find them."""
        return self.instance is not None or self.at is not None

    @property
    def weights(self) -> str:
        """The bundled weights that find it best: those for what stands out, or those for classes.

        Examples
        --------
        >>> Selection().weights, Selection(("dog",)).weights, Selection(at=(10, 20)).weights
        ('foreground', 'voc', 'voc')
        """
        stands_out = not set(self.names) - {ALL, LARGEST} and not self.of_instances
        return FOREGROUND_WEIGHTS if stands_out else WEIGHTS

    @classmethod
    def parse(
        cls, subjects: Iterable[str] = (), at: str | None = None, box: str | None = None
    ) -> Selection:
        """Make a selection of what the command line has.

        Parameters
        ----------
        subjects : iterable of str
            Each a class, ``all``, ``largest``, the number of an instance, or several with commas.
        at, box : str, optional
            ``X,Y`` and ``LEFT,TOP,RIGHT,BOTTOM``.

        Raises
        ------
        ArgumentError
            Numbers that are none, or too few; a selection that checks itself.
        """
        words = [word.strip() for text in subjects for word in text.split(",")]
        numbers = [int(word) for word in words if NUMBER.fullmatch(word)]
        names = tuple(word for word in words if word and not NUMBER.fullmatch(word))
        if len(numbers) > 1:
            raise ArgumentError("subject: expected one instance, got several numbers")
        point, corners = _numbers(at, 2, "at"), _numbers(box, 4, "box")
        return cls(
            names or (ALL,),
            numbers[0] if numbers else None,
            (point[0], point[1]) if point else None,
            (corners[0], corners[1], corners[2], corners[3]) if corners else None,
        )


def _numbers(text: str | None, count: int, what: str) -> list[int]:
    if text is None:
        return []
    words = text.split(",")
    if len(words) != count or not all(word.strip().isdecimal() for word in words):
        raise ArgumentError(f"{what}: expected {count} numbers of pixels with commas, got {text!r}")
    return [int(word) for word in words]


@dataclass(frozen=True, eq=False)
class Subject:
    """The subject of an image, as a network found it.

    Parameters
    ----------
    probability : (H', W') float32
        0..1, at the size the network saw.
    names : tuple of str
        Its classes, largest first; `OTHER` if it is of none; empty if there is no subject.
    seen : (rows, columns), optional
        The part of the image that the probability is of; all of it if None.
    box : (rows, columns), optional
        The part of the image outside of which nothing is subject.

    Examples
    --------
    >>> image = np.zeros((4, 6, 3), dtype=np.uint8)
    >>> Subject(np.ones((2, 3), dtype=np.float32), ("cat",)).alpha(image).shape
    (4, 6)
    """

    probability: Float32Array
    names: tuple[str, ...]
    seen: tuple[slice, slice] | None = None
    box: tuple[slice, slice] | None = None

    def alpha(self, image: UInt8Array) -> Float32Array:
        """Return how much each pixel of the image belongs to the subject, (H, W) float32, 0..1."""
        if self.seen is None or self.box is None:
            return soft_alpha(image, self.probability)
        whole, found = (np.zeros(image.shape[:2], dtype=np.float32) for _ in range(2))
        whole[self.seen] = soft_alpha(np.ascontiguousarray(image[self.seen]), self.probability)
        found[self.box] = whole[self.box]
        return found


def subject_ids(predictor: Predictor, names: tuple[str, ...]) -> list[int]:
    """Return the class ids that names stand for; `ALL` is every class but the background.

    Raises
    ------
    ArgumentError
        An unknown name, or `ALL` if the weights have no background class.
    """
    classes = predictor.classes
    wanted = [name for name in names if name not in (ALL, LARGEST)]
    if wanted:
        return [classes.index(name) for name in wanted]
    if classes.names[0] not in BACKGROUND:
        raise ArgumentError(
            f"weights {predictor.card.name!r} know no background, so everything would be subject; "
            f"name the subject: {', '.join(classes.names)}"
        )
    return list(range(1, len(classes)))


def find_subject(
    predictor: Predictor,
    image: UInt8Array,
    subject: Selection | Sequence[str] = (ALL,),
) -> Subject:
    """Find the subject of an image.

    Parameters
    ----------
    predictor : Predictor
    image : (H, W, 3) uint8
        RGB.
    subject : Selection, or sequence of str
        Names are those of `Selection`.

    Returns
    -------
    Subject

    Raises
    ------
    ArgumentError
        An unknown name, or ``"all"`` if the weights have no background class; an instance or a
        point, if the weights find no instances; a point or a box outside the image.

    Examples
    --------
    >>> import skimage.data
    >>> image = skimage.data.astronaut()
    >>> subject = find_subject(Predictor.load(), image, ("person",))
    >>> subject.names, subject.alpha(image).shape
    (('person',), (512, 512))
    """
    selection = subject if isinstance(subject, Selection) else Selection(tuple(subject))
    if selection.box is not None:
        return _in_box(predictor, image, selection, selection.box)
    ids = subject_ids(predictor, selection.names)
    found = _standing_out(predictor, image, selection.names, ids)
    if selection.of_instances:
        return _of_instance(predictor, image, selection, found)
    return found


def _standing_out(
    predictor: Predictor, image: UInt8Array, names: tuple[str, ...], ids: list[int]
) -> Subject:
    """Return what stands out, or what is of some classes if these are named."""
    logits, _, foreground = predictor.outputs(image)
    if foreground is None or set(names) - {ALL, LARGEST}:
        foreground = None
        chance = probability(logits, ids, (logits.shape[1], logits.shape[2]))
    else:
        chance = _sure(np.asarray(1 / (1 + np.exp(-foreground)), dtype=np.float32))
    # Every fourth pixel is enough to see which classes occur.
    few = np.ascontiguousarray(logits[:, ::2, ::2])
    size = few.shape[1], few.shape[2]
    label_map = decide(few, size)
    least = SPECK * label_map.size
    if foreground is not None:
        label_map[upsampled(chance, size) <= 0.5] = VOID
        least = max(least, PIECE * np.count_nonzero(np.isin(label_map, ids)))
    counts = count_ids(label_map)
    found = [i for i in sorted(ids, key=lambda i: -counts[i]) if counts[i] > least]
    if foreground is not None:
        found = [i for i in found if probability(few, [i], size)[label_map == i].mean() > NAMED]
    kinds = tuple(predictor.classes.names[i] for i in found)
    if foreground is not None and not kinds and np.mean(chance > 0.5) > SPECK:
        kinds = (OTHER,)
    if LARGEST in names and kinds:
        chance = chance * _largest(chance > 0.5)
    return Subject(chance, kinds)


def _sure(chance: Float32Array) -> Float32Array:
    """Return a probability without the areas that are small or unsure."""
    _, areas, stats, _ = cv2.connectedComponentsWithStats((chance > 0.5).view(np.uint8))
    sizes = stats[:, cv2.CC_STAT_AREA]
    kept = np.bincount(areas.ravel(), weights=chance.ravel()) >= SURE * sizes
    kept &= sizes >= PIECE * sizes[1:].max(initial=0)
    kept[0] = False
    near = _nearer(kept[areas], (areas != 0) & ~kept[areas])
    return np.asarray(chance * near if kept.any() else np.zeros_like(chance))


def _in_box(
    predictor: Predictor,
    image: UInt8Array,
    selection: Selection,
    box: tuple[int, int, int, int],
) -> Subject:
    """Find the subject inside a box, which the network sees larger, with some of what is around."""
    height, width = image.shape[:2]
    left, top, right, bottom = box
    right, bottom = min(right, width), min(bottom, height)
    if left >= right or top >= bottom:
        raise ArgumentError(f"box: {box} is outside the image of {width} x {height} pixels")
    more = round(MARGIN * max(right - left, bottom - top))
    seen = (
        slice(max(0, top - more), min(height, bottom + more)),
        slice(max(0, left - more), min(width, right + more)),
    )
    inner = replace(selection, box=None)
    if selection.at is not None:
        x, y = selection.at
        _check_point(image, selection.at)
        inner = replace(inner, at=(x - seen[1].start, y - seen[0].start))
    found = find_subject(predictor, np.ascontiguousarray(image[seen]), inner)
    return replace(found, seen=seen, box=(slice(top, bottom), slice(left, right)))


def _check_point(image: UInt8Array, at: tuple[int, int]) -> None:
    height, width = image.shape[:2]
    if not (0 <= at[0] < width and 0 <= at[1] < height):
        raise ArgumentError(f"at: {at} is outside the image of {width} x {height} pixels")


def _of_instance(
    predictor: Predictor, image: UInt8Array, selection: Selection, around: Subject
) -> Subject:
    """Return one instance, with the soft edge of all that is subject around it."""
    if not predictor.card.instance_classes:
        raise ArgumentError(
            f"weights {predictor.card.name!r} find no instances; name classes, or give a --box"
        )
    if selection.at is not None:
        _check_point(image, selection.at)
    ids = subject_ids(predictor, selection.names)
    instances = [i for i in predictor.predict(image).instances or () if i.class_id in ids]
    chosen = _chosen(instances, selection)
    height, width = image.shape[:2]
    if chosen is None:
        return _part_at(around, selection, (height, width))
    size = around.probability.shape[0], around.probability.shape[1]
    numbers = np.zeros((height, width), dtype=np.uint8)
    for instance in (*(i for i in instances if i is not chosen), chosen):
        instance.within(numbers)[instance.patch] = 1 if instance is chosen else 2
    small = resize_ids(numbers, size)
    own, others = small == 1, small == 2
    if not own.any():
        return Subject(np.zeros(size, dtype=np.float32), ())
    reach = 2 * round(REACH * max(size)) + 1
    near = cv2.dilate(own.view(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    near &= own | _nearer(own, others)
    chance = np.where(own, np.maximum(around.probability, CERTAIN), around.probability) * near
    return Subject(chance.astype(np.float32), (predictor.classes.names[chosen.class_id],))


def _chosen(instances: list[Instance], selection: Selection) -> Instance | None:
    if selection.at is None:
        number = selection.instance or 1
        return instances[number - 1] if number <= len(instances) else None
    x, y = selection.at
    under = [i for i in instances if i.mask[y, x]]
    return min(under, key=lambda i: i.area, default=None)


def _part_at(around: Subject, selection: Selection, size: tuple[int, int]) -> Subject:
    """Return the connected area of what is subject at a point; no subject without a point there."""
    chance = around.probability
    nothing = Subject(np.zeros_like(chance), ())
    if selection.at is None:
        return nothing
    x, y = selection.at
    row, column = y * chance.shape[0] // size[0], x * chance.shape[1] // size[1]
    _, areas = cv2.connectedComponents((chance > 0.5).view(np.uint8))
    if not areas[row, column]:
        return nothing
    own = areas == areas[row, column]
    near = _nearer(own, (areas > 0) & ~own)
    return replace(around, probability=np.asarray(chance * near, dtype=np.float32))


def _largest(mask: BoolArray) -> BoolArray:
    """Return the pixels nearer to the largest connected area of a mask than to any other."""
    count, areas, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    if count < 3:
        return np.ones_like(mask)
    largest = areas == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return _nearer(largest, (areas != 0) & ~largest)


def _nearer(own: BoolArray, others: BoolArray) -> BoolArray:
    """Return the pixels nearer to one mask than to another; all if the other is empty."""
    if not others.any():
        return np.ones_like(own)
    to_own, to_others = (
        cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5) for mask in (own, others)
    )
    return np.asarray(to_own < to_others)
