"""Bringing the classes of a data set to those of some weights."""

from __future__ import annotations

from collections.abc import Mapping

from pixelwise.classes import BACKGROUND
from pixelwise.datasets import Dataset
from pixelwise.errors import ArgumentError
from pixelwise.weights.card import ModelCard


def translated(
    dataset: Dataset, card: ModelCard, rules: Mapping[str, str] | None = None
) -> tuple[Dataset, str]:
    """Bring the classes of a data set to those of some weights.

    Parameters
    ----------
    dataset : Dataset
    card : ModelCard
        Of the weights, e.g. ``Predictor.load().card``.
    rules : mapping of str to str, optional
        As for `ClassMap.remap`. If not given: none are needed if the classes are the same; else
        those the weights were trained with on a folder of this name; else, if the data set has
        every class of the weights and the first of them is the background, its other classes
        count as background.

    Returns
    -------
    dataset : Dataset
        With the weights' classes.
    how : str
        One line saying what was translated, empty if nothing was.

    Raises
    ------
    ArgumentError
        A class has no clear place; the message says how to give it one.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import Predictor, open_dataset
    >>> from pixelwise.datasets import draw_shapes
    >>> card = Predictor.load("nuclei").card
    >>> with TemporaryDirectory() as folder:
    ...     shapes = open_dataset(draw_shapes(folder, train=1, val=1), say=str)
    ...     translated(shapes, card, {"disc": "nucleus", "*": "background"})[1]
    'disc -> nucleus, * -> background'
    """
    target = card.classes
    if rules is None:
        if dataset.classes.names == target.names:
            return dataset, ""
        rules = _known(dataset, card)
    if rules is None:
        missing = [name for name in target.names if name not in dataset.classes.names]
        if missing:
            raise ArgumentError(
                f"the weights have the classes {', '.join(target.names)}, but the data set has no "
                f"{', '.join(missing)}; say what its classes are, e.g. --map '*={target.names[-1]}'"
            )
        others = [name for name in dataset.classes.names if name not in target.names]
        if others and target.names[0] not in BACKGROUND:
            raise ArgumentError(
                f"the data set has {', '.join(others)}, which the weights do not know, and they "
                "have no background; say what each of its classes is, e.g. "
                f"--map '{others[0]}={target.names[0]}'"
            )
        rules = {name: name for name in target.names} | {"*": target.names[0]}
    said = ", ".join(f"{here} -> {there}" for here, there in rules.items() if here != there)
    return dataset.remapped(rules, target), said


def _known(dataset: Dataset, card: ModelCard) -> dict[str, str] | None:
    """Return the rules that the weights were trained with; what they leave out is background."""
    rules = card.class_rules.get(dataset.root.resolve().name)
    if rules is None:
        return None
    if not card.left_out:
        return dict(rules)
    there = {name: rules.get(name, rules.get("*", name)) for name in dataset.classes.names}
    background = card.classes.names[0]
    return {n: background if other in card.left_out else other for n, other in there.items()}
