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
from ebrvt_connect.testing.sandbox_delivery import PIECE_BYTES, Delivery, deliver, spoiled
from ebrvt_connect.testing.sandbox_listener import Listener
from ebrvt_connect.testing.world import INLINE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from concurrent.futures import Executor
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

    from ebrvt_connect.testing.world import Spool, SqliteWorld

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Premises:
    """What all seats of one host share."""

    now: Callable[[], datetime]
    pool: Executor
    max_body_bytes: int


class Seat:
    """A simulator, its world and its port."""

    def __init__(self, simulator: Simulator, world: SqliteWorld, port: int, premises: Premises) -> None:
        """Bind the port; nothing listens yet."""
        self.simulator = simulator
        self.world = world
        self._premises = premises
        self.listener = Listener(self._app, port)
        self._in_hand = 0

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
        self._in_hand += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._in_hand -= 1

    @property
    def busy(self) -> bool:
        """Whether a request is being worked through or answered."""
        return self._in_hand > 0

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.world.spool() as spool:
            try:
                whole = await self._arrive(receive, spool)
            except ConnectionError:
                return
            loop = asyncio.get_running_loop()
            played = (
                await loop.run_in_executor(self._premises.pool, self._play, scope, spool)
                if whole
                else Delivery(SimReply(413))
            )
        if played.delay_seconds:
            await asyncio.sleep(played.delay_seconds)
        if played.down_seconds is not None:
            self.listener.go_down(played.down_seconds)
        else:
            client = self.listener.client(scope.get("client"))
            await deliver(played, send, client, self._stored)

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

    def _play(self, scope: Scope, spool: Spool) -> Delivery:
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
            return Delivery(SimReply(500, b'{"message": "the simulator itself failed, see its log"}'))

    def _answer(self, request: SimRequest, fault: faults.Fault | None) -> Delivery:
        if fault is None or fault.kind not in faults.HOST_KINDS:
            kind = fault.kind if fault else ""
            return Delivery(self.simulator.answer(replace(request, fault=kind), self._premises.now()))
        reply = self.simulator.answer(request, self._premises.now()) if fault.asked else SimReply()
        return spoiled(reply, fault)

    async def _stored(self, sha256: str) -> AsyncGenerator[bytes, None]:
        loop, pool = asyncio.get_running_loop(), self._premises.pool
        stream = await loop.run_in_executor(pool, self.world.open, sha256)
        with stream:
            while piece := await loop.run_in_executor(pool, stream.read, PIECE_BYTES):
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
