"""Instances that keep their ids from frame to frame.

The association of "ByteTrack" (Zhang et al., ECCV 2022): sure instances are matched to tracks
first, unsure ones to the tracks that are left, and only sure ones begin a track. Here a track is
moved on by the speed of its box, smoothed, in the place of the paper's Kalman filter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from pixelwise.samples import Float64Array, Instance

UNSURE = 0.1
"""Score from which on an instance may go on with a track, the paper's lower threshold."""

LEAST_OVERLAP = 0.2
"""Intersection over union of boxes from which on an instance may be a track's; the paper's is 1
minus its matching threshold of 0.8."""

PATIENCE = 30
"""Frames after which a track that is not seen ends, the paper's buffer."""

SMOOTH = 0.5
"""Share of a box's new speed in that of its track."""


@dataclass(eq=False)
class _Track:
    id: int
    box: Float64Array
    speed: Float64Array = field(default_factory=lambda: np.zeros(4))
    unseen: int = 0
    classes: Counter[int] = field(default_factory=Counter)

    def expected(self) -> Float64Array:
        return self.box + self.speed * (1 + self.unseen)

    def take(self, instance: Instance) -> Instance:
        """Go on with an instance; it gets the track's id, and the class seen most often."""
        box = np.array(instance.box, dtype=np.float64)
        speed = (box - self.box) / (1 + self.unseen)
        self.speed = (1 - SMOOTH) * self.speed + SMOOTH * speed
        self.box, self.unseen = box, 0
        self.classes[instance.class_id] += 1
        return replace(instance, id=self.id, class_id=self.classes.most_common(1)[0][0])


class Tracker:
    """The instances of a clip, frame by frame.

    Parameters
    ----------
    sure : float
        Score from which on an instance begins a track.

    Examples
    --------
    >>> mask = np.zeros((20, 40), dtype=bool)
    >>> mask[5:15, 4:14] = True
    >>> there, then = (Instance.of(np.roll(mask, k, axis=1), 1, id=k + 1) for k in (0, 2))
    >>> tracker = Tracker(sure=0.5)
    >>> tracker.follow([there])[0].id, tracker.follow([then])[0].id
    (1, 1)
    """

    def __init__(self, sure: float) -> None:
        self._sure, self._tracks, self._next = sure, list[_Track](), 1

    def follow(self, instances: Sequence[Instance]) -> tuple[Instance, ...]:
        """Return the instances of the next frame that belong to a track, with its id.

        Parameters
        ----------
        instances : sequence of Instance
            Of one frame, those of `UNSURE` scores among them.

        Returns
        -------
        tuple of Instance
            In the order of their ids.
        """
        sure = [i for i in instances if i.score >= self._sure]
        unsure = [i for i in instances if i.score < self._sure]
        found, free, left = _matched(self._tracks, sure)
        more, free, _ = _matched(free, unsure)
        for track in free:
            track.unseen += 1
        self._tracks = [track for track in self._tracks if track.unseen <= PATIENCE]
        taken = [track.take(instance) for track, instance in (*found, *more)]
        for instance in left:
            track = _Track(self._next, np.array(instance.box, dtype=np.float64))
            self._next += 1
            self._tracks.append(track)
            taken.append(track.take(instance))
        return tuple(sorted(taken, key=lambda i: i.id))


def _matched(
    tracks: list[_Track], instances: list[Instance]
) -> tuple[list[tuple[_Track, Instance]], list[_Track], list[Instance]]:
    """Return pairs of the greatest overlap in all, the tracks left and the instances left."""
    if not tracks or not instances:
        return [], tracks, instances
    expected = np.array([track.expected() for track in tracks])
    boxes = np.array([instance.box for instance in instances], dtype=np.float64)
    overlap = _overlaps(expected, boxes)
    rows, columns = linear_sum_assignment(-overlap)
    good = overlap[rows, columns] >= LEAST_OVERLAP
    rows, columns = rows[good], columns[good]
    pairs = [(tracks[r], instances[c]) for r, c in zip(rows, columns, strict=True)]
    return (
        pairs,
        [track for r, track in enumerate(tracks) if r not in rows],
        [instance for c, instance in enumerate(instances) if c not in columns],
    )


def _overlaps(ours: Float64Array, theirs: Float64Array) -> Float64Array:
    """Return the intersection over union of boxes (top, left, bottom, right), (N, M)."""
    corner = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    end = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    shared = np.clip(end - corner, 0, None).prod(axis=2)
    sizes = [np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1) for b in (ours, theirs)]
    union = sizes[0][:, None] + sizes[1][None] - shared
    return np.asarray(shared / np.maximum(union, 1e-9))
