"""The server of the page: addresses, what they take, and what they answer.

docs/http.md describes them. Whatever runs a network takes its turn in one `Line`; the rest runs in
threads beside it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pixelwise.app.answers import (
    Answers,
    annotation_json,
    corrected,
    jpeg,
    painted,
    png,
    read_instances,
    region_colours,
    without_background,
)
from pixelwise.app.clips import Clip, Clips
from pixelwise.app.guard import Guard
from pixelwise.app.line import Line
from pixelwise.app.photos import (
    MOST_BYTES,
    MOST_PIXELS,
    Photo,
    Photos,
    TooLargeError,
    sent_image,
)
from pixelwise.app.saving import annotation_file, read_labelme, save_labelme
from pixelwise.app.training import Training
from pixelwise.backgrounds import (
    Background,
    Blur,
    Colour,
    OtherImage,
    Transparent,
    find_subject,
)
from pixelwise.errors import ArgumentError, ImageFileError, PixelwiseError
from pixelwise.inference.predictor import Predictor
from pixelwise.io.mask import png_of_label_map
from pixelwise.io.rle import encode_rle
from pixelwise.regions.hierarchical import shrunk_within
from pixelwise.samples import UInt8Array

STATIC = Path(__file__).with_name("static")

MOST_JSON = 32 << 20
"""Bytes of a request in JSON: masks of a photo of 100 megapixels fit."""

SHOWN_SIDE = 4096
"""Longer side, px, of a photo that is sent to the browser at most."""

STRONGEST = 5.0
"""Strength of the blur, in percent of the longer side, that the page calls 1."""

PATIENCE = 0.4
"""Seconds that a question waits for its answer before it is told its place."""

Handler = Callable[[Request], Awaitable[Response]]


class Page:
    """Everything behind the addresses of one page.

    Parameters
    ----------
    predictor : Predictor
    weights : str
        Its name or file.
    save : Path, optional
        Folder for what is corrected.
    finder : Predictor, optional
        Finds what stands out, for the background and as a hint for strokes; the other one if None.
    """

    def __init__(
        self,
        predictor: Predictor,
        weights: str,
        save: Path | None = None,
        finder: Predictor | None = None,
    ) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="pixelwise-"))
        self.weights, self.save = weights, None if save is None else save.resolve()
        self.line = Line()
        self.photos = Photos(self.scratch)
        self.answers = Answers(self.photos, predictor, finder)
        self.clips = Clips(self.scratch, self.line)
        self.training = Training(self.save)
        self._saving = threading.Lock()

    def close(self) -> None:
        """Stop what is at work, and delete the files of uploaded photos."""
        self.training.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def add(self, path: Path) -> Photo:
        """Add a photo from the disk, with what was saved of it before."""
        return self._with_saved(self.photos.add_file(path))

    def _with_saved(self, photo: Photo) -> Photo:
        """Add what was saved of a photo; one whose file cannot be read is not taken."""
        found = None
        if self.save is not None:
            try:
                found = read_labelme(self.save, photo, self.answers.classes)
            except PixelwiseError:
                self.photos.remove(photo.id)
                raise
        if found is not None:
            instances, void = found
            return self.photos.change(photo.id, instances=instances, void=void, saved=True)
        # Those that the network is least sure of are offered first, so that it has to see all.
        self.line.later(lambda: self.answers.answer(photo))
        return photo

    # What the page shows

    async def page(self, _: Request) -> Response:
        """Answer with the page itself."""
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def state(self, _: Request) -> Response:
        """Answer with the weights, the classes and the photos."""
        classes = self.answers.classes
        finds = self.answers.predictor.card.instance_classes
        return JSONResponse(
            {
                "weights": self.weights,
                "classes": [
                    {
                        "id": id_,
                        "name": classes.names[id_],
                        "colour": list(classes.colours[id_]),
                        "instances": id_ in finds,
                    }
                    for id_ in without_background(classes)
                ],
                "photos": [photo_json(photo) for photo in self.photos.listed()],
                "save": None if self.save is None else self.save.name,
                "can_train": self.training.possible,
                "limits": {"bytes": MOST_BYTES, "pixels": MOST_PIXELS},
            }
        )

    async def upload(self, request: Request) -> Response:
        """Take a photo."""
        name = unquote(request.headers.get("x-name", "photo"))
        data = await body_of(request, MOST_BYTES)
        photo = await run_in_threadpool(self.photos.add_bytes, name, data)
        photo = await run_in_threadpool(self._with_saved, photo)
        return JSONResponse(photo_json(photo), 201)

    async def remove(self, request: Request) -> Response:
        """Forget a photo."""
        self.photos.remove(self._photo(request).id)
        return Response(status_code=204)

    async def image(self, request: Request) -> Response:
        """Answer with a photo's pixels."""
        photo = self._photo(request)
        longest = min(SHOWN_SIDE, max(16, whole_number(request, "longest", SHOWN_SIDE)))

        def make() -> bytes:
            return jpeg(shrunk_within(self.photos.image(photo), longest), 92)

        return Response(await run_in_threadpool(make), media_type="image/jpeg")

    async def answer(self, request: Request) -> Response:
        """Answer with what the network finds, or with the place in the line."""
        photo, before = self._photo(request), request.query_params.get("weights") == "before"
        key = ("before" if before else "answer", photo.id)
        future = self.line.join(key, lambda: self.answers.answer(photo, before=before))
        with suppress(asyncio.TimeoutError):
            return JSONResponse(
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), PATIENCE)
            )
        return JSONResponse({"place": self.line.place(key)}, 202)

    async def labels(self, request: Request) -> Response:
        """Answer with the class id of each pixel."""
        photo = self._photo(request)
        predictor, image = self.answers.predictor, self.photos.image

        def make() -> bytes:
            if photo.instances is not None:
                return png(painted(photo, photo.instances))
            return png(predictor.predict(image(photo)).label_map)

        return Response(await self._turn(("labels", photo.id), make), media_type="image/png")

    async def alpha(self, request: Request) -> Response:
        """Answer with how much each pixel is subject."""
        photo = self._photo(request)

        def make() -> bytes:
            return png((255 * self.answers.alpha(photo)).round().astype("uint8"))

        return Response(await self._turn(("alpha", photo.id), make), media_type="image/png")

    async def boundaries(self, request: Request) -> Response:
        """Answer with the strength of boundaries."""
        photo = self._photo(request)

        def make() -> bytes:
            strength = self.answers.regions(photo).boundaries
            return png((255 * strength).round().astype("uint8"))

        return Response(await self._turn(("boundaries", photo.id), make), media_type="image/png")

    async def regions(self, request: Request) -> Response:
        """Answer with the tree of regions."""
        photo = self._photo(request)
        tree = await self._turn(("regions", photo.id), lambda: self.answers.regions(photo))
        return JSONResponse(
            {
                "height": tree.leaves.shape[0],
                "width": tree.leaves.shape[1],
                "n": len(tree),
                "parents": tree.parents.tolist(),
                "altitudes": [round(float(s), 5) for s in tree.strengths],
            }
        )

    async def region_map(self, request: Request) -> Response:
        """Answer with the finest region of each pixel."""
        photo = self._photo(request)
        tree = await self._turn(("regions", photo.id), lambda: self.answers.regions(photo))
        data = await run_in_threadpool(lambda: png(region_colours(tree.leaves)))
        return Response(data, media_type="image/png")

    # The background

    async def effect(self, request: Request) -> Response:
        """Answer with a photo before another background."""
        photo = self._photo(request)
        background = await self._background(request)
        crop = request.query_params.get("crop") == "1"

        def make() -> tuple[bytes, str]:
            return encoded(self.answers.effect(photo, background, crop=crop))

        data, kind = await self._turn(("effect", photo.id, id(request)), make)
        return Response(data, media_type=kind)

    async def camera(self, request: Request) -> Response:
        """Answer with a frame before another background."""
        frame = await body_of(request, MOST_BYTES)
        background = background_of(request, None)

        def make() -> bytes:
            image = sent_image(frame, "the frame")
            alpha = find_subject(self.answers.finder, image).alpha(image)
            return encoded(background.apply(image, alpha))[0]

        data = await self._turn(("camera", id(request)), make)
        return Response(data, media_type="image/png" if background.transparent else "image/jpeg")

    async def add_clip(self, request: Request) -> Response:
        """Take a clip."""
        name = unquote(request.headers.get("x-name", "clip.mp4"))
        data = await body_of(request, MOST_BYTES)
        background = background_of(request, None)
        clip = await run_in_threadpool(self.clips.add, name, data, self.answers.finder, background)
        return JSONResponse(clip.as_json(), 202)

    async def clip(self, request: Request) -> Response:
        """Answer with how far a clip is."""
        return JSONResponse(self._clip(request).as_json())

    async def clip_result(self, request: Request) -> Response:
        """Answer with a clip that is done."""
        clip = self._clip(request)
        if clip.state != "done":
            return JSONResponse({"error": f"{clip.name}: not done yet"}, 409)
        return FileResponse(clip.out, media_type="video/mp4")

    async def _background(self, request: Request) -> Background:
        if request.method == "GET":
            return background_of(request, None)
        data = await body_of(request, MOST_BYTES)
        image = await run_in_threadpool(sent_image, data, "the background")
        return background_of(request, image)

    # Corrections

    async def segment(self, request: Request) -> Response:
        """Answer with the object that strokes and a box mean."""
        photo, content = self._photo(request), await json_of(request)
        if not isinstance(content, dict):
            raise ArgumentError("expected an object with on, off and box")
        if self.answers.is_ready(photo):
            return JSONResponse(await run_in_threadpool(self.answers.segment, photo, content))
        key = "segment", photo.id, id(request)
        return JSONResponse(await self._turn(key, lambda: self.answers.segment(photo, content)))

    async def kept(self, request: Request) -> Response:
        """Answer with what was kept of a photo."""
        photo = self._photo(request)
        if photo.instances is None:
            return JSONResponse({"error": f"{photo.name}: nothing was kept of it"}, 404)
        return JSONResponse(await run_in_threadpool(annotation_json, photo))

    async def keep(self, request: Request) -> Response:
        """Keep what a person made of a photo."""
        photo, content = self._photo(request), await json_of(request)

        def keep() -> Photo:
            instances = read_instances(content, photo.size, self.answers.classes)
            # Two at once would write to the same temporary file.
            with self._saving:
                now = corrected(self._photo(request), instances)
                if self.save is not None:
                    save_labelme(self.save, now, self.answers.sample(now, now.instances or ()))
                saved = self.save is not None
                return self.photos.change(
                    photo.id, instances=now.instances, void=now.void, saved=saved
                )

        return JSONResponse(photo_json(await run_in_threadpool(keep)))

    async def download(self, request: Request) -> Response:
        """Answer with a file to keep."""
        photo = self._photo(request)
        kind = request.query_params.get("format", "")
        if kind not in DOWNLOADS:
            raise ArgumentError(f"format: expected one of {', '.join(DOWNLOADS)}, got {kind!r}")
        suffix, media_type, make = DOWNLOADS[kind]
        data = await self._turn(("download", kind, photo.id), lambda: make(self, photo))
        # The name in ASCII is for programs that do not know the other (RFC 6266).
        name = Path(photo.name).stem + suffix
        plain = name.encode("ascii", "replace").decode().replace('"', "")
        named = {
            "Content-Disposition": f'attachment; filename="{plain}"; '
            f"filename*=UTF-8''{quote(name, safe='')}"
        }
        return Response(data, media_type=media_type, headers=named)

    # Training

    async def train(self, request: Request) -> Response:
        """Start or resume training."""
        content = await json_of(request)
        minutes = content.get("minutes") if isinstance(content, dict) else None
        if not isinstance(minutes, int | float) or isinstance(minutes, bool):
            raise ArgumentError(f"minutes: expected a number, got {minutes!r}")
        await run_in_threadpool(self.training.start, self.weights, float(minutes))
        return JSONResponse(self.training.progress(), 202)

    async def training_state(self, _: Request) -> Response:
        """Answer with the progress of training; use its weights once it is done."""
        progress = await run_in_threadpool(self.training.progress)
        path = self.training.new_weights()
        if path is not None:
            predictor = await run_in_threadpool(Predictor.load, path)
            await self._turn(("weights", str(path)), lambda: self.answers.use(predictor))
            self.weights = str(path)
        return JSONResponse(progress)

    async def stop_training(self, _: Request) -> Response:
        """Stop training."""
        await run_in_threadpool(self.training.stop)
        return Response(status_code=204)

    # For programs

    async def predict(self, request: Request) -> Response:
        """Answer a program with everything about a photo at once."""
        data = await body_of(request, MOST_BYTES)
        wants_png = "image/png" in request.headers.get("accept", "")
        predictor = self.answers.predictor

        def make() -> Response:
            image = sent_image(data, "the photo")
            prediction = predictor.predict(image)
            label_map, classes = prediction.label_map, prediction.classes
            if wants_png:
                return Response(png_of_label_map(label_map, classes), media_type="image/png")
            there = [id_ for id_ in range(len(classes)) if (label_map == id_).any()]
            return JSONResponse(
                {
                    "size": list(label_map.shape),
                    "classes": list(classes.names),
                    "label_map": [
                        {"class_id": id_, "rle": encode_rle(label_map == id_)} for id_ in there
                    ],
                    "instances": [
                        {
                            "class_id": i.class_id,
                            "score": round(i.score, 4),
                            "box": list(i.box),
                            "rle": encode_rle(i.mask),
                        }
                        for i in prediction.instances or ()
                    ],
                }
            )

        found: Response = await self._turn(("predict", id(request)), make)
        return found

    def _photo(self, request: Request) -> Photo:
        try:
            return self.photos[request.path_params["id"]]
        except KeyError:
            raise HTTPException(404, "there is no such photo") from None

    def _clip(self, request: Request) -> Clip:
        try:
            return self.clips[request.path_params["id"]]
        except KeyError:
            raise HTTPException(404, "there is no such clip") from None

    async def _turn(self, key: tuple[object, ...], work: Callable[[], Any]) -> Any:
        """Do work when it is its turn, and wait for it."""
        future: Future[Any] = self.line.join(key, work)
        return await asyncio.wrap_future(future)


