"""The kinds of findings of a check, and its report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Parameters
    ----------
    title : str
        What it is.
    fix : str
        What to do about it.
    stops : bool
        Training would fail, or silently learn something wrong.
    """

    title: str
    fix: str
    stops: bool


KINDS: dict[str, Kind] = {
    "unpaired": Kind(
        "photo without mask, or mask without photo",
        "add the missing file or delete the other",
        True,
    ),
    "unreadable": Kind("damaged or truncated file", "fetch or export it again", True),
    "size": Kind(
        "photo and mask of different sizes",
        "annotate the photo again, or resize the mask without interpolation",
        True,
    ),
    "turned": Kind(
        "photo turned by its EXIF orientation, mask not",
        "turn the mask, or store the photo's pixels upright and delete the EXIF tag",
        True,
    ),
    "range": Kind("labels out of range", "fix the masks, or give all class names", True),
    "binary": Kind(
        "masks of black and white, whose white would train as void, or not at all",
        "say --encoding binary, or write class ids into the masks",
        True,
    ),
    "blended": Kind(
        "masks that were interpolated or JPEG-compressed",
        "export them again as PNG; resize by nearest sampling only",
        True,
    ),
    "colours": Kind(
        "masks painted in colours that no list of classes names",
        "name them in labelmap.txt or class_dict.csv beside the masks, or say --classes FILE",
        True,
    ),
    "lossy": Kind("masks saved as JPEG", "export them again as PNG", True),
    "annotation": Kind("annotations that cannot be drawn", "fix or delete them", True),
    "question": Kind(
        "files that can be read in two ways", "say which, by one of the flags named", True
    ),
    "split": Kind("a split that cannot be opened", "fix its list", True),
    "void": Kind("masks of nothing but void", "label them, or leave the photos out", False),
    "empty": Kind(
        "photos with nothing but background",
        "fine if nothing is to be seen in them; else label them",
        False,
    ),
    "same": Kind("the same photo in two splits", "keep it in one: the score would lie", False),
    "alike": Kind(
        "nearly the same photo in two splits", "keep both in one split: the score would lie", False
    ),
    "absent": Kind(
        "classes of one split that another lacks",
        "their score in that split means nothing; split the data again",
        False,
    ),
    "outside": Kind("outlines that leave the photo", "clip them; pixelwise cuts them off", False),
    "skipped": Kind(
        "annotations without area, left out",
        "draw them as polygons or masks, or delete them",
        False,
    ),
    "ids": Kind("annotation ids that come twice", "number them again", False),
}
"""Every kind of finding by its name, in the order of a report."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with one or two files.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    split : str
    files : tuple of Path
        The file it is about first.
    text : str
        What is wrong, with numbers.
    shown : tuple of (split, int)
        The indices of the samples that show it.

    Examples
    --------
    >>> Finding("lossy", "train", (Path("a.jpg"),), "JPEG changes the numbers of a mask").kind
    'lossy'
    """

    kind: str
    split: str
    files: tuple[Path, ...]
    text: str
    shown: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Report:
    """What a check found.

    Parameters
    ----------
    path : Path
    found : tuple of str
        What each split was recognised as.
    samples : dict
        Split to its number of samples.
    findings : tuple of Finding
        Empty if nothing is wrong.
    histogram : dict
        Split to class name to its pixels.
    weights : dict
        Class name to its suggested weight in training.
    seconds : float
        How long the check took.
    datasets : tuple of Dataset
        The splits that were checked.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise.datasets import check, draw_shapes
    >>> with TemporaryDirectory() as folder:
    ...     report = check(draw_shapes(folder), splits=("train",))
    >>> report.samples, report.as_dict()["ok"]
    ({'train': 8}, True)
    """

    path: Path
    found: tuple[str, ...]
    samples: dict[str, int]
    findings: tuple[Finding, ...]
    histogram: dict[str, dict[str, int]]
    weights: dict[str, float]
    seconds: float = 0.0
    datasets: tuple[Any, ...] = field(default=(), repr=False)

    def by_kind(self) -> dict[str, list[Finding]]:
        """Return the findings by their kind, in the order of `KINDS`."""
        grouped = {kind: [f for f in self.findings if f.kind == kind] for kind in KINDS}
        return {kind: findings for kind, findings in grouped.items() if findings}

    def class_rows(self) -> list[list[str]]:
        """Return one row per class: its name, its share of each split in %, its weight.

        Examples
        --------
        >>> shares, weights = {"train": {"background": 3, "cat": 1}}, {"background": 1.0}
        >>> Report(Path("a"), (), {"train": 1}, (), shares, weights).class_rows()
        [['background', '75.000', '1.000'], ['cat', '25.000', 'absent']]
        """
        totals = {split: max(1, sum(counts.values())) for split, counts in self.histogram.items()}
        rows = []
        for name in max((list(counts) for counts in self.histogram.values()), key=len, default=[]):
            shares = [
                f"{100 * counts.get(name, 0) / totals[split]:.3f}"
                for split, counts in self.histogram.items()
            ]
            weight = self.weights.get(name)
            rows.append([name, *shares, "absent" if weight is None else f"{weight:.3f}"])
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "path": str(self.path),
            "found": list(self.found),
            "samples": self.samples,
            "ok": not self.findings,
            "counts": {kind: len(findings) for kind, findings in self.by_kind().items()},
            "findings": [
                {
                    "kind": finding.kind,
                    "title": KINDS[finding.kind].title,
                    "fix": KINDS[finding.kind].fix,
                    "split": finding.split,
                    "files": [str(file) for file in finding.files],
                    "text": finding.text,
                }
                for findings in self.by_kind().values()
                for finding in findings
            ],
            "histogram": self.histogram,
            "weights": self.weights,
            "weights_definition": WEIGHTS_DEFINITION,
        }


WEIGHTS_DEFINITION = (
    "median frequency balancing (Eigen and Fergus, 2015) over the first split: the median of all "
    "classes' frequencies over the class's own, a frequency being its share of the labelled "
    "pixels of the photos that show it"
)
