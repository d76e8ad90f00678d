"""Connections that know which call they serve: where it stands, and how long it may still take.

No timeout of requests or urllib3 bounds a whole call: each bounds one wait, so a server that sends a
byte now and then is never late. Here every socket operation is given the smaller of what one wait may
take and what is left of the call. This covers the TLS handshake, the upload, the reply's headers and its
body alike, needs no second thread, and cannot cut a connection that has meanwhile been given to another
call. Looking up a name is the one step the system offers no limit for; it is waited for from a thread.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import threading
from contextlib import contextmanager
from enum import IntEnum
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager, ProxyManager, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HeaderParsingError
from urllib3.util import make_headers
from urllib3.util.response import assert_header_parsing
from urllib3.util.url import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed import ReadableBuffer, WriteableBuffer
    from requests import PreparedRequest, Response
    from urllib3.response import BaseHTTPResponse, HTTPResponse
    from urllib3.util.connection import _TYPE_SOCKET_OPTIONS

# What these would write holds whole request targets (at DEBUG) or parts of replies (at WARNING).
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

PIECE_BYTES = 64 * 1024
"""Bytes are sent and read in pieces of this size, each under a limit of its own."""


class Body(Protocol):
    """A request body that is streamed: iterated anew for each attempt, of known length."""

    def __iter__(self) -> Iterator[bytes]:
        """The bytes from the start, in pieces."""
        ...

    def __len__(self) -> int:
        """How many bytes there are; sent as Content-Length."""
        ...


class Phase(IntEnum):
    """How far a call has come; from `SENDING` on the remote may have acted."""

    LOOKUP = 1
    CONNECTING = 2
    PROXY = 3
    TLS = 4
    SENDING = 5
    WAITING = 6
    READING = 7


class CallExpired(TimeoutError):
    """The time of the whole call is used up (a `TimeoutError`, so that urllib3 drops the connection)."""


class LookupTimedOut(OSError):
    """The name was not resolved in time."""


class AddressRefused(OSError):
    """A name leads to an address that this remote may not stand at."""


class ProxyRefused(OSError):
    """The proxy would not open the tunnel; `status` is its HTTP status, 0 if it named none."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        super().__init__(f"the proxy refused the tunnel with status {status}")
        self.status = status


class Call:
    """One call in flight: how far it is, how long it may take, what connection it may use."""

    __slots__ = (
        *("_ends_at", "_monotonic", "admits", "connect_seconds"),
        *("idle_seconds", "phase", "read_seconds"),
    )

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        deadline_seconds: float,
        connect_seconds: float,
        read_seconds: float,
        idle_seconds: float,
        admits: Callable[[str], bool] | None = None,
    ) -> None:
        """The deadline counts from now; `idle_seconds` is how long a reused connection may have rested.

        `admits` tells of each IP address a name leads to whether it may be connected to; without it, all.
        """
        self.admits = admits
        self._monotonic = monotonic
        self._ends_at = monotonic() + deadline_seconds
        self.connect_seconds = connect_seconds
        self.read_seconds = read_seconds
        self.idle_seconds = idle_seconds
        self.phase = Phase.LOOKUP

    @property
    def sent(self) -> bool:
        """Whether anything of the request may have left for the remote."""
        return self.phase >= Phase.SENDING

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self._monotonic() >= self._ends_at

    def now(self) -> float:
        """The monotonic time the call is measured by."""
        return self._monotonic()

    def left(self, at_most: float) -> float:
        """Seconds the next step may take; raises `CallExpired` when there are none."""
        remaining = self._ends_at - self._monotonic()
        if remaining <= 0:
            raise CallExpired("the call's deadline has passed")
        return min(remaining, at_most)


class _Current(threading.local):
    call: Call | None = None


_current = _Current()
"""The call its thread is making: urllib3 has no place to hand one through to its connections."""


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """Within, connections opened or reused by this thread serve `call`.

    Calls nest: a body may be streamed from another remote's reply.
    """
    outer, _current.call = _current.call, call
    try:
        yield
    finally:
        _current.call = outer


def _call() -> Call:
    if _current.call is None:
        raise RuntimeError("a connection was used outside of a call")
    return _current.call


