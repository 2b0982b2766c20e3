"""The page of a check: every kind of finding with thumbnails, and the class histogram."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pixelwise.datasets.checks.findings import KINDS, WEIGHTS_DEFINITION, Finding, Report
from pixelwise.datasets.dataset import Dataset
from pixelwise.drawing.overlays import colourise, overlay
from pixelwise.drawing.page import Figure, Section, Table, render_page
from pixelwise.errors import PixelwiseError
from pixelwise.io.image import fit_within, resize_image
from pixelwise.io.mask import pixel_kind, read_colours, read_levels, resize_ids
from pixelwise.samples import Int32Array, UInt8Array

SIDE = 320
"""Longer side of a thumbnail, in pixels."""

ASKED = 4
"""Files of a question that are shown beside each other."""

SHOWN = 24
"""Findings of one kind that are shown; the others are counted."""


def check_page(report: Report) -> str:
    """Return the HTML page of a check, with no file beside it."""
    datasets = {dataset.split: dataset for dataset in report.datasets}
    sections = []
    for kind, findings in report.by_kind().items():
        figures = [_figure(finding, datasets) for finding in findings[:SHOWN]]
        more = f" The first {SHOWN} are shown." if len(findings) > SHOWN else ""
        title = f"{KINDS[kind].title} ({len(findings):,})"
        text = f"To fix: {KINDS[kind].fix}.{more}"
        sections.append(Section(title, text, figures, small=True))
    if report.histogram:
        sections.append(_histogram(report))
    n = len(report.findings)
    found = "Nothing wrong was found." if not n else f"{n:,} finding{'s' if n > 1 else ''}."
    read = "".join(f" {line}." for line in report.found)
    text = f"{found}{read} Checked in {report.seconds:.1f} s."
    return render_page(f"Check of {report.path.resolve().name}", text, sections)


def _figure(finding: Finding, datasets: dict[str, Dataset]) -> Figure:
    images = [_thumbnail(datasets[split], place, finding) for split, place in finding.shown]
    name = finding.files[0].name
    if finding.kind == "question":
        asked = finding.files[:ASKED]
        images = [_of_file((path,), in_colour=True) for path in asked]
        name = ", ".join(f"{path.parent.name}/{path.name}" for path in asked)
    images = images or [_of_file(finding.files)]
    return Figure(_beside(images), name, finding.text)


def _beside(images: list[UInt8Array]) -> UInt8Array:
    height = max(image.shape[0] for image in images)
    padded = [
        np.pad(image, ((0, height - image.shape[0]), (0, 6), (0, 0)), constant_values=255)
        for image in images
    ]
    return np.concatenate(padded, axis=1)[:, :-6]


def _thumbnail(dataset: Dataset, place: int, finding: Finding) -> UInt8Array:
    """Draw a sample's image with its labels over it, as far as they can be read."""
    entry = dataset.entries[place]
    try:
        image = dataset.reader.image(entry)
    except PixelwiseError:
        return _of_file(finding.files)
    size = fit_within(image.shape, SIDE)
    small = resize_image(image, size)
    if finding.kind in ("same", "alike"):
        return small
    try:
        label_map, _ = dataset.read_labels(entry, (image.shape[0], image.shape[1]))
    except PixelwiseError:
        return _beside([small, _of_file(finding.files)])
    if label_map.shape != image.shape[:2]:
        labels = resize_ids(label_map, fit_within(label_map.shape, SIDE))
        return _beside([small, colourise(labels, dataset.classes)])
    drawn = overlay(small, resize_ids(label_map, size), dataset.classes)
    return (
        _beside([drawn, _of_file(finding.files)])
        if finding.kind in ("blended", "binary", "colours")
        else drawn
    )


def _of_file(files: tuple[Path, ...], in_colour: bool = False) -> UInt8Array:
    """Draw the first file that can be drawn, with its palette if wanted; text on grey if none."""
    for path in files:
        try:
            levels = _as_seen(path) if in_colour else read_levels(path)
        except PixelwiseError:
            continue
        if levels.ndim == 2:
            # Class ids lie close together: stretched, so that they can be distinguished.
            stretched = levels.astype(np.float32) * (255 / max(1, int(levels.max())))
            levels = np.repeat(stretched.astype(np.uint8)[..., None], 3, axis=2)
        image = levels.astype(np.uint8)
        return resize_image(image, fit_within(image.shape, SIDE))
    blank = Image.new("RGB", (SIDE * 3 // 4, SIDE // 2), (225, 225, 225))
    draw, middle = ImageDraw.Draw(blank), (blank.width / 2, blank.height / 2)
    font = ImageFont.load_default(16)
    draw.text(middle, "cannot be drawn", fill=(90, 90, 90), font=font, anchor="mm")
    return np.asarray(blank)


def _as_seen(path: Path) -> UInt8Array | Int32Array:
    """Read a mask as other programs show it; one of more than 8 bits by the range it uses."""
    return read_colours(path) if pixel_kind(path) != "deep" else read_levels(path)


def _histogram(report: Report) -> Section:
    header = ["class", *(f"{split}, % of pixels" for split in report.histogram), "weight"]
    text = f"Void left out. Suggested weight: {WEIGHTS_DEFINITION}."
    return Section("Class histogram", text, [], Table(header, report.class_rows()))
