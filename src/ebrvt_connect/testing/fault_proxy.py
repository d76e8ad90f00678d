"""A TCP proxy that spoils connections (proxy gây lỗi đường truyền), for between an adapter and its simulator.

    with FaultProxy(host.url("qlvb"), seed=17) as proxy:          # a thread of its own, for plain tests
        adapter = open_at(proxy.url)
        name = proxy.add(ResetPeer())                             # from now on, also on open connections
        ...
        proxy.remove(name)
        print(proxy.story())                                      # what it did, to be read beside a failure

    async with FaultProxy(url, plan=FaultPlan(seed=17, ...)) as proxy: ...

It listens on loopback and leads to loopback only. A connection is cut when it has lasted `most_seconds` or
carried `most_bytes` one way; beyond `most_connections` at a time further ones wait to be taken. No more than
one piece (64 KiB) for each direction is held in memory. Nothing is decrypted: TLS goes through as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from ebrvt_connect.testing.fault_pipe import PIECE_BYTES, Ended, Pipe, Played, Rules
from ebrvt_connect.testing.loopback import LOOPBACK, bound_socket
from ebrvt_connect.testing.toxics import Direction, FaultPlan, Toxic
from ebrvt_connect.transport.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.ports.clock import Clock

T = TypeVar("T")

_BACKLOG = 128
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: what is not sent yet is dropped, and the other side told by RST."""
_PATIENCE_SECONDS = 10.0
"""For the proxy's own thread to start, to do as it is told, and to end."""


@dataclass(eq=False, slots=True)
class _Link:
    """One connection taken, and the one made for it to the remote."""

    number: int
    taken: socket.socket
    client: asyncio.StreamWriter | None = None
    remote: asyncio.StreamWriter | None = None

    def end(self, *, reset: bool) -> None:
        """End both sides: at once (RST), or after what is written already (FIN)."""
        for side in (self.client, self.remote):
            if side is None:
                continue
            if reset:
                with contextlib.suppress(OSError):
                    side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                side.transport.abort()
            else:
                side.close()


