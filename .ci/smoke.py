"""What must work where only the package is installed: run it in an empty folder."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import pixelwise
from pixelwise.datasets import draw_shapes

ROOT = Path(__file__).parents[1]


def command(*words: str) -> str:
    """Run a command of the program; return what it prints."""
    return subprocess.run(
        [sys.executable, "-m", "pixelwise", *words], check=True, capture_output=True, text=True
    ).stdout


def main() -> None:
    """Predict, divide into regions, convert; list the weights."""
    if ROOT in Path(pixelwise.__file__).parents:
        raise SystemExit("pixelwise is imported from the checkout, not from the package")
    package = files("pixelwise")
    for name in ("py.typed", "__init__.pyi", "weights/voc.onnx", "app/static/index.html"):
        if not package.joinpath(name).is_file():
            raise SystemExit(f"{name} is missing in the package")
    with TemporaryDirectory() as folder:
        photo = Path(folder, "photo.png")
        image = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
        pixelwise.write_image(photo, image)
        out = Path(folder, "out")
        command("predict", str(photo), "--out", str(out))
        if pixelwise.read_label_map(out / "photo.png").shape != (60, 80):
            raise SystemExit("predict wrote a map of another size")
        command("regions", str(photo), "--out", str(out))
        shapes = draw_shapes(Path(folder, "shapes"), train=2, val=1, size=(32, 32))
        command("convert", str(shapes), "--to", "coco", "--out", str(Path(folder, "coco")))
    if "voc" not in command("weights"):
        raise SystemExit("the bundled weights are not listed")


if __name__ == "__main__":
    main()
