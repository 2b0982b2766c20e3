"""How well weights with classes of VOC know photos, on val splits.

    python benchmarks/recognition.py [DATA_FOLDER] --weights voc
    python benchmarks/recognition.py --weights runs/voc/model.onnx --only people --json people.json

The data sets are read by recipes/voc.json, which translates their classes. Classes are scored from
one confusion matrix over all photos of a figure, void excluded; instances by COCO's definition,
from the score threshold of the weights on. Weights with fewer classes are scored where the figure's
classes exist; what else the photos show is background then.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from instances import come_apart, covered, photo_pairs
from timing import ROOT, machine, paired, write_figures

from pixelwise import Predictor
from pixelwise.classes import VOC as CLASSES
from pixelwise.classes import ClassMap
from pixelwise.datasets import Dataset
from pixelwise.evaluation.unlabelled import leave_out_instances, leave_out_pixels
from pixelwise.metrics import SemanticScores, confusion_matrix
from pixelwise.metrics.coco_ap import Matches, match_image, summarise
from pixelwise.networks import build_network
from pixelwise.progress import track
from pixelwise.samples import Instance, Int64Array, UInt8Array
from pixelwise.training import Recipe
from pixelwise.training.export.onnx import export_network
from pixelwise.weights.card import ModelCard

N = len(CLASSES)
ANIMALS = ("bird", "cat", "cow", "dog", "horse", "sheep")
SUBJECTS = ("person", *ANIMALS)
PRESENT = ("background", "person", "cat", "cow", "dog", "horse", "sheep")
"""The background and the subjects that voc2012 val shows."""

OTHERS = tuple(name for name in CLASSES.names[1:] if name not in SUBJECTS)
OTHER_SETS = ("voc2012", "msrc", "coco_extra", "things")
ANIMAL_SETS = ("coco", "coco_extra")
PAIRS = (
    *(("voc2012", name) for name in ("cat", "dog", "horse", "sheep", "cow")),
    ("pets", "cat"),
    ("pets", "dog"),
    ("cats", "cat"),
)
"""Data sets and the classes whose subjects are placed side by side."""

PAIRS_EACH = 60
NONE = float("nan")


@dataclass
class Figure:
    """A figure, and what it consists of.

    Parameters
    ----------
    what : str
    value : float
        NaN if the weights or the photos lack what it needs.
    parts : dict of str to (float, str)
        Each part's value and what to print beside it.
    unit : str
        ``ms``, or nothing for 0..1.
    """

    what: str
    value: float
    parts: dict[str, tuple[float, str]] = field(default_factory=dict)
    unit: str = ""


@dataclass
class Counted:
    """What is counted of one or several val splits.

    Parameters
    ----------
    matrix : (21, 21) int64
        Pixels by true and by predicted class.
    images : (21,) int64
        Photos that show each class.
    matches : list of Matches
        One per photo with instances.
    """

    matrix: Int64Array = field(default_factory=lambda: np.zeros((N, N), np.int64))
    images: Int64Array = field(default_factory=lambda: np.zeros(N, np.int64))
    matches: list[Matches] = field(default_factory=list)

    def add(
        self,
        truth: tuple[UInt8Array, Sequence[Instance] | None],
        found: tuple[UInt8Array, Sequence[Instance]],
        unlabelled: Sequence[int],
        known: Sequence[int],
    ) -> None:
        """Count one photo.

        Parameters
        ----------
        truth, found : (H, W) uint8 and sequence of Instance
            In ids of VOC; 255 = void.
        unlabelled : sequence of int
            Classes that the data set does not label: where its label is background and the
            prediction one of these, the pixel is left out.
        known : sequence of int
            Classes of the weights; the others are background.
        """
        label_map, instances = truth
        shown = np.unique(label_map)
        self.images[shown[shown < N]] += 1
        kept = np.zeros(256, np.uint8)
        kept[[*known, 255]] = [*known, 255]
        told = kept[leave_out_pixels(label_map, found[0], unlabelled)]
        self.matrix += confusion_matrix(told, found[0], N)
        if instances is not None:
            given = leave_out_instances(label_map, found[1], unlabelled)
            self.matches.append(match_image(instances, given))

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            self.matrix + other.matrix, self.images + other.images, self.matches + other.matches
        )

    def iou(self, name: str) -> float:
        """Return the IoU of a class; NaN if no photo shows it."""
        class_id = CLASSES.index(name)
        if not self.images[class_id]:
            return NONE
        return float(SemanticScores(self.matrix, CLASSES, 1, "").per_class_iou[class_id])

    def against_rest(self, names: Sequence[str]) -> float:
        """Return the IoU of some classes together against all others."""
        some = np.isin(CLASSES.names, names)
        union = self.matrix.sum() - self.matrix[np.ix_(~some, ~some)].sum()
        return float(self.matrix[np.ix_(some, some)].sum() / union) if union else NONE

    def ap50(self, name: str) -> float:
        """Return the AP50 of a class; NaN if no photo shows an instance of it."""
        value = summarise(self.matches, [CLASSES.index(name)]).ap50 if self.matches else -1
        return value if value >= 0 else NONE

    def instances(self, name: str) -> int:
        """Return how many instances of a class there are, crowds left out."""
        return sum(int(m.truths[0, CLASSES.index(name)]) for m in self.matches)


@dataclass
class Answers:
    """What weights predict on val splits; each photo is predicted once.

    Parameters
    ----------
    predictor : Predictor
    data : Path
        The folder of the data sets.
    limit : int or None
        Photos of each set, and pairs of each class.
    threads : int or None
        Of the network; all cores if None.
    """

    predictor: Predictor
    data: Path
    limit: int | None = None
    threads: int | None = None
    _counted: dict[str, Counted] = field(default_factory=dict)
    _opened: dict[str, Dataset] = field(default_factory=dict)

    @cached_property
    def ids(self) -> UInt8Array:
        """The id in VOC of each of the weights' classes."""
        return np.array([CLASSES.index(n) for n in self.predictor.classes.names], np.uint8)

    def know(self, names: Sequence[str], *, instances: bool = False) -> bool:
        """Tell whether the weights have some classes, or find their instances."""
        classes, found = self.predictor.classes.names, self.predictor.card.instance_classes
        return set(names) <= {n for i, n in enumerate(classes) if i in found or not instances}

    def opened(self, name: str) -> Dataset:
        """Return the val split of a data set, with the classes of VOC."""
        if name not in self._opened:
            # Instances are read for their task only; what else the recipe says is for training.
            recipe = replace(_recipe(), settings={"task": "instance"})
            _, (self._opened[name],) = recipe.open([self.data / name], lambda _: None)
        return self._opened[name]

    def of(self, *names: str) -> Counted:
        """Return what is counted of some data sets together."""
        total = Counted()
        for name in names:
            if name not in self._counted:
                self._counted[name] = self._count(name)
            total += self._counted[name]
        return total

    def _count(self, name: str) -> Counted:
        dataset = self.opened(name)[: self.limit]
        hidden, found = unlabelled(name), Counted()
        for sample in track(dataset, f"{name} val", len(dataset)):
            prediction = self.predictor.predict(sample.image)
            given = [
                replace(i, class_id=int(self.ids[i.class_id])) for i in prediction.instances or ()
            ]
            truth = sample.label_map, sample.instances
            found.add(truth, (self.ids[prediction.label_map], given), hidden, self.ids.tolist())
        return found


