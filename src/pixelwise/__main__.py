"""``python -m pixelwise``."""

from pixelwise.cli import main

main()
