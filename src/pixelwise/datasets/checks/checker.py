"""The check of a data set: what would stop a training run, or mislead it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np

from pixelwise.classes import VOID, ClassMap
from pixelwise.datasets.checks.examine import SampleFacts, examine
from pixelwise.datasets.checks.findings import KINDS, Finding, Report
from pixelwise.datasets.checks.near_duplicates import SAME_PHOTO, Fingerprints, near_pairs
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.formats.format import Format
from pixelwise.datasets.options import ReadOptions
from pixelwise.datasets.reading import Problem, Reading
from pixelwise.datasets.registry import FORMATS, find, splits_of
from pixelwise.datasets.splits import without_unions
from pixelwise.errors import AmbiguousError, DataError, StorageError
from pixelwise.io.stored_path import locate, readers_of
from pixelwise.progress import track
from pixelwise.samples import Int64Array


def check(
    path: str | Path,
    options: ReadOptions | None = None,
    *,
    fast: bool = False,
    splits: tuple[str, ...] | None = None,
) -> Report:
    """Check every sample of a data set.

    Parameters
    ----------
    path : str or Path
        A data set, as for `open_dataset`.
    options : ReadOptions, optional
        How it is to be read, as for `open_dataset`.
    fast : bool
        Leave out what needs the images decoded: damage in the middle of a file, and images of
        one split that are in another one, too.
    splits : tuple of str, optional
        Which ones; all if not given. A split that is the others together is left out.

    Returns
    -------
    Report
        Its ``findings`` are empty if nothing is wrong.

    Raises
    ------
    NotADatasetError
        The folder is not a data set. One that can be read in two ways is a finding.
    DataError
        A list of classes that cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     root = draw_shapes(folder)
    ...     (root / "SegmentationClass" / "train_000.png").unlink()
    ...     [finding.kind for finding in check(root, splits=("train",)).findings]
    ['unpaired']
    """
    started, path = time.perf_counter(), locate(path)
    try:
        root, name = find(path, options)
        there = splits or splits_of(root, name, options)
        datasets, findings = _opened(root, FORMATS[name], there, options)
    except AmbiguousError as error:
        datasets, findings = [], [_question(error, "", path)]
    facts = [_examined(dataset, fast) for dataset in datasets]
    for dataset, seen in zip(datasets, facts, strict=True):
        for place, sample in enumerate(seen):
            findings += [
                Finding(kind, dataset.split, (file,), text, ((dataset.split, place),))
                for kind, file, text in sample.faults
            ]
    if not fast:
        for (a, facts_a), (b, facts_b) in combinations(zip(datasets, facts, strict=True), 2):
            findings += _twins(a, facts_a, b, facts_b)
    counts = [sum((sample.counts for sample in seen), np.zeros(256, np.int64)) for seen in facts]
    findings += _absent(datasets, facts, counts)
    order = list(KINDS)
    findings.sort(key=lambda finding: order.index(finding.kind))
    return Report(
        path,
        tuple(dataset.found for dataset in datasets),
        {dataset.split: len(dataset) for dataset in datasets},
        tuple(dict.fromkeys(findings)),
        {
            dataset.split: dict(zip(dataset.classes.names, count.tolist(), strict=False))
            for dataset, count in zip(datasets, counts, strict=True)
        },
        suggested_weights(datasets[0].classes, facts[0]) if datasets else {},
        time.perf_counter() - started,
        tuple(datasets),
    )


def stop_on_findings(report: Report) -> None:
    """Raise an error if a check found what would stop training or mislead it.

    Raises
    ------
    DataError
        Names the first such finding and says how many there are.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     stop_on_findings(check(draw_shapes(folder)))
    """
    stopping = [finding for finding in report.findings if KINDS[finding.kind].stops]
    if stopping:
        first = stopping[0]
        more = f" ({len(stopping) - 1} more: pixelwise check {report.path})"
        raise DataError(
            f"{first.files[0]}: {first.text}; {KINDS[first.kind].fix}"
            + (more if len(stopping) > 1 else "")
        )


def suggested_weights(classes: ClassMap, facts: list[SampleFacts]) -> dict[str, float]:
    """Suggest class weights for a loss by median frequency balancing.

    Returns
    -------
    dict of str to float
        Classes that no image shows are left out. For the definition see
        ``pixelwise.datasets.checks.findings.WEIGHTS_DEFINITION`` (Eigen and Fergus, 2015).

    Examples
    --------
    >>> from pixelwise.datasets.checks.examine import SampleFacts
    >>> facts = SampleFacts()
    >>> facts.counts[:2] = 900, 100
    >>> suggested_weights(ClassMap(("background", "cat")), [facts])
    {'background': 0.5556, 'cat': 5.0}
    """
    table = np.array([sample.counts[: len(classes)] for sample in facts], dtype=np.float64)
    labelled = table.sum(axis=1, keepdims=True)
    shown = np.asarray(table.sum(axis=0) > 0)
    frequency = table.sum(axis=0)[shown] / ((table > 0) * labelled).sum(axis=0)[shown]
    weights = np.median(frequency) / frequency if shown.any() else frequency
    names = [name for name, is_shown in zip(classes.names, shown, strict=True) if is_shown]
    return {name: round(float(w), 4) for name, w in zip(names, weights, strict=True)}


def _opened(
    root: Path, format: Format, splits: tuple[str, ...], options: ReadOptions | None
) -> tuple[list[Dataset], list[Finding]]:
    """Open the splits; return them with what was found wrong while opening them."""
    problems: list[Problem] = []
    reading = Reading.of(options, problems)
    datasets: list[Dataset] = []
    findings: list[Finding] = []
    for split in splits:
        noted = len(problems)
        try:
            datasets.append(format.open(root, split, reading))
        except AmbiguousError as error:
            asked = _question(error, split, root)
            # Often one question of all splits.
            if asked.text not in {finding.text for finding in findings}:
                findings.append(asked)
        except StorageError:
            raise
        except DataError as error:
            findings.append(Finding("split", split, (root,), str(error)))
        for problem in problems[noted:]:
            files = (problem.path, problem.shown) if problem.shown else (problem.path,)
            findings.append(Finding(problem.kind, split, files, problem.text))
    datasets = without_unions(datasets)
    reported = {file for finding in findings for file in finding.files}
    findings += [
        Finding("unpaired", "", (path,), f"no {lacks} belongs to it")
        for path, lacks in (format.strays(datasets) if format.strays else ())
        if path not in reported
    ]
    return datasets, findings


def _question(error: AmbiguousError, split: str, root: Path) -> Finding:
    """Return the finding that a data set, or a split of it, can be read in two ways."""
    files = error.files or (root,)
    text = str(error)
    for path in (files[0], files[0].parent):
        text = text.removeprefix(f"{path}: ")
    return Finding("question", split, files, text)


def _examined(dataset: Dataset, fast: bool) -> list[SampleFacts]:
    with ThreadPoolExecutor(readers_of(dataset.root)) as pool:
        facts = pool.map(lambda entry: examine(dataset, entry, fast), dataset.entries)
        return list(track(facts, f"checking {dataset.split}", len(dataset)))


def _twins(
    a: Dataset, facts_a: list[SampleFacts], b: Dataset, facts_b: list[SampleFacts]
) -> Iterator[Finding]:
    by_digest = {sample.digest: i for i, sample in enumerate(facts_b) if sample.digest}
    same = set()
    for i, sample in enumerate(facts_a):
        j = by_digest.get(sample.digest)
        if j is not None:
            same.add((i, j))
            yield _pair("same", a, i, b, j, "the same file")
    for i, j, likeness in _alike(facts_a, facts_b):
        if (i, j) not in same:
            yield _pair("alike", a, i, b, j, f"thumbnails agree to {likeness:.3f}")


def _pair(kind: str, a: Dataset, i: int, b: Dataset, j: int, how: str) -> Finding:
    first, second = a.entries[i], b.entries[j]
    text = f"{first.name} in '{a.split}' and {second.name} in '{b.split}': {how}"
    files = (first.image_path, second.image_path)
    return Finding(kind, a.split, files, text, ((a.split, i), (b.split, j)))


def _alike(
    facts_a: list[SampleFacts], facts_b: list[SampleFacts]
) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of images that look alike."""
    (rows, first), (columns, second) = _prints(facts_a), _prints(facts_b)
    for i, j, correlation in near_pairs(first, second, SAME_PHOTO):
        for x, y, likeness in zip(i, j, correlation, strict=True):
            yield rows[x], columns[y], float(likeness)