def unlabelled(name: str) -> list[int]:
    """Return the classes that a data set does not label completely."""
    hidden = _recipe().source(Path(name)).hidden(CLASSES)
    return [class_id for class_id in range(1, N) if hidden[class_id]]


def _recipe() -> Recipe:
    return Recipe.read(ROOT / "recipes" / "voc.json")


def mean(parts: dict[str, tuple[float, str]]) -> float:
    """Return the mean of those parts that have a value; NaN if none has."""
    values = [value for value, _ in parts.values() if not math.isnan(value)]
    return float(np.mean(values)) if values else NONE


def by_class(answers: Answers, names: Sequence[str], *sets: str) -> dict[str, tuple[float, str]]:
    """Return the IoU of classes from one matrix, and how many photos show each."""
    counted = answers.of(*sets) if any(answers.know([n]) for n in names) else Counted()
    parts = {}
    for name in names:
        known = answers.know([name])
        value = counted.iou(name) if known else NONE
        parts[name] = value, f"{counted.images[CLASSES.index(name)]} photos" if known else ""
    return parts


def subjects(answers: Answers) -> Figure:
    parts = by_class(answers, PRESENT, "voc2012")
    value = mean(parts) if answers.know(PRESENT) else NONE
    return Figure("voc2012, mIoU of background and the subjects present", value, parts)


