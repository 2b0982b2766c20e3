"""A job: which images, by which network, into which tables."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from pixelwise.cluster.schema import VERSION
from pixelwise.cluster.work import Options, Worker
from pixelwise.defaults import DEVICE, PART, WEIGHTS
from pixelwise.errors import ArgumentError
from pixelwise.io.storage import is_remote
from pixelwise.weights.catalogue import ALIASES, bundled_weights, read_card, read_weights

ENGINES = ("threads", "ray")


@dataclass(frozen=True)
class Job:
    """What is to be predicted, and how.

    Parameters
    ----------
    source, target : str or Path
        Folders or URLs: the images, and the tables.
    weights : str or Path
        A bundled name or a file.
    options : Options
    engine : str
        One of `ENGINES`: ``threads`` of this process, or ``ray``.
    workers : int, optional
        Networks at once on Ray; if not given, as many as there are processors, on a cluster that
        was there before one less.
    address : str, optional
        Of a Ray cluster; a new one on this machine if not given.
    part : int
        Images per part of a table.
    device : str
        As for `Predictor.load`.

    Raises
    ------
    ArgumentError
        An unknown engine, or numbers below 1.

    Examples
    --------
    >>> job = Job("photos", "tables", options=Options(classes=("person", "dog"), min_area=100))
    >>> job.engine, job.weights
    ('threads', 'voc')
    """

    source: str | Path
    target: str | Path
    weights: str | Path = WEIGHTS
    options: Options = field(default_factory=Options)
    engine: str = "threads"
    workers: int | None = None
    address: str | None = None
    part: int = PART
    device: str = DEVICE

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ArgumentError(f"unknown engine {self.engine!r}; there is: {', '.join(ENGINES)}")
        if self.engine == "threads" and (self.workers is not None or self.address is not None):
            raise ArgumentError("workers and address belong to the engine ray")
        for what, number in (("workers", self.workers), ("part", self.part)):
            if number is not None and number < 1:
                raise ArgumentError(f"{what}: expected 1 or more, got {number}")

    def shipped(self) -> bytes | str:
        """Return what a worker loads the network from: a bundled name, or a file's content."""
        name = str(self.weights)
        return name if name in (*bundled_weights(), *ALIASES) else read_weights(name)

    def facts(self) -> dict[str, object]:
        """Return what the results are known by."""
        card = read_card(self.weights)
        if self.options.classes:
            card = card.restricted(self.options.kept(card.classes))
        return {
            "version": VERSION,
            "weights": card.name,
            "sha256": hashlib.sha256(read_weights(self.weights)).hexdigest()[:16],
            **self.options.facts(),
            "class names": list(card.classes.names),
            "class colours": [list(colour) for colour in card.classes.colours],
        }

    def worker(self) -> Worker:
        """Return a network at work on this job, on all of this machine."""
        return Worker.of(
            self.shipped(),
            self.options,
            self.places(),
            self.facts(),
            # A GPU takes one after another; the second is prepared meanwhile.
            at_once=(os.cpu_count() or 1) if self.device == "cpu" else 2,
            device=self.device,
        )

    def places(self) -> tuple[str, str]:
        """Return source and target as another process finds them."""
        source, target = (
            str(place) if is_remote(place) else str(Path(place).absolute())
            for place in (self.source, self.target)
        )
        return source, target
