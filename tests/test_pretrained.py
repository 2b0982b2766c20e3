"""The pretrained encoder: what it knows, how its weights are read, networks built on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from torch.nn import functional as F

from pixelwise import Predictor
from pixelwise.classes import VOC, ClassMap
from pixelwise.errors import ArgumentError, MissingExtraError, WeightsError
from pixelwise.networks import ENCODERS, build_network, count_parameters
from pixelwise.networks import efficientnet_weights as pretrained
from pixelwise.networks.designs import DESIGNS, PRETRAINED_DESIGNS, Design
from pixelwise.networks.efficientnet_lite import EfficientNetLite, ImageNetClassifier
from pixelwise.networks.efficientnet_weights import (
    build_efficientnet_lite,
    find_pretrained,
    load_classifier,
    load_published,
)
from pixelwise.training import Recipe, Settings, Source, train
from pixelwise.training.checkpoint import load_checkpoint
from pixelwise.training.export.onnx import export_network
from pixelwise.training.optim import parameter_groups
from pixelwise.training.plan import DataSummary, Plan, StepCost, make_plan
from pixelwise.training.pretrained import encoder_of, start_from
from pixelwise.weights.card import ModelCard
from tests.toy import write_toy

CATS = {281, 282, 285}
"""Tabby, tiger cat and Egyptian cat among the 1000 classes of ImageNet."""
ESPRESSO = 967
LITE = "efficientnet_lite0"

try:
    find_pretrained()
    INSTALLED = True
except MissingExtraError:
    INSTALLED = False
needs_weights = pytest.mark.skipif(not INSTALLED, reason=f"{pretrained.PACKAGE} is not installed")


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder without its weights of ImageNet, for whom the package is not installed."""

    def build(from_stride: int) -> ImageNetClassifier:
        return ImageNetClassifier(EfficientNetLite(from_stride))

    monkeypatch.setattr(pretrained, "load_classifier", build)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("design", [*DESIGNS.values(), *PRETRAINED_DESIGNS.values()])
def test_a_design_knows_the_stride_of_its_encoder(design: Design) -> None:
    encoder = ENCODERS[design.encoder].build(**design.options)
    assert encoder.strides[0] == design.stride


