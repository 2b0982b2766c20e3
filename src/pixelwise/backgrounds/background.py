"""What is seen behind the subject: one class per kind, the same for photos, clips and camera.

To add a kind: a class with `Background.behind`, and a line in `parse_background`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from pixelwise.defaults import BLUR_STRENGTH
from pixelwise.effects import SHAPES, cut_out
from pixelwise.effects.blending import blend, check_alpha, covering, edge_contrast
from pixelwise.effects.blur import backdrop, check_blur
from pixelwise.errors import ArgumentError
from pixelwise.io.image import read_image
from pixelwise.samples import Float32Array, UInt8Array, check_image

COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


class Background(ABC):
    """What is seen behind the subject. One of `Blur`, `Transparent`, `Colour`, `OtherImage`.

    Examples
    --------
    >>> isinstance(Colour((0, 0, 255)), Background)
    True
    >>> class Mirrored(Background):
    ...     def behind(self, image, alpha, contrast):
    ...         return np.ascontiguousarray(image[:, ::-1])
    >>> image = np.array([[[1, 1, 1], [9, 9, 9]]], dtype=np.uint8)
    >>> Mirrored().apply(image, np.zeros((1, 2), dtype=np.float32))[0, :, 0].tolist()
    [9, 1]
    """

    transparent: ClassVar[bool] = False
    """Whether results have an alpha channel."""

    suffixes: ClassVar[tuple[str, ...]] = ()
    """Of the files that can hold results; any if empty."""

    shadow: bool = False
    """Whether the shadow that the subject casts on plain ground stays (`effects.cast_shadow`)."""

    @abstractmethod
    def behind(
        self, image: UInt8Array, alpha: Float32Array, contrast: Float32Array
    ) -> UInt8Array | None:
        """Return what stands behind the subject of an image.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB.
        alpha : (H, W) float32
            How much a pixel belongs to the subject, 0..1.
        contrast : (h, w, 3) float32
            The subject's colour minus the background's (`effects.blending.edge_contrast`).

        Returns
        -------
        (H, W, 3) uint8
            RGB; None if nothing does: the result is transparent there.
        """

    def apply(
        self, image: UInt8Array, alpha: Float32Array, shade: Float32Array | None = None
    ) -> UInt8Array:
        """Return an image with this background.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB.
        alpha : (H, W) float32
            How much a pixel belongs to the subject, 0..1.
        shade : (H, W) float32, optional
            How much of the background's light the subject takes, 0..1 (`effects.cast_shadow`).

        Returns
        -------
        (H, W, 3) or (H, W, 4) uint8
            RGB, or RGBA if the background is transparent; (H, W) if it is a `Mask`.

        Raises
        ------
        ArgumentError
            Shapes differ, or alpha has values outside 0..1.

        Examples
        --------
        >>> image = np.full((1, 2, 3), 200, dtype=np.uint8)
        >>> Colour((0, 0, 255)).apply(image, np.array([[1, 0]], dtype=np.float32)).tolist()
        [[[200, 200, 200], [0, 0, 255]]]
        """
        check_alpha(image, alpha)
        contrast = edge_contrast(image, alpha)
        behind = self.behind(image, alpha, contrast)
        if behind is None:
            return cut_out(image, alpha, shade)
        if shade is not None:
            behind = (behind * (1 - shade)[..., None]).round().astype(np.uint8)
        return blend(image, alpha, behind, contrast)

    def check_clip(self) -> None:
        """Raise unless clips can have this background.

        Raises
        ------
        ArgumentError
            They cannot, or a shadow is to stay, which is not followed from frame to frame.
        """
        if self.shadow:
            raise ArgumentError("--shadow is for photos: in a clip it would flicker")

    def for_frames(self, size: tuple[int, int], scale: float) -> Background:  # noqa: ARG002
        """Return this background for many frames that are worked on at a smaller size.

        Parameters
        ----------
        size : (height, width)
            At which `behind` will see the frames.
        scale : float
            Of that size against the frames' own.
        """
        return self


@dataclass(frozen=True)
class Blur(Background):
    """The image's own background, out of focus.

    Parameters
    ----------
    sigma : float, optional
        Standard deviation of the blur in pixels.
    strength : float
        The same in percent of the image's longer side, if sigma is not given.
    shape : str
        One of `effects.SHAPES`: ``gaussian`` or ``disc``.
    ground : bool
        Leave the ground at the subject's feet sharper.

    Raises
    ------
    ArgumentError
        A value out of its range, or an unknown shape.

    Examples
    --------
    >>> Blur(strength=1.5).pixels((100, 400)), Blur(sigma=9).pixels((100, 400))
    (6.0, 9)
    """

    sigma: float | None = None
    strength: float = BLUR_STRENGTH
    shape: str = SHAPES[0]
    ground: bool = False

    def __post_init__(self) -> None:
        check_blur(self.shape, sigma=self.sigma, strength=self.strength)

    def behind(self, image: UInt8Array, alpha: Float32Array, contrast: Float32Array) -> UInt8Array:
        """Return the blurred background, (H, W, 3) uint8; see `Background.behind`."""
        sigma = self.pixels(image.shape)
        return backdrop(image, alpha, contrast, sigma, self.shape, self.ground)

    def pixels(self, size: tuple[int, ...]) -> float:
        """Return the standard deviation in pixels for an image of a size (height, width, ...)."""
        return self.sigma or self.strength / 100 * max(size[:2])

    def check_clip(self) -> None:
        """Raise ArgumentError for a sharper ground, which clips cannot have."""
        if self.ground:
            raise ArgumentError("--ground is for photos; in clips the background is blurred alike")

    def for_frames(self, size: tuple[int, int], scale: float) -> Background:  # noqa: ARG002
        """Return the blur with its pixels scaled; see `Background.for_frames`."""
        return self if self.sigma is None else replace(self, sigma=self.sigma * scale)


@dataclass(frozen=True)
class Transparent(Background):
    """Nothing: the subject is cut out.

    Parameters
    ----------
    shadow : bool
        As of `Background`.

    Examples
    --------
    >>> image = np.full((1, 2, 3), 200, dtype=np.uint8)
    >>> Transparent().apply(image, np.array([[1, 0]], dtype=np.float32)).tolist()
    [[[200, 200, 200, 255], [0, 0, 0, 0]]]
    """

    transparent: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".png", ".webp")
    shadow: bool = field(default=False, repr=False, kw_only=True)

    def behind(self, image: UInt8Array, alpha: Float32Array, contrast: Float32Array) -> None:
        """Return None for any (H, W, 3) uint8 image; see `Background.behind`."""


@dataclass(frozen=True)
class Mask(Background):
    """Black, and the subject white: the alpha alone, as a grey image.

    Parameters
    ----------
    shadow : bool
        As of `Background`.

    Examples
    --------
    >>> image = np.full((1, 2, 3), 200, dtype=np.uint8)
    >>> Mask().apply(image, np.array([[1, 0.2]], dtype=np.float32)).tolist()
    [[255, 51]]
    """

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".webp", ".tif", ".tiff")
    shadow: bool = field(default=False, repr=False, kw_only=True)

    def behind(self, image: UInt8Array, alpha: Float32Array, contrast: Float32Array) -> UInt8Array:  # noqa: ARG002
        """Return black everywhere, (H, W, 3) uint8; see `Background.behind`."""
        return np.zeros_like(image)

    def apply(
        self, image: UInt8Array, alpha: Float32Array, shade: Float32Array | None = None
    ) -> UInt8Array:
        """Return the alpha as (H, W) uint8, 0..255, the shadow's in it; see `Background.apply`."""
        check_alpha(image, alpha)
        whole = alpha if shade is None else alpha + (1 - alpha) * shade
        return np.asarray((whole * 255).round(), dtype=np.uint8)

    def check_clip(self) -> None:
        """Raise ArgumentError: clips cannot have it."""
        raise ArgumentError("the mask alone is for photos; save the alpha of single frames")