DOWNLOADS: dict[str, tuple[str, str, Callable[[Page, Photo], bytes]]] = {
    "png": ("_labels.png", "image/png", lambda page, photo: _label_png(page, photo)),
    "coco": ("_coco.json", "application/json", lambda page, photo: _json(page, photo, "coco")),
    "labelme": (".json", "application/json", lambda page, photo: _json(page, photo, "labelme")),
    "cutout": (
        "_cutout.png",
        "image/png",
        lambda page, photo: png(page.answers.effect(photo, Transparent())),
    ),
}
"""By name: how the file's name ends, what it is, and its content."""


def _instances(page: Page, photo: Photo) -> list[Any]:
    if photo.instances is not None:
        return list(photo.instances)
    return read_instances(page.answers.answer(photo), photo.size, page.answers.classes)


def _label_png(page: Page, photo: Photo) -> bytes:
    label_map = painted(photo, _instances(page, photo))
    return png_of_label_map(label_map, page.answers.classes)


def _json(page: Page, photo: Photo, to: str) -> bytes:
    return annotation_file(photo, page.answers.sample(photo, _instances(page, photo)), to)


def photo_json(photo: Photo) -> dict[str, Any]:
    """Return what the page knows of a photo."""
    height, width = photo.size
    return {
        "id": photo.id,
        "name": photo.name,
        "height": height,
        "width": width,
        "state": photo.state,
        "unsure": photo.unsure,
    }


