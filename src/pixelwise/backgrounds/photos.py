"""Photos whose background is blurred or replaced, from file to file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.backgrounds.background import Background, Blur
from pixelwise.backgrounds.subject import ALL, Selection, find_subject
from pixelwise.effects import cast_shadow
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.inference.predictor import Predictor
from pixelwise.io.alpha import read_alpha, write_alpha
from pixelwise.io.exif import read_with_metadata
from pixelwise.io.folders import distinct_names
from pixelwise.io.image import HEIC_SUFFIXES
from pixelwise.progress import track
from pixelwise.samples import Float32Array, UInt8Array

VISIBLE = 0.02
"""Alpha from which on a pixel is kept in a crop."""

RIM = 0.02
"""Of the longer side of a subject's box, that a crop leaves around it."""


@dataclass(frozen=True)
class BlurOutcome:
    """The result of `blur_files`.

    Parameters
    ----------
    written : dict of Path to tuple of str
        Files that were written, and the classes that stayed sharp in each.
    without : tuple of Path
        Photos without a subject; nothing was written for them.
    failed : dict of Path to str
        Photos that could not be read, or do not reach to the selection's point or box, and why.

    Examples
    --------
    >>> BlurOutcome({Path("out/a.jpg"): ("person",)}, (Path("b.jpg"),), {}).without[0].name
    'b.jpg'
    """

    written: dict[Path, tuple[str, ...]]
    without: tuple[Path, ...]
    failed: dict[Path, str]


def blur_files(
    predictor: Predictor,
    images: Sequence[Path] | Mapping[Path, str],
    out: Path,
    background: Background | None = None,
    subject: Selection | Sequence[str] = (ALL,),
    alpha_file: Path | None = None,
    alpha_out: Path | None = None,
    crop: bool = False,
) -> BlurOutcome:
    """Blur or replace the background of photos; orientation, colour profile and EXIF are kept.

    Parameters
    ----------
    predictor : Predictor
    images : sequence of Path, or mapping of Path to str
        Or what to call each one's result in ``out``, without its suffix. By default its own
        stem, with the suffix or the folder where several are alike.
    out : Path
        An image file for one photo; a folder for several, or if it has no suffix.
    background : Background, optional
        `Blur` if not given.
    subject : Selection, or sequence of str
        As for `find_subject`.
    alpha_file : Path, optional
        For one photo: take the subject from this file (`io.alpha.read_alpha`), not from the
        network.
    alpha_out : Path, optional
        For one photo: write the alpha too, as a grey image.
    crop : bool
        Crop each result to its subject, with a narrow rim.

    Returns
    -------
    BlurOutcome
        Photos that cannot be read are in ``failed``; a single one raises instead.

    Raises
    ------
    ArgumentError
        ``out`` does not fit, or a result would overwrite a photo.
    ImageFileError
        The only photo cannot be read.
    LabelError
        ``alpha_file`` does not have the photo's size.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import skimage.data
    >>> from pixelwise import Predictor, write_image
    >>> with TemporaryDirectory() as folder:
    ...     photo, out = Path(folder, "photo.png"), Path(folder, "blurred.png")
    ...     write_image(photo, skimage.data.astronaut()[::4, ::4].copy())
    ...     outcome = blur_files(Predictor.load(), [photo], out, Blur(sigma=3), ("person",))
    ...     outcome.written[out], out.exists()
    (('person',), True)
    """
    background = background or Blur()
    if len(images) > 1 and (alpha_file or alpha_out):
        raise ArgumentError("an alpha belongs to one photo; give photos one at a time")
    selection = subject if isinstance(subject, Selection) else Selection(tuple(subject))
    results = _names(images, out, background.suffixes)
    written: dict[Path, tuple[str, ...]] = {}
    without, failed = [], {}
    for path, result in track(zip(images, results, strict=True), "blurring", len(images)):
        try:
            image, metadata = read_with_metadata(path)
        except ImageFileError as error:
            if len(images) == 1:
                raise
            failed[path] = str(error)
            continue
        if alpha_file:
            alpha, names = read_alpha(alpha_file, image.shape[:2]), (str(alpha_file),)
        else:
            try:
                found = find_subject(predictor, image, selection)
            except ArgumentError as error:
                # A point or a box outside this photo may be inside the others.
                if len(images) == 1 or not (selection.at or selection.box):
                    raise
                failed[path] = f"{path}: {error}"
                continue
            if not found.names:
                without.append(path)
                continue
            alpha, names = found.alpha(image), found.names  # type: ignore[assignment]
        metadata.save(result, with_background(image, alpha, background, crop=crop))
        if alpha_out:
            write_alpha(alpha_out, alpha)
        written[result] = names
    return BlurOutcome(written, tuple(without), failed)