@dataclass(frozen=True)
class Colour(Background):
    """One colour.

    Parameters
    ----------
    rgb : (r, g, b)
        0..255.
    shadow : bool
        As of `Background`.

    Raises
    ------
    ArgumentError
        A value out of its range.

    Examples
    --------
    >>> parse_background("#ff8000")
    Colour(rgb=(255, 128, 0))
    """

    rgb: tuple[int, int, int]
    shadow: bool = field(default=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if len(self.rgb) != 3 or not all(0 <= level <= 255 for level in self.rgb):
            raise ArgumentError(f"colour: expected three values in 0..255, got {self.rgb}")

    def behind(self, image: UInt8Array, alpha: Float32Array, contrast: Float32Array) -> UInt8Array:  # noqa: ARG002
        """Return the colour everywhere, (H, W, 3) uint8; see `Background.behind`."""
        return np.full(image.shape, self.rgb, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class OtherImage(Background):
    """Another image, scaled to cover the first and cropped at its centre.

    Parameters
    ----------
    image : (h, w, 3) uint8
        RGB.
    shadow : bool
        As of `Background`.

    Raises
    ------
    ArgumentError
        An array of another shape or dtype.

    Examples
    --------
    >>> white = OtherImage(np.full((9, 9, 3), 255, dtype=np.uint8))
    >>> image, alpha = np.zeros((1, 2, 3), np.uint8), np.array([[1, 0]], dtype=np.float32)
    >>> white.apply(image, alpha).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """

    image: UInt8Array
    shadow: bool = field(default=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_image(self.image, "background")

    def behind(self, image: UInt8Array, alpha: Float32Array, contrast: Float32Array) -> UInt8Array:  # noqa: ARG002
        """Return the other image at the size of this one, (H, W, 3) uint8."""
        return covering(self.image, image.shape[:2])

    def for_frames(self, size: tuple[int, int], scale: float) -> Background:  # noqa: ARG002
        """Return the image fitted once; see `Background.for_frames`."""
        return OtherImage(covering(self.image, size))


def parse_background(text: str, blur: Blur | None = None) -> Background:
    """Return the background that a text names.

    Parameters
    ----------
    text : str
        ``blur``, ``transparent``, ``mask``, a colour as ``#rrggbb``, or the path of an image file.
    blur : Blur, optional
        How ``blur`` is to look.

    Raises
    ------
    ArgumentError
        None of these.
    ImageFileError
        The file is not an image that can be read.

    Examples
    --------
    >>> parse_background("transparent"), parse_background("blur", Blur(sigma=9)).sigma
    (Transparent(), 9)
    """
    if text == "blur":
        return blur or Blur()
    if text == "transparent":
        return Transparent()
    if text == "mask":
        return Mask()
    if colour := COLOUR.fullmatch(text):
        red, green, blue = (int(part, 16) for part in colour.groups())
        return Colour((red, green, blue))
    if Path(text).is_file():
        return OtherImage(read_image(text))
    raise ArgumentError(
        f"background {text!r}: expected blur, transparent, mask, a colour as '#20a040', "
        "or an image file"
    )
