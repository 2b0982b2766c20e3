"""What a format is given to read by: the caller's options, and where problems go."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from pixelwise.datasets.formats.class_names import Listed, read_names
from pixelwise.datasets.options import ReadOptions
from pixelwise.errors import DataError


@dataclass(frozen=True)
class Problem:
    """Something wrong with one file.

    Parameters
    ----------
    kind : str
        One of ``pixelwise.datasets.KINDS``.
    path : Path
    text : str
        What is wrong.
    shown : Path, optional
        Another file that shows it.
    """

    kind: str
    path: Path
    text: str
    shown: Path | None = None


@dataclass(frozen=True)
class Reading(ReadOptions):
    """Options, and what becomes of a problem with one file.

    Parameters
    ----------
    problems : list of Problem, optional
        For a check: a sample that cannot be opened is left out and noted here. If None, the
        first problem is an error.
    listed : (Path, Names), optional
        What ``class_list`` says.
    """

    problems: list[Problem] | None = None
    listed: Listed | None = None

    @classmethod
    def of(cls, options: ReadOptions | None, problems: list[Problem] | None = None) -> Reading:
        """Add a place for problems to a caller's options."""
        options = options or ReadOptions()
        given = {field.name: getattr(options, field.name) for field in fields(ReadOptions)}
        if options.class_list is None:
            return cls(**given, problems=problems)
        path = Path(options.class_list)
        listed = path, read_names(path)
        given["classes"] = listed[1].classes(path)
        return cls(**given, problems=problems, listed=listed)

    def problem(self, kind: str, path: Path, text: str, shown: Path | None = None) -> None:
        """Note a problem with a file.

        Raises
        ------
        DataError
            Problems are not collected.
        """
        if self.problems is None:
            raise DataError(f"{path}: {text}")
        self.problems.append(Problem(kind, path, text, shown))
