"""The examples in the docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import pixelwise

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(pixelwise.__path__, "pixelwise.")
    if not m.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    found = doctest.testmod(module, extraglobs={"np": np})
    assert found.failed == 0


def test_examples_are_found() -> None:
    from pixelwise.io import mask

    assert doctest.testmod(mask).attempted >= 2
