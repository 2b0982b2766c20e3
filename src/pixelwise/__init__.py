"""pixelwise turns images into pixel-accurate masks and does something useful with them.

Importing it loads nothing: each name in ``__init__.pyi`` is loaded when it is first used, so
``import pixelwise`` costs neither numpy nor OpenCV nor torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
