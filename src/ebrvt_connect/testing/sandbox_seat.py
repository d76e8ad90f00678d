"""One simulator at work in the sandbox host: receive, answer under the transaction, deliver or cut."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ebrvt_connect.ports.simulator import SimReply, SimRequest, Simulator
from ebrvt_connect.testing import sandbox_faults as faults
from ebrvt_connect.testing.sandbox_listener import Listener
from ebrvt_connect.testing.world import INLINE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from concurrent.futures import Executor
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

    from ebrvt_connect.testing.world import Spool, SqliteWorld

_PIECE_BYTES = 256 * 1024
_NO_BODY = frozenset({204, 304})
_GATEWAY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Premises:
    """What all seats of one host share."""

    now: Callable[[], datetime]
    pool: Executor
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class _Played:
    """What shall be told of a request that has been worked through."""

    reply: SimReply
    portion: float = 1.0
    """How much of the answer leaves before the connection is cut; 0 is not a word, 1 is all."""
    delay_seconds: float = 0.0
    down_seconds: float | None = None


class Seat:
    """A simulator, its world and its port."""

    def __init__(self, simulator: Simulator, world: SqliteWorld, port: int, premises: Premises) -> None:
        """Bind the port; nothing listens yet."""
        self.simulator = simulator
        self.world = world
        self._premises = premises
        self.listener = Listener(self._app, port)

    @contextlib.contextmanager
    def held(self) -> Iterator[Simulator]:
        """The simulator while nobody else touches its world; committed at the end."""
        with self.world.transaction():
            yield self.simulator

    def arm(self, fault: faults.Fault) -> faults.Fault | None:
        """Keep a fault armed; None when its id is known already."""
        with self.held():
            return faults.arm(self.world, fault)

    def tick(self) -> None:
        """Let time pass; a failure is told and does not stop the other simulators."""
        try:
            with self.held() as simulator:
                simulator.tick(self._premises.now())
        except Exception:  # noqa: BLE001 - a broken simulator is told of, never hidden
            _log.exception("simulator %s failed to tick", self.simulator.name)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.world.spool() as spool:
            try:
                whole = await self._arrive(receive, spool)
            except ConnectionError:
                return
            loop = asyncio.get_running_loop()
            played = (
                await loop.run_in_executor(self._premises.pool, self._play, scope, spool)
                if whole
                else _Played(SimReply(413))
            )
        if played.delay_seconds:
            await asyncio.sleep(played.delay_seconds)
        if played.down_seconds is not None:
            self.listener.go_down(played.down_seconds)
        elif not await self._deliver(send, played):
            await self.listener.cut(scope.get("client"))

    async def _arrive(self, receive: Receive, spool: Spool) -> bool:
        """Spool the body; False when it was larger than the host takes (the rest is read and dropped)."""
        whole = True
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise ConnectionError
            whole = whole and spool.size_bytes + len(event["body"]) <= self._premises.max_body_bytes
            if whole:
                spool.write(event["body"])
            if not event["more_body"]:
                return whole

    def _play(self, scope: Scope, spool: Spool) -> _Played:
        """Work one request through, in a pool thread; committed when this returns."""
        try:
            # A large body is synced before the world is locked, so others need not wait for the disk.
            early = spool.keep() if spool.size_bytes > INLINE_BYTES else None
            with self.world.transaction():
                request = SimRequest(
                    method=scope["method"],
                    path=scope["path"],
                    query=tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                    headers=tuple((bytes(name), bytes(value)) for name, value in scope["headers"]),
                    body=early or spool.keep(),
                )
                fault = faults.draw(self.world, self.simulator.operation(request))
                return self._answer(request, fault)
        except Exception:  # noqa: BLE001 - a broken simulator is told of, never hidden
            _log.exception(
                "simulator %s failed on %s %s", self.simulator.name, scope["method"], scope["path"]
            )
            return _Played(SimReply(500, b'{"message": "the simulator itself failed, see its log"}'))

    def _answer(self, request: SimRequest, fault: faults.Fault | None) -> _Played:
        kind = fault.kind if fault else ""
        if fault is None or kind not in faults.HOST_KINDS:
            return _Played(self.simulator.answer(replace(request, fault=kind), self._premises.now()))
        if kind in faults.UNASKED_KINDS:
            return _unasked(fault)
        reply = self.simulator.answer(request, self._premises.now())
        portion = {faults.LOSE_REPLY: 0.0, faults.TRUNCATE: 0.5}.get(kind, 1.0)
        return _Played(reply, portion, fault.seconds if kind == faults.SLOW else 0.0)

    async def _deliver(self, send: Send, played: _Played) -> bool:
        """Send the answer or the portion that shall leave; whether it was all."""
        reply = played.reply
        empty = reply.status in _NO_BODY
        length = 0 if empty else reply.blob.size_bytes if reply.blob else len(reply.body)
        left = int(length * played.portion)
        if played.portion < 1 and not left:
            return False
        headers = [
            (name.lower().encode(), value.encode())
            for name, value in reply.headers
            if name.lower() != "content-length"
        ]
        if not empty:
            headers.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        async with contextlib.aclosing(self._pieces(reply)) as pieces:
            async for piece in pieces:
                if not left:
                    break
                await send({"type": "http.response.body", "body": piece[:left], "more_body": True})
                left -= len(piece[:left])
        if played.portion < 1:
            return False
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _pieces(self, reply: SimReply) -> AsyncGenerator[bytes, None]:
        if reply.blob is None:
            yield reply.body
            return
        loop, pool = asyncio.get_running_loop(), self._premises.pool
        stream = await loop.run_in_executor(pool, self.world.open, reply.blob.sha256)
        with stream:
            while piece := await loop.run_in_executor(pool, stream.read, _PIECE_BYTES):
                yield piece

    def summary(self) -> dict[str, Any]:
        """What `GET /_sandbox/state` tells of it."""
        with self.held() as simulator:
            return {
                "url": self.listener.url,
                "up": self.listener.up,
                "synthetic": list(simulator.synthetic),
                "state": simulator.state(),
            }


def _unasked(fault: faults.Fault) -> _Played:
    """The answer of a fault that never reaches the simulator."""
    if fault.kind == faults.DOWN:
        return _Played(SimReply(), down_seconds=fault.seconds)
    if fault.kind == faults.HTML_502:
        return _Played(SimReply(502, _GATEWAY_PAGE, headers=(("content-type", "text/html"),)))
    if fault.kind == faults.STATUS:
        wish = () if fault.retry_after is None else (("retry-after", str(fault.retry_after)),)
        return _Played(SimReply(fault.code, headers=wish))
    return _Played(SimReply(), portion=0.0)