class TimedSocket(socket.socket):
    """A socket whose every wait is bounded by its call."""

    call: Call | None = None

    def _bound(self) -> None:
        call = self.call or _call()
        self.settimeout(call.left(call.read_seconds))

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """As `socket.recv_into`, within the call's time."""
        self._bound()
        # Plain sockets take 0 for "as much as fits", TLS sockets only nothing at all.
        return super().recv_into(buffer, nbytes, flags) if nbytes else super().recv_into(buffer)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """As `socket.send`, within the call's time."""
        self._bound()
        return super().send(data, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """As `socket.sendall`, within the call's time."""
        self._bound()
        super().sendall(data, flags)


class TimedTlsSocket(TimedSocket, ssl.SSLSocket):  # type: ignore[misc] # SSLSocket calls the size None
    """The same over TLS; contexts make these by `sslsocket_class`."""

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """As `socket.send`; a connection closed by the remote is the same error as without TLS.

        urllib3 goes on to read after a `BrokenPipeError`: the remote's last word, an early answer or the
        alert that tells why it left, is still there to be had.
        """
        try:
            return super().send(data, flags)
        except ssl.SSLEOFError as failure:
            raise BrokenPipeError(errno.EPIPE, "closed by the remote") from failure


def _looked_up(host: str, port: int, limit: float) -> list[tuple[Any, ...]]:
    """The addresses of a name, in the system's order.

    The lookup is made by a thread of its own, which is left to itself when it is late: no system offers
    a way to stop it. A numeric address needs no lookup and no thread.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    found: SimpleQueue[list[tuple[Any, ...]] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as failure:
            found.put(failure if isinstance(failure, OSError) else socket.gaierror(str(failure)))

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        answer = found.get(timeout=limit)
    except Empty:
        raise LookupTimedOut(f"no address within {limit:.1f} s") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _opened(host: str, port: int, call: Call, options: _TYPE_SOCKET_OPTIONS | None) -> socket.socket:
    """A connected socket: the addresses are tried in turn and share one connect limit evenly.

    So one that swallows everything (often IPv6) leaves time for the next.
    """
    call.phase = Phase.LOOKUP
    ends_at = call.now() + call.connect_seconds
    addresses = _looked_up(host.strip("[]"), port, call.left(call.connect_seconds))
    if call.admits is not None:
        # Judged here, on what is connected to: asked beforehand, the name could answer otherwise by now.
        addresses = [a for a in addresses if call.admits(str(a[4][0]))]
        if not addresses:
            raise AddressRefused("the name leads to no address that may be connected to")
    call.phase = Phase.CONNECTING
    failure: OSError = OSError("the name has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        share = (ends_at - call.now()) / (len(addresses) - tried)
        connecting = TimedSocket(family, kind, protocol)
        try:
            for option in options or ():
                connecting.setsockopt(*option)
            connecting.settimeout(call.left(max(share, 0.001)))
            connecting.connect(address)
        except OSError as failed:
            connecting.close()
            failure = failed
        else:
            # Bounds the handshake that may follow: TLS takes the timeout for all of it, not for one read.
            connecting.settimeout(call.left(call.connect_seconds))
            return connecting
    raise failure


class ServingConnection(HTTPConnection):
    """A connection that serves calls: phases, limits, and no reuse after a long rest."""

    _rested_since = 0.0
    _remote_rest: float | None = None

    def _new_conn(self) -> socket.socket:
        return _opened(self._dns_host, self.port, _call(), self.socket_options)

    def _tunnel(self) -> None:
        call = _call()
        call.phase = Phase.PROXY
        self._serve(call)
        try:
            super()._tunnel()
        except TimeoutError:
            raise
        except OSError as failure:
            raise ProxyRefused(_tunnel_status(failure)) from failure

    def connect(self) -> None:
        """Connect for the thread's call."""
        self._remote_rest = None
        super().connect()
        self._serve(_call())

    def _serve(self, call: Call) -> None:
        if isinstance(self.sock, TimedSocket):
            self.sock.call = call

    @property
    def is_connected(self) -> bool:
        """Whether the connection may be used again: the remote has not closed it nor is about to.

        Between a request and the close that crosses it on the wire nobody can tell whether the request was
        acted upon. So a connection that has rested longer than the remote is known, or can be assumed, to
        wait is not used, and by a write that must not be repeated none that has been used before.
        """
        if self.sock is None:
            return False
        call = _call()
        limit = call.idle_seconds if self._remote_rest is None else min(call.idle_seconds, self._remote_rest)
        return call.now() - self._rested_since <= limit and super().is_connected

    def request(self, method: str, url: str, *args: Any, **options: Any) -> None:  # noqa: ANN401 - passed on unread
        """Send for the thread's call."""
        self._serve(_call())
        super().request(method, url, *args, **options)

    def send(self, data: Any) -> None:  # noqa: ANN401 - http.client's signature
        """Send, connecting first where needed; from here on the remote may have something."""
        call = _call()
        if self.sock is None:
            self.connect()
        if call.phase != Phase.PROXY:
            call.phase = Phase.SENDING
        super().send(data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as in urllib3
        """Wait for the reply's headers."""
        call = _call()
        call.phase = Phase.WAITING
        answer = super().getresponse()
        if answer.status < HTTPStatus.OK:
            # The real answer would come later, into the next call.
            raise BadStatusLine(f"interim status {answer.status}")
        _refuse_defects(answer)
        call.phase = Phase.READING
        self._rested_since = call.now()
        self._remote_rest = _named_rest(answer.headers.get("Keep-Alive", ""))
        return answer


class ServingTlsConnection(ServingConnection, HTTPSConnection):
    """The same over TLS."""

    def _new_conn(self) -> socket.socket:
        opened = super()._new_conn()
        _call().phase = Phase.TLS
        return opened

    def _tunnel(self) -> None:
        super()._tunnel()
        call = _call()
        call.phase = Phase.TLS
        self.sock.settimeout(call.left(call.connect_seconds))


def _refuse_defects(answer: HTTPResponse) -> None:
    """Refuse headers http.client could not read: it drops what follows them, the body's length included."""
    parsed: Any = getattr(answer._original_response, "msg", None)  # noqa: SLF001 - kept nowhere else
    try:
        assert_header_parsing(parsed)
    except HeaderParsingError:
        raise HTTPException("the reply's headers are defective") from None


def _tunnel_status(failure: OSError) -> int:
    """The status http.client only tells in words: `Tunnel connection failed: 407 ...`."""
    words = str(failure).partition("failed: ")[2].split()
    return int(words[0]) if words and words[0].isdecimal() else 0


def _named_rest(keep_alive: str) -> float | None:
    """Seconds a `Keep-Alive: timeout=5` header lets a connection rest, less one for the way there."""
    for part in keep_alive.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "timeout" and value.isdecimal():
            return max(float(value) - 1.0, 0.0)
    return None


class _Pool(HTTPConnectionPool):
    ConnectionCls: Any = ServingConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls: Any = ServingTlsConnection


class ServingAdapter(HTTPAdapter):
    """The requests adapter: our connections, our TLS context and nothing else, no retry of its own."""

    _pools: ClassVar[dict[str, Any]] = {"http": _Pool, "https": _TlsPool}

    def __init__(
        self, context: ssl.SSLContext, *, pool_size: int, proxy_credentials: str | None = None
    ) -> None:
        """`proxy_credentials` is `user:password` for a proxy that asks."""
        self._context = context
        self._proxy_credentials = proxy_credentials
        self._pool_size = pool_size
        self._making = threading.Lock()
        super().__init__(
            pool_connections=2,
            pool_maxsize=pool_size,
            max_retries=Retry(total=0, connect=0, read=0, redirect=0, status=0, other=0),
        )

    def init_poolmanager(  # type: ignore[override] # fewer choices than requests leaves
        self, connections: int, maxsize: int, **_: object
    ) -> None:
        """Make the pools of our connections."""
        self.poolmanager = PoolManager(connections, maxsize=maxsize, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **_: object) -> ProxyManager:
        """As `init_poolmanager`, through the configured proxy."""
        with self._making:
            if proxy not in self.proxy_manager:
                through = ProxyManager(
                    proxy,
                    proxy_headers=self.proxy_headers(proxy),
                    maxsize=self._pool_size,
                    ssl_context=self._context,
                )
                through.pool_classes_by_scheme = self._pools
                self.proxy_manager[proxy] = through
            made: ProxyManager = self.proxy_manager[proxy]
            return made

    def proxy_headers(self, proxy: str) -> dict[str, str]:  # noqa: ARG002 - requests' signature
        """The proxy's credentials come from the settings, never from its URL."""
        if self._proxy_credentials is None:
            return {}
        return dict(make_headers(proxy_basic_auth=self._proxy_credentials))

    def cert_verify(self, *_: object) -> None:
        """Leave the context alone: requests would add the public authorities to a private one."""

    def build_connection_pool_key_attributes(  # type: ignore[override] # verify and cert are not asked
        self, request: PreparedRequest, *_: object
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where to, and no TLS wishes: they are all in the context."""
        place = parse_url(request.url or "")
        return {"scheme": place.scheme, "host": place.host, "port": place.port}, {}

    def build_response(self, req: PreparedRequest, resp: BaseHTTPResponse) -> Response:
        """Keep no cookies: each call stands alone."""
        answer = super().build_response(req, resp)
        answer.cookies.clear()
        return answer


class Upload:
    """A request body as it goes out: piecewise, of exactly the announced length, its own failures apart.

    An `OSError` from the body itself (a file that cannot be read) must not be taken for the network's.
    """

    def __init__(self, body: bytes | Body) -> None:
        """`body` is bytes, or an iterable of bytes with a length that can be iterated anew."""
        self._body = body
        self.length = len(body)
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        """The pieces; raises `BodyBroken` when the body fails or is not as long as it said."""
        sent = 0
        try:
            for piece in _pieces(self._body):
                sent += len(piece)
                if sent > self.length:
                    break
                yield piece
        except Exception as failure:
            self.failure = failure
            raise BodyBroken("the body could not be produced") from failure
        if sent != self.length:
            self.failure = ValueError(f"the body announced {self.length} bytes and has another length")
            raise BodyBroken(str(self.failure))


class BodyBroken(Exception):
    """The request's own body failed while it was sent; the cause is kept by `Upload.failure`."""


def _pieces(body: Iterable[bytes] | bytes) -> Iterator[bytes]:
    for chunk in (body,) if isinstance(body, bytes) else body:
        if len(chunk) <= PIECE_BYTES:
            yield chunk
        else:
            view = memoryview(chunk)
            for start in range(0, len(view), PIECE_BYTES):
                yield bytes(view[start : start + PIECE_BYTES])