def _prints(facts: list[SampleFacts]) -> tuple[list[int], Fingerprints]:
    """Return the places of the samples whose image was decoded, and their fingerprints."""
    there = [place for place, sample in enumerate(facts) if sample.hash is not None]
    hashes = [facts[place].hash for place in there]
    thumbnails = [facts[place].thumbnail for place in there]
    return there, Fingerprints(
        np.array(hashes, np.float32).reshape(-1, 64),
        np.array(thumbnails, np.float16).reshape(-1, 1024),
    )


def _absent(
    datasets: list[Dataset], facts: list[list[SampleFacts]], counts: list[Int64Array]
) -> Iterator[Finding]:
    longest = max((d.classes for d in datasets), key=len, default=None)
    for a, b in combinations(range(len(datasets)), 2):
        for here, there in ((a, b), (b, a)):
            lacking = np.flatnonzero((counts[there][:VOID] > 0) & (counts[here][:VOID] == 0))
            if lacking.size and counts[here].any() and longest is not None:
                names = ", ".join(longest.names[i] for i in lacking)
                split, other = datasets[here].split, datasets[there].split
                text = f"no pixel in '{split}' of: {names} ({len(lacking)} classes of '{other}')"
                # The page shows a photo of the other split with one of these classes in it.
                example = next(
                    i for i, sample in enumerate(facts[there]) if sample.counts[lacking].any()
                )
                files = (datasets[here].root, datasets[there].entries[example].label_path)
                yield Finding("absent", split, files, text, ((other, example),))
