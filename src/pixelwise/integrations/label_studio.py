"""Label Studio: predictions to be corrected there, and a server that makes them on demand.

Its run-length code is not COCO's: it is a stream of bits over the rows of an RGBA image, as the
converter of Label Studio (Apache-2.0) documents it by its decoder.

``python -m pixelwise.integrations.label_studio --weights voc`` is what Label Studio calls an ML
backend: it answers ``/health``, ``/setup``, ``/predict`` and ``/webhook``. Images that Label Studio
keeps are fetched from the address given here, with the key of ``LABEL_STUDIO_API_KEY``; a request
cannot say where that key goes.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import os
import socket
import sys
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from pixelwise.classes import ClassMap
from pixelwise.defaults import DEVICE, WEIGHTS
from pixelwise.errors import ArgumentError, ImageFileError, PixelwiseError, missing_extra
from pixelwise.instances import polygons
from pixelwise.io.image import image_of_bytes
from pixelwise.io.remote import MOST_BYTES, SILENCE, fetch, is_url
from pixelwise.samples import BoolArray, Instance, UInt8Array

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse

CHANNELS = 4
"""Values per pixel: the code is that of an RGBA image."""

WORD = 8
"""Bits per value."""

LENGTHS = (3, 4, 8, 16)
"""Bits that the length of a run may take; two bits say which of the four."""

UNQUOTED = "/%?:@!$&'()*+,;=~"
"""What stays as it is in an address; it may be quoted already."""


def brush_code(mask: BoolArray) -> list[int]:
    """Encode a mask in Label Studio's run-length code.

    Parameters
    ----------
    mask : (H, W) bool

    Returns
    -------
    list of int
        Bytes, 0..255.

    Examples
    --------
    >>> brush_code(np.array([[False, True]]))[:4]  # the number of values, 32 bits
    [0, 0, 0, 8]
    """
    flat = mask.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[:1]))
    ends = np.append(starts[1:], flat.size)
    bits = [f"{flat.size * CHANNELS:032b}", f"{WORD - 1:05b}", *(f"{n - 1:04b}" for n in LENGTHS)]
    longest = 1 << LENGTHS[-1]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        value = f"{255 if flat[start] else 0:08b}"
        left = (end - start) * CHANNELS
        while left:
            run = min(left, longest)
            which = next(k for k, n in enumerate(LENGTHS) if run <= 1 << n)
            # 1: one value that is repeated, against a row of different ones.
            bits.append(f"1{which:02b}{run - 1:0{LENGTHS[which]}b}{value}")
            left -= run
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8, "big"))


def prediction(
    instances: Sequence[Instance],
    classes: ClassMap,
    from_name: str,
    to_name: str,
    model_version: str,
) -> dict[str, Any]:
    """Return instances as an entry of a task's ``predictions``.

    Parameters
    ----------
    instances : sequence of Instance
    classes : ClassMap
    from_name, to_name : str
        The names of ``BrushLabels`` and ``Image`` in the labelling interface.
    model_version : str

    Returns
    -------
    dict
        Ready for JSON.

    Examples
    --------
    >>> found = Instance.of(np.array([[False, True]]), class_id=1, id=1)
    >>> entry = prediction([found], ClassMap(("background", "cat")), "tag", "image", "voc")
    >>> entry["result"][0]["value"]["brushlabels"]
    ['cat']
    """
    control = Control("BrushLabels", from_name, to_name, "", dict(enumerate(classes.names)))
    return control.prediction(instances, model_version)


def _brush(instance: Instance) -> list[dict[str, Any]]:
    return [{"format": "rle", "rle": brush_code(instance.mask)}]


def _box(instance: Instance) -> list[dict[str, Any]]:
    (top, left, bottom, right), (height, width) = instance.box, instance.size
    return [
        {
            "x": 100 * left / width,
            "y": 100 * top / height,
            "width": 100 * (right - left) / width,
            "height": 100 * (bottom - top) / height,
            "rotation": 0,
        }
    ]


def _outlines(instance: Instance) -> list[dict[str, Any]]:
    percent = 100 / np.array(instance.size[::-1])
    top, left = instance.corner
    rings = [(ring + np.array((left, top))) * percent for ring in polygons(instance.patch)]
    return [{"points": ring.tolist(), "closed": True} for ring in rings]


SHAPES: dict[str, Callable[[Instance], list[dict[str, Any]]]] = {
    "BrushLabels": _brush,
    "PolygonLabels": _outlines,
    "RectangleLabels": _box,
}
"""What a labelling interface may ask for, and how an instance becomes values of it.