def encoded(image: UInt8Array) -> tuple[bytes, str]:
    """Encode an image as JPEG, or as PNG if it has an alpha channel."""
    if image.shape[2] == 4:
        return png(image), "image/png"
    return jpeg(image), "image/jpeg"


def background_of(request: Request, image: UInt8Array | None) -> Background:
    """Return the background that the parameters of an address name.

    Raises
    ------
    ArgumentError
        An unknown one, or a value out of its range.
    """
    values = request.query_params
    kind = values.get("background", "blur")
    if kind == "blur":
        try:
            strength = float(values.get("strength", "0.3"))
        except ValueError:
            strength = -1.0
        if not 0 <= strength <= 1:
            raise ArgumentError(f"strength: expected 0..1, got {values['strength']!r}")
        return Blur(strength=max(0.05, STRONGEST * strength))
    if kind == "transparent":
        return Transparent()
    if kind == "colour":
        text = values.get("colour", "")
        if len(text) != 6 or not set(text.lower()) <= set("0123456789abcdef"):
            raise ArgumentError(f"colour: expected six hexadecimal digits, got {text!r}")
        return Colour((int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)))
    if kind == "image":
        if image is None:
            raise ArgumentError(
                "background=image: send the image in the body of a POST to photos/ID/effect; "
                "clips and the camera take blur or colour"
            )
        return OtherImage(image)
    raise ArgumentError(f"background: expected blur, transparent, colour or image, got {kind!r}")


