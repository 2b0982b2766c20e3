"""The engine ray: one network per actor of Ray Data, on one machine or many."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from pixelwise.cluster.job import Job
from pixelwise.cluster.work import Worker
from pixelwise.errors import ArgumentError, DataError, missing_extra

WAVE = 400
"""Parts that are handed to Ray at once: a listing of millions is never held."""

SPARE = 1
"""Processors that no actor takes: with all of them taken Ray Data waits for ever for its readers.

Ray only counts them. On a cluster of one's own one more is counted than there is, since what reads
here is names; on another's one is left free.
"""


class Network:
    """An actor: it loads the network once, then writes parts.

    Parameters
    ----------
    weights, options, places, facts, at_once, device
        As for `Worker.of`.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        self._worker = Worker.of(*given, **named)

    def __call__(self, row: dict[str, Any]) -> dict[str, int]:
        """Write the part of some images; doing it again writes the same."""
        images, failed = self._worker.predict(list(row["names"]))
        return {"images": images, "failed": failed}


def run(job: Job, parts: Iterable[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Yield images and failures of each part, in the order in which they are written.

    Raises
    ------
    ArgumentError
        No cluster answers at the job's address.
    DataError
        A worker could not read or write; the error is its own.
    MissingExtraError
        Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise missing_extra("--engine ray", "ray", "ray") from None
    started = not ray.is_initialized()
    if started:
        # Actors live in the environment that the driver lives in.
        joins = job.address or os.environ.get("RAY_ADDRESS")
        cores = max(job.workers or 0, os.cpu_count() or 1)
        own: dict[str, Any] = {} if joins else {"num_cpus": cores + SPARE}
        try:
            ray.init(address=job.address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except ConnectionError as error:
            raise ArgumentError(
                f"{error}; does it run? If `ray start` said that it asks for a token, this command "
                "needs RAY_AUTH_MODE=token in its environment, and the token"
            ) from None
    try:
        # Its lines of information are none that a person asked for.
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        yield from _waves(ray, job, iter(parts))
    finally:
        if started:
            ray.shutdown()


def _waves(ray: Any, job: Job, parts: Iterator[Sequence[str]]) -> Iterator[tuple[int, int]]:
    there = ray.cluster_resources()
    gpus = int(job.device == "cuda" or (job.device == "auto" and there.get("GPU", 0) > 0))
    cores = int(there.get("CPU", os.cpu_count() or 2))
    workers = job.workers or max(1, cores - SPARE)
    while wave := list(islice(parts, WAVE)):
        rows = ray.data.from_items([{"names": list(names)} for names in wave])
        written = rows.repartition(len(wave)).map(
            Network,
            fn_constructor_args=(job.shipped(), job.options, job.places(), job.facts()),
            fn_constructor_kwargs={"at_once": 1, "device": job.device},
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(wave))),
            num_cpus=1,
            num_gpus=gpus,
        )
        try:
            for row in written.iter_rows():
                yield int(row["images"]), int(row["failed"])
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DataError):
                raise DataError(str(error.cause)) from None
            raise