def square(image: np.ndarray) -> torch.Tensor:
    """The middle 224 x 224 of a photo whose shorter side is 256, as ImageNet is evaluated."""
    scale = 256 / min(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = (image.shape[0] - 224) // 2, (image.shape[1] - 224) // 2
    cut = np.ascontiguousarray(image[top : top + 224, left : left + 224])
    return torch.from_numpy(cut).permute(2, 0, 1)[None].float()


@needs_weights
@pytest.mark.parametrize(("name", "classes"), [("chelsea", CATS), ("coffee", {ESPRESSO})])
def test_the_classifier_names_what_is_on_known_photos(name: str, classes: set[int]) -> None:
    with torch.inference_mode():
        shares = load_classifier()(square(getattr(skimage.data, name)())).softmax(1)[0]
    assert int(shares.argmax()) in classes
    # A wrong mean, kernel padding or stride costs far more than this.
    assert float(shares[list(classes)].sum()) > 0.85


@needs_weights
def test_equal_padding_is_tensorflows_padding_on_a_shifted_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = build_efficientnet_lite(2).eval()
    image = square(skimage.data.chelsea()) / 128 - 1
    with torch.inference_mode():
        ours = encoder(image)

        def as_tensorflow(layer: torch.nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
            if layer.stride == (1, 1):
                return plain(layer, x)
            before = layer.kernel_size[0] // 2 - 1
            x = F.pad(x, (before, before + 1) * 2)
            return F.conv2d(x, layer.weight, layer.bias, layer.stride, 0, groups=layer.groups)

        plain = torch.nn.Conv2d.forward
        monkeypatch.setattr(torch.nn.Conv2d, "forward", as_tensorflow)
        # Their pixel i of stride s lies at s * i + s - 1 of the image, ours at s * i.
        for level, stride in enumerate(encoder.strides[:3]):
            shifted = F.pad(image, (stride - 1, 0, stride - 1, 0))[..., :224, :224]
            theirs = encoder(shifted)[level]
            inner = slice(96 // stride, 128 // stride)
            torch.testing.assert_close(
                ours[level][..., inner, inner], theirs[..., inner, inner], rtol=1e-3, atol=1e-3
            )


@pytest.mark.parametrize("size", [(64, 96), (33, 70), (1, 1)])
def test_feature_maps_have_the_stated_channels_and_strides(size: tuple[int, int]) -> None:
    encoder = EfficientNetLite(2).eval()
    with torch.inference_mode():
        features = encoder(torch.zeros(2, 3, *size))
    assert encoder.strides == (2, 4, 8, 16, 32)
    for feature, channels, stride in zip(features, encoder.channels, encoder.strides, strict=True):
        assert feature.shape == (2, channels, *(-(-side // stride) for side in size))


def published(network: ImageNetClassifier) -> dict[str, torch.Tensor]:
    """A made state dict with the published names, whose norms do something."""
    found: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(0)
    own = network.state_dict()
    for layer, (kernel, norm) in pretrained._layer_names(network).items():
        weight = own[f"{layer}.weight"]
        found[f"{kernel}.weight"] = torch.randn(weight.shape, generator=generator)
        for part in ("weight", "bias", "running_mean", "running_var"):
            found[f"{norm}.{part}"] = torch.rand(len(weight), generator=generator) + 0.5
        found[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    for part in ("weight", "bias"):
        found[f"_fc.{part}"] = torch.zeros_like(own[f"classifier.{part}"])
    return found


def test_folding_a_batch_norm_changes_nothing() -> None:
    network = ImageNetClassifier(EfficientNetLite())
    tensors = published(network)
    load_published(network, tensors, "made")
    x = torch.randn(1, 3, 8, 8)
    plain = F.conv2d(x, tensors["_conv_stem.weight"], None, 2, 1)
    mean, variance, weight, bias = (
        tensors[f"_bn0.{n}"] for n in ("running_mean", "running_var", "weight", "bias")
    )
    expected = F.batch_norm(plain, mean, variance, weight, bias, eps=1e-3)
    torch.testing.assert_close(network.encoder.stem(x), expected, rtol=1e-4, atol=1e-4)


def test_every_published_tensor_has_its_place() -> None:
    network = ImageNetClassifier(EfficientNetLite())
    before = {n: t.clone() for n, t in network.state_dict().items()}
    tensors = published(network)
    for changed, message in (
        ({n: t for n, t in tensors.items() if n != "_blocks.3._bn1.bias"}, "has no _blocks.3._bn1"),
        (tensors | {"_blocks.16._bn1.bias": torch.zeros(1)}, "also has _blocks.16._bn1.bias"),
        (tensors | {"_fc.bias": torch.zeros(10)}, "classifier.bias should have the shape"),
    ):
        with pytest.raises(WeightsError, match=message):
            load_published(network, changed, "made")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", "no-such-package-of-weights")
    with pytest.raises(
        MissingExtraError,
        match=r"no-such-package-of-weights, which is not .*\[train\]",
    ):
        build_network(3, encoder=LITE)


def test_a_file_that_is_no_state_dict_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.pth").write_bytes(b"nothing")
    monkeypatch.setattr(pretrained, "find_pretrained", lambda: tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="not a readable state dict"):
        load_classifier()


@pytest.mark.usefixtures("untrained")
def test_stem_and_first_blocks_stay_fixed() -> None:
    network = build_network(3, encoder=LITE)
    fixed = {n for n, p in network.named_parameters() if not p.requires_grad}
    assert "encoder.stem.weight" in fixed
    assert "encoder.blocks.2.project.bias" in fixed
    assert not any(n.startswith(("encoder.blocks.3.", "decoder.", "head.")) for n in fixed)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("size", [(64, 96), (33, 70), (1, 1)])
def test_the_network_answers_at_the_photos_size(size: tuple[int, int]) -> None:
    network = build_network(21, instances="kernels", encoder=LITE).eval()
    assert count_parameters(network) < 4_100_000
    with torch.inference_mode():
        output = network(torch.zeros(2, 3, *size))
        small = network(torch.zeros(2, 3, *size), network.stride)
        whole = network(torch.zeros(2, 3, *size), 1)
    fourth = tuple(-(-side // 4) for side in size)
    assert whole.logits.shape == (2, 21, *size)
    assert output.logits.shape == (2, 21, *fourth)
    mask_features, cells = output.instances
    assert mask_features.shape == (2, 8, *fourth)
    assert cells.shape == (2, 98, sum(-(-size[0] // s) * -(-size[1] // s) for s in (8, 16, 32)))
    assert small.logits.shape == (2, 21, *fourth)


@pytest.mark.usefixtures("untrained")
def test_the_exported_file_gives_what_torch_gives(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(21, instances="kernels", encoder=LITE)
    card = ModelCard(
        *("made", VOC, 64, network.design, "made", "MIT", "instance"),
        stride=network.stride,
        logits_stride=network.logits_stride,
        instance_classes=tuple(range(1, 21)),
        instance_design="kernels",
    )
    path = tmp_path / "model.onnx"
    assert export_network(network, card, path) < 1e-3
    assert path.stat().st_size < 16.5e6


def test_half_the_size_and_the_same_answers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(3, "tiny").eval()
    card = ModelCard("made", ClassMap(("a", "b", "c")), 64, network.design, "made", "MIT")
    whole, half = tmp_path / "whole.onnx", tmp_path / "half.onnx"
    export_network(network, card, whole)
    assert export_network(network, card, half, half=True) < 0.01
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    one, other = Predictor.load(whole), Predictor.load(half)
    assert other.card == card
    image = skimage.data.chelsea()
    assert np.abs(one.logits(image) - other.logits(image)).max() < 0.01
    # Training starts from either.
    assert encoder_of(str(half)) == "none"
    crops = torch.rand(4, 3, 64, 64) * 255
    said = [start_from(build_network(3, "tiny"), str(path), crops) for path in (whole, half)]
    assert said[0].replace("whole", "half") == said[1]


def refuse(*_: object, **__: object) -> None:
    """Fail as torch's exporter does: the cause has another text."""
    cause = ValueError("windows are counted\nand more")
    raise RuntimeError("Failed. \x1b[96mThis is step 1/3\x1b[0m of exporting") from cause


def export_another(_: object, __: object, path: Path, **___: object) -> None:
    write_toy(path)


@pytest.mark.parametrize(
    ("export", "reason"),
    [(refuse, r"windows are counted\)$"), (export_another, "operands could not be broadcast")],
)
def test_a_failed_export_leaves_the_file_that_was_there(
    export: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.onnx.export", export)
    network = build_network(4, "tiny")
    card = ModelCard("made", ClassMap(tuple("abcd")), 64, "made", "made", "MIT")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the weights before")
    with pytest.raises(WeightsError, match=rf"cannot be exported \({reason}"):
        export_network(network, card, path)
    assert path.read_bytes() == b"the weights before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_encoder_or_size_is_an_error() -> None:
    for values, message in (
        (
            {"encoder": "resnet50"},
            "unknown encoder 'resnet50'; there is: none, effic",
        ),
        ({"encoder": LITE, "size": "base"}, r"one size, got 'base'"),
        ({"encoder_rate": 2}, r"encoder_rate: expected 0..1, got 2"),
    ):
        with pytest.raises(ArgumentError, match=message):
            Settings.of(values)
    with pytest.raises(ArgumentError, match="a model of the hub has its own"):
        Recipe(model="hf:a/b", settings={"encoder": LITE})


def test_the_plan_goes_by_the_encoder() -> None:
    summary = DataSummary(
        *(400, 0, (360, 480), np.array([100, 120, 90])),
        instance_classes=(1,),
        instance_sizes=np.linspace(60, 300, 100),
    )

    def plan(**settings: object) -> Plan:
        recipe = Recipe(settings={"task": "instance", **settings})
        return make_plan(recipe, summary, lambda _, crop: StepCost(crop, 0.02, 10**7, 16 * 10**9))

    plain, lite = plan(), plan(encoder=LITE)
    assert plain.settings.encoder == "none"
    assert pretrained.PACKAGE in plain.reasons["encoder"]
    assert "encoder_rate" not in plain.reasons
    assert lite.settings.encoder == LITE
    assert lite.settings.learning_rate * lite.settings.encoder_rate == pytest.approx(1e-4)
    assert "5e-4" in lite.reasons["encoder_rate"]
    assert (plain.settings.instance_design, lite.settings.instance_design) == ("centres", "kernels")
    assert "nms_window" in plain.reasons
    assert "nms_window" not in lite.reasons


def test_the_encoder_is_the_default_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "is_installed", lambda: True)
    photos = DataSummary(400, 0, (360, 480), np.array([100, 120, 90]))
    cells = replace(photos, instance_classes=(1,), instance_sizes=np.linspace(5, 30, 100))

    def encoder(recipe: Recipe, summary: DataSummary = photos) -> tuple[str, str]:
        measure = lambda _, crop: StepCost(crop, 0.02, 10**7, 16 * 10**9)  # noqa: E731
        plan = make_plan(recipe, summary, measure)
        return plan.settings.encoder, plan.reasons.get("encoder", "")

    chosen, reason = encoder(Recipe())
    assert chosen == LITE
    assert "--encoder none" in reason
    assert encoder(Recipe(settings={"size": "tiny"}))[0] == "none"
    # What is seen under a microscope is unlike ImageNet; weights decide their own encoder.
    instances = Recipe(settings={"task": "instance"})
    assert encoder(instances, cells)[0] == "none"
    for weights, theirs in (("nuclei", "none"), ("street", LITE)):
        reason = f"that of the weights to start from, {weights}"
        assert encoder(Recipe(weights=weights)) == (theirs, reason)
    assert encoder(Recipe(model="hf:a/b")) == ("none", "")


@pytest.mark.usefixtures("untrained")
def test_the_encoder_learns_at_a_lower_rate() -> None:
    network, settings = build_network(3, encoder=LITE), Settings(encoder=LITE)
    groups = parameter_groups(network, settings)
    assert [group["share"] for group in groups] == [1, 1, 1 / 15, 1 / 15]
    names = {id(p): name for name, p in network.named_parameters()}
    for group in groups:
        for parameter in group["params"]:
            name = names.pop(id(parameter))
            assert name.startswith("encoder.") == (group["share"] < 1)
            assert (parameter.ndim > 1) == (group["weight_decay"] > 0)
    # What is left is fixed.
    assert all(n.startswith(("encoder.stem.", "encoder.blocks.")) for n in names.values())
    # With random weights everything has the same rate.
    assert [group["share"] for group in parameter_groups(build_network(3), Settings())] == [1, 1]


@needs_weights
def test_training_on_the_encoder_exports_and_predicts(shapes: Path, tmp_path: Path) -> None:
    settings = {"task": "instance", "encoder": LITE, "epochs": 1, "crop": 64, "side": 80}
    sources = {shapes.name: Source(instances="areas")}
    said: list[str] = []
    recipe = Recipe(sources=sources, settings={**settings, "batch": 4})
    weights = train([shapes], tmp_path / "run", recipe, said.append, device="cpu")
    assert any(line.startswith("Semantic FPN on EfficientNet-Lite 0") for line in said)
    assert any(line.strip().startswith("encoder_rate ") for line in said)
    predictor = Predictor.load(weights)
    card = predictor.card
    assert (card.task, card.stride) == ("instance", 4)
    assert card.encoder.startswith(f"{LITE} (Tan and Le, EfficientNet, 2019; ")
    assert ", pretrained: on ImageNet by Google, " in card.encoder
    assert card.encoder.endswith("Apache-2.0")
    prediction = predictor.predict(skimage.data.chelsea())
    assert prediction.label_map.shape == (300, 451)
    assert prediction.instances is not None
    # What is fixed is what the package holds.
    trained = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["average"]
    published = build_efficientnet_lite().state_dict()
    for name, same in (("stem.weight", True), ("blocks.5.project.weight", False)):
        assert torch.equal(trained[f"encoder.{name}"], published[name]) == same
