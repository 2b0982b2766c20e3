"""The photos of a page: their files, what was kept of them, and a bounded cache of arrays."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.io.image import image_of_bytes, read_image, read_size
from pixelwise.samples import Instance, UInt8Array

MOST_BYTES = 64 << 20
"""Of a file that is uploaded."""

MOST_PIXELS = 100_000_000
"""Of a photo: decoded, it takes three bytes for each."""

CACHE_BYTES = 128 << 20
"""Of decoded photos and of what was found in them: enough for one of 24 megapixels, and reached
after some fifty of half a megapixel."""

UNSAFE = re.compile(r"[^\w.() -]")
"""Characters that a file name does not keep."""


class TooLargeError(ArgumentError):
    """A file or a photo above the limits of the page."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo of the page.

    Parameters
    ----------
    id : str
    name : str
        Of its file, without folders.
    path : Path
    size : (height, width)
        Upright.
    instances : tuple of Instance, or None
        What a person made of it; None if nothing was kept yet.
    void : tuple of Instance
        Parts of it that are to be ignored, as its labelme file says.
    saved : bool
        Whether both stand in a file, too.
    unsure : float, optional
        Mean probability 0..1 of all classes but the likeliest; None before the network saw it.
    """

    id: str
    name: str
    path: Path
    size: tuple[int, int]
    instances: tuple[Instance, ...] | None = None
    void: tuple[Instance, ...] = ()
    saved: bool = False
    unsure: float | None = None

    @property
    def state(self) -> str:
        """``new``, ``ready``, ``corrected`` or ``saved``."""
        if self.instances is not None:
            return "saved" if self.saved else "corrected"
        return "new" if self.unsure is None else "ready"


class Photos:
    """All photos of a page, by their ids.

    Parameters
    ----------
    folder : Path
        For the files of photos that are uploaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._photos: dict[str, Photo] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self.cache = Cache(CACHE_BYTES)

    def add_file(self, path: Path) -> Photo:
        """Add a photo that stands on the disk; it is not copied.

        Raises
        ------
        ImageFileError
            No image that can be read.
        TooLargeError
            It has more than `MOST_PIXELS` pixels.
        """
        check_pixels(read_size(path)[0], path.name)
        # Decoded now, so that a damaged file is refused here and not when it is looked at.
        image = read_image(path)
        with self._lock:
            name = self._free_name(name_of(path))
            photo = Photo(str(next(self._numbers)), name, path, image.shape[:2])
            self._photos[photo.id] = photo
        self.cache.get((photo.id, "image"), lambda: image)
        return photo

    def add_bytes(self, name: str, data: bytes) -> Photo:
        """Add a photo that was uploaded.

        Parameters
        ----------
        name : str
            What its file was called; folders and unusual characters are dropped.
        data : bytes

        Raises
        ------
        ImageFileError
            No image that can be read; the message names the file.
        TooLargeError
            It has more than `MOST_PIXELS` pixels.
        """
        # In a folder of its own, so that no two uploads meet.
        path = Path(tempfile.mkdtemp(dir=self._folder)) / safe_name(name)
        path.write_bytes(data)
        try:
            return self.add_file(path)
        except BaseException as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            if isinstance(error, ImageFileError):
                # People know the name of their file, not where it lay here.
                raise ImageFileError(str(error).replace(str(path), path.name)) from None
            raise

    def _free_name(self, name: str) -> str:
        """Return what to call a photo: a second one of the same name gets a number."""
        taken = {photo.name for photo in self._photos.values()}
        return next(free for free in numbered(name) if free not in taken)

    def __getitem__(self, id_: str) -> Photo:
        """Return a photo; KeyError if there is none."""
        with self._lock:
            return self._photos[id_]

    def __len__(self) -> int:
        return len(self._photos)

    def change(self, id_: str, **values: Any) -> Photo:
        """Replace some fields of a photo, and return it; KeyError if it was removed."""
        with self._lock:
            self._photos[id_] = replace(self._photos[id_], **values)
            return self._photos[id_]

    def remove(self, id_: str) -> None:
        """Forget a photo; its file is deleted only if it was uploaded."""
        with self._lock:
            photo = self._photos.pop(id_)
        self.cache.forget(id_)
        if self._folder in photo.path.parents:
            shutil.rmtree(photo.path.parent, ignore_errors=True)

    def image(self, photo: Photo) -> UInt8Array:
        """Return the upright image, (H, W, 3) uint8."""
        found: UInt8Array = self.cache.get((photo.id, "image"), lambda: read_image(photo.path))
        return found

    def listed(self) -> list[Photo]:
        """Return all photos: those that are not corrected first, least sure first."""
        with self._lock:
            photos = list(self._photos.values())
        return sorted(photos, key=lambda p: (p.instances is not None, -(p.unsure or 0.0)))


