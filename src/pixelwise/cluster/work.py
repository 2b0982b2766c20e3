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
from pixelwise.weights import read_card

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
    at_once : int
        Images that are predicted side by side, by one network.
    """

    predictor: Predictor
    options: Options
    source: Store
    target: Store
    facts: dict[str, object]
    at_once: int = 1

    @classmethod
    def of(
        cls,
        weights: bytes | str,
        options: Options,
        places: tuple[str, str],
        facts: dict[str, object],
        *,
        at_once: int,
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
        at_once : int
        device : str
        """
        with TemporaryDirectory() as folder:
            if isinstance(weights, bytes):
                path = Path(folder, "weights.onnx")
                path.write_bytes(weights)
                weights = str(path)
            # One thread an image: further ones gain less than further images do, and scores would
            # differ in their last digits by the number of processors.
            kept = options.kept(read_card(weights).classes) if options.classes else None
            loaded = Predictor.load(weights, 1, device, classes=kept)
        if options.least_score is not None:
            loaded = loaded.at_least(options.least_score)
        source, target = (open_store(place) for place in places)
        loaded = replace(loaded, bands=options.bands)
        return cls(loaded, options, source, target, facts, at_once)

    def predict(self, names: Sequence[str]) -> tuple[int, int]:
        """Predict images and write their part.

        Returns
        -------
        images, failed : int
        """
        images: list[Row] = []
        instances: list[Row] = []
        reading = prefetch(self._read, names, self.at_once + AHEAD)
        read = zip(names, reading, strict=True)
        for image, found in prefetch(self._rows, read, self.at_once, self.at_once):
            images.append(image)
            instances += found
        write_part(self.target, images, instances, self.facts)
        return len(names), sum(row["error"] is not None for row in images)

    def _rows(self, read: tuple[str, UInt8Array | str]) -> tuple[Row, list[Row]]:
        """Return an image's row and those of its instances."""
        name, image = read
        if isinstance(image, str):
            return error_row(name, image), []
        prediction = self.predictor.predict(image, self.options.tta)
        if self.options.min_area:
            prediction = prediction.without_specks(self.options.min_area)
        return image_row(name, prediction), instance_rows(name, prediction)

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
