"""A job: images from a source become rows in a target, on this machine or on a cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pixelwise.cluster.parts import Done
from pixelwise.cluster.schema import VERSION
from pixelwise.cluster.work import Options, Worker
from pixelwise.defaults import DEVICE, PART, WEIGHTS
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.storage import is_remote, open_store
from pixelwise.progress import track
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
        Networks at once on Ray; as many as there are free processors, but for one, if not given.
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

    def worker(self, threads: int | None) -> Worker:
        """Return a network at work on this job."""
        return Worker.of(
            self.shipped(),
            self.options,
            self.places(),
            self.facts(),
            threads=threads,
            device=self.device,
        )

    def places(self) -> tuple[str, str]:
        """Return source and target as another process finds them."""
        source, target = (
            str(place) if is_remote(place) else str(Path(place).absolute())
            for place in (self.source, self.target)
        )
        return source, target


@dataclass(frozen=True)
class Summary:
    """What became of a job.

    Parameters
    ----------
    predicted : int
        Images that were looked at now, those that failed among them.
    known : int
        Images that had rows already.
    failed : int
        Images whose row is an error, now and before.
    """

    predicted: int
    known: int
    failed: int


def predict_table(job: Job, *, retry_failed: bool = False) -> Summary:
    """Predict all images of a source that have no rows in the target yet.

    A row appears with its part, whole or not at all. What was interrupted, at any moment, is
    continued by the same call; no image is predicted twice, and none has two rows.

    Parameters
    ----------
    job : Job
    retry_failed : bool
        Predict images again whose row is an error.

    Returns
    -------
    Summary

    Raises
    ------
    DataError
        The source cannot be listed, the target cannot be written or holds other results. What was
        written stays.
    ImageFileError
        There is no image.
    MissingExtraError
        Ray is not installed, or a URL needs a package.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import write_image
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/photos/a.png", np.zeros((40, 60, 3), np.uint8))
    ...     job = Job(f"{folder}/photos", f"{folder}/tables", "nuclei")
    ...     predict_table(job), predict_table(job)
    (Summary(predicted=1, known=0, failed=0), Summary(predicted=0, known=1, failed=0))
    """
    done = Done(open_store(job.target), job.facts(), retry=retry_failed)
    counted = _Counted(open_store(job.source).images(), done)
    parts = batched(counted.new(), job.part)
    if job.engine == "ray":
        from pixelwise.cluster.on_ray import run

        results = run(job, parts)
    else:
        worker = job.worker(None)
        results = map(worker.predict, parts)
    predicted = failed = 0
    for images, bad in track(results, "parts written"):
        predicted, failed = predicted + images, failed + bad
    if not counted.seen:
        raise ImageFileError(f"{job.source}: no image there")
    return Summary(predicted, counted.known, failed + done.failed)


@dataclass
class _Counted:
    """A listing, and how many of its images had rows."""

    images: Iterator[str]
    done: Done
    seen: int = 0
    known: int = 0

    def new(self) -> Iterator[str]:
        for name in self.images:
            self.seen += 1
            if name in self.done:
                self.known += 1
            else:
                yield name


def batched(names: Iterable[str], most: int) -> Iterator[Sequence[str]]:
    """Yield names in groups, as a stream.

    Examples
    --------
    >>> list(batched(["a", "b", "c"], 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(names)
    while group := list(islice(rest, most)):
        yield group
