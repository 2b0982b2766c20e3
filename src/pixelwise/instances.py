"""Instance maps to instances, connected components, and the outlines of masks."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from scipy import ndimage

from pixelwise.classes import VOID
from pixelwise.samples import (
    BoolArray,
    Float32Array,
    Float64Array,
    Instance,
    Int32Array,
    Int64Array,
    UInt8Array,
    UInt16Array,
)


def instances_of(
    instance_map: UInt16Array, label_map: UInt8Array | None = None
) -> tuple[Instance, ...]:
    """Return the instances of an instance map, in the order of their ids.

    Parameters
    ----------
    instance_map : (H, W) uint16
        0 = none.
    label_map : (H, W) uint8, optional
        An instance's class is the one that most of its pixels have here, void left out; an
        instance of void alone is left out. If not given, every instance has class 1.

    Examples
    --------
    >>> instance_map = np.array([[0, 3, 3], [5, 0, 3]], dtype=np.uint16)
    >>> [(instance.id, instance.area) for instance in instances_of(instance_map)]
    [(3, 3), (5, 1)]
    """
    size = instance_map.shape[0], instance_map.shape[1]
    found = []
    for before, place in enumerate(ndimage.find_objects(instance_map.astype(np.int32))):
        if place is None:
            continue
        patch = instance_map[place] == before + 1
        class_id = 1
        if label_map is not None:
            counts = np.bincount(label_map[place][patch], minlength=VOID + 1)[:VOID]
            if not counts.any():
                continue
            class_id = int(counts.argmax())
        corner = int(place[0].start), int(place[1].start)
        found.append(Instance(patch, corner, size, class_id, before + 1))
    return tuple(found)


def instances_by_score(
    owner: Int32Array,
    scores: Float64Array | Float32Array,
    class_ids: Int64Array,
    threshold: float,
) -> tuple[Instance, ...]:
    """Return the instances of a map that score enough, best first, with the ids 1, 2, ...

    Parameters
    ----------
    owner : (H, W) int32
        1..K, 0 = none.
    scores : (K,) float
        Limited to 0..1.
    class_ids : (K,) int64
    threshold : float

    Examples
    --------
    >>> owner = np.array([[1, 2, 2]], dtype=np.int32)
    >>> found = instances_by_score(owner, np.array([0.5, 0.9]), np.array([1, 1]), 0.3)
    >>> [(instance.id, instance.area, instance.score) for instance in found]
    [(1, 2, 0.9), (2, 1, 0.5)]
    """
    found = []
    for k, place in enumerate(ndimage.find_objects(owner)):
        if place is not None and scores[k] >= threshold:
            found.append((float(scores[k]), k, place))
    found.sort(key=lambda f: (-f[0], f[1]))
    size = owner.shape[0], owner.shape[1]
    return tuple(
        Instance(
            owner[place] == k + 1,
            (int(place[0].start), int(place[1].start)),
            size,
            int(class_ids[k]),
            id_,
            score=min(1.0, max(0.0, score)),
        )
        for id_, (score, k, place) in enumerate(found, start=1)
    )


def components(label_map: UInt8Array, class_ids: list[int], first_id: int) -> list[Instance]:
    """Return each connected area (8 neighbours) of some classes as an instance.

    Parameters
    ----------
    label_map : (H, W) uint8
    class_ids : list of int
        The classes to look at.
    first_id : int
        The instances are numbered from here.

    Examples
    --------
    >>> label_map = np.array([[1, 0, 1]], dtype=np.uint8)
    >>> [(instance.id, instance.box) for instance in components(label_map, [1], first_id=1)]
    [(1, (0, 0, 1, 1)), (2, (0, 2, 1, 3))]
    """
    size = label_map.shape[0], label_map.shape[1]
    found: list[Instance] = []
    for class_id in class_ids:
        _, areas = cv2.connectedComponents((label_map == class_id).astype(np.uint8))
        for before, place in enumerate(ndimage.find_objects(areas)):
            corner = int(place[0].start), int(place[1].start)
            patch = areas[place] == before + 1
            found.append(Instance(patch, corner, size, class_id, first_id + len(found)))
    return found


def without_specks(label_map: UInt8Array, min_area: int) -> UInt8Array:
    """Give connected areas (8 neighbours) that are too small to the class nearest to them.

    Parameters
    ----------
    label_map : (H, W) uint8
    min_area : int
        Pixels that an area of one class needs to stay.

    Returns
    -------
    (H, W) uint8
        A copy of the map if no area would stay.

    Examples
    --------
    >>> speck = np.array([[2, 2, 2, 2], [2, 7, 2, 1], [2, 2, 1, 1]], dtype=np.uint8)
    >>> without_specks(speck, 2).tolist()
    [[2, 2, 2, 2], [2, 2, 2, 1], [2, 2, 1, 1]]
    """
    small = np.zeros(label_map.shape, dtype=np.uint8)
    for class_id in np.unique(label_map):
        mask = (label_map == class_id).astype(np.uint8)
        _, areas, stats, _ = cv2.connectedComponentsWithStats(mask)
        is_small = stats[:, cv2.CC_STAT_AREA] < min_area
        is_small[0] = False  # what is not of this class
        small |= is_small[areas]
    if not small.any() or small.all():
        return label_map.copy()
    _, nearest = cv2.distanceTransformWithLabels(
        small, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # OpenCV numbers the kept pixels 1, 2, ... in an order of its own.
    class_of = np.zeros(int(nearest.max()) + 1, dtype=np.uint8)
    kept = small == 0
    class_of[nearest[kept]] = label_map[kept]
    return np.asarray(class_of[nearest], dtype=np.uint8)


def outlines(mask: BoolArray) -> tuple[list[Int32Array], int]:
    """Trace the parts of a mask along the centres of their outermost pixels.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    parts : list of (N, 2) int32
        x, y of the corners of each part's outline, largest part first. Filling the outlines
        gives the mask back, but for its holes.
    holes : int
        How many holes the mask has.

    Examples
    --------
    >>> parts, holes = outlines(np.ones((2, 3), dtype=bool))
    >>> parts[0].tolist(), holes
    ([[0, 0], [0, 1], [2, 1], [2, 0]], 0)
    """
    found, tree = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return [], 0
    links = tree.reshape(-1, 4)
    # The fourth link leads from a hole to the outline around it.
    outer = [c.reshape(-1, 2) for c, link in zip(found, links, strict=True) if link[3] < 0]
    outer.sort(key=lambda c: -abs(cv2.contourArea(c)))
    return [np.asarray(c, dtype=np.int32) for c in outer], len(found) - len(outer)


def rings(mask: BoolArray) -> list[list[list[tuple[int, int]]]]:
    """Trace the parts of a mask along the edges of their pixels, holes included.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    list of parts
        Each connected part (4 neighbours) as a list of closed rings, the outer one first, then its
        holes; a ring is a list of (x, y) corners in pixels, its first one repeated at the end. What
        is inside an odd number of rings is the mask.

    Examples
    --------
    >>> rings(np.array([[True, True]]))
    [[[(0, 0), (0, 1), (2, 1), (2, 0), (0, 0)]]]
    """
    areas = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1].astype(np.int32)
    found = []
    for part, (rows, columns) in enumerate(ndimage.find_objects(areas), start=1):
        traced = _traced(areas[rows, columns] == part, (columns.start, rows.start))
        traced.sort(key=lambda ring: -abs(_doubled_area(ring)))
        found.append(traced)
    return found


def polygons(mask: BoolArray) -> list[Int32Array]:
    """Return the outer ring of each part of a mask with fewer corners, for people to correct.

    They leave the mask's edge by at most a pixel (Douglas and Peucker's method).

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    list of (N, 2) int32
        x, y of at least 3 corners on the grid between the pixels, the first one not repeated.
        Holes are filled.

    Examples
    --------
    >>> polygons(np.ones((1, 2), dtype=bool))[0].tolist()
    [[0, 0], [0, 1], [2, 1], [2, 0]]
    """
    found = []
    for outer, *_ in rings(mask):
        corners = np.array(outer[:-1], dtype=np.int32)
        fewer = cv2.approxPolyDP(corners, 1.0, closed=True).reshape(-1, 2)
        found.append(np.asarray(fewer if len(fewer) > 3 else corners, dtype=np.int32))
    return found


def _traced(part: BoolArray, corner: tuple[int, int]) -> list[list[tuple[int, int]]]:
    """Return the rings around one connected part, which lies to the left of each step.

    ``corner`` is the x, y of the part's first column and row.
    """
    left, top = corner
    inside = np.pad(part, 1)
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # Along each edge between a pixel of the part and one outside: where, and in which direction.
    for (dy, dx), (from_x, from_y), step in (
        ((-1, 0), (1, 0), (-1, 0)),
        ((0, -1), (0, 0), (0, 1)),
        ((1, 0), (0, 1), (1, 0)),
        ((0, 1), (1, 1), (0, -1)),
    ):
        beyond = np.roll(inside, (-dy, -dx), axis=(0, 1))
        for y, x in np.argwhere(inside & ~beyond).tolist():
            at = left + x - 1 + from_x, top + y - 1 + from_y
            following.setdefault(at, []).append(step)
    found = []
    while following:
        start = next(iter(following))
        at, step, ring = start, following[start][0], [start]
        while True:
            ways = following[at]
            # Where two pixels of the part touch at a corner, the ring stays at the same pixel.
            step = step if len(ways) == 1 else _inward(step, ways)
            step = ways[0] if len(ways) == 1 else step
            ways.remove(step)
            if not ways:
                del following[at]
            at = at[0] + step[0], at[1] + step[1]
            ring.append(at)
            if at == start:
                break
        found.append(_corners(ring))
    return found


def _inward(step: tuple[int, int], ways: list[tuple[int, int]]) -> tuple[int, int]:
    left = step[1], -step[0]
    return left if left in ways else ways[0]


def _corners(ring: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a closed ring without the points on its straight lines."""
    points = np.array(ring[:-1])
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    kept = points[(before != after).any(axis=1)].tolist()
    return [(x, y) for x, y in [*kept, kept[0]]]


def _doubled_area(ring: list[tuple[int, int]]) -> int:
    return sum(x * b - a * y for (x, y), (a, b) in pairwise(ring))


def joined(mask: BoolArray) -> BoolArray:
    """Join the parts of a mask by lines one pixel wide between their nearest corners.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    (H, W) bool
        One connected part (8 neighbours), its holes filled.
    """
    canvas = np.zeros(mask.shape, dtype=np.uint8)
    parts, _ = outlines(mask)
    cv2.drawContours(canvas, parts, -1, 1, thickness=cv2.FILLED)
    hub = parts[0]
    for part in parts[1:]:
        distances = np.linalg.norm(hub[:, None] - part[None], axis=-1)
        here, there = np.unravel_index(int(distances.argmin()), distances.shape)
        ends = [tuple(int(v) for v in p) for p in (hub[here], part[there])]
        cv2.line(canvas, ends[0], ends[1], 1)
        hub = np.concatenate([hub, part])
    return canvas.astype(np.bool_)
