"""Models of the Hugging Face hub: small random ones, written and read as the hub's are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise import Predictor
from pixelwise.errors import WeightsError
from pixelwise.networks.hub import HubPreprocessing, load_hub_model
from pixelwise.training import export_hub
from tests.conftest import call, run

transformers = pytest.importorskip("transformers")

NAMES = {0: "wall", 1: "floor", 2: "door", 3: "floor", 4: "sky"}
WIDTHS = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def segformer() -> Any:
    return transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig(
            **WIDTHS, num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16, id2label=NAMES
        )
    )


def upernet() -> Any:
    return transformers.UperNetForSemanticSegmentation(
        transformers.UperNetConfig(
            backbone_config=transformers.ConvNextConfig(**WIDTHS, out_features=STAGES),
            hidden_size=16,
            auxiliary_in_channels=24,
            auxiliary_channels=8,
            id2label=NAMES,
        )
    )


def mask2former() -> Any:
    return transformers.Mask2FormerForUniversalSegmentation(
        transformers.Mask2FormerConfig(
            backbone_config=transformers.SwinConfig(
                embed_dim=8,
                depths=[1, 1, 1, 1],
                num_heads=[1, 1, 2, 2],
                window_size=4,
                out_features=STAGES,
            ),
            feature_size=32,
            mask_feature_size=32,
            hidden_dim=32,
            encoder_feedforward_dim=16,
            encoder_layers=1,
            decoder_layers=2,
            num_attention_heads=2,
            dim_feedforward=16,
            num_queries=5,
            id2label=NAMES,
        )
    )


KINDS = {"segformer": segformer, "upernet": upernet, "mask2former": mask2former}


def saved(folder: Path, kind: str, **preprocessing: object) -> Path:
    """Write a small random model as ``save_pretrained`` does, with its preprocessing."""
    torch.manual_seed(0)
    KINDS[kind]().save_pretrained(folder)
    values = {
        "do_resize": True,
        "size": {"height": 64, "width": 64},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.25, 0.3],
        **preprocessing,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_hub_model_becomes_a_file_that_predicts(tmp_path: Path, kind: str) -> None:
    folder = saved(tmp_path / kind, kind)
    said: list[str] = []
    weights = export_hub(str(folder), tmp_path / "model.onnx", said.append)
    (parity,) = [line for line in said if "difference between ONNX Runtime and torch" in line]
    assert float(parity.split()[-2]) < 1e-3
    predictor = Predictor.load(weights)
    assert predictor.classes.names == ("wall", "floor", "door", "floor 3", "sky")
    assert predictor.card.side == 64
    image = np.random.default_rng(0).integers(0, 256, (50, 64, 3), dtype=np.uint8)
    assert predictor.predict(image).label_map.shape == (50, 64)


def test_preprocessing_is_the_models_own(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", "segformer")
    network, _ = load_hub_model(f"hf:{folder}")
    image = torch.rand(1, 3, 64, 64) * 255
    mean, deviation = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.25, 0.3])
    seen = (image / 255 - mean[:, None, None]) / deviation[:, None, None]
    with torch.inference_mode():
        expected = network.eval().model(pixel_values=seen).logits
        expected = torch.nn.functional.interpolate(expected, size=(64, 64), mode="bilinear")
        assert torch.allclose(network(image).logits, expected, atol=1e-5)
        assert network(image, 2).logits.shape == (1, 5, 32, 32)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size": 512}, ((512, 512), 1 / 255)),
        ({"size": {"shortest_edge": 448}}, ((448, 448), 1 / 255)),
        ({"size": {"height": 96, "width": 64}, "do_rescale": False}, ((96, 64), 1.0)),
        ({"do_resize": False, "size": 512, "rescale_factor": 0.5}, (None, 0.5)),
    ],
)
def test_what_preprocessing_files_say(values: dict[str, Any], expected: object) -> None:
    found = HubPreprocessing.of(values)
    assert (found.size, found.scale) == expected


def test_a_hub_model_is_fine_tuned_by_the_same_loop(shapes: Path, tmp_path: Path) -> None:
    folder = saved(tmp_path / "start", "segformer")
    command = ("train", shapes, "--model", folder, "--out", tmp_path / "run", "--device", "cpu")
    done = run(*command, "--epochs", "2", "--crop", "64", "--side", "80", "--batch", "4")
    assert done.returncode == 0, done.stderr
    assert "SegformerForSemanticSegmentation" in done.stdout
    predictor = Predictor.load(tmp_path / "run" / "model.onnx")
    assert predictor.classes.names == ("background", "disc", "square", "triangle")
    assert (tmp_path / "run" / "report.html").exists()
    again = call(*command, "--epochs", "2", "--crop", "64", "--side", "80", "--batch", "4")
    assert "finished before" in again.stdout


def test_an_error_without_words_is_called_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(_: str) -> None:
        raise TimeoutError

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", cut)
    with pytest.raises(WeightsError, match="hf:a/b: TimeoutError"):
        load_hub_model("hf:a/b")


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    for name in (str(tmp_path), f"hf:{tmp_path}"):
        with pytest.raises(WeightsError, match=tmp_path.name):
            load_hub_model(name)
    folder = saved(tmp_path / "model", "segformer")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json"):
        load_hub_model(str(folder))
    done = run("export", tmp_path / "gone", "--out", tmp_path / "model.onnx")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    done = run("export", "voc", "--out", tmp_path / "model.onnx")
    assert done.returncode == 2
    assert done.stderr.startswith("pixelwise: voc is bundled, as an ONNX file already")
