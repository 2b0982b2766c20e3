"""One line each: predict, blur, cut out. The weights are loaded once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar, overload

import numpy as np
from PIL import Image

from pixelwise.backgrounds import (
    Background,
    Blur,
    Selection,
    Transparent,
    blur_animation,
    blur_files,
    blur_video,
    find_subject,
    parse_background,
)
from pixelwise.backgrounds.photos import with_background
from pixelwise.backgrounds.subject import ALL
from pixelwise.defaults import BLUR_STRENGTH, DEVICE, WEIGHTS
from pixelwise.errors import ArgumentError, DataError, ImageFileError
from pixelwise.inference import Prediction, Predictor
from pixelwise.io.animation import is_animation
from pixelwise.io.folders import find_in
from pixelwise.io.image import save_pillow
from pixelwise.io.remote import is_url
from pixelwise.io.sources import Source, image_of
from pixelwise.io.video import TRANSPARENT, is_video
from pixelwise.weights.catalogue import find_weights, read_card

T = TypeVar("T", covariant=True)

KEPT = 4
"""Predictors that stay loaded, the latest ones; each holds its network in memory."""

Subjects: TypeAlias = str | Sequence[str] | Selection

Many: TypeAlias = list[Any] | tuple[Any, ...]
"""Several sources; any other sequence or iterator is taken, too."""


class LazyList(Sequence[T], Generic[T]):
    """A list whose items are made when they are asked for, and not kept.

    Parameters
    ----------
    make : callable
        From a source to an item.
    sources : sequence

    Examples
    --------
    >>> squares = LazyList(lambda n: n * n, (1, 2, 3))
    >>> len(squares), squares[-1], list(squares[:2])
    (3, 9, [1, 4])
    """

    def __init__(self, make: Callable[[Any], T], sources: Sequence[Any]) -> None:
        self._make, self._sources = make, sources

    def __len__(self) -> int:
        return len(self._sources)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> LazyList[T]: ...
    def __getitem__(self, index: int | slice) -> T | LazyList[T]:
        """Make item ``index``; a slice is a lazy list again."""
        if isinstance(index, slice):
            return LazyList(self._make, self._sources[index])
        return self._make(self._sources[index])

    def __iter__(self) -> Iterator[T]:
        return (self._make(source) for source in self._sources)

    def __repr__(self) -> str:
        return f"<{len(self)} images, each worked on when it is asked for>"


@overload
def predict(
    source: Source,
    weights: str | Path = ...,
    *,
    classes: Sequence[str] | None = ...,
    least_score: float | None = ...,
    tta: Sequence[str] = ...,
    device: str = ...,
) -> Prediction: ...
@overload
def predict(
    source: Many,
    weights: str | Path = ...,
    *,
    classes: Sequence[str] | None = ...,
    least_score: float | None = ...,
    tta: Sequence[str] = ...,
    device: str = ...,
) -> LazyList[Prediction]: ...
def predict(
    source: Source | Many,
    weights: str | Path = WEIGHTS,
    *,
    classes: Sequence[str] | None = None,
    least_score: float | None = None,
    tta: Sequence[str] = (),
    device: str = DEVICE,
) -> Prediction | LazyList[Prediction]:
    """Find classes and instances in an image, or in many.

    Parameters
    ----------
    source : str, Path, bytes, open file, PIL.Image.Image, (H, W, 3) uint8 array; or several
        A web address is fetched if it is public, up to `io.remote.MOST_BYTES`. A list, a folder
        and a glob give a lazy list.
    weights : str or Path
        A name of `pixelwise.bundled_weights`, or the path of a ``model.onnx``.
    classes : sequence of str, optional
        Only these, as for `Predictor.load`; the background is always among them.
    least_score : float, optional
        Of instances, 0..1; if not given, what suited images that the weights were trained on.
    tta : sequence of str
        As for `Predictor.predict`; a single name may be given as it is.
    device : str
        As for `Predictor.load`.

    Returns
    -------
    Prediction, or a lazy list of them
        With its image, so that ``prediction.show()`` and ``prediction.save("found.jpg")`` work.

    Raises
    ------
    ArgumentError
        What is no image, or a value out of range.
    ImageFileError
        It cannot be read.

    Examples
    --------
    >>> import skimage.data
    >>> predict(skimage.data.astronaut()).found()[0]
    'person'
    >>> [p.size for p in predict([skimage.data.cat(), skimage.data.coffee()])]
    [(300, 451), (400, 600)]
    """
    predictor = kept_predictor(weights, device, None if classes is None else _texts(classes))
    views = _texts(tta)
    if least_score is not None:
        predictor = predictor.at_least(least_score)

    def one(given: Source) -> Prediction:
        image, name = image_of(given)
        found = predictor.predict(image, views)
        return replace(found, name=name)

    many = _several(source)
    return one(source) if many is None else LazyList(one, many)  # type: ignore[arg-type]


@overload
def blur(
    source: Many,
    out: None = ...,
    *,
    subject: Subjects = ...,
    strength: float = ...,
    background: str | Path | Background = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> LazyList[Image.Image]: ...
@overload
def blur(
    source: Many,
    out: str | Path,
    *,
    subject: Subjects = ...,
    strength: float = ...,
    background: str | Path | Background = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> list[Path]: ...
@overload
def blur(
    source: Source,
    out: None = ...,
    *,
    subject: Subjects = ...,
    strength: float = ...,
    background: str | Path | Background = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> Image.Image: ...
@overload
def blur(
    source: Source,
    out: str | Path,
    *,
    subject: Subjects = ...,
    strength: float = ...,
    background: str | Path | Background = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> Path: ...
def blur(
    source: Source | Many,
    out: str | Path | None = None,
    *,
    subject: Subjects = ALL,
    strength: float = BLUR_STRENGTH,
    background: str | Path | Background = "blur",
    weights: str | Path | None = None,
    device: str = DEVICE,
) -> Any:
    """Blur or replace what is behind the subject of an image, or of many; or of a clip.

    Parameters
    ----------
    source : str, Path, bytes, open file, PIL.Image.Image, (H, W, 3) uint8 array; or several
        As for `predict`; with ``out``, a clip or an animation too.
    out : str or Path, optional
        Where to write; a folder for several. From file to file, a photo's metadata are kept, and a
        clip's sound.
    subject : str, sequence of str, or Selection
        A class, several, ``"all"`` that stands out, or ``"largest"``; see `Selection`.
    strength : float
        Of the blur, percent of the longer side.
    background : str, Path or Background
        As for `backgrounds.parse_background`: ``blur``, ``"#rrggbb"``, or an image file.
    weights : str or Path, optional
        As for `predict`; if not given, those that suit the subject, `Selection.weights`.
    device : str
        As for `predict`.

    Returns
    -------
    PIL.Image.Image, or Path
        The result, RGB; with ``out``, where it was written. A list of them for several, lazy
        without ``out``.

    Raises
    ------
    ArgumentError
        What is no image, or a value out of range.
    DataError
        It cannot be read, or shows no such subject.

    Examples
    --------
    >>> import skimage.data
    >>> blur(skimage.data.cat(), strength=3).size
    (451, 300)
    >>> blur("party.mp4", "blurred.mp4")  # doctest: +SKIP
    PosixPath('blurred.mp4')
    """
    plain = Blur(strength=strength)
    look = (
        background
        if isinstance(background, Background)
        else parse_background(str(background), plain)
    )
    return _apply(source, out, look, subject, False, (weights, device))


@overload
def cut_out(
    source: Many,
    out: None = ...,
    *,
    subject: Subjects = ...,
    crop: bool = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> LazyList[Image.Image]: ...
@overload
def cut_out(
    source: Many,
    out: str | Path,
    *,
    subject: Subjects = ...,
    crop: bool = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> list[Path]: ...
@overload
def cut_out(
    source: Source,
    out: None = ...,
    *,
    subject: Subjects = ...,
    crop: bool = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> Image.Image: ...
@overload
def cut_out(
    source: Source,
    out: str | Path,
    *,
    subject: Subjects = ...,
    crop: bool = ...,
    weights: str | Path | None = ...,
    device: str = ...,
) -> Path: ...
def cut_out(
    source: Source | Many,
    out: str | Path | None = None,
    *,
    subject: Subjects = ALL,
    crop: bool = False,
    weights: str | Path | None = None,
    device: str = DEVICE,
) -> Any:
    """Cut the subject out of an image, or of many; or of a clip.

    `pixelwise.effects.cut_out` does the same with an alpha that you have.

    Parameters
    ----------
    source, out, subject
        As for `blur`; ``out`` ends in ``.png`` or ``.webp``, for a clip in ``.webm`` or ``.mov``.
    crop : bool
        Crop to the subject, with a narrow rim.
    weights : str or Path, optional
        As for `predict`; if not given, those that suit the subject, `Selection.weights`.
    device : str
        As for `predict`.

    Returns
    -------
    PIL.Image.Image, or Path
        The subject on transparency, RGBA; with ``out``, where it was written. A list of them for
        several, lazy without ``out``.

    Raises
    ------
    ArgumentError
        What is no image, or a value out of range.
    DataError
        It cannot be read, or shows no such subject.

    Examples
    --------
    >>> import skimage.data
    >>> cut_out(skimage.data.cat(), crop=True).mode
    'RGBA'
    """
    if isinstance(out, np.ndarray):
        raise ArgumentError(
            "cut_out: expected where to write, got an array; "
            "pixelwise.effects.cut_out(image, alpha) takes an alpha"
        )
    return _apply(source, out, Transparent(), subject, crop, (weights, device))


def clip_name(clip: Path, name: str, look: Background) -> str:
    """Return what the result of a clip or an animation is called in a folder.

    Parameters
    ----------
    clip : Path
    name : str
        What it is called there, as `io.folders.distinct_names` gives it.
    look : Background

    Examples
    --------
    >>> clip_name(Path("a.mp4"), "a", Transparent()), clip_name(Path("a.mp4"), "a.mp4", Blur())
    ('a.webm', 'a.mp4')
    """
    if look.transparent and is_video(clip) and clip.suffix.lower() not in TRANSPARENT:
        return name + next(iter(TRANSPARENT))
    return name.removesuffix(clip.suffix) + clip.suffix


def kept_predictor(
    weights: str | Path,
    device: str = DEVICE,
    classes: tuple[str, ...] | None = None,
    threads: int | None = None,
) -> Predictor:
    """Return a predictor that stays loaded; a file that has changed is loaded again.

    Parameters
    ----------
    weights, device
        As for `Predictor.load`.
    classes : tuple of str, optional
        The same, but the background need not be named.
    threads : int, optional
        The same.

    Examples
    --------
    >>> kept_predictor("nuclei") is kept_predictor("nuclei")
    True
    """
    stamp = Path(str(find_weights(weights))).stat().st_mtime_ns
    if classes is not None:
        classes = tuple(dict.fromkeys((read_card(weights).classes.names[0], *classes)))
    return _loaded(str(weights), stamp, device, classes, threads)


@lru_cache(maxsize=KEPT)
def _loaded(
    weights: str,
    stamp: int,  # noqa: ARG001 -- part of what is remembered
    device: str,
    classes: tuple[str, ...] | None,
    threads: int | None,
) -> Predictor:
    return Predictor.load(weights, threads, device, classes=classes)


def _several(source: Any) -> list[Any] | None:
    """Return the items of a source that is several; None if it is one."""
    if _is_path(source):
        path = Path(source)
        return list(find_in([path]).names) if _names_several(path) else None
    if hasattr(source, "read") or isinstance(source, str | bytes):
        return None
    # Not all that can be iterated over: an array or a tensor is one image.
    return list(source) if isinstance(source, Sequence | Iterator | set) else None


def _is_path(source: Any) -> bool:
    return isinstance(source, str | Path) and not is_url(str(source))


def _names_several(path: Path) -> bool:
    """Return whether a path is a folder or a glob."""
    return path.is_dir() or (any(sign in path.name for sign in "*?[") and not path.exists())


def _apply(
    source: Any,
    out: str | Path | None,
    look: Background,
    subject: Subjects,
    crop: bool,
    network: tuple[str | Path | None, str],
) -> Any:
    selection = subject if isinstance(subject, Selection) else Selection.parse(_texts(subject))
    predictor = kept_predictor(network[0] or selection.weights, network[1])
    make = partial(_picture, look=look, selection=selection, crop=crop, predictor=predictor)
    if out is None:
        many = _several(source)
        return make(source) if many is None else LazyList(make, many)
    if _is_path(source):
        paths, alone = [Path(source)], not _names_several(Path(source))
    elif (many := _several(source)) is None:
        save_pillow(out, make(source))
        return Path(out)
    elif all(map(_is_path, many)):
        paths, alone = list(map(Path, many)), False
    else:
        raise ArgumentError("several images with out=: expected files; save others one by one")
    found = find_in(paths, skip=Path(out))
    moving = {p: name for p, name in found.names.items() if is_video(p) or is_animation(p)}
    if moving and (crop or selection.of_instances or selection.box):
        raise ArgumentError("crop, at, box and a number are for photos: what they name moves here")
    written: list[Path] = []
    for path, name in moving.items():
        result = Path(out) if alone else Path(out, clip_name(path, name, look))
        change = blur_video if is_video(path) else blur_animation
        if change(predictor, path, result, look, selection.names).names:
            written.append(result)
        elif alone:
            raise _no_subject(source)
    still = {path: name for path, name in found.names.items() if path not in moving}
    outcome = blur_files(predictor, still, Path(out), look, selection, crop=crop)
    if outcome.failed:
        raise ImageFileError("; ".join(outcome.failed.values()))
    found.stop_on_unread()
    if alone and outcome.without:
        raise _no_subject(source)
    written += outcome.written
    return written[0] if alone else written


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _picture(
    source: Source, *, look: Background, selection: Selection, crop: bool, predictor: Predictor
) -> Image.Image:
    image, name = image_of(source)
    found = find_subject(predictor, image, selection)
    if not found.names:
        raise _no_subject(name)
    return Image.fromarray(with_background(image, found.alpha(image), look, crop=crop))


def _no_subject(name: object) -> DataError:
    return DataError(f"{name}: shows no such subject; name another with subject=")
