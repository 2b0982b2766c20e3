"""What the rare classes cost the common ones: all 21 against the background and seven alone.

    python benchmarks/rare_classes.py [DATA_FOLDER] --epochs 3

Two networks are trained from the pretrained encoder, classes only, on the sources of
recipes/voc.json, as often as it draws them: one with all its classes, one in which everything but
the person and the six animals is background. Both are scored on the val splits with these classes
alone: one confusion matrix over all photos, void excluded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from recognition import SUBJECTS, Answers
from timing import ROOT, machine

from pixelwise import Predictor
from pixelwise.classes import VOC as CLASSES

KEPT = ("background", *SUBJECTS)
SETS = ("voc2012", "coco", "coco_extra", "pets", "cats", "msrc", "people")
LEARNT_OTHERWISE = ("instances", "foreground", "set_aside")
"""Keys of a source that say nothing of its classes."""

SETTINGS = {"crop": 224, "first_crop": 192, "side": 320, "task": "semantic", "val": 0}
COPIED = (
    *("encoder", "batch", "warmup", "scale", "rotate", "stretch", "colour", "balance"),
    *("rare_share", "copy_paste", "half_size", "weight_decay"),
)


def recipe(epochs: int, *, all_classes: bool) -> dict[str, Any]:
    """Return a recipe like that of voc, for classes only."""
    voc = json.loads((ROOT / "recipes" / "voc.json").read_text(encoding="utf-8"))
    settings = {name: voc["settings"][name] for name in COPIED}
    settings |= SETTINGS | {"epochs": epochs, "validate_every": epochs}
    sources = {}
    for name, given in voc["sources"].items():
        # Three photos of labelme's, which are not among the folders of the data.
        if given.get("foreground") == "only" or name == "data_annotated":
            continue
        source = {key: value for key, value in given.items() if key not in LEARNT_OTHERWISE}
        if not all_classes:
            rules = source.get("rules", {subject: subject for subject in KEPT} | {"*": None})
            source["rules"] = {a: b if b in KEPT else "background" for a, b in rules.items()}
            if "labelled" in source:
                source["labelled"] = [n for n in source["labelled"] if n in SUBJECTS]
                if not source["labelled"]:
                    continue
        sources[name] = source
    classes = voc["classes"]["names"] if all_classes else list(KEPT)
    return {"classes": {"names": classes}, "sources": sources, "settings": settings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--runs", type=Path, help="keep the runs here; one that is there continues")
    options = parser.parse_args()
    print(machine(), flush=True)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for what in ("all", "seven"):
            run = (options.runs or Path(folder)) / what
            made = recipe(options.epochs, all_classes=what == "all")
            path = Path(folder, f"{what}.json")
            path.write_text(json.dumps(made), encoding="utf-8")
            places = [str(options.data / name) for name in made["sources"]]
            command = [sys.executable, "-m", "pixelwise", "train", *places]
            subprocess.run([*command, "--recipe", str(path), "--out", str(run)], check=True)
            found[what] = scored(run / "model.onnx", options.data)
    print(f"{'class':<12} {'all':>6} {'seven':>6}  photos")
    for name, (value, photos) in found["all"].items():
        print(f"{name:<12} {value:6.3f} {found['seven'][name][0]:6.3f}  {photos}")


def scored(weights: Path, data: Path) -> dict[str, tuple[float, int]]:
    """Return the IoU of each of the classes, and how many photos show it."""
    counted = Answers(Predictor.load(weights, classes=KEPT), data).of(*SETS)
    return {n: (counted.iou(n), int(counted.images[CLASSES.index(n)])) for n in KEPT}


if __name__ == "__main__":
    main()