def others(answers: Answers) -> Figure:
    parts = by_class(answers, OTHERS, *OTHER_SETS)
    value = mean(parts) if answers.know(OTHERS) else NONE
    what = f"{', '.join(OTHER_SETS)}: mean IoU of the others"
    return Figure(what, value, parts)


def foreground(answers: Answers) -> Figure:
    known = answers.know(SUBJECTS)
    value = answers.of("voc2012").against_rest(SUBJECTS) if known else NONE
    return Figure("voc2012, foreground IoU of the seven subjects", value)


def people(answers: Answers) -> Figure:
    known = answers.know(["person"])
    value = answers.of("people").against_rest(["person"]) if known else NONE
    return Figure("people, IoU of person against the rest", value)


def persons(answers: Answers) -> Figure:
    known = answers.know(["person"], instances=True)
    counted = answers.of("coco") if known else Counted()
    value = counted.ap50("person")
    note = f"{counted.instances('person')} instances" if known else ""
    return Figure("coco, AP50 of persons", value, {"person": (value, note)})


def animals(answers: Answers) -> Figure:
    known = {n: answers.know([n], instances=True) for n in ANIMALS}
    counted = answers.of(*ANIMAL_SETS) if any(known.values()) else Counted()
    parts = {
        n: (counted.ap50(n), f"{counted.instances(n)} instances") if known[n] else (NONE, "")
        for n in ANIMALS
    }
    value = mean(parts) if all(known.values()) else NONE
    return Figure("coco and coco_extra, AP50 of animals", value, parts)


def pairs(answers: Answers) -> Figure:
    number = min(PAIRS_EACH, answers.limit or PAIRS_EACH)
    predictor, parts = answers.predictor, {}
    for data, name in PAIRS:
        apart, seen, n = 0, 0, 0
        if answers.know([name], instances=True):
            drawn = photo_pairs(answers.opened(data), CLASSES.index(name), number)
            for photo, truth in track(drawn, f"pairs of {data}, {name}", number):
                prediction = predictor.predict(photo)
                apart += come_apart(prediction.instances or (), truth)
                seen += covered(prediction.label_map, predictor.card.instance_classes, truth)
                n += 1
        note = f"{n} pairs; in {seen} the classes cover half of both" if n else ""
        parts[f"{data}, {name}"] = apart / n if n else NONE, note
    values = [value for value, _ in parts.values() if not math.isnan(value)]
    lowest = min(values, default=NONE)
    return Figure("pairs of one class that come apart: the lowest share", lowest, parts)


def _from_random_weights(path: Path, threads: int | None) -> Predictor:
    """Return the network that trains from random weights, with instances: a baseline of time."""
    network = build_network(8, "small", "centres")
    card = ModelCard(
        *("small", ClassMap.numbered(8), 384, network.design, "nothing", "MIT"),
        task="instance",
        instance_classes=(1,),
    )
    export_network(network, card, path)
    return Predictor.load(path, threads=threads)