class FaultProxy:
    """Listens on loopback, passes everything on to one remote, and plays toxics on the way; started once."""

    def __init__(
        self,
        upstream: str,
        *,
        plan: FaultPlan | None = None,
        seed: int = 0,
        port: int = 0,
        clock: Clock | None = None,
        most_seconds: float = 300.0,
        most_bytes: int = 2 * 1024**3,
        most_connections: int = 256,
    ) -> None:
        """Bind the port (0: any free one); connections are refused until it is started.

        `upstream`: `http://127.0.0.1:8080`, `https://localhost:8443`. `seed` decides whom a toxic of less
        than full toxicity meets, slices and jitter; a plan brings its own. `clock` is what a plan's spells
        are told by. Raises `ValueError` for a remote that is not on loopback, `OSError` for a port that is
        taken.
        """
        self._scheme, self._remote = _place(upstream)
        self._most_seconds, self._most_connections = most_seconds, most_connections
        self._rules = Rules(plan or FaultPlan(seed=seed), clock or SystemClock(), most_bytes)
        self._socket = bound_socket(port)
        self.port: int = self._socket.getsockname()[1]
        self._taken = 0
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._accepting: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finish: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    # --- what a test reads --------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where to connect instead of `upstream`: the same scheme, without a path or a final slash."""
        return f"{self._scheme}://{LOOPBACK}:{self.port}"

    @property
    def connections(self) -> int:
        """How many have been taken since the start."""
        return self._taken

    @property
    def journal(self) -> tuple[Played, ...]:
        """What was done to which connection, in order: each toxic once for each connection it met."""
        return self._rules.journal

    def story(self) -> str:
        """The journal as lines that begin with the seed, to be printed beside a failure."""
        return "\n".join(f"seed {self._rules.plan.seed}, {played}" for played in self.journal)

    # --- what a test does ---------------------------------------------------------------------------------

    def add(self, toxic: Toxic, name: str = "") -> str:
        """Play a toxic from now on, on open connections too; answers its name (its type, if none is given).

        Raises `ValueError` for a name that is in use. From any thread; it holds when this returns.
        """
        chosen = name or toxic.type
        self._change(lambda: self._rules.add(chosen, toxic))
        return chosen

    def remove(self, name: str) -> None:
        """Play it no more; what it holds back for ever is closed. Raises `KeyError`."""
        self._change(lambda: self._rules.remove(name))

    def toggle(self, name: str, *, on: bool | None = None) -> bool:
        """Switch it off, or on again (`on`: which); answers whether it is played now. Raises `KeyError`."""
        return self._change(lambda: self._rules.toggle(name, on=on))

    def clear(self) -> None:
        """Take away what was added and cut every connection, so that nothing held back arrives late."""
        self._change(self._rules.clear)
        self._in_loop(self._cut)

    def _change(self, change: Callable[[], T]) -> T:
        def changed() -> T:
            done = change()
            if self._loop is not None:
                self._follow()
            return done

        return self._in_loop(changed)

    def _in_loop(self, act: Callable[[], T]) -> T:
        """Do it where all else is done; before the start and after the end there is only here."""
        loop = self._loop
        if loop is None or loop is _running_loop():
            return act()

        async def acted() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acted(), loop).result(_PATIENCE_SECONDS)

    # --- starting and stopping ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Listen, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._follow()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, cut every connection, give the port back."""
        self._close_port()
        self._socket.close()
        for task in self._links:
            task.cancel()
        self._cut()
        await asyncio.gather(*self._links, return_exceptions=True)
        self._loop = None

    def __enter__(self) -> Self:
        """Listen, in a thread of its own. Raises `RuntimeError` from what kept it from that."""
        ready, failed = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(
            target=self._run, args=(ready, failed), name="fault-proxy", daemon=True
        )
        self._thread.start()
        if not ready.wait(_PATIENCE_SECONDS) or failed:
            raise RuntimeError("the fault proxy did not come up") from (failed[0] if failed else None)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and wait for its thread."""
        if self._loop and self._finish:
            self._loop.call_soon_threadsafe(self._finish.set)
        if self._thread:
            self._thread.join(_PATIENCE_SECONDS)

    def _run(self, ready: threading.Event, failed: list[BaseException]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as failure:  # noqa: BLE001 - handed to whoever started it
            failed.append(failure)
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._finish = asyncio.Event()
        async with self:
            ready.set()
            await self._finish.wait()

    # --- connections --------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Close the port or open it, as the toxics say."""
        if self._rules.down and self._accepting:
            self._close_port()
            # Bound anew at once, so that nobody else takes the port while it is down.
            self._socket = bound_socket(self.port)
            self._cut()
        elif not self._rules.down and not self._accepting:
            self._socket.listen(_BACKLOG)
            self._accepting = asyncio.ensure_future(self._accept(self._socket))

    def _close_port(self) -> None:
        if self._accepting:
            self._accepting.cancel()
            self._accepting = None
        self._socket.close()

    def _cut(self) -> None:
        for link in self._links.values():
            link.end(reset=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while len(self._links) >= self._most_connections:
                await asyncio.wait(self._links, return_when=asyncio.FIRST_COMPLETED)
            taken, _ = await loop.sock_accept(listening)
            taken.settimeout(0.0)
            link = _Link(self._taken, taken)
            self._taken += 1
            task = asyncio.ensure_future(self._pass_on(link))
            self._links[task] = link
            task.add_done_callback(self._links.pop)

    async def _pass_on(self, link: _Link) -> None:
        """Serve one connection to its end, which is told to both sides."""
        reset = True
        try:
            async with asyncio.timeout(self._most_seconds):
                from_client, link.client = await asyncio.open_connection(sock=link.taken, limit=PIECE_BYTES)
                self._refuse_if_down(link)
                from_remote, link.remote = await asyncio.open_connection(*self._remote, limit=PIECE_BYTES)
                pipes = (
                    Pipe(self._rules, link.number, Direction.UPSTREAM, from_client, link.remote),
                    Pipe(self._rules, link.number, Direction.DOWNSTREAM, from_remote, link.client),
                )
                await _until_both_end([asyncio.ensure_future(pipe.run()) for pipe in pipes])
            reset = False
        except Ended as ended:
            reset = ended.reset
        except (OSError, TimeoutError):
            pass  # a side has gone, or it took too long: so does the other
        finally:
            link.end(reset=reset)

    def _refuse_if_down(self, link: _Link) -> None:
        for name, toxic in self._rules.holding(link.number, Direction.UPSTREAM):
            if toxic.type == "down":
                self._rules.met(Played(link.number, name, toxic, 0))
                raise Ended(reset=True)


async def _until_both_end(pipes: list[asyncio.Task[None]]) -> None:
    """Each direction ends by itself; a toxic, or a failure, in one ends both."""
    try:
        await asyncio.gather(*pipes)
    finally:
        for pipe in pipes:
            pipe.cancel()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _place(upstream: str) -> tuple[str, tuple[str, int]]:
    """Scheme, and host and port on loopback. Raises `ValueError`."""
    place = urlsplit(upstream)
    host, port = place.hostname or "", place.port
    if place.scheme not in {"http", "https"} or port is None or place.path not in {"", "/"}:
        raise ValueError(f"expected http://127.0.0.1:PORT or https://..., without a path, got {upstream!r}")
    if host != "localhost" and not _is_loopback(host):
        raise ValueError(f"a fault proxy leads to this machine only, not to {host!r}")
    return place.scheme, (LOOPBACK if host == "localhost" else host, port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
