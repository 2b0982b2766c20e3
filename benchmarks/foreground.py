"""What stands out: IoU of alpha above one half, and boundary F1, on photos that taught nothing.

    python benchmarks/foreground.py [DATA_FOLDER]
    python benchmarks/foreground.py --only salient --weights runs/voc/model.onnx

By the weights that `pixelwise blur` takes by itself, unless others are given: `foreground`, and
`voc` for classes by name. One pair of counts over all photos of a figure, void excluded; boundaries
at 2 px.

salient  ECSSD photos of any kind of thing, those that recipes/voc.json sets aside.
people   people val: the main person, with what is worn or carried.
classes  voc2012 val: the seven subjects (person and six animals), asked for by name.
all      The same photos and truth, whatever stands out.
davis    Three clips, frame by frame.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from timing import ROOT, machine, write_figures

from pixelwise import ClassMap, Predictor, find_subject, open_dataset, read_image
from pixelwise.backgrounds import Selection
from pixelwise.classes import VOC
from pixelwise.io.mask import read_label_map
from pixelwise.metrics.boundaries import BoundaryScores, boundary_counts
from pixelwise.samples import BoolArray, UInt8Array
from pixelwise.training import Recipe
from pixelwise.weights.catalogue import SUBJECTS

LIVING = SUBJECTS[1:]

Truth = tuple[UInt8Array, BoolArray, BoolArray]
"""A photo, its foreground, and which pixels are labelled."""


def salient(data: Path) -> Iterator[Truth]:
    aside = Recipe.read(ROOT / "recipes" / "voc.json").sources["salient"].set_aside
    for sample in open_dataset(data / "salient", "train", say=str).only(aside):
        yield sample.image, sample.label_map == 1, sample.label_map != 255


def people(data: Path) -> Iterator[Truth]:
    for sample in open_dataset(data / "people", "val", say=str):
        yield sample.image, sample.label_map > 0, sample.label_map != 255


def subjects(data: Path) -> Iterator[Truth]:
    ids = [VOC.index(name) for name in LIVING]
    for sample in open_dataset(data / "voc2012", "val", say=str):
        yield sample.image, np.isin(sample.label_map, ids), sample.label_map != 255


def davis(data: Path) -> dict[str, Callable[[], Iterator[Truth]]]:
    def frames(folder: Path) -> Iterator[Truth]:
        for path in sorted(folder.glob("*.jpg")):
            mask = read_label_map(data / "davis" / "Annotations" / folder.name / f"{path.stem}.png")
            yield read_image(path), mask > 0, np.ones(mask.shape, np.bool_)

    folders = sorted((data / "davis" / "JPEGImages").iterdir())
    return {f"davis {folder.name}": partial(frames, folder) for folder in folders}


def report(
    title: str, predictor: Predictor, photos: Iterator[Truth], names: tuple[str, ...]
) -> dict[str, float]:
    """Print the scores of some photos and return them."""
    both, union, count, edges = 0, 0, 0, np.zeros((2, 6), np.int64)
    for image, truth, labelled in photos:
        found = find_subject(predictor, image, names).alpha(image) > 0.5
        both += int(np.count_nonzero(found & truth & labelled))
        union += int(np.count_nonzero((found | truth) & labelled))
        edges += boundary_counts(truth.astype(np.uint8), found.astype(np.uint8), 2)
        count += 1
    f1 = BoundaryScores(edges, ClassMap(("background", "subject"))).per_class_f1[1]
    print(f"{title}: IoU {both / union:.4f}, boundary F1 {f1:.4f} ({count} photos)", flush=True)
    return {"iou": both / union, "boundary_f1": float(f1), "photos": count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--weights", help="a name or a file")
    parser.add_argument("--only", choices=("salient", "people", "classes", "all", "davis"))
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    data = options.data
    print(machine())
    tasks: dict[str, tuple[Callable[[], Iterator[Truth]], tuple[str, ...]]] = {
        "salient": (partial(salient, data), ("all",)),
        "people": (partial(people, data), ("all",)),
        "classes": (partial(subjects, data), LIVING),
        "all": (partial(subjects, data), ("all",)),
        **{name: (read, ("all",)) for name, read in davis(data).items()},
    }
    figures: dict[str, object] = {}
    for name, (read, wanted) in tasks.items():
        if options.only in (None, name.partition(" ")[0]):
            chosen = options.weights or Selection(wanted).weights
            predictor = Predictor.load(chosen, instances=False)
            title = f"{name}, {predictor.card.name} at {predictor.card.side} px"
            figures[name] = report(title, predictor, read(), wanted)
    if options.json is not None:
        write_figures(
            options.json, figures, weights=options.weights or "foreground, voc for classes by name"
        )


if __name__ == "__main__":
    main()
