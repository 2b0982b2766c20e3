"""One file from a public web address: bounded in size and time, never from the local network."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from urllib.parse import quote, urljoin, urlsplit

from pixelwise.errors import ImageFileError

MOST_BYTES = 64 << 20
"""Of one file; a photo of 100 megapixels has fewer."""

MOST_SECONDS = 60.0
"""For one file, its redirects among them."""

SILENCE = 15.0
"""Seconds without a byte after which the other side counts as gone."""

MOST_REDIRECTS = 5
CHUNK = 1 << 16
REDIRECTS = (301, 302, 303, 307, 308)
SCHEMES = ("http", "https")
AGENT = "pixelwise"


def is_url(text: str) -> bool:
    """Return whether a text is a web address.

    Examples
    --------
    >>> is_url("https://example.org/a.jpg"), is_url("a.jpg"), is_url("C:/a.jpg")
    (True, False, False)
    """
    return text.lower().startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet, not of this machine or its network.

    Examples
    --------
    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (inner is None or inner.is_global)


def fetch(url: str, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the file at a web address.

    Nothing is sent to an address that is not public, wherever a name or a redirect leads: the name
    is resolved once, and the connection goes to the address that was checked. Proxies are not used.

    Parameters
    ----------
    url : str
        Of http or https.
    most_bytes : int
        A larger file is refused, whether or not its header says so.

    Returns
    -------
    bytes

    Raises
    ------
    ImageFileError
        Another scheme, a private address, no answer in time, another status than 200, too large.

    Examples
    --------
    >>> fetch("http://127.0.0.1/a")
    Traceback (most recent call last):
    pixelwise.errors.ImageFileError: http://127.0.0.1/a: leads to 127.0.0.1, not a public address
    """
    place, end = url, time.monotonic() + MOST_SECONDS
    try:
        for _ in range(1 + MOST_REDIRECTS):
            data, further = _get(place, most_bytes, end)
            if further is None:
                return data
            place = urljoin(place, further)
    except _RefusedError as error:
        raise ImageFileError(f"{url}: {error}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ImageFileError(
            f"{url}: cannot be fetched ({error or type(error).__name__})"
        ) from None
    raise ImageFileError(f"{url}: more than {MOST_REDIRECTS} redirects")


class _RefusedError(Exception):
    """Why an address is not fetched from."""


def _get(url: str, most_bytes: int, end: float) -> tuple[bytes, str | None]:
    """Return the file at one address, or where it says that the file is."""
    parts = urlsplit(url)
    if parts.scheme.lower() not in SCHEMES or not parts.hostname:
        raise _RefusedError(f"leads to {url}; only http and https are fetched")
    kind = _PublicHTTPS if parts.scheme.lower() == "https" else _PublicHTTP
    # A port, since http.client would take the end of an IPv6 address for one.
    connection = kind(parts.hostname, parts.port or kind.default_port, timeout=SILENCE)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
        f"?{quote(parts.query, safe='=&%/?:@!$()*+,;~')}" if parts.query else ""
    )
    try:
        connection.request("GET", target, headers={"User-Agent": AGENT, "Accept": "image/*,*/*"})
        # What is not read to its end is closed here, too, and not only the connection.
        with connection.getresponse() as answer:
            if answer.status in REDIRECTS and (further := answer.getheader("Location")):
                return b"", further
            if answer.status != 200:
                raise _RefusedError(f"answers {answer.status} {answer.reason}")
            return _body(answer, most_bytes, end), None
    finally:
        connection.close()


def _body(answer: http.client.HTTPResponse, most_bytes: int, end: float) -> bytes:
    stated = answer.getheader("Content-Length") or "0"
    too_large = _RefusedError(f"larger than {most_bytes >> 20} MB")
    if stated.isdecimal() and int(stated) > most_bytes:
        raise too_large
    data = bytearray()
    while piece := answer.read1(CHUNK):
        data += piece
        if len(data) > most_bytes:
            raise too_large
        if time.monotonic() > end:
            raise _RefusedError(f"takes more than {MOST_SECONDS:g} s")
    return bytes(data)


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    """Connect to a host if all its addresses are public."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        if not is_public(str(place[0])):
            raise _RefusedError(f"leads to {place[0]}, not a public address")
    trouble: OSError = OSError(f"no address of {host}")
    for family, kind, protocol, _, place in found:
        made = socket.socket(family, kind, protocol)
        made.settimeout(timeout)
        try:
            made.connect(place)
        except OSError as error:
            made.close()
            trouble = error
        else:
            return made
    raise trouble


class _PublicHTTP(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, SILENCE)


class _PublicHTTPS(http.client.HTTPSConnection):
    def connect(self) -> None:
        plain = _connected(self.host, self.port, SILENCE)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
