"""Options that do not go together: one that would be ignored is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixelwise.cli.options import READ_OPTIONS
from pixelwise.errors import ArgumentError


@dataclass(frozen=True)
class Rule:
    """What an option leaves unused, and what is unused without it.

    Parameters
    ----------
    option : str
        Its flag, with a value if only that one counts: ``--save parquet``.
    without : tuple of str
        Flags that it leaves unused.
    needed_by : tuple of str
        Flags that are unused without it.
    unless : str
        A value with which it leaves nothing unused.

    Examples
    --------
    >>> Rule("--sigma", ("--strength",)).check({"--sigma": 8.0, "--strength": 2.0})
    Traceback (most recent call last):
    pixelwise.errors.ArgumentError: --sigma takes no --strength
    >>> Rule("--save parquet", (), ("--engine",)).check({"--save": ["png"], "--engine": "ray"})
    Traceback (most recent call last):
    pixelwise.errors.ArgumentError: --engine: only with --save parquet
    """

    option: str
    without: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()
    unless: str = ""

    def check(self, given: dict[str, Any]) -> None:
        """Raise an error if one of the flags that were given would be ignored."""
        flag, _, value = self.option.partition(" ")
        is_given = flag in given and (not value or value in given[flag])
        if is_given and self.unless:
            if given[flag] == self.unless:
                return
            value = str(given[flag])
        if unused := [f for f in (self.without if is_given else self.needed_by) if f in given]:
            raise ArgumentError(
                f"{f'{flag} {value}'.strip()} takes no {' or '.join(unused)}"
                if is_given
                else f"{', '.join(unused)}: only with {self.option}"
            )


RULES = {
    "predict": (
        Rule(
            "--save parquet",
            without=("--tile", "--flat", "--overwrite", "--allow-url"),
            needed_by=("--engine", "--workers", "--part", "--address", "--retry-failed"),
        ),
        Rule(
            "--camera",
            without=(
                *("--save", "--min-area", "--tta", "--bands"),
                *("--tile", "--flat", "--overwrite", "--allow-url"),
            ),
        ),
    ),
    "blur": (
        Rule("--sigma", without=("--strength",)),
        Rule(
            "--background",
            without=("--sigma", "--strength", "--shape", "--ground"),
            unless="blur",
        ),
        Rule(
            "--camera",
            without=(
                *("--crop", "--shadow", "--at", "--box", "--alpha", "--save-alpha"),
                *("--watch", "--flat", "--allow-url"),
            ),
        ),
    ),
    "regions": (Rule("--superpixels", without=("-n", "--level", "--boundaries")),),
    "cutout": (Rule("--mask-only", without=("--background",)),),
    "show": (
        Rule(
            "--kinds",
            without=(
                *("--split", "-n", "--overlay", "--cache-size"),
                *(f"--{name.replace('_', '-')}" for name in READ_OPTIONS),
            ),
            needed_by=("--weights",),
        ),
    ),
}
"""The rules of each command that has some."""


def check_options(context: Any) -> None:
    """Raise an error if a command line has an option that would be ignored.

    Parameters
    ----------
    context : typer.Context
        Of a command that is about to run.

    Raises
    ------
    ArgumentError
    """
    given: dict[str, Any] = {}
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name).name == "COMMANDLINE":
            value = context.params[parameter.name]
            flags = parameter.secondary_opts if value is False else parameter.opts
            given |= dict.fromkeys(flags, value)
    for rule in RULES.get(context.command.name, ()):
        rule.check(given)
