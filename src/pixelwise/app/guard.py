"""Who may talk to the page: this machine, by the right name, with the token in the address."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Of every answer. The page loads nothing from elsewhere and runs no inline script."""


class Guard:
    """Lets requests through that name this machine and know the token; takes the token off.

    A page of another site can make a browser send requests here (DNS rebinding, forged forms); it
    knows neither the token nor can it set Host and Origin.

    Parameters
    ----------
    app : ASGI application
        Sees addresses without the token.
    token : str
    port : int
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        names = {"127.0.0.1", "localhost", "[::1]"}
        self._hosts = {f"{name}:{port}" for name in names}
        if port == 80:  # which browsers leave out
            self._hosts |= names
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refusal(Headers(scope=scope).items(), str(scope["path"]))
        if refused is not None:
            await refused(scope, receive, guarded)
            return
        rest = str(scope["path"])[1 + len(self._token) :]
        inner = {**scope, "path": rest, "raw_path": rest.encode()}
        await self._app(inner, receive, guarded)

    def _refusal(self, headers: Iterable[tuple[str, str]], path: str) -> JSONResponse | None:
        hosts = [value for name, value in headers if name == "host"]
        origins = [value for name, value in headers if name == "origin"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return JSONResponse({"error": "this page answers to this machine only"}, 403)
        if any(origin.lower() not in self._origins for origin in origins):
            return JSONResponse({"error": "requests from other pages are refused"}, 403)
        given = path[1:].partition("/")
        if not given[1] or not hmac.compare_digest(given[0].encode(), self._token.encode()):
            return JSONResponse({"error": "not found"}, 404)
        return None
