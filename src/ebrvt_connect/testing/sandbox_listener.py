"""A loopback listener (cổng lắng nghe) that can really go away: port closed, connections cut, back again.

uvicorn's own `Server` starts once and stops once; a remote that is down for five seconds needs its
protocol without its server, on a socket made here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ebrvt_connect.testing.loopback import LOOPBACK, bound_socket

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LONGEST_HEADERS = 4 * 1024 * 1024
"""Recipient lists travel in headers; h11's own limit is 64 KiB."""
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 512
_MOST_WAITING_BYTES = 64 * 1024
_SHORTLY_SECONDS = 0.01

_log = logging.getLogger(__name__)


class Connected:
    """One client's connection below HTTP: for what no well-behaved server sends."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        """None: it has gone already."""
        self._transport = transport

    @property
    def gone(self) -> bool:
        """Whether it is closed."""
        return self._transport is None or self._transport.is_closing()

    async def write(self, raw: bytes) -> None:
        """Send bytes as they are, once those before have mostly left."""
        if self._transport is None:
            return
        self._transport.write(raw)
        while not self.gone and self._transport.get_write_buffer_size() > _MOST_WAITING_BYTES:  # noqa: ASYNC110 - see below
            await asyncio.sleep(_SHORTLY_SECONDS)  # only its protocol is told by the transport

    async def cut(self) -> None:
        """Close it after what is already written to it."""
        if self._transport is None:
            return
        self._transport.close()
        # Two turns of the loop let the protocol learn of it, or it would answer 500 by itself.
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class Listener:
    """One port on loopback: `open`, `close`, `go_down`; all but the constructor run in the event loop."""

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        """Bind the port (0: any free one); connections are refused until `open`."""
        self._config = Config(
            app,
            http=H11Protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=LONGEST_HEADERS,
        )
        self._state = ServerState()
        self._socket = bound_socket(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._coming_back: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a final slash."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def up(self) -> bool:
        """Whether it listens now."""
        return self._server is not None

    @property
    def busy(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._state.connections)

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, sock=self._socket, backlog=_BACKLOG)

    def close(self) -> None:
        """Stop listening and cut whoever is connected. The port stays bound, so nobody else takes it."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self._state.connections):
            connection.transport.abort()
        self._socket = bound_socket(self.port)

    def go_down(self, seconds: float) -> None:
        """Be away for that long; a second call while away begins the time anew."""
        if self._coming_back:
            self._coming_back.cancel()
        self.close()
        self._coming_back = asyncio.get_running_loop().create_task(self._come_back(seconds))

    def shut(self) -> None:
        """Close for good and give the port back."""
        if self._coming_back:
            self._coming_back.cancel()
        self.close()
        self._socket.close()

    def client(self, address: object) -> Connected:
        """The connection a request came over, below HTTP."""
        found = (
            connection.transport
            for connection in self._state.connections
            if isinstance(connection, H11Protocol) and connection.client == address
        )
        return Connected(next(found, None))

    def _protocol(self) -> asyncio.Protocol:
        return H11Protocol(self._config, self._state, _app_state())

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            await self.open()
        except OSError:
            _log.exception("port %d could not be opened again", self.port)


def _app_state() -> dict[str, Any]:
    return {}