Shares of the image are percent. Polygons have no holes, and an instance of several parts has
several.
"""


@dataclass(frozen=True)
class Control:
    """What a labelling interface has for instances.

    Parameters
    ----------
    tag : str
        One of `SHAPES`.
    from_name, to_name : str
        The names of the control and of its ``Image``.
    field : str
        Where a task's data has the image.
    labels : dict of int to str
        The interface's label for each class id that it has one for.
    """

    tag: str
    from_name: str
    to_name: str
    field: str
    labels: dict[int, str]

    @classmethod
    def of(cls, label_config: str, classes: ClassMap) -> Control:
        """Find the control in a project's labelling interface.

        Parameters
        ----------
        label_config : str
            XML. Labels are matched to classes by their value, in any case, or by what their
            attribute ``predicted_values`` lists.
        classes : ClassMap

        Raises
        ------
        ArgumentError
            It is not XML, or has no control that fits, or none of the classes as a label.

        Examples
        --------
        >>> text = '''<View><Image name="image" value="$photo"/>
        ...   <BrushLabels name="tag" toName="image"><Label value="Cat"/></BrushLabels></View>'''
        >>> found = Control.of(text, ClassMap(("background", "cat")))
        >>> found.tag, found.field, found.labels
        ('BrushLabels', 'photo', {1: 'Cat'})
        """
        try:
            root = ET.fromstring(label_config)
        except ET.ParseError as error:
            raise ArgumentError(f"the labelling interface is not XML ({error})") from None
        images = {e.get("name"): (e.get("value") or "").lstrip("$") for e in root.iter("Image")}
        missing = []
        for tag, control in ((name, c) for name in SHAPES for c in root.iter(name)):
            to_name = control.get("toName")
            if to_name not in images:
                continue
            known = _labels_of(control)
            labels = {
                class_id: known[name.casefold()]
                for class_id, name in enumerate(classes.names)
                if name.casefold() in known
            }
            if labels:
                return cls(tag, control.get("name", ""), to_name or "", images[to_name], labels)
            missing += [known[name] for name in known]
        if missing:
            raise ArgumentError(
                f"labels {', '.join(missing)}: none is a class of the weights "
                f'({", ".join(classes.names)}); predicted_values="CLASS" of a Label maps one'
            )
        raise ArgumentError(f"the labelling interface has none of {', '.join(SHAPES)} on an Image")

    def prediction(self, instances: Sequence[Instance], model_version: str) -> dict[str, Any]:
        """Return instances as an entry of a task's ``predictions``; see `prediction`."""
        kept = [i for i in instances if i.class_id in self.labels]
        kind = self.tag.lower()
        values = [
            (i, value | {kind: [self.labels[i.class_id]]})
            for i in kept
            for value in SHAPES[self.tag](i)
        ]
        result = [
            {
                "id": f"pixelwise{number}",
                "from_name": self.from_name,
                "to_name": self.to_name,
                "type": kind,
                "original_width": i.size[1],
                "original_height": i.size[0],
                "image_rotation": 0,
                "score": i.score,
                "value": value,
            }
            for number, (i, value) in enumerate(values, start=1)
        ]
        mean = sum(i.score for i in kept) / len(kept) if kept else 0.0
        return {"model_version": model_version, "score": mean, "result": result}


