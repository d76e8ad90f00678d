"""The one HTTP client of the house, over requests: every remote is spoken to through it.

What it promises:

* one request on the wire for each `send`: no redirect is followed, nothing is retried, no cookie kept,
  nothing taken from the environment (proxies, `.netrc`, authority bundles);
* the deadline holds for the whole call: looking up, connecting, TLS, upload, headers and body;
* the request leaves as it was given: header order, header bytes (UTF-8), path and body;
* the reply is bounded, before and after decompression;
* an HTTP status is an answer, never an exception; what failed below HTTP is told as what must happen
  next (`failures`).

A connection is reused only while the remote can be assumed to hold it open. A request that must not be sent
twice (`safe=False`) gets a new one: on a used one a close may cross it, or a reply sent twice answer it.
"""

from __future__ import annotations

import re
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from requests import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict

from ebrvt_connect.transport.connection import (
    PIECE_BYTES,
    Body,
    BodyBroken,
    Call,
    ServingAdapter,
    Upload,
    calling,
)
from ebrvt_connect.transport.failures import Place, translated
from ebrvt_connect.transport.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from urllib3 import HTTPHeaderDict
    from urllib3.response import HTTPResponse

    from ebrvt_connect.ports.clock import Clock

MIB = 1024 * 1024
_NEW_ONLY = -1.0
"""No connection has rested for less: none is used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, as it shall stand on the wire."""

    operation: str
    """What the remote's contract calls it; named in errors."""
    method: str
    path: str
    """Below the settings' `url`, percent-encoded (see `path_of`), without a query."""
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """In the order they are sent; values go out as UTF-8. `User-Agent`, `Accept-Encoding` and, for a body,
    `Content-Length` are added at the end where missing."""
    body: bytes | Body = field(default=b"", repr=False)
    safe: bool
    """A read, or a write that carries a key or may be repeated: a cut after sending is `RetryLater`.
    Otherwise it is `ReconcileFirst`."""
    deadline_seconds: float = 30.0
    """For the whole call."""
    max_response_bytes: int = 8 * MIB
    """After decompression."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What the remote answered, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Found without regard to case; a repeated header is joined with commas."""
    body: bytes = field(repr=False)
    received_at: datetime | None = None
    """When its headers had come, by our clock."""

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (2xx)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success


