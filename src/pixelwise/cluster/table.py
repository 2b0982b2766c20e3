"""All images of a source as rows in a target, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pixelwise.cluster import on_ray
from pixelwise.cluster.job import Job
from pixelwise.cluster.parts import Done
from pixelwise.errors import ImageFileError
from pixelwise.io.storage import open_store
from pixelwise.progress import track


@dataclass(frozen=True)
class Summary:
    """What became of a job; `predict_table` returns it, and shows one.

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
    here = job.engine == "threads"
    results = map(job.worker().predict, parts) if here else on_ray.run(job, parts)
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
