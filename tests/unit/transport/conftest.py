"""Remotes for the transport's tests: raw sockets on loopback that do what no web server would."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.http import HttpRequest, HttpSettings, HttpTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Connection:
    """The remote's side of one connection: reads whole requests, sends what it is told."""

    def __init__(self, raw: socket.socket, stopping: threading.Event) -> None:
        self.raw = raw
        self.stopping = stopping

    def request(self) -> bytes:
        """One whole request (head and announced body), or b"" when the client has gone."""
        seen = b""
        while b"\r\n\r\n" not in seen:
            piece = self.raw.recv(65536)
            if not piece:
                return seen
            seen += piece
        head, _, body = seen.partition(b"\r\n\r\n")
        length = next(
            (
                int(h.partition(b":")[2])
                for h in head.split(b"\r\n")
                if h.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length:
            piece = self.raw.recv(65536)
            if not piece:
                break
            body += piece
        return head + b"\r\n\r\n" + body

    def send(self, content: bytes) -> None:
        self.raw.sendall(content)

    def drip(self, content: bytes, every: float) -> None:
        """Byte by byte, until the client has had enough."""
        for byte in content:
            self.raw.sendall(bytes([byte]))
            if self.stopping.wait(every):
                return

    def stall(self) -> None:
        """Say nothing until the test is over or the client has gone."""
        self.raw.settimeout(0.02)
        while not self.stopping.is_set():
            try:
                if not self.raw.recv(65536):
                    return
            except TimeoutError:
                continue

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.close()


class Remote:
    """A listening socket with a script for each connection."""

    def __init__(self, script: Callable[[Connection], None], context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.scheme = "https" if context else "http"
        self.requests: list[bytes] = []
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(raw,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(raw.close)
            if self._context is not None:
                raw = self._context.wrap_socket(raw, server_side=True)
                stack.callback(raw.close)
            served = Connection(raw, self._stopping)
            read = served.request

            def recorded() -> bytes:
                request = read()
                if request:
                    self.requests.append(request)
                return request

            served.request = recorded
            self._script(served)

    def close(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=5)


@pytest.fixture
def serve() -> Iterator[Callable[..., Remote]]:
    """Start a remote: `serve(script)`; `script` is called with each connection."""
    remotes: list[Remote] = []

    def start(script: Callable[[Connection], None], context: ssl.SSLContext | None = None) -> Remote:
        remotes.append(Remote(script, context))
        return remotes[-1]

    yield start
    for remote in remotes:
        remote.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., HttpTransport]]:
    """Open a transport: `connect(url, **settings)`."""
    opened: list[HttpTransport] = []

    def start(url: str, **settings: object) -> HttpTransport:
        made = HttpSettings.model_validate(
            {"url": url, "connect_seconds": 5.0, "read_seconds": 5.0, **settings}
        )
        opened.append(HttpTransport(made, system="axis", clock=SystemClock()))
        return opened[-1]

    yield start
    for transport in opened:
        transport.close()


@pytest.fixture
def ask() -> Callable[..., HttpRequest]:
    """A request: `ask(safe=True, body=b"...")`; a POST when it has a body or may not be repeated."""

    def make(**changes: object) -> HttpRequest:
        safe = changes.setdefault("safe", True)
        method = "GET" if safe and "body" not in changes else "POST"
        wanted = {"operation": "ask", "method": method, "path": "/x", "deadline_seconds": 10.0, **changes}
        return HttpRequest(**wanted)

    return make


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def serving_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> Callable[..., ssl.SSLContext]:
    """A server context for a certificate issued to these names (default: 127.0.0.1)."""

    def make(*names: str, **options: object) -> ssl.SSLContext:
        return serving_context(authority.issue_cert(*(names or ("127.0.0.1",)), **options))

    return make