def _labels_of(control: ET.Element) -> dict[str, str]:
    """Return a control's labels by what classes may be called, in lower case."""
    known: dict[str, str] = {}
    for label in control.iter("Label"):
        value = label.get("value", "")
        for name in (value, *label.get("predicted_values", "").split(",")):
            known.setdefault(name.strip().casefold(), value)
    known.pop("", None)
    return known


@dataclass(frozen=True)
class Studio:
    """Where Label Studio is, and the key to the images it keeps.

    Parameters
    ----------
    url : str
    key : str
        An access token, of either kind that Label Studio has; none if empty.
    """

    url: str = "http://localhost:8080"
    key: str = ""

    def image(self, address: str) -> UInt8Array:
        """Return the image that a task names.

        Parameters
        ----------
        address : str
            A path of Label Studio such as ``/data/upload/1/a.jpg``, a public web address, or the
            image itself as a ``data:`` address.

        Returns
        -------
        (H, W, 3) uint8
            RGB.

        Raises
        ------
        ImageFileError
            It cannot be fetched, or not be read.
        """
        url = self.url.rstrip("/")
        if address.startswith("data:"):
            head, _, code = address.partition(",")
            try:
                data = base64.b64decode(code, validate=True) if head.endswith(";base64") else b""
            except binascii.Error:
                data = b""
            return image_of_bytes(data, head)
        if address.startswith(f"{url}/"):
            address = address.removeprefix(url)
        if address.startswith("/"):
            return image_of_bytes(self._kept(url + quote(address, UNQUOTED)), address)
        if is_url(address):
            return image_of_bytes(fetch(address), address)
        raise ImageFileError(f"{address}: expected a path of Label Studio or a web address")

    def _kept(self, url: str) -> bytes:
        request = urllib.request.Request(url)
        try:
            if self.key:
                # Not carried along when Label Studio sends the request on to a cloud's storage.
                request.add_unredirected_header("Authorization", self._authorization())
            with urllib.request.urlopen(request, timeout=SILENCE) as answer:
                data: bytes = answer.read(MOST_BYTES + 1)
        except (OSError, HTTPException, ValueError) as error:
            hint = "" if self.key else "; set LABEL_STUDIO_API_KEY to an access token of yours"
            raise ImageFileError(f"{url}: cannot be fetched ({error}){hint}") from None
        if len(data) > MOST_BYTES:
            raise ImageFileError(f"{url}: larger than {MOST_BYTES >> 20} MB")
        return data

    def _authorization(self) -> str:
        if self.key.count(".") != 2:  # a legacy token
            return f"Token {self.key}"
        request = urllib.request.Request(
            f"{self.url.rstrip('/')}/api/token/refresh",
            json.dumps({"refresh": self.key}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SILENCE) as answer:
            answered = json.load(answer)
        if not isinstance(answered, dict) or not answered.get("access"):
            raise ValueError("api/token/refresh: no access token in the answer")
        return f"Bearer {answered['access']}"


@dataclass(frozen=True)
class Backend:
    """What the addresses of the server answer.

    Parameters
    ----------
    predict : callable
        From an (H, W, 3) uint8 image to its instances.
    classes : ClassMap
    version : str
        By which Label Studio tells new predictions from old ones.
    studio : Studio
    say : callable
        Takes a line for the person who runs the server.
    """

    predict: Callable[[UInt8Array], Sequence[Instance]]
    classes: ClassMap
    version: str
    studio: Studio
    say: Callable[[str], object] = print

    def setup(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Say which version of the weights answers; a project that does not fit is reported."""
        try:
            Control.of(str(asked.get("schema") or ""), self.classes)
        except ArgumentError as error:
            self.say(f"project {asked.get('project', '')}: {error}")
        return {"model_version": self.version}

    def predictions(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Predict tasks. One whose image cannot be read gets nothing, and is reported.

        Raises
        ------
        ArgumentError
            The project has no labels that fit, or the request no list of tasks.
        """
        control = Control.of(str(asked.get("label_config") or ""), self.classes)
        tasks = asked.get("tasks")
        if not isinstance(tasks, list):
            raise ArgumentError("expected tasks, a list")
        found = [
            control.prediction(self._parts(task, control.field), self.version) for task in tasks
        ]
        return {"results": found, "model_version": self.version}

    def _parts(self, task: Any, field: str) -> Sequence[Instance]:
        try:
            return self.predict(self.studio.image(str(task["data"][field])))
        except (PixelwiseError, KeyError, TypeError) as error:
            number = task.get("id", "") if isinstance(task, dict) else ""
            self.say(f"task {number}: {error if isinstance(error, PixelwiseError) else 'no image'}")
            return ()

    def app(self) -> Starlette:
        """Return the server; its addresses are those of Label Studio's protocol."""
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        def taking(
            function: Callable[[dict[str, Any]], dict[str, Any]],
        ) -> Callable[[Request], Any]:
            async def endpoint(request: Request) -> JSONResponse:
                # Pages of other sites can make a browser send forms and plain text, but not this.
                if not request.headers.get("content-type", "").startswith("application/json"):
                    return JSONResponse({"error": "expected application/json"}, 415)
                try:
                    asked = await request.json()
                    if not isinstance(asked, dict):
                        raise ArgumentError("expected a JSON object")
                    return JSONResponse(await run_in_threadpool(function, asked))
                except (PixelwiseError, ValueError) as error:
                    self.say(str(error))
                    return JSONResponse({"error": str(error)}, 400)

            return endpoint

        async def health(request: Request) -> JSONResponse:  # noqa: ARG001
            return JSONResponse({"status": "UP", "model_class": "pixelwise"})

        def webhook(asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
            return {}  # nothing is trained here

        posts: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "/setup": self.setup,
            "/predict": self.predictions,
            "/webhook": webhook,
            "/versions": lambda _: {"versions": [self.version]},
        }
        return Starlette(
            routes=[
                Route("/", health),
                Route("/health", health),
                *(Route(path, taking(f), methods=["POST"]) for path, f in posts.items()),
            ]
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve predictions until Ctrl-C; see the top of this file.

    Returns
    -------
    int
        The exit code: 2 after an error, which is one line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pixelwise.integrations.label_studio",
        description="Serve predictions to Label Studio (an ML backend).",
    )
    parser.add_argument("--weights", default=WEIGHTS, help="a name or a model.onnx (%(default)s)")
    parser.add_argument("--device", default=DEVICE, help="as of pixelwise predict (%(default)s)")
    parser.add_argument(
        "--least-score", type=float, help="of instances; the weights' own if not given"
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=9090, help="(%(default)s)")
    parser.add_argument(
        "--label-studio",
        metavar="URL",
        default=os.environ.get("LABEL_STUDIO_URL", Studio.url),
        help="where images are fetched, with LABEL_STUDIO_API_KEY (%(default)s)",
    )
    given = parser.parse_args(arguments)
    try:
        import uvicorn

        import pixelwise

        predictor = pixelwise.Predictor.load(given.weights, device=given.device)
        if given.least_score is not None:
            predictor = predictor.at_least(given.least_score)
        backend = Backend(
            lambda image: predictor.predict(image).parts(),
            predictor.classes,
            f"pixelwise {pixelwise.__version__} {predictor.card.name}",
            Studio(given.label_studio, os.environ.get("LABEL_STUDIO_API_KEY", "")),
            lambda line: sys.stderr.write(f"{line}\n"),
        )
        app = backend.app()
        listener = socket.create_server((given.host, given.port))
    except ModuleNotFoundError as error:
        return _fail(missing_extra("the server", str(error.name), "app"))
    except PixelwiseError as error:
        return _fail(error)
    except OSError as error:
        return _fail(f"cannot listen at {given.host}:{given.port} ({error.strerror})")
    with listener:
        address = f"http://{given.host}:{listener.getsockname()[1]}"
        sys.stderr.write(f"{address} answers Label Studio; Ctrl-C ends it\n")
        settings = uvicorn.Config(app, log_level="warning", server_header=False)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run([listener])
    return 0


def _fail(error: object) -> int:
    sys.stderr.write(f"pixelwise: {error}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