def whole_number(request: Request, name: str, default: int) -> int:
    """Return a parameter of the address as a number."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise ArgumentError(f"{name}: expected a whole number, got {text!r}")
    return int(text)


async def body_of(request: Request, most: int) -> bytes:
    """Read the body of a request; what is above the limit is not waited for.

    Raises
    ------
    HTTPException
        413 for a body above the limit, 400 for an empty one.
    """
    declared = request.headers.get("content-length", "0")
    too_large = HTTPException(413, f"at most {most >> 20} MB are taken")
    if not declared.isdecimal() or int(declared) > most:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise too_large
        parts.append(part)
    if not size:
        raise HTTPException(400, "the body is empty")
    return b"".join(parts)


async def json_of(request: Request) -> object:
    """Read the body of a request as JSON."""
    try:
        return json.loads(await body_of(request, MOST_JSON))
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None


def build(page: Page, token: str, port: int) -> Guard:
    """Return the application of a page, for an ASGI server.

    Parameters
    ----------
    page : Page
    token : str
        First part of every address.
    port : int
        At which the server listens.
    """
    photo = "/photos/{id}"
    routes = [
        Route("/", page.page),
        Route("/state", page.state),
        Route("/photos", page.upload, methods=["POST"]),
        Route(photo, page.remove, methods=["DELETE"]),
        Route(f"{photo}/image", page.image),
        Route(f"{photo}/answer", page.answer),
        Route(f"{photo}/labels", page.labels),
        Route(f"{photo}/alpha", page.alpha),
        Route(f"{photo}/boundaries", page.boundaries),
        Route(f"{photo}/regions", page.regions),
        Route(f"{photo}/regions/map", page.region_map),
        Route(f"{photo}/effect", page.effect, methods=["GET", "POST"]),
        Route(f"{photo}/segment", page.segment, methods=["POST"]),
        Route(f"{photo}/annotation", page.kept),
        Route(f"{photo}/annotation", page.keep, methods=["PUT"]),
        Route(f"{photo}/download", page.download),
        Route("/train", page.training_state),
        Route("/train", page.train, methods=["POST"]),
        Route("/train", page.stop_training, methods=["DELETE"]),
        Route("/clips", page.add_clip, methods=["POST"]),
        Route("/clips/{id}", page.clip),
        Route("/clips/{id}/result", page.clip_result),
        Route("/camera", page.camera, methods=["POST"]),
        Route("/predict", page.predict, methods=["POST"]),
        Mount("/static", Static(directory=STATIC)),
    ]
    handlers: dict[Any, Any] = {
        HTTPException: _http_error,
        PixelwiseError: _own_error,
        ClientDisconnect: _gone,
        Exception: _failure,
    }

    @asynccontextmanager
    async def closing(_: Starlette) -> AsyncIterator[None]:
        yield
        # Also when the process is told to end by SIGTERM, which no `finally` sees.
        await run_in_threadpool(page.close)

    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=closing)
    return Guard(app, token, port)


class Static(StaticFiles):
    """The page's own files, which a browser asks for anew each time."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a file; some systems take JavaScript for plain text."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        if str(args[0]).endswith(".js"):
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        return response


async def _http_error(_: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def _own_error(_: Request, error: PixelwiseError) -> Response:
    code = 413 if isinstance(error, TooLargeError) else 400
    if isinstance(error, ImageFileError):
        code = 415
    return JSONResponse({"error": " ".join(str(error).split())}, code)


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=400)


async def _failure(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 500)


def new_token() -> str:
    """Return a random token of 32 characters that stand in addresses as they are."""
    return secrets.token_urlsafe(24)
