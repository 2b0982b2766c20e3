"""Data sets: opened, checked, converted and downloaded; one file per format."""

from __future__ import annotations

from pixelwise.datasets.checks.checker import check, stop_on_findings, suggested_weights
from pixelwise.datasets.checks.findings import KINDS, Finding, Report
from pixelwise.datasets.colour_labels import label_map_of_colours, read_voc_images
from pixelwise.datasets.conversion import convert
from pixelwise.datasets.dataset import Dataset
from pixelwise.datasets.fetch import DOWNLOADS, Download, download
from pixelwise.datasets.formats.format import Format
from pixelwise.datasets.options import ENCODINGS, ReadOptions
from pixelwise.datasets.reader import Entry
from pixelwise.datasets.registry import FORMATS, list_splits, open_dataset
from pixelwise.datasets.shapes import draw_shapes
from pixelwise.datasets.writing import write_samples

__all__ = [
    "DOWNLOADS",
    "ENCODINGS",
    "FORMATS",
    "KINDS",
    "Dataset",
    "Download",
    "Entry",
    "Finding",
    "Format",
    "ReadOptions",
    "Report",
    "check",
    "convert",
    "download",
    "draw_shapes",
    "label_map_of_colours",
    "list_splits",
    "open_dataset",
    "read_voc_images",
    "stop_on_findings",
    "suggested_weights",
    "write_samples",
]
