"""Weights files: what they say about themselves, in this format and in older ones."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.training.export.onnx import write_card
from pixelwise.weights import ModelCard, bundled_weights, read_card, read_weights
from pixelwise.weights.catalogue import ALIASES
from pixelwise.weights.onnx_file import cut_to_outputs, output_names, read_metadata
from tests.conftest import run
from tests.toy import CARD, write_toy

FORMAT_1 = """{"format": 1, "name": "street", "classes": {"names": ["sky", "road"], "colours":
[[86, 180, 233], [80, 80, 96]]}, "side": 512, "network": "Semantic FPN", "data": "CamVid",
"licence": "MIT", "rules": {"camvid": {}}, "score": {"camvid val": {"miou": 0.7}}}"""

FORMAT_3 = """{"format": 3, "name": "nuclei", "classes": {"names": ["background", "nucleus"],
"colours": [[0, 0, 0], [86, 180, 233]]}, "side": 512, "network": "Semantic FPN", "data":
"BBBC038", "licence": "MIT", "rules": {"nuclei": {"object": "nucleus"}}, "edges": true, "things":
[1], "apart": 7, "least_score": 0.42, "zoom": 2.0, "normalised": true, "borders": [0.5, 1.5],
"score": {}}"""


def test_a_card_survives_its_text() -> None:
    again = ModelCard.from_json(CARD.to_json(), "x")
    assert again == CARD
    newer = json.dumps(json.loads(CARD.to_json()) | {"format": 99})
    with pytest.raises(WeightsError, match="weights format 99, this pixelwise reads 1 to 4"):
        ModelCard.from_json(newer, "x")
    for damaged in ("", "[]", "{}", '{"format": 1, "classes": {"names": []}}'):
        with pytest.raises(WeightsError, match="damaged"):
            ModelCard.from_json(damaged, "x")


def test_cards_of_format_1_are_read() -> None:
    assert ModelCard.from_json(FORMAT_1, "x") == ModelCard(
        name="street",
        task="semantic",
        classes=ClassMap(("sky", "road"), ((86, 180, 233), (80, 80, 96))),
        side=512,
        stride=2,
        design="Semantic FPN",
        data="CamVid",
        licence="MIT",
        class_rules={"camvid": {}},
        score={"camvid val": {"miou": 0.7}},
    )


def test_cards_of_format_3_are_read_and_written_as_4() -> None:
    card = ModelCard.from_json(FORMAT_3, "x")
    assert card == ModelCard(
        name="nuclei",
        task="instance",
        classes=ClassMap(("background", "nucleus"), ((0, 0, 0), (86, 180, 233))),
        side=512,
        stride=2,
        design="Semantic FPN",
        data="BBBC038",
        licence="MIT",
        class_rules={"nuclei": {"object": "nucleus"}},
        refine_edges=True,
        instance_classes=(1,),
        nms_window=7,
        score_threshold=0.42,
        image_scale=2.0,
        stretch_levels=True,
        boundary_model=(0.5, 1.5),
    )
    assert json.loads(card.to_json())["format"] == 4
    assert ModelCard.from_json(card.to_json(), "x") == card


def test_the_task_of_an_old_card_follows_from_its_classes() -> None:
    values = json.loads(FORMAT_1)
    values["classes"] = {"names": ["boundary"], "colours": [[0, 0, 0]]}
    assert ModelCard.from_json(json.dumps(values), "x").task == "boundary"


def test_cards_check_themselves() -> None:
    with pytest.raises(ArgumentError, match="task: expected one of semantic, instance, boundary"):
        replace(CARD, task="depth")
    with pytest.raises(ArgumentError, match="none for others"):
        replace(CARD, instance_classes=(1,))
    with pytest.raises(ArgumentError, match="3 is none of the classes' ids"):
        replace(CARD, task="instance", instance_classes=(3,))
    with pytest.raises(ArgumentError, match="side: expected 1 or more, got 0"):
        replace(CARD, side=0)


def test_metadata_is_what_onnx_reads() -> None:
    for name in bundled_weights():
        data = read_weights(name)
        expected = {p.key: p.value for p in onnx.load_from_string(data).metadata_props}
        assert read_metadata(data, name) == expected


@pytest.mark.parametrize("name", ["voc", "nuclei", "edges", "street", "foreground"])
def test_the_cut_file_gives_the_same_logits(name: str) -> None:
    whole = read_weights(name)
    cut = cut_to_outputs(whole, name, lambda output: output == "foreground")
    onnx.checker.check_model(onnx.load_from_string(cut))
    assert len(cut) < len(whole) if read_card(name).instance_classes else cut == whole
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 97, 130)).astype(np.float32)
    before, after = (onnxruntime.InferenceSession(data) for data in (whole, cut))
    kept = [output.name for output in after.get_outputs()]
    assert kept == ["logits", "foreground"] if read_card(name).foreground else kept == ["logits"]
    given = (session.run(kept, {"image": image}) for session in (before, after))
    assert all(np.array_equal(one, other) for one, other in zip(*given, strict=True))


def test_cutting_keeps_what_a_graph_inside_a_node_reads() -> None:
    """`If` reads `inside` only in its branches, and `other` belongs to the second output."""
    make, tensor = onnx.helper.make_node, onnx.TensorProto.FLOAT
    value = onnx.helper.make_tensor_value_info
    branch = [
        onnx.helper.make_graph([make(op, ["inside"], [op])], op, [], [value(op, tensor, [1])])
        for op in ("Neg", "Abs")
    ]
    nodes = [
        make("Exp", ["image"], ["inside"]),
        make("Exp", ["image"], ["other"]),
        make("Greater", ["image", "image"], ["which"]),
        make("If", ["which"], ["logits"], then_branch=branch[0], else_branch=branch[1]),
        make("Neg", ["other"], ["instances"]),
    ]
    outputs = [value(name, tensor, [1]) for name in ("logits", "instances")]
    graph = onnx.helper.make_graph(nodes, "g", [value("image", tensor, [1])], outputs)
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
    )
    cut = onnx.load_from_string(cut_to_outputs(model.SerializeToString(), "x", lambda _: False))
    assert [node.op_type for node in cut.graph.node] == ["Exp", "Greater", "If"]
    session = onnxruntime.InferenceSession(cut.SerializeToString())
    (logits,) = session.run(None, {"image": np.zeros(1, np.float32)})
    assert logits == [1]  # 0 > 0 is false: |exp(0)|


@given(st.data())
def test_damaged_files_are_refused_and_nothing_else_happens(data: st.DataObject) -> None:
    whole = DAMAGED
    change = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if change:
            place = data.draw(st.integers(0, len(change) - 1))
            change[place] = data.draw(st.integers(0, 255))
    for read in (read_metadata, output_names):
        with suppress(WeightsError):
            read(bytes(change), "x")


def _toy_bytes() -> bytes:
    node = onnx.helper.make_node("Neg", ["image"], ["logits"])
    value = [
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in node.output
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", value, value))
    onnx.helper.set_model_props(model, {"pixelwise": CARD.to_json()})
    return bytes(model.SerializeToString())


DAMAGED = _toy_bytes()


def test_a_new_file_in_the_folder_is_in_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy(tmp_path / "toy.onnx")
    shutil.copy(tmp_path / "toy.onnx", tmp_path / "._toy.onnx")  # macOS leaves such files
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    assert bundled_weights() == ("toy",)
    assert read_card("toy") == CARD


def test_the_command_lists_all_weights(tmp_path: Path) -> None:
    done = run("weights", "--json", tmp_path / "all.json", COLUMNS="160")
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert tuple(content) == (*bundled_weights(), *ALIASES)
    for name, card in content.items():
        assert card["bytes"] == len(read_weights(name))
        for word in (name, card["task"], card["classes"]["names"][0], "MIT", *card["score"]):
            assert word in done.stdout
    assert "mIoU: mean over classes of TP/(TP+FP+FN)" in done.stdout


def test_the_command_prints_a_whole_card(tmp_path: Path) -> None:
    card = replace(CARD, licence="free", score={"toys val": {"miou": 0.5, "definition": "so"}})
    path = write_toy(tmp_path / "toy.onnx", card)
    done = run("weights", path, "--json", tmp_path / "one.json")
    assert done.returncode == 0, done.stderr
    for word in ("background, red, green", "64 px long", "free", "toys val", "0.500", "so"):
        assert word in done.stdout
    content = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert content.pop("bytes") == path.stat().st_size
    assert ModelCard.from_json(json.dumps(content), "x") == card
    done = run("weights", "subject")
    assert done.returncode == 2
    assert "no such weights; name a file, or one of: edges, foreground, nuclei" in done.stderr


def test_weak_classes_are_marked(tmp_path: Path) -> None:
    path = tmp_path / "made.onnx"
    path.write_bytes(read_weights("street"))
    images, iou = {"sky": 367, "sign": 12}, {"sky": 0.9, "sign": 0.3}
    write_card(path, replace(read_card("street"), class_images=images, class_iou=iou))
    done = run("weights", path, "--json", tmp_path / "card.json")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith("│ s")}
    assert "367" in rows["sky"]
    assert "weak" not in rows["sky"]
    assert "weak" in rows["sign"]
    written = json.loads((tmp_path / "card.json").read_text())
    assert written["class_images"] == images
    assert read_card(path).class_iou == iou


def test_figures_of_many_data_sets_fit_a_terminal() -> None:
    done = run("weights", "voc")
    assert done.returncode == 0, done.stderr
    assert "…" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("│ ")]
    figures = {row[1]: row for row in rows}
    voc2012: Any = read_card("voc").score["voc2012 val"]
    assert float(figures["voc2012"][6]) == pytest.approx(voc2012["miou"], abs=1e-3)
    assert "weak" in figures["diningtable"]
    assert int(figures["cat"][3]) == read_card("voc").class_images["cat"]
