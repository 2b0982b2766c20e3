"""Instances by kernels: what is learnt, the masks that are drawn, and the grouping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pixelwise.classes import VOID, ClassMap
from pixelwise.errors import ArgumentError
from pixelwise.inference import kernels
from pixelwise.inference.grouping import find_instances
from pixelwise.inference.kernels import cells_of
from pixelwise.networks.context import Context
from pixelwise.networks.kernel_branch import FEATURES, PARAMETERS, draw_masks
from pixelwise.samples import Float32Array, UInt8Array, UInt16Array
from pixelwise.training.augment import UNKNOWN
from pixelwise.training.kernel_targets import IGNORED, SMALLEST, kernel_loss, kernel_targets
from pixelwise.training.settings import Settings
from pixelwise.weights.card import ModelCard

CARD = ModelCard(
    *("made", ClassMap(("background", "cow", "horse", "car")), 64, "made", "made", "MIT"),
    task="instance",
    stride=4,
    instance_classes=(1, 2),
    instance_design="kernels",
    score_threshold=0.2,
)
SIZE = (24, 32)
"""Of the map of mask features; the image is four times as large."""


def areas(*boxes: tuple[int, int, int, int]) -> UInt16Array:
    """Instances 1, 2, ... in boxes of (top, left, bottom, right)."""
    numbers = np.zeros(SIZE, np.uint16)
    for number, (top, left, bottom, right) in enumerate(boxes, start=1):
        numbers[top:bottom, left:right] = number
    return numbers


def branch_of(
    masks: list[UInt16Array], chances: list[float], finest: bool = True
) -> tuple[Float32Array, Float32Array]:
    """What a perfect branch gives: each mask is a plane of its own, found at its centre."""
    features = np.zeros((FEATURES, *SIZE), np.float32)
    cells = np.zeros((1 + PARAMETERS, len(cells_of(SIZE)[0])), np.float32)
    cells[0] = -9
    places, sides = cells_of(SIZE)
    for plane, (mask, chance) in enumerate(zip(masks, chances, strict=True)):
        features[plane] = np.where(mask > 0, 1, 0)
        centre = np.argwhere(mask).mean(axis=0)
        level = sides == (2 if finest else 8)
        far = np.abs(places - centre).sum(axis=1) + np.where(level, 0, 1e6)
        cell = int(far.argmin())
        cells[0, cell] = np.log(chance / (1 - chance))
        network = np.zeros(PARAMETERS, np.float32)
        network[plane] = 12  # the first hidden unit sees the plane
        network[-9] = 1  # and the last layer sees that unit
        network[-1] = -6
        cells[1:, cell] = network
    return features, cells


def logits_of(label_map: UInt8Array) -> Float32Array:
    whole = np.kron(label_map, np.ones((4, 4), np.uint8))
    return np.stack([np.where(whole == c, 6, 0) for c in range(4)]).astype(np.float32)


def grouped(
    masks: list[UInt16Array], chances: list[float], label_map: UInt8Array
) -> tuple[UInt8Array, tuple[tuple[int, int, float], ...]]:
    logits = logits_of(label_map)
    whole = np.kron(label_map, np.ones((4, 4), np.uint8))
    voted, found = find_instances(branch_of(masks, chances), logits, whole, CARD)
    return voted, tuple((i.class_id, i.area, i.score) for i in found)


def test_two_cows_side_by_side_are_two() -> None:
    both = areas((4, 2, 14, 12), (4, 12, 14, 24))
    label_map = (both > 0).astype(np.uint8)
    voted, found = grouped([(both == 1) * both, (both == 2) * both], [0.9, 0.8], label_map)
    assert [f[:2] for f in found] == [(1, 1600), (1, 1920)]
    assert 0.7 < found[1][2] < found[0][2] < 0.95
    np.testing.assert_array_equal(voted, np.kron(label_map, np.ones((4, 4), np.uint8)))


def test_an_animal_is_of_one_class() -> None:
    one = areas((4, 2, 14, 22))
    label_map = one.astype(np.uint8)  # a cow
    label_map[4:14, 16:22] = 2  # whose hind part was taken for a horse
    voted, found = grouped([one], [0.9], label_map)
    assert [f[0] for f in found] == [1]
    assert set(np.unique(voted)) == {0, 1}


def test_a_head_is_no_second_person() -> None:
    body, head = areas((2, 4, 22, 20)), areas((2, 8, 9, 16))
    label_map = body.astype(np.uint8)
    _, found = grouped([body, head], [0.9, 0.6], label_map)
    assert [f[1] for f in found] == [20 * 16 * 16]


def test_the_rest_of_a_body_joins_it_and_a_large_area_beside_it_does_not() -> None:
    body = areas((4, 2, 14, 12))
    rest = areas((4, 12, 14, 14)), areas((4, 12, 14, 22))
    for beside, area in zip(rest, (1920, 1600), strict=True):
        label_map = ((body + beside) > 0).astype(np.uint8)
        # It does not matter whether a weak cell drew the rest; its mask ends softly.
        for masks in ([body], [body, beside]):
            _, found = grouped(masks, [0.9, 0.1][: len(masks)], label_map)
            assert [f[1] for f in found] == [pytest.approx(area, abs=60)]
        horse = grouped([body], [0.9], label_map + (beside > 0))[1]
        assert [f[1] for f in horse] == [pytest.approx(1600, abs=60)]


def test_of_two_masks_of_one_instance_the_better_stays() -> None:
    one, other = areas((4, 2, 14, 22)), areas((5, 3, 14, 22))
    _, found = grouped([other, one], [0.5, 0.9], one.astype(np.uint8))
    assert len(found) == 1


def test_pixels_of_other_classes_belong_to_no_instance() -> None:
    one = areas((4, 2, 14, 22))
    label_map = one.astype(np.uint8)
    label_map[4:14, 12:22] = 3  # cars have no instances here
    voted, found = grouped([one], [0.9], label_map)
    assert [f[1] for f in found] == [1600]
    assert (voted == 3).sum() == 1600


def test_nothing_found_leaves_the_label_map() -> None:
    nothing = np.zeros(SIZE, np.uint8)
    label_map = np.zeros((96, 128), np.uint8)
    branch = branch_of([areas((4, 2, 14, 22))], [0.9])
    voted, found = find_instances(branch, logits_of(nothing), label_map, CARD)
    assert found == ()
    assert voted is label_map
    silent = branch_of([], [])
    cows = np.ones((96, 128), np.uint8)
    assert find_instances(silent, logits_of(nothing), cows, CARD)[1] == ()


def test_logits_may_be_as_coarse_as_the_masks() -> None:
    both = areas((4, 2, 14, 12), (4, 12, 14, 24))
    label_map = (both > 0).astype(np.uint8)
    branch = branch_of([(both == 1) * both, (both == 2) * both], [0.9, 0.8])
    whole = np.kron(label_map, np.ones((4, 4), np.uint8))
    fine = logits_of(label_map)
    expected = find_instances(branch, fine, whole, CARD)[1]
    coarse = replace(CARD, logits_stride=4)
    found = find_instances(branch, np.ascontiguousarray(fine[:, ::4, ::4]), whole, coarse)[1]
    assert [(i.area, i.box, i.class_id) for i in found] == [
        (i.area, i.box, i.class_id) for i in expected
    ]


def test_low_scores_are_left_out() -> None:
    one = areas((4, 2, 14, 22))
    label_map = np.kron(one, np.ones((4, 4), np.uint8)).astype(np.uint8)
    branch, logits = branch_of([one], [0.4]), logits_of(one.astype(np.uint8))
    assert len(find_instances(branch, logits, label_map, CARD)[1]) == 1
    strict = replace(CARD, score_threshold=0.5)
    assert find_instances(branch, logits, label_map, strict)[1] == ()


def test_both_runtimes_draw_the_same_masks() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(FEATURES, 9, 13)).astype(np.float32)
    parameters = rng.normal(size=(5, PARAMETERS)).astype(np.float32)
    places = rng.uniform(0, 9, (5, 2)).astype(np.float32)
    sides = np.array([2, 4, 8, 2, 4], np.float32)
    one = kernels.draw_masks(features, parameters, places, sides)
    many = torch.from_numpy(features).expand(5, -1, -1, -1)
    other = draw_masks(many, *(torch.from_numpy(a) for a in (parameters, places, sides)))
    np.testing.assert_allclose(one, other.numpy(), atol=1e-4)


@pytest.mark.parametrize("size", [(24, 32), (9, 13), (1, 1)])
def test_cells_lie_over_the_whole_map(size: tuple[int, int]) -> None:
    places, sides = cells_of(size)
    for side in (2, 4, 8):
        own = places[sides == side]
        pixels = np.argwhere(np.ones(size))
        near = np.abs(pixels[:, None] - own[None]).max(axis=2).min(axis=1)
        assert near.max() <= side / 2


def test_each_size_has_its_level() -> None:
    small, large = areas((2, 2, 6, 6)), areas((0, 0, 24, 32))
    sides = cells_of(SIZE)[1]
    for numbers, expected in ((small, {2}), (large, {4, 8})):
        _, cells = kernel_targets(numbers, (numbers > 0).astype(np.uint8), 4)
        assert set(sides[cells == 1].astype(int)) == expected
    # Any instance that is no splinter has a cell.
    tiny = areas((2, 2, 4, 5))
    assert (kernel_targets(tiny, tiny.astype(np.uint8), 4)[1] == 1).any()


def test_what_is_unlabelled_is_ignored() -> None:
    numbers = areas((4, 2, 14, 12), (20, 20, 21, 22))
    assert (numbers == 2).sum() < SMALLEST
    numbers[:, 24:] = UNKNOWN
    label_map = (numbers > 0).astype(np.uint8)
    label_map[22:] = VOID
    own, cells = kernel_targets(numbers, label_map, 4)
    assert (own[:, 24:] == IGNORED).all()
    assert (own[22:, :20] == IGNORED).all()
    assert (own[20, 20:22] == IGNORED).all()
    assert set(np.unique(own)) == {IGNORED, 0, 1}
    places = cells_of(SIZE)[0]
    assert (cells[places[:, 1] > 25] == IGNORED).all()
    everywhere = kernel_targets(None, label_map, 4)
    assert all((part == IGNORED).all() for part in everywhere)


def test_the_loss_is_least_at_the_truth() -> None:
    both = areas((4, 2, 14, 12), (4, 12, 14, 24))
    own, cells = kernel_targets(both, (both > 0).astype(np.uint8), 4)
    features, network = branch_of([(both == 1) * both, (both == 2) * both], [0.9, 0.9])
    # Each cell that shall find an instance draws it.
    right = np.full_like(network, 0)
    right[0] = np.where(cells > 0, 9, -9)
    right[1:, cells > 0] = 0
    for id_ in (1, 2):
        right[id_, cells == id_] = 12
        right[-9, cells == id_] = 1
        right[-1, cells == id_] = -6
    truth = [torch.from_numpy(a)[None] for a in (own, cells)]

    def loss(found: Float32Array) -> float:
        return float(
            kernel_loss((torch.from_numpy(features)[None], torch.from_numpy(found)[None]), *truth)
        )

    best = loss(right)
    assert best < 0.05
    silent = right.copy()
    silent[0] = -9
    assert loss(silent) > best + 0.2
    swapped = right.copy()
    swapped[[1, 2]] = swapped[[2, 1]]
    assert loss(swapped) > best + 0.5


def test_a_batch_without_instances_has_a_loss_and_gradients() -> None:
    features = torch.randn(1, FEATURES, *SIZE, requires_grad=True)
    cells = torch.randn(1, 1 + PARAMETERS, len(cells_of(SIZE)[0]), requires_grad=True)
    nothing = kernel_targets(None, np.zeros(SIZE, np.uint8), 4)
    loss = kernel_loss((features, cells), *(torch.from_numpy(a)[None] for a in nothing))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert features.grad is not None


def test_kernels_need_a_pretrained_encoder() -> None:
    with pytest.raises(ArgumentError, match="needs a pretrained encoder"):
        Settings(instance_design="kernels")
    with pytest.raises(ArgumentError, match="unknown instance_design 'boxes'"):
        Settings(instance_design="boxes")
    with pytest.raises(ArgumentError, match="instance_design: expected one of"):
        replace(CARD, instance_design="boxes")


def test_a_splinter_is_neither_found_nor_missed() -> None:
    numbers = areas((4, 4, 6, 6), (12, 12, 22, 26))
    assert (numbers == 1).sum() < SMALLEST
    own, cells = kernel_targets(numbers, (numbers > 0).astype(np.uint8), 4)
    places = cells_of(SIZE)[0]
    over = (np.abs(places - 4.5) <= 0.5).all(axis=1)
    assert over.any()
    assert (cells[over] == IGNORED).all()
    assert (own[4:6, 4:6] == IGNORED).all()
    assert (cells == 2).any()


def test_context_changes_nothing_at_first_and_sees_six_cells_each_way() -> None:
    torch.manual_seed(0)
    context = Context(16).eval()
    x = torch.rand(1, 16, 15, 15, requires_grad=True)
    assert torch.equal(context(x), x)
    torch.nn.init.normal_(context.restore.weight)
    context(x)[0, :, 7, 7].sum().backward()
    assert x.grad is not None
    rows = torch.nonzero(x.grad.abs().sum(dim=(0, 1, 3))).flatten()
    assert (int(rows.min()), int(rows.max())) == (1, 13)