class Cache:
    """Values by key, the oldest forgotten when they take too much memory.

    Parameters
    ----------
    most : int
        Bytes.

    Examples
    --------
    >>> import numpy as np
    >>> cache = Cache(8)
    >>> for key in (("a", 1), ("b", 1)):
    ...     _ = cache.get(key, lambda: np.zeros(6, np.uint8))
    >>> cache.peek(("a", 1)) is None, cache.bytes
    (True, 6)
    """

    def __init__(self, most: int) -> None:
        self._most, self.bytes = most, 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: tuple[str, Hashable], make: Callable[[], Any]) -> Any:
        """Return the value of a key, made now if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value = make()
        size = bytes_of(value)
        with self._lock:
            if key not in self._values:
                self._values[key] = value, size
                self.bytes += size
            # The newest stays, however large it is.
            while self.bytes > self._most and len(self._values) > 1:
                _, (_, freed) = self._values.popitem(last=False)
                self.bytes -= freed
        return value

    def peek(self, key: Hashable) -> Any:
        """Return the value of a key, or None."""
        with self._lock:
            return self._values[key][0] if key in self._values else None

    def forget(self, id_: str, *kinds: Hashable) -> None:
        """Forget what belongs to a photo, or only some kinds of it."""
        with self._lock:
            for key in [k for k in self._values if k[0] == id_]:  # type: ignore[index]
                if not kinds or key[1] in kinds:  # type: ignore[index]
                    self.bytes -= self._values.pop(key)[1]


def bytes_of(value: Any) -> int:
    """Estimate what a value takes in memory, from its arrays and texts.

    Examples
    --------
    >>> import numpy as np
    >>> bytes_of({"a": [np.zeros(8, np.uint8), "text"]}) - bytes_of({"a": [np.zeros(0), ""]})
    12
    """
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return 64 + sum(bytes_of(one) for one in value.values())
    if isinstance(value, list | tuple):
        return 64 + sum(bytes_of(one) for one in value)
    if is_dataclass(value):
        return sum(bytes_of(getattr(value, field.name)) for field in fields(value))
    return 32


def check_pixels(size: tuple[int, int], name: str) -> None:
    """Raise TooLargeError for more pixels, (height, width), than the page takes."""
    if size[0] * size[1] > MOST_PIXELS:
        raise TooLargeError(
            f"{name}: has {size[0] * size[1] / 1e6:.1f} megapixels; the page takes "
            f"{MOST_PIXELS // 1_000_000}; use pixelwise predict"
        )


def sent_image(data: bytes, name: str) -> UInt8Array:
    """Decode an image that was sent and is not kept, (H, W, 3) uint8.

    Raises
    ------
    ImageFileError
        No image that can be read.
    TooLargeError
        It has more than `MOST_PIXELS` pixels.
    """
    check_pixels(read_size(name, data)[0], name)
    return image_of_bytes(data, name)


def name_of(path: Path) -> str:
    """Return the name of a file as text: on Linux it may be no UTF-8, and JSON has to be.

    Examples
    --------
    >>> name_of(Path("day/a.jpg"))
    'a.jpg'
    """
    return os.fsencode(path.name).decode("utf-8", "replace")


def numbered(name: str) -> Iterator[str]:
    """Yield a file name, then the same with a number: ``a.jpg``, ``a_2.jpg``, ``a_3.jpg``..."""
    yield name
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in itertools.count(2):
        yield f"{stem}_{number}{suffix}"


def safe_name(name: str) -> str:
    """Return a file name without folders and unusual characters.

    Examples
    --------
    >>> safe_name("../../etc/my photo.jpg"), safe_name("..")
    ('my photo.jpg', 'photo')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = UNSAFE.sub("_", last).strip(". ")[-120:]
    return kept or "photo"
