"""``pixelwise weights``.

Libraries are imported inside the command, so that ``--help`` costs none of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.options import Json

if TYPE_CHECKING:
    from pixelwise.weights import ModelCard

HEADLINES = {
    "semantic": ("miou",),
    "instance": ("miou", "ap", "pq"),
    "boundary": ("boundary_loss",),
}
"""The figures of the list, by task; a card has more."""

FEW = 3
"""Data sets whose figures fit beside each other in a terminal."""

SHORT = ("miou", "foreground_iou", "ap", "ap50", "pq", "boundary_loss")
"""The figures of a card that was scored on more than `FEW` data sets."""


def weights(
    name: Annotated[
        str | None,
        typer.Argument(metavar="WEIGHTS", help="Print the whole card of these: a name or a file."),
    ] = None,
    json_: Json = None,
) -> None:
    """List the bundled weights, or print the model card of one weights file."""
    from pixelwise.io.files import write_json
    from pixelwise.weights import bundled_weights, read_card, read_weights
    from pixelwise.weights.catalogue import ALIASES

    cards = {each: read_card(each) for each in ([name] if name else (*bundled_weights(), *ALIASES))}
    sizes = {each: len(read_weights(each)) for each in cards}
    if json_ is not None:
        content = {
            each: json.loads(card.to_json())
            | {"bytes": sizes[each]}
            | ({"alias_of": ALIASES[each][0]} if each in ALIASES else {})
            for each, card in cards.items()
        }
        write_json(json_, content[name] if name else content)
    if name:
        _print_card(cards[name], _size(name, sizes[name]))
    else:
        _print_list(cards, sizes)


def _print_list(cards: dict[str, ModelCard], sizes: dict[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table

    from pixelwise.evaluation.figures import DEFINITIONS, TITLES

    files = Table("weights", "task", "classes", "size", "licence")
    scores = Table("weights", "measured on", "images", "figure", "value")
    for table, column in ((files, 3), (scores, 2), (scores, 4)):
        table.columns[column].justify = "right"
    named = set()
    for name, card in cards.items():
        files.add_row(name, card.task, _classes(card), _size(name, sizes[name]), card.licence)
        for data, figures in _figures(card).items():
            known = [key for key in HEADLINES[card.task] if figures.get(key) is not None]
            named.update(known)
            for key in known:
                images = figures.get("images", "")
                scores.add_row(name, data, str(images), TITLES[key], _number(figures[key]))
    console = Console()
    console.print(files)
    console.print(scores)
    for key in (key for key in DEFINITIONS if key in named):
        console.print(f"{TITLES[key]}: {DEFINITIONS[key]}", highlight=False)
    console.print("the whole card of one: pixelwise weights NAME", highlight=False)


def _print_card(card: ModelCard, size: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from pixelwise.evaluation.figures import DEFINITIONS, TITLES
    from pixelwise.weights.card import WEAK

    facts = Table(show_header=False)
    for row in _facts(card, size):
        facts.add_row(*row)
    scores = _figures(card)
    known = [
        k for k in DEFINITIONS if any(figures.get(k) is not None for figures in scores.values())
    ]
    many = len(scores) > FEW
    if many:
        known = [key for key in SHORT if key in known]
        measured = Table("measured on", "images", *(TITLES[key] for key in known))
        for data, figures in scores.items():
            values = (_number(figures.get(key)) for key in known)
            measured.add_row(data, str(figures.get("images", "")), *values)
    else:
        measured = Table("figure", *scores, "definition")
        for key in known:
            values = (_number(figures.get(key)) for figures in scores.values())
            measured.add_row(TITLES[key], *values, DEFINITIONS[key])
    ious = [] if many else [figures.get("per_class_iou", {}) for figures in scores.values()]
    counted = ("training images", "all together", "") if card.class_images else ()
    classes = Table("IoU of class", *counted, *(() if many else scores))
    for name in card.classes.names:
        cells = [_number(one.get(name)) for one in ious]
        if counted:
            iou = card.class_iou.get(name)
            weak = "weak" if iou is not None and iou < WEAK else ""
            cells = [str(card.class_images.get(name, "-")), _number(iou), weak, *cells]
        classes.add_row(name, *cells)
    console = Console()
    console.print(facts)
    for table in (measured, *([classes] if counted or any(ious) else [])):
        for column in table.columns[1:]:
            column.justify = "left" if column.header in ("definition", "") else "right"
        console.print(table)
    definitions = [figures.get("definition", "") for figures in scores.values()]
    if many:
        for key in known:
            console.print(f"{TITLES[key]}: {DEFINITIONS[key]}", highlight=False)
        # What follows differs between the data sets: how many of the classes and images there are.
        definitions = list(dict.fromkeys("; ".join(t.split("; ")[:2]) for t in definitions))
    for text in definitions:
        console.print(text, highlight=False)


def _facts(card: ModelCard, size: str) -> list[tuple[str, str]]:
    """Return what a card says, as rows of a name and a text; what does not apply is left out."""
    names = card.classes.names
    rules = [
        f"{data}: {', '.join(f'{here} -> {there}' for here, there in rules.items())}"
        for data, rules in card.class_rules.items()
        if rules
    ]
    centres = card.instance_classes and card.instance_design == "centres"
    scale = f"{card.image_scale:g} times its size" if card.image_scale else f"{card.side} px long"
    rows = [
        ("name", card.name),
        ("task", card.task),
        ("classes", ", ".join(names)),
        ("instances of", ", ".join(names[i] for i in card.instance_classes)),
        ("score threshold", f"{card.score_threshold:g}" if card.instance_classes else ""),
        ("centre window", f"{card.nms_window} px" if centres else ""),
        ("what stands out", "an output of its own, of any class" if card.foreground else ""),
        ("boundary model", ", ".join(f"{value:.3g}" for value in card.boundary_model)),
        ("left out", ", ".join(card.left_out)),
        ("size", size),
        ("design", card.design),
        ("encoder", card.encoder),
        ("stride", f"{card.stride} px"),
        ("sees an image", scale + (", levels stretched" if card.stretch_levels else "")),
        ("looks again", f"at {card.second_look:.3g} of that size" if card.second_look else ""),
        ("label maps", "follow the image's edges" if card.refine_edges else ""),
        ("training data", card.data),
        ("classes there", "\n".join(rules)),
        ("licence", card.licence),
    ]
    return [row for row in rows if row[1]]


def _classes(card: ModelCard) -> str:
    names = card.classes.names
    return names[0] if len(names) == 1 else f"{len(names)}: {', '.join(names)}"


def _figures(card: ModelCard) -> dict[str, dict[str, Any]]:
    """Return the held-out figures by data set."""
    return {name: figures for name, figures in card.score.items() if isinstance(figures, dict)}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _size(name: str, size: int) -> str:
    """Return the size of a file, or whose file it is if the name is an alias."""
    from pixelwise.weights.catalogue import ALIASES

    return f"alias of {ALIASES[name][0]}" if name in ALIASES else f"{size / 1e6:.1f} MB"
