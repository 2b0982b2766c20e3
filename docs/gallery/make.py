"""Makes the pictures of the gallery: runs the code that stands beside each.

    python docs/gallery/make.py [NAME ...]

The code reads ``photo.jpg`` and writes ``picture.jpg``; the photo is a cat that comes with
scikit-image, for `kinds` and `instances` an astronaut beside her mirror image. Pictures go to
``docs/images/gallery``, that of `kinds` to ``docs/images/kinds.jpg``, which the README shows.
"""

from __future__ import annotations

import contextlib
import runpy
import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

HERE = Path(__file__).parent
IMAGES = HERE.parent / "images"
TWO = ("kinds", "instances")
"""Pictures of two persons, since one says nothing of instances."""


def names() -> list[str]:
    """Return the names of the pictures."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem != "make")


def make(name: str, target: Path) -> None:
    """Run the code of one picture in a folder of its own and keep what it wrote."""
    near = skimage.data.astronaut()[:300, 60:370]
    photo = np.hstack([near, near[:, ::-1]]) if name in TWO else skimage.data.chelsea()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Image.fromarray(photo).save("photo.jpg", quality=95)
        runpy.run_path(str(HERE / f"{name}.py"))
        picture = Image.open("picture.jpg").convert("RGB")
    picture.save(target, quality=88)


def main() -> None:
    """Make the pictures that are named, or all."""
    (IMAGES / "gallery").mkdir(exist_ok=True)
    for name in sys.argv[1:] or names():
        make(name, IMAGES / ("kinds.jpg" if name == "kinds" else f"gallery/{name}.jpg"))


if __name__ == "__main__":
    main()
