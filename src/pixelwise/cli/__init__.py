"""The command line: a thin door over the library."""

from pixelwise.cli.main import main

__all__ = ["main"]
