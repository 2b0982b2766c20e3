"""What one network does for a job: some images in, the rows of a part out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pixelwise.classes import ClassMap
from pixelwise.cluster.parts import write_part
from pixelwise.cluster.schema import Row, error_row, image_row, instance_rows
from pixelwise.concurrency import prefetch
from pixelwise.defaults import TILE
from pixelwise.errors import DataError, ImageFileError
from pixelwise.inference.large import goes_in_tiles, own_tile
from pixelwise.inference.predictor import Predictor
from pixelwise.io.storage import Store, open_store
from pixelwise.io.tiff import large_size
from pixelwise.samples import UInt8Array

AHEAD = 2
"""Images that are decoded ahead of the network."""


@dataclass(frozen=True)
class Options:
    """How images are predicted; part of what results are known by.

    Parameters
    ----------
    classes : tuple of str
        The only ones, besides the background; all if empty.
    least_score : float, optional
        The weights' own if not given.
    min_area : int
        As for `pixelwise.predict_files`.
    tta : tuple of str
        As for `pixelwise.Predictor.predict`.
    bands : tuple of int
        As for `pixelwise.read_image`.
    """

    classes: tuple[str, ...] = ()
    least_score: float | None = None
    min_area: int = 0
    tta: tuple[str, ...] = ()
    bands: tuple[int, ...] = ()

    def kept(self, classes: ClassMap) -> tuple[str, ...]:
        """Return the names that weights are restricted to: the background first."""
        return tuple(dict.fromkeys((classes.names[0], *self.classes)))

    def facts(self) -> dict[str, object]:
        """Return them as JSON has them."""
        return {
            "classes": list(self.classes),
            "least score": self.least_score,
            "min area": self.min_area,
            "tta": list(self.tta),
            "bands": list(self.bands),
        }


@dataclass(frozen=True)
class Worker:
    """A network with a source and a target.

    Parameters
    ----------
    predictor : Predictor
    options : Options
    source, target : Store
    facts : dict
        What the results are known by.
    """

    predictor: Predictor
    options: Options
    source: Store
    target: Store
    facts: dict[str, object]

    @classmethod
    def of(
        cls,
        weights: bytes | str,
        options: Options,
        places: tuple[str, str],
        facts: dict[str, object],
        *,
        threads: int | None,
        device: str,
    ) -> Worker:
        """Load a network, on whichever machine this runs.

        Parameters
        ----------
        weights : bytes or str
            A bundled name, or the content of a file.
        options : Options
        places : (source, target)
        facts : dict
        threads : int, optional
        device : str
        """
        with TemporaryDirectory() as folder:
            if isinstance(weights, bytes):
                path = Path(folder, "weights.onnx")
                path.write_bytes(weights)
                weights = str(path)
            loaded = Predictor.load(weights, threads, device)
            if options.classes:
                kept = options.kept(loaded.classes)
                loaded = Predictor.load(weights, threads, device, classes=kept)
        if options.least_score is not None:
            loaded = loaded.at_least(options.least_score)
        source, target = (open_store(place) for place in places)
        return cls(replace(loaded, bands=options.bands), options, source, target, facts)

    def predict(self, names: Sequence[str]) -> tuple[int, int]:
        """Predict images and write their part.

        Returns
        -------
        images, failed : int
        """
        images: list[Row] = []
        instances: list[Row] = []
        failed = 0
        reading = prefetch(self._read, names, AHEAD)
        for name, image in zip(names, reading, strict=True):
            if isinstance(image, str):
                images.append(error_row(name, image))
                failed += 1
                continue
            prediction = self.predictor.predict(image, self.options.tta)
            if self.options.min_area:
                prediction = prediction.without_specks(self.options.min_area)
            images.append(image_row(name, prediction))
            instances += instance_rows(name, prediction)
        write_part(self.target, images, instances, self.facts)
        return len(names), failed

    def _read(self, name: str) -> UInt8Array | str:
        """Return an image, or why there is none."""
        tile = own_tile(self.predictor, TILE)
        try:
            with self.source.local(name) as path:
                try:
                    if goes_in_tiles(large_size(path, self.predictor.bands), tile):
                        return f"longer than {tile} px; predict it by itself, in tiles"
                    return self.predictor.read(path)
                except ImageFileError as error:
                    # The same row wherever the file was fetched to.
                    return str(error).replace(str(path), name)
        except DataError as error:
            return str(error)
