"""Photos whose background is blurred or replaced, from file to file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.blur.subject import ALL, find_subject
from pixelwise.defaults import BLUR_STRENGTH
from pixelwise.effects import SHAPES, blur_background, cut_out, replace_background
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.inference.predictor import Predictor
from pixelwise.io.alpha import read_alpha, write_alpha
from pixelwise.io.exif import read_photo
from pixelwise.io.image import read_image
from pixelwise.progress import track

UInt8Array = npt.NDArray[np.uint8]

BLUR, TRANSPARENT = "blur", "transparent"

COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")

WITH_ALPHA = (".png", ".webp")
"""Endings of files that hold transparency."""


@dataclass(frozen=True)
class Look:
    """How the background shall look.

    Parameters
    ----------
    background : str
        ``blur``, ``transparent``, a colour as ``#rrggbb``, or the file of another photo.
    sigma : float, optional
        Standard deviation of the blur in pixels.
    strength : float
        The same in percent of the photo's longer side, where sigma is not given.
    shape : str
        ``gaussian`` or ``disc``.
    ground : bool
        Leave the ground at the subject's feet sharper.

    Raises
    ------
    ArgumentError
        A value out of its range, an unknown shape, or a background that is none of these.
    """

    background: str = BLUR
    sigma: float | None = None
    strength: float = BLUR_STRENGTH
    shape: str = SHAPES[0]
    ground: bool = False

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ArgumentError(f"unknown shape {self.shape!r}; there is: {', '.join(SHAPES)}")
        for name, value in (("sigma", self.sigma), ("strength", self.strength)):
            if value is not None and not 0 < value < np.inf:
                raise ArgumentError(f"{name}: expected above 0, got {value}")
        if self.background not in (BLUR, TRANSPARENT) and self.behind is None:
            raise ArgumentError(
                f"background {self.background!r}: expected blur, transparent, a colour as "
                "'#20a040', or a picture file"
            )

    @property
    def behind(self) -> tuple[int, int, int] | Path | None:
        """The colour or the file that goes behind the subject, if it is not the photo itself."""
        colour = COLOUR.fullmatch(self.background)
        if colour:
            red, green, blue = (int(part, 16) for part in colour.groups())
            return red, green, blue
        path = Path(self.background)
        return path if path.is_file() else None

    def apply(self, image: UInt8Array, alpha: npt.NDArray[np.float32]) -> UInt8Array:
        """Return the picture, (H, W, 3) uint8, or (H, W, 4) where it is transparent."""
        behind = self.behind
        if self.background == TRANSPARENT:
            return cut_out(image, alpha)
        if behind is not None:
            photo = read_image(behind) if isinstance(behind, Path) else behind
            return replace_background(image, alpha, photo)
        return blur_background(image, alpha, self.pixels(image.shape[:2]), self.shape, self.ground)

    def pixels(self, size: tuple[int, ...]) -> float:
        """Return the standard deviation of the blur for a photo of a size, in pixels."""
        return self.sigma or self.strength / 100 * max(size)


@dataclass(frozen=True)
class BlurOutcome:
    """What became of each photo.

    Parameters
    ----------
    written : dict of Path to tuple of str
        Results, and the classes that were kept.
    without : tuple of Path
        Photos that show no subject; nothing was written for them.
    failed : dict of Path to str
        Photos that could not be read, and why.
    """

    written: dict[Path, tuple[str, ...]]
    without: tuple[Path, ...]
    failed: dict[Path, str]


def blur_files(
    predictor: Predictor,
    photos: Sequence[Path],
    out: Path,
    look: Look | None = None,
    subject: tuple[str, ...] = (ALL,),
    alpha_file: Path | None = None,
    alpha_out: Path | None = None,
) -> BlurOutcome:
    """Blur or replace the background of photos; orientation, colour profile and EXIF are kept.

    Parameters
    ----------
    predictor : Predictor
    photos : sequence of Path
    out : Path
        A picture file for one photo; a folder for several, or where it has no suffix.
    look : Look, optional
    subject : tuple of str
        As for `find_subject`.
    alpha_file : Path, optional
        For one photo: take the subject from this file (`read_alpha`), not from the network.
    alpha_out : Path, optional
        For one photo: write the alpha too, as a grey picture.

    Returns
    -------
    BlurOutcome
        A single photo that cannot be read is raised instead.

    Raises
    ------
    ArgumentError
        ``out`` does not fit, or a result would overwrite a photo.
    ImageFileError
        The only photo cannot be read.
    LabelError
        ``alpha_file`` does not fit the photo.
    """
    look = look or Look()
    if len(photos) > 1 and (alpha_file or alpha_out):
        raise ArgumentError("an alpha belongs to one photo; give photos one at a time")
    results = _names(photos, out, look.background == TRANSPARENT)
    written: dict[Path, tuple[str, ...]] = {}
    without, failed = [], {}
    for photo, result in track(zip(photos, results, strict=True), "blurring", len(photos)):
        try:
            image, metadata = read_photo(photo)
        except ImageFileError as error:
            if len(photos) == 1:
                raise
            failed[photo] = str(error)
            continue
        if alpha_file:
            alpha, names = read_alpha(alpha_file, image.shape[:2]), (str(alpha_file),)
        else:
            found = find_subject(predictor, image, subject)
            if not found.names:
                without.append(photo)
                continue
            alpha, names = found.alpha(image), found.names  # type: ignore[assignment]
        metadata.save(result, look.apply(image, alpha))
        if alpha_out:
            write_alpha(alpha_out, alpha)
        written[result] = names
    return BlurOutcome(written, tuple(without), failed)


def _names(photos: Sequence[Path], out: Path, transparent: bool) -> list[Path]:
    """Return where the result of each photo goes."""
    if len(photos) == 1 and out.suffix and not out.is_dir():
        results = [out]
    else:
        results = [out / photo.name for photo in photos]
        if transparent:
            results = [
                path if path.suffix.lower() in WITH_ALPHA else path.with_suffix(".png")
                for path in results
            ]
    if transparent and results[0].suffix.lower() not in WITH_ALPHA:
        raise ArgumentError(f"{out}: transparency needs a file that ends in .png or .webp")
    twice = {path for path in results if results.count(path) > 1}
    if twice:
        raise ArgumentError(f"{min(twice)}: two photos would be written here; blur them separately")
    taken = {path.resolve() for path in results} & {photo.resolve() for photo in photos}
    if taken:
        raise ArgumentError(f"{min(taken)}: would overwrite the photo; choose another --out")
    return results