def speed(answers: Answers) -> Figure:
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 512, 512)).astype(np.float32)
    session = answers.predictor.session
    with TemporaryDirectory() as folder:
        usual = _from_random_weights(Path(folder) / "small.onnx", answers.threads)
    parts = {}
    for what, instances in (("classes", False), ("with instances", True)):
        if instances and not answers.predictor.card.instance_classes:
            parts[what] = NONE, ""
            continue
        run, other = (partial(s.run, image, instances) for s in (session, usual.session))
        own, theirs, ratio = (float(v) for v in paired(run, other, 20))
        note = f"--size small {1000 * theirs:.1f} ms in the same run; ratio {ratio:.2f}"
        parts[what] = 1000 * own, note
    return Figure("512 x 512, the network in ONNX Runtime", parts["classes"][0], parts, "ms")


FIGURES: dict[str, Callable[[Answers], Figure]] = {
    "subjects": subjects,
    "others": others,
    "foreground": foreground,
    "people": people,
    "persons": persons,
    "animals": animals,
    "pairs": pairs,
    "speed": speed,
}


def show(figure: Figure) -> None:
    """Print a figure and its parts."""
    rows = [(figure.what, figure.value, ""), *(("  " + n, *p) for n, p in figure.parts.items())]
    for what, value, note in rows:
        number = f"{value:.1f} ms" if figure.unit else f"{value:.3f}"
        shown = "-" if math.isnan(value) else number
        print(f"{what:<66} {shown:>8}  {note}".rstrip(), flush=True)


def plain(figure: Figure) -> dict[str, object]:
    """Return a figure for JSON; a NaN becomes None."""
    parts = {
        name: {"value": None if math.isnan(value) else value, "note": note}
        for name, (value, note) in figure.parts.items()
    }
    value = None if math.isnan(figure.value) else figure.value
    return asdict(figure) | {"value": value, "parts": parts}


def header(answers: Answers) -> str:
    """Return what is scored, and by which rules."""
    card, sets = answers.predictor.card, dict.fromkeys((*OTHER_SETS, "people", *ANIMAL_SETS))
    partly = ", ".join(name for name in sets if unlabelled(name))
    first = "" if answers.limit is None else f"first {answers.limit} photos of each set; "
    lacking = [n for n in CLASSES.names if n not in answers.predictor.classes.names]
    return (
        f"{card.name}, {len(card.classes)} classes, seen at {card.side} px; {machine()}\n"
        f"val splits; {first}one confusion matrix over all photos of a figure, void excluded\n"
        f"Partly labelled sets ({partly}): a pixel labelled background whose prediction is a class "
        "that its set does not label is left out"
        + (f"\nBackground, since the weights lack it: {', '.join(lacking)}" if lacking else "")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--weights", default="voc", help="a name or a file")
    parser.add_argument("--side", type=int, help="another longer side than the card's, px")
    parser.add_argument("--threshold", type=float, help="another score threshold than the card's")
    parser.add_argument("--only", choices=FIGURES, action="append", help="these figures")
    parser.add_argument("--limit", type=int, help="photos of each set, for a try")
    parser.add_argument("--threads", type=int, help="all cores if not given")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    if options.threads:
        cv2.setNumThreads(options.threads)
    predictor = Predictor.load(options.weights, threads=options.threads)
    card = replace(predictor.card, side=options.side or predictor.card.side)
    if options.threshold is not None:
        card = replace(card, score_threshold=options.threshold)
    predictor = replace(predictor, card=card)
    answers = Answers(predictor, options.data, options.limit, options.threads)
    print(header(answers), flush=True)
    found: dict[str, object] = {}
    for name in options.only or FIGURES:
        figure = FIGURES[name](answers)
        show(figure)
        found[name] = plain(figure)
    if options.json is not None:
        write_figures(options.json, found, weights=card.name, conditions=header(answers))


if __name__ == "__main__":
    main()