def with_background(
    image: UInt8Array, alpha: Float32Array, background: Background, *, crop: bool = False
) -> UInt8Array:
    """Return an image with another background, with the subject's shadow if that stays.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    alpha : (H, W) float32
        How much a pixel belongs to the subject, 0..1.
    background : Background
    crop : bool
        Crop to the subject, and the shadow that stays, with a narrow rim.

    Returns
    -------
    (h, w, 3) or (h, w, 4) uint8, or (h, w) of a mask
        As of `Background.apply`; its size is that of the image unless it is cropped.

    Raises
    ------
    ArgumentError
        Shapes differ, or alpha has values outside 0..1.

    Examples
    --------
    >>> image, alpha = np.zeros((50, 80, 3), np.uint8), np.zeros((50, 80), np.float32)
    >>> alpha[10:20, 30:40] = 1
    >>> with_background(image, alpha, Blur(), crop=True).shape
    (12, 12, 3)
    """
    shade = cast_shadow(image, alpha) if background.shadow else None
    changed = background.apply(image, alpha, shade)
    if not crop:
        return changed
    seen = alpha if shade is None else np.maximum(alpha, shade)
    return np.ascontiguousarray(changed[_rows_and_columns_of(seen)])


def _rows_and_columns_of(alpha: Float32Array) -> tuple[slice, slice]:
    """Return the rows and columns of what is visible, and a rim around it."""
    rows, columns = (np.flatnonzero((alpha > VISIBLE).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(None), slice(None)
    rim = 1 + round(RIM * max(np.ptp(rows), np.ptp(columns)))
    return (
        slice(max(0, int(rows[0]) - rim), int(rows[-1]) + rim + 1),
        slice(max(0, int(columns[0]) - rim), int(columns[-1]) + rim + 1),
    )


def _names(
    images: Sequence[Path] | Mapping[Path, str], out: Path, suffixes: tuple[str, ...]
) -> list[Path]:
    """Return where the result of each image goes; its suffix is one of some, if there are any."""
    if not isinstance(images, Mapping):
        images = distinct_names({path: Path(path.name) for path in images})
    if len(images) == 1 and out.suffix and not out.is_dir():
        results = [out]
    else:
        stems = Counter((out / name).with_suffix("") for name in images.values())
        results = []
        for path, name in images.items():
            suffix = ".jpg" if path.suffix.lower() in HEIC_SUFFIXES else path.suffix
            if suffixes and suffix.lower() not in suffixes:
                suffix = suffixes[0]
            own = name.removesuffix(path.suffix)
            # a.jpg and a.heic both become JPEGs, and PNGs if they are transparent.
            kept = (
                f"{name}{suffix}"
                if suffix != path.suffix and stems[out / own] > 1
                else own + suffix
            )
            results.append(out / kept)
    if suffixes and results and results[0].suffix.lower() not in suffixes:
        raise ArgumentError(f"{out}: the result needs a file that ends in {' or '.join(suffixes)}")
    twice = [path for path, count in Counter(results).items() if count > 1]
    if twice:
        raise ArgumentError(f"{min(twice)}: two photos would be written here; rename one of them")
    taken = {path.resolve() for path in results} & {path.resolve() for path in images}
    if taken:
        raise ArgumentError(f"{min(taken)}: would overwrite the photo; choose another --out")
    return results
