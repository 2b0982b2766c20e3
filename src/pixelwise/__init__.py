"""pixelwise turns images into pixel-accurate masks and does something useful with them.

Importing it loads nothing: each name in ``__init__.pyi`` is loaded when it is first used, so
``import pixelwise`` costs neither numpy nor OpenCV nor torch.
"""

import lazy_loader

__version__ = "0.1.0"

ELSEWHERE = {
    "YOLO": "pixelwise.predict(photo), or pixelwise.Predictor.load(weights)",
    "imread": "pixelwise.read_image(path)",
    "load": "pixelwise.Predictor.load(weights)",
    "load_model": "pixelwise.Predictor.load(weights)",
    "pipeline": "pixelwise.predict(photo).to_pipeline()",
    "remove": "pixelwise.cut_out(photo)",
    "remove_background": "pixelwise.cut_out(photo)",
    "segment": "pixelwise.predict(photo)",
    "train": "the command: pixelwise train FOLDER --out runs/mine",
}
"""What other libraries call something, and what it is here."""

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    try:
        return _lazy(name)
    except AttributeError as error:
        here = f"; here it is {ELSEWHERE[name]}" if name in ELSEWHERE else ""
        raise AttributeError(f"{error}{here}", name=name) from None
