"""A weights file without pixelwise, as the documentation shows it; and the devices it runs on."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from pixelwise import Predictor
from pixelwise.errors import ArgumentError
from pixelwise.inference.session import DEVICES, PACKAGES
from pixelwise.weights.catalogue import read_weights

PAGE = Path(__file__).parents[1] / "docs" / "neighbours.md"


def sample() -> str:
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"## Without pixelwise.*?```python\n(.*?)```", text, re.S)
    return str(code)


@pytest.mark.parametrize(("weights", "agreeing"), [("voc", 1.0), ("street", 1.0)])
@pytest.mark.parametrize("photo", ["cat", "coffee"])
def test_plain_onnx_runtime_gives_the_same_label_map(
    weights: str, agreeing: float, photo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = getattr(skimage.data, photo)()
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(read_weights(weights))
    cv2.imwrite("photo.png", image[..., ::-1])
    Path("sample.py").write_text(sample())
    label_map = runpy.run_path("sample.py")["label_map"]
    expected = Predictor.load(weights, instances=False).once().predict(image).label_map
    assert np.mean(label_map == expected) >= agreeing


def test_the_sample_is_short_and_needs_no_pixelwise() -> None:
    lines = [line for line in sample().splitlines() if line]
    assert len([line for line in lines if not line.startswith("import")]) <= 15
    assert "import pixelwise" not in sample()


@pytest.mark.parametrize("device", PACKAGES)
def test_a_device_that_is_not_there_names_its_package(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.inference.session.available", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ArgumentError, match=r"install onnxruntime") as error:
        Predictor.load("nuclei", device=device)
    assert PACKAGES[device] in str(error.value)


def test_auto_is_the_processor_where_there_is_nothing_else() -> None:
    image = skimage.data.cat()
    found = [Predictor.load("nuclei", device=d).predict(image) for d in ("auto", "cpu")]
    assert np.array_equal(found[0].label_map, found[1].label_map)
    with pytest.raises(ArgumentError, match="unknown device 'tpu'; there is: auto, cpu, cuda"):
        Predictor.load("nuclei", device="tpu")


def test_a_device_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    every: Any = list(DEVICES.values())[1:]
    monkeypatch.setattr("pixelwise.inference.session.available", lambda: every)
    with (
        pytest.warns(UserWarning, match="not in available provider"),
        pytest.raises(ArgumentError, match="does not start here"),
    ):
        Predictor.load("nuclei", device="cuda")
