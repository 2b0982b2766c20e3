"""What a weights file says about itself, in the ONNX metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from pixelwise.classes import ClassMap
from pixelwise.errors import ArgumentError, WeightsError

KEY = "pixelwise"
FORMAT = 3
"""2 added `edges`; 3 `things`, `apart`, `least_score`, `zoom`, `normalised` and `borders`."""


@dataclass(frozen=True)
class ModelCard:
    """Class names, preprocessing, origin and score of a weights file.

    Parameters
    ----------
    name : str
        Of the model.
    classes : ClassMap
        Names and colours of the output planes.
    side : int
        Pixels that a photo's longer side is resized to. The input is (N, 3, H, W) float32 RGB
        in 0..255; mean and deviation are inside the network.
    network : str
        The published design.
    data : str
        What it was trained on.
    licence : str
        Of the weights.
    rules : mapping of str to (mapping of str to str)
        How the training data's classes were translated, by the name of the data set's folder, as
        for `ClassMap.remap`.
    edges : bool
        Draw the border between class 0, the background, and the others to the photo's edges
        (`pixelwise.inference.refine`).
    things : tuple of int
        Class ids of what comes as objects; empty where the network tells none apart. Where it
        does, the file has a second output, ``objects`` (`pixelwise.inference.grouping`).
    apart : int
        Side of the window in which an object's centre is the only one, in the branch's pixels.
    least_score : float
        Objects of a lower score are left out; chosen on training photos.
    zoom : float
        Where above 0, a photo is seen at so many times its own size, whatever that is, and
        ``side`` is that of a usual one.
    normalised : bool
        The levels of each photo are stretched first (`pixelwise.inference.preprocess.normalise`).
    borders : tuple of float
        Of the network behind `pixelwise.hierarchy`: weights and bias of its
        `pixelwise.regions.borders.BorderModel`.
    score : mapping of str to object
        The held-out score with its definition, as `SemanticScores.as_dict` gives it, by data set.
    """

    name: str
    classes: ClassMap
    side: int
    network: str
    data: str
    licence: str
    rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    edges: bool = False
    things: tuple[int, ...] = ()
    apart: int = 5
    least_score: float = 0.3
    zoom: float = 0.0
    normalised: bool = False
    borders: tuple[float, ...] = ()
    score: Mapping[str, object] = field(default_factory=dict)

    def side_of(self, size: tuple[int, ...]) -> int:
        """Return at what longer side, px, the network sees a photo of (height, width)."""
        return max(1, round(self.zoom * max(size[:2]))) if self.zoom else self.side

    def to_json(self) -> str:
        """Return the text that stands in the file's metadata."""
        return json.dumps({"format": FORMAT} | asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> ModelCard:
        """Read the metadata of the weights file ``where``.

        Raises
        ------
        WeightsError
            Not what `to_json` writes, or written by a newer pixelwise.
        """
        try:
            values = json.loads(text)
            format_ = values.pop("format")
            if format_ not in range(1, FORMAT + 1):
                raise WeightsError(
                    f"{where}: weights format {format_}, this pixelwise reads {FORMAT}; upgrade it"
                )
            classes = values.pop("classes")
            colours = tuple(tuple(c) for c in classes["colours"])
            for name in ("things", "borders"):
                values[name] = tuple(values.get(name, ()))
            return cls(classes=ClassMap(tuple(classes["names"]), colours), **values)
        except (ValueError, TypeError, KeyError, AttributeError, ArgumentError) as error:
            raise WeightsError(f"{where}: its pixelwise metadata is damaged ({error})") from None
