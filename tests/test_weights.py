"""Weights files: what they say about themselves, in this format and in older ones."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError, WeightsError
from pixelwise.weights import ModelCard
from tests.toy import CARD

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
