"""Many images through one network: decoding, the network and writing run side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pixelwise.concurrency import prefetch
from pixelwise.defaults import TILE
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.inference.large import goes_in_tiles, label_large, own_tile
from pixelwise.inference.outputs import (
    CLASS_KINDS,
    INSTANCE_KINDS,
    KINDS,
    SUFFIXES,
    output_path,
    write_coco,
    write_outputs,
    write_yolo_names,
)
from pixelwise.inference.prediction import Prediction
from pixelwise.inference.predictor import Predictor
from pixelwise.io.folders import distinct_names
from pixelwise.io.tiff import large_size
from pixelwise.progress import track
from pixelwise.samples import UInt8Array

AHEAD = 2
"""Images that are decoded, and predictions that wait to be written, at most."""


@dataclass(frozen=True)
class Outcome:
    """What became of each image.

    Parameters
    ----------
    written, skipped : tuple of Path
        Images that were predicted now, and those that had results already.
    failed : dict of Path to str
        Images that could not be read, and why.
    in_tiles : tuple of Path
        Images without instances, since they were predicted in tiles.

    Examples
    --------
    >>> Outcome((Path("a.jpg"),), (), {Path("b.jpg"): "b.jpg: no such file"}).in_tiles
    ()
    """

    written: tuple[Path, ...]
    skipped: tuple[Path, ...]
    failed: dict[Path, str]
    in_tiles: tuple[Path, ...] = ()


def predict_files(
    predictor: Predictor,
    images: Sequence[Path] | Mapping[Path, str],
    out: Path,
    save: Sequence[str] = (),
    *,
    overwrite: bool = False,
    min_area: int = 0,
    tta: Sequence[str] = (),
    tile: int = TILE,
) -> Outcome:
    """Predict images and write the results; one that cannot be read does not stop the rest.

    Parameters
    ----------
    predictor : Predictor
    images : sequence of Path, or mapping of Path to str
        Or what to call each one's results. By default its stem, with the suffix or the folder
        where several are alike.
    out : Path
        The folder for the results: their name and what `pixelwise.inference.outputs.SUFFIXES`
        says.
    save : sequence of str
        ``png`` (palette label map), ``overlay`` (classes over the image), ``instances`` (16-bit
        ids), ``instances_overlay`` (instances over the image), ``npz`` (label map, logits, class
        names; instance map, the instances' classes and scores), ``labelme`` and ``yolo`` (to be
        corrected there), ``coco`` (one file for all, with png), ``geojson`` (polygons), ``json``
        (`pixelwise.inference.outputs.found`), ``crops`` (a folder with the box of each instance).
        If none is given: png and
        overlay, and both of instances if the weights find any.
    overwrite : bool
        Predict images again that have results.
    min_area : int
        Pixels below which a connected area goes to the class nearest to it, and an instance is
        left out.
    tta : sequence of str
        As for `Predictor.predict`.
    tile : int
        Images with a longer side above this, px, are predicted in overlapping tiles of about this
        size, within bounded memory. Their results are png and overlay only.

    Returns
    -------
    Outcome

    Raises
    ------
    ArgumentError
        An unknown kind, two results of one name, or a result that would overwrite an image.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pixelwise import write_image
    >>> with TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.png"), np.zeros((40, 60, 3), np.uint8))
    ...     weights = Predictor.load("nuclei")
    ...     outcome = predict_files(weights, [Path(folder, "a.png")], Path(folder, "out"))
    ...     sorted(path.name for path in Path(folder, "out").iterdir())
    ['a.png', 'a_instances.png', 'a_instances_overlay.jpg', 'a_overlay.jpg']
    """
    unknown = [name for name in save if name not in KINDS]
    if unknown:
        raise ArgumentError(f"unknown kind {unknown[0]!r}; there is: {', '.join(KINDS)}")
    with_instances = bool(predictor.card.instance_classes)
    if not with_instances and set(save) & set(INSTANCE_KINDS):
        raise ArgumentError(f"the weights {predictor.card.name!r} find no instances")
    wanted = set(save) or {*CLASS_KINDS, *(INSTANCE_KINDS if with_instances else ())}
    if "coco" in wanted:  # it is made of what stands in these files
        wanted |= {"png", "instances"} if with_instances else {"png"}
    kinds = [kind for kind in SUFFIXES if kind in wanted]
    if not isinstance(images, Mapping):
        images = distinct_names({path: Path(path.name) for path in images})
    names = dict(images)
    _check_names(names, out, kinds)
    run = _Run(
        *(predictor, out, names, kinds, bool(save)),
        *(min_area, tuple(tta), own_tile(predictor, tile)),
    )
    skipped = () if overwrite else tuple(filter(run.is_done, images))
    known = set(skipped)
    todo = [path for path in images if path not in known]
    # While one image is in the network, the next is decoded and the last is written.
    for _ in prefetch(run.write, run.predictions(todo), AHEAD):
        pass
    good = {path: name for path, name in names.items() if path not in run.failed}
    if "coco" in save and good:
        write_coco(out, good, predictor.classes, with_instances)
    if "yolo" in save and good:
        write_yolo_names(out, predictor.classes)
    written = tuple(path for path in todo if path not in run.failed)
    return Outcome(written, skipped, run.failed, tuple(run.in_tiles))


@dataclass
class _Run:
    """What the steps of one call share."""

    predictor: Predictor
    out: Path
    names: dict[Path, str]
    kinds: list[str]
    chosen: bool
    """Whether the kinds were asked for, or are the usual ones."""
    min_area: int
    tta: tuple[str, ...]
    tile: int
    failed: dict[Path, str] = field(default_factory=dict)
    in_tiles: list[Path] = field(default_factory=list)

    def is_done(self, path: Path) -> bool:
        """Return whether an image has all its results."""

        def there(kinds: Sequence[str]) -> bool:
            return all(output_path(self.out, self.names[path], kind).exists() for kind in kinds)

        if there(self.kinds):
            return True
        if self.chosen or not there(CLASS_KINDS):
            return False
        # One that is predicted in tiles has no instances.
        try:
            return goes_in_tiles(large_size(path, self.predictor.bands), self.tile)
        except ImageFileError:
            return False

    def predictions(self, paths: Sequence[Path]) -> Iterator[tuple[Path, UInt8Array, Prediction]]:
        """Yield images with their predictions, but those that fail or are written in tiles."""
        # Instances that vote for their class change the label map, too.
        votes = self.predictor.card.instance_design == "kernels"
        instances = votes or not set(self.kinds) <= set(CLASS_KINDS)
        reading = prefetch(partial(_read, self.predictor, self.tile), paths, AHEAD)
        for path, image in track(zip(paths, reading, strict=True), "predicting", len(paths)):
            try:
                if isinstance(image, ImageFileError):
                    raise image
                if image is None:
                    self.write_in_tiles(path)
                    continue
            except ImageFileError as error:
                self.failed[path] = str(error)
                continue
            prediction = self.predictor.predict(image, self.tta, instances=instances)
            if self.min_area > 0:
                prediction = prediction.without_specks(self.min_area)
            yield path, image, prediction

    def write(self, predicted: tuple[Path, UInt8Array, Prediction]) -> None:
        """Write the results of one image."""
        write_outputs(self.out, *predicted, self.kinds, self.names[predicted[0]])

    def write_in_tiles(self, path: Path) -> None:
        """Predict an image in tiles and write its results as they come."""
        kinds = [kind for kind in self.kinds if self.chosen or kind not in INSTANCE_KINDS]
        whole = [kind for kind in kinds if kind not in CLASS_KINDS]
        if whole or self.min_area:
            needs = f"--save {whole[0]}" if whole else "--min-area"
            raise ImageFileError(
                f"{path}: {needs} needs the label map as a whole, and this image is predicted in "
                "tiles; give a larger --tile, or save png and overlay only"
            )
        label_map, drawing = (output_path(self.out, self.names[path], kind) for kind in CLASS_KINDS)
        wanted = drawing if "overlay" in kinds else None
        label_large(self.predictor, path, label_map, wanted, self.tile, self.tta)
        if self.predictor.card.instance_classes:
            self.in_tiles.append(path)


def _read(predictor: Predictor, tile: int, path: Path) -> UInt8Array | ImageFileError | None:
    """Read an image; None if it is predicted in tiles, the error if it cannot be read."""
    try:
        whole = not goes_in_tiles(large_size(path, predictor.bands), tile)
        return predictor.read(path) if whole else None
    except ImageFileError as error:
        return error


def _check_names(names: Mapping[Path, str], out: Path, kinds: list[str]) -> None:
    name, count = max(Counter(names.values()).items(), key=lambda i: i[1], default=("", 0))
    if count > 1:
        raise ArgumentError(
            f"the results of several images would be called {name!r} and overwrite each other; "
            "rename one of the images"
        )
    results = {output_path(out, name, kind).resolve() for name in names.values() for kind in kinds}
    taken = results & {path.resolve() for path in names}
    if taken:
        raise ArgumentError(
            f"{min(taken)}: a result would overwrite this image; choose another --out"
        )