class HttpSettings(BaseModel):
    """How one remote is reached (`transport` in the configuration file)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["direct"] = "direct"
    """The remote is called directly, not through a platform that wraps the call."""
    url: str
    """Where its operations begin: scheme, host, port and, where it has one, a path."""
    https_only: bool = False
    """Refuse a plain HTTP address; production sets it outside of listed networks."""
    ca: Path | None = None
    """The authorities to trust, and no others (PEM). Without it: the machine's store."""
    verify: bool = True
    """Check the remote's certificate. Off only in a laboratory; production refuses that."""
    client_certificate: Path | None = None
    """Our certificate and its chain, where the remote asks for one (PEM)."""
    client_key: Path | None = None
    """Its key, if it is not in the same file; may be encrypted."""
    client_key_password: SecretStr | None = None
    """Opens the key."""
    proxy: str | None = None
    """An HTTP proxy to go through (`http://host:port`); the environment is not asked."""
    proxy_user: str | None = None
    """The account at the proxy, where it asks for one."""
    proxy_password: SecretStr | None = None
    """Its password."""
    connect_seconds: float = Field(default=5.0, gt=0, le=60)
    """For looking up and connecting, and again for the TLS handshake."""
    read_seconds: float = Field(default=30.0, gt=0, le=600)
    """The longest silence within a call; the call's own deadline comes first."""
    idle_seconds: float = Field(default=4.0, ge=0, le=300)
    """How long an unused connection is trusted to be open: less than the remote keeps it (many: 5 s)."""
    pool_size: int = Field(default=16, ge=1, le=256)
    """Connections kept open; not a limit on calls."""
    user_agent: str = "ebrvt-connect"
    """Sent where a request names no other."""

    @field_validator("url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        place = urlsplit(value)
        if place.scheme not in {"http", "https"} or not place.hostname:
            raise ValueError("expected http://host or https://host")
        if "@" in place.netloc:
            raise ValueError("credentials do not belong in an address")
        if place.query or place.fragment or not _TARGET.fullmatch(value):
            raise ValueError("expected an address without query, fragment, spaces or letters beyond ASCII")
        _ = place.port
        return value.rstrip("/")

    @field_validator("proxy")
    @classmethod
    def _a_proxy(cls, value: str | None) -> str | None:
        if value is None:
            return None
        place = urlsplit(value)
        if place.scheme != "http" or not place.hostname or place.path not in {"", "/"}:
            raise ValueError("expected http://host:port")
        if "@" in place.netloc:
            raise ValueError("credentials do not belong in an address: use proxy_user and proxy_password")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _agrees(self) -> HttpSettings:
        if self.https_only and urlsplit(self.url).scheme != "https":
            raise ValueError("https_only is set and the address is plain http")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key without client_certificate")
        return self


def path_of(*segments: str) -> str:
    """A path from its segments, each percent-encoded whole: `path_of("api", "a/b")` is `/api/a%2Fb`.

    Raises `ValueError` for a segment that would climb (`.`, `..`) or vanish (empty).
    """
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise ValueError(f"not a path segment: {segment!r}")
    return "".join("/" + quote(segment, safe="") for segment in segments)


class HttpTransport:
    """Sends requests to one remote; shared by all threads that speak to it."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        system: str,
        clock: Clock,
        admits: Callable[[str], bool] | None = None,
    ) -> None:
        """Opens no connection. Raises `HeldForPerson` `TLS_FILE_UNUSABLE` for unusable certificate files.

        `admits` says of an IP address whether it may be connected to: for addresses that strangers name.
        """
        self._settings = settings
        self._admits = admits
        self._clock = clock
        self._system = system
        self._closed = False
        place = urlsplit(settings.url)
        self._endpoint = f"{place.scheme}://{place.netloc}"
        self._proxies = {place.scheme: settings.proxy} if settings.proxy else {}
        context = client_context(
            system=system,
            ca=settings.ca,
            verify=settings.verify,
            certificate=settings.client_certificate,
            key=settings.client_key,
            key_password=_opened(settings.client_key_password),
        )
        self._adapter = ServingAdapter(
            context, pool_size=settings.pool_size, proxy_credentials=_proxy_credentials(settings)
        )

    def send(self, request: HttpRequest) -> HttpReply:
        """Send once and read the whole reply, whatever its status.

        Raises `RetryLater`, `ReconcileFirst` or `HeldForPerson` for what failed below HTTP (see
        `failures`), `ValueError` for a request that cannot be put on the wire.
        """
        with self._exchanged(request) as (reply, pieces):
            return replace(reply, body=b"".join(pieces))

    @contextmanager
    def download(self, request: HttpRequest) -> Iterator[tuple[HttpReply, Iterator[bytes]]]:
        """Send once and hand over the body of a 2xx reply piece by piece, to be read within the `with`.

        Deadline and limits hold while it is read, and its errors come from the iterator. Any other
        status: the reply has its body, and there is nothing to iterate. Raises as `send`.
        """
        with self._exchanged(request) as (reply, pieces):
            if reply.ok:
                yield reply, pieces
            else:
                yield replace(reply, body=b"".join(pieces)), iter(())

    def close(self) -> None:
        """Close all connections; a later `send` is a `RuntimeError`."""
        self._closed = True
        self._adapter.close()

    @contextmanager
    def _exchanged(self, request: HttpRequest) -> Iterator[tuple[HttpReply, Iterator[bytes]]]:
        """The reply's head, and its body to be read; the connection is given back or closed at the end."""
        if self._closed:
            raise RuntimeError("this transport has been closed")
        prepared, upload = self._prepared(request)
        call = self._call(request)
        place = Place(
            system=self._system, operation=request.operation, safe=request.safe, endpoint=self._endpoint
        )
        answer = self._answer(prepared, upload, call, place)
        try:
            reply = HttpReply(
                status=int(answer.status_code),
                headers=_headers(answer.raw.headers),
                body=b"",
                received_at=self._clock.now(),
            )
            yield reply, self._pieces(answer.raw, reply, request, call, place)
        finally:
            # What was not read to its end is not fit for another call; what was is in the pool by now.
            if not answer.raw.closed:
                answer.raw.close()
            answer.raw.release_conn()

    def _call(self, request: HttpRequest) -> Call:
        settings = self._settings
        return Call(
            self._clock.monotonic,
            deadline_seconds=request.deadline_seconds,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            idle_seconds=settings.idle_seconds if request.safe else _NEW_ONLY,
            admits=self._admits,
        )

    def _answer(self, prepared: PreparedRequest, upload: Upload | None, call: Call, place: Place) -> Response:
        """The reply's head from the wire."""
        limits = (self._settings.connect_seconds, self._settings.read_seconds)
        try:
            with translated(place, call), calling(call):
                return self._adapter.send(prepared, stream=True, timeout=limits, proxies=self._proxies)
        except BodyBroken as failure:
            raise place.body_unreadable(upload.failure if upload else None) from failure.__cause__

    def _pieces(
        self, raw: HTTPResponse, reply: HttpReply, request: HttpRequest, call: Call, place: Place
    ) -> Iterator[bytes]:
        """The decoded body under the call's deadline and the request's limit."""
        limit = request.max_response_bytes
        announced = reply.headers.get("Content-Length", "")
        if announced.isdecimal() and len(announced) < 20 and int(announced) > limit:  # noqa: PLR2004 - 2^64
            raise place.too_large(limit)
        packed = _bounded(_raw_pieces(raw), limit, place)
        with translated(place, call):
            try:
                yield from _bounded(_decoded(packed, reply.headers.get("Content-Encoding", "")), limit, place)
            except Undecodable as failure:
                raise place.unreadable(str(failure)) from failure

    def _prepared(self, request: HttpRequest) -> tuple[PreparedRequest, Upload | None]:
        """The request as requests' adapter takes it, with none of what a Session would add or change."""
        prepared = PreparedRequest()
        prepared.method = request.method.upper()
        prepared.url = self._settings.url + _target(request)
        upload = Upload(request.body) if len(request.body) else None
        own = (("User-Agent", self._settings.user_agent), ("Accept-Encoding", "gzip, deflate"))
        headers = _checked_headers(request.headers, own)
        if upload is not None or prepared.method in {"POST", "PUT", "PATCH"}:
            headers["Content-Length"] = str(upload.length if upload else 0)
        prepared.headers = headers
        prepared.body = upload  # type: ignore[assignment]
        return prepared, upload


_Headers = tuple[tuple[str, str], ...]
_TARGET = re.compile(r"[!-~]+")
"""Printable ASCII without space."""
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 5.6.2."""
_METHOD = re.compile(r"[A-Za-z]+")


def _target(request: HttpRequest) -> str:
    """Path and query; what urllib3 would rewrite is refused, so that the wire shows what was meant."""
    if not _METHOD.fullmatch(request.method):
        raise ValueError(f"{request.operation}: not a method: {request.method!r}")
    if not _PATH.fullmatch(request.path) or re.search(r"/\.{1,2}(/|$)|^//", request.path):
        raise ValueError(f"{request.operation}: not a percent-encoded path below the root: {request.path!r}")
    query = urlencode(request.query, quote_via=quote)
    return f"{request.path}?{query}" if query else request.path


def _checked_headers(given: _Headers, own: _Headers) -> CaseInsensitiveDict[Any]:
    """Headers with their values as UTF-8 bytes; errors name a header, never its value."""
    checked: CaseInsensitiveDict[Any] = CaseInsensitiveDict()
    names = {name.lower() for name, _ in given}
    for name, value in (*given, *(header for header in own if header[0].lower() not in names)):
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"not a header name: {name!r}")
        if name in checked or name.lower() in {"content-length", "transfer-encoding"}:
            raise ValueError(f"header {name} is given twice or is the transport's own")
        if any(c in value for c in "\r\n\0") or value != value.strip(" \t"):
            raise ValueError(f"header {name}: its value holds a line end, a NUL or outer spaces")
        checked[name] = value.encode()
    return checked


def _headers(raw: HTTPHeaderDict) -> Mapping[str, str]:
    """The reply's headers; http.client read them as Latin-1, most who send more than ASCII mean UTF-8."""
    found: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in raw.itermerged():
        try:
            found[name] = value if value.isascii() else value.encode("latin-1").decode()
        except UnicodeError:
            found[name] = value
    return found


def _raw_pieces(raw: HTTPResponse) -> Iterator[bytes]:
    """Bytes as they come. `read1`, since every other way to read waits until a whole piece is there."""
    while piece := raw.read1(PIECE_BYTES, decode_content=False):
        yield piece


class Undecodable(Exception):
    """The body is not what its Content-Encoding says."""


def _decoded(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Undo gzip or deflate a bounded piece at a time: a bomb is met one small piece after another."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        yield from pieces
        return
    if name not in {"gzip", "x-gzip", "deflate"}:
        raise Undecodable(f"content encoding {name[:20]!r} was not offered")
    inflate = None
    try:
        for piece in pieces:
            rest = piece
            while rest:
                inflate = inflate or zlib.decompressobj(wbits=_window(name, rest))
                yield from _inflated(inflate, rest)
                rest = inflate.unused_data
                if inflate.eof:
                    inflate = None  # gzip may have several members, one after another (RFC 1952 2.2)
    except zlib.error as failure:
        raise Undecodable(f"broken {name}: {failure}") from failure
    if inflate is not None:
        raise Undecodable(f"{name} ends early")


def _window(name: str, start: bytes) -> int:
    """How zlib shall read it: `deflate` is meant to have zlib's header, and often has none."""
    bare = name == "deflate" and start[0] & 0x0F != 8  # noqa: PLR2004 - RFC 1950 2.2, compression method
    return -zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32


def _inflated(inflate: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    """What one piece unfolds to, in pieces: the rest waits inside until it is asked for."""
    while True:
        unfolded = inflate.decompress(piece, PIECE_BYTES)
        yield unfolded
        piece = inflate.unconsumed_tail
        # At its end the tail repeats `unused_data`, the next member: given back here, it would grow for ever.
        if inflate.eof or (not piece and len(unfolded) < PIECE_BYTES):
            return


def _bounded(pieces: Iterator[bytes], limit: int, place: Place) -> Iterator[bytes]:
    seen = 0
    for piece in pieces:
        seen += len(piece)
        if seen > limit:
            raise place.too_large(limit)
        if piece:
            yield piece


def _opened(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _proxy_credentials(settings: HttpSettings) -> str | None:
    if settings.proxy is None or settings.proxy_user is None:
        return None
    return f"{settings.proxy_user}:{_opened(settings.proxy_password) or ''}"
