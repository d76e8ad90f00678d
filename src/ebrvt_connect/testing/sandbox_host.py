"""The sandbox host (máy chủ mô phỏng): one process in which every simulated remote listens on loopback.

Each simulator has a port of its own. A request's body is spooled into the simulator's world, the answer
is computed in a thread under the world's transaction, and the transaction is committed before the first
byte of the answer leaves: a kill -9 loses nothing that was told. A ticker lets time pass about ten times
a second. Which calls are made to fail is told over the control address (`sandbox_control`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Self

from ebrvt_connect.ports.simulator import Simulator, SimulatorSeat
from ebrvt_connect.testing.sandbox_control import control_app
from ebrvt_connect.testing.sandbox_listener import Listener
from ebrvt_connect.testing.sandbox_seat import Premises, Seat
from ebrvt_connect.testing.world import SqliteWorld, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from ebrvt_connect.testing.sandbox_faults import Fault

ENTRY_POINT_GROUP = "ebrvt_connect.simulators"
CONTROL = "control"
"""The name the control address goes by in `ports`."""
MAX_BODY_BYTES = 512 * 1024 * 1024
TICK_SECONDS = 0.1
_THREADS = 6
_START_SECONDS = 30.0


def installed_simulators() -> list[str]:
    """The names of the simulators that can be hosted; none is loaded for this."""
    return sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))


class SandboxHost:
    """Hosts simulators on loopback; `start`, then `url(name)` and `control_url` tell where they are.

    What the simulators know lies in `folder`; starting again there goes on where it stopped.
    """

    def __init__(
        self,
        folder: Path,
        systems: Mapping[str, type[Simulator]] | Iterable[str] | None = None,
        config: Mapping[str, Any] | None = None,
        ports: Mapping[str, int] | None = None,
        seed: int = 0,
        *,
        now: Callable[[], datetime] = utc_now,
        tick_seconds: float = TICK_SECONDS,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """Open the worlds and bind the ports; nothing listens before `start`.

        `systems`: names of installed simulators, or classes by name; all installed ones if None.
        `config`: each simulator's table of the sandbox's TOML; a list of tables (`[[vxp]]`) reaches it
        as `{"accounts": [...]}`. `ports`: fixed ports by system name, and `control`; any free port
        otherwise. `tick_seconds` 0: no ticker, call `tick()`.
        Raises `ValueError` for an unknown name, `OSError` for a port that is taken.
        """
        chosen = _chosen(systems)
        wanted = dict(ports or {})
        self._tick_seconds = tick_seconds
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox")
        premises = Premises(now, self._pool, max_body_bytes)
        self.seats: dict[str, Seat] = {}
        with contextlib.ExitStack() as undo:
            for name, simulator in chosen.items():
                world = undo.enter_context(SqliteWorld(folder / name, now))
                table = _table((config or {}).get(name, {}))
                with world.transaction():
                    opened = simulator.open(SimulatorSeat(world, seed, table))
                self.seats[name] = Seat(opened, world, wanted.get(name, 0), premises)
                undo.callback(self.seats[name].listener.shut)
            control = control_app(self.seats, self.arm, now, max_body_bytes)
            self._control = Listener(control, wanted.get(CONTROL, 0))
            undo.pop_all()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finish: asyncio.Event | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> Self:
        """Listen; returns once every port answers."""
        self._threads = [threading.Thread(target=self._run, name="sandbox-host", daemon=True)]
        if self._tick_seconds:
            self._threads.append(
                threading.Thread(target=self._keep_ticking, name="sandbox-tick", daemon=True)
            )
        for thread in self._threads:
            thread.start()
        if not self._ready.wait(_START_SECONDS) or self._failure:
            msg = "the sandbox host did not come up"
            raise RuntimeError(msg) from self._failure
        return self

    def stop(self) -> None:
        """Stop listening, finish what is being answered, close the worlds."""
        self._stopping.set()
        if self._loop and self._finish and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._finish.set)
        for thread in self._threads:
            thread.join(_START_SECONDS)
        self._pool.shutdown()
        for listener in self._listeners():
            listener.shut()
        for seat in self.seats.values():
            seat.world.close()

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def url(self, name: str) -> str:
        """Where a simulator listens, without a final slash."""
        return self.seats[name].listener.url

    @property
    def control_url(self) -> str:
        """Where the control address is, without a final slash."""
        return self._control.url

    def held(self, name: str) -> AbstractContextManager[Simulator]:
        """A simulator while nobody else touches its world; what is done to it there is committed."""
        return self.seats[name].held()

    def tick(self) -> None:
        """Let time pass once for every simulator."""
        for seat in self.seats.values():
            seat.tick()

    def arm(self, plan: Iterable[Fault]) -> list[str]:
        """Arm faults; returns the ids of those that are new. Raises `KeyError` for an unknown system."""
        armed = [self._arm(self.seats[fault.system], fault) for fault in list(plan)]
        return [fault.id for fault in armed if fault]

    def _arm(self, seat: Seat, fault: Fault) -> Fault | None:
        armed = seat.arm(fault)
        if armed and armed.at_once and self._loop:
            self._loop.call_soon_threadsafe(seat.listener.go_down, armed.seconds)
        return armed

    def ready_line(self) -> dict[str, Any]:
        """What `ebrvt sandbox` prints when ready: addresses and credentials."""
        systems = {
            name: {"url": seat.listener.url, **seat.simulator.credentials()}
            for name, seat in self.seats.items()
        }
        return {"systems": systems, "control_url": self.control_url}

    def _listeners(self) -> list[Listener]:
        return [*(seat.listener for seat in self.seats.values()), self._control]

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - handed to whoever called start()
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._finish = asyncio.get_running_loop(), asyncio.Event()
        for listener in self._listeners():
            await listener.open()
        self._ready.set()
        await self._finish.wait()
        for listener in self._listeners():
            listener.close()

    def _keep_ticking(self) -> None:
        while not self._stopping.wait(self._tick_seconds):
            self.tick()


def _chosen(systems: Mapping[str, type[Simulator]] | Iterable[str] | None) -> dict[str, type[Simulator]]:
    if isinstance(systems, Mapping):
        return dict(systems)
    installed = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    names = sorted(installed) if systems is None else list(systems)
    if unknown := [name for name in names if name not in installed]:
        msg = f"no simulator named {', '.join(unknown)}; installed: {', '.join(sorted(installed))}"
        raise ValueError(msg)
    return {name: installed[name].load() for name in names}


def _table(given: object) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    if isinstance(given, (list, tuple)) and all(isinstance(table, Mapping) for table in given):
        return {"accounts": list(given)}
    msg = "a simulator's configuration is a TOML table or a list of tables"
    raise ValueError(msg)
