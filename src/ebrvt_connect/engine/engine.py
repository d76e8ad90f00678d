"""The engine, put together: ledger, blobs, systems, links and gates become a running daemon's inside."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_connect.engine.drain import Drain, Shared
from ebrvt_connect.engine.gates import few_at_once
from ebrvt_connect.engine.grouping import GroupCommit
from ebrvt_connect.engine.incidents import IncidentKeeper, retries
from ebrvt_connect.engine.intake import Intake
from ebrvt_connect.engine.pressure import Pressure, Turn
from ebrvt_connect.engine.proof import Patience, ProofKeeper
from ebrvt_connect.engine.renewal import RenewalRound
from ebrvt_connect.engine.schedule import Schedule
from ebrvt_connect.engine.settings import Means
from ebrvt_connect.engine.standing import Standing
from ebrvt_connect.engine.sweep import Duties, Sweep
from ebrvt_connect.engine.upkeep import Upkeep
from ebrvt_connect.engine.work import Steps
from ebrvt_connect.errors import ConnectError
from ebrvt_connect.ports.adapter import Sink, Source
from ebrvt_connect.ports.ledger import Pause
from ebrvt_connect.resilience.breaker import Position
from ebrvt_connect.store.incident_rows import IncidentRows
from ebrvt_connect.store.instance import Instance
from ebrvt_connect.store.proof import ProofLog
from ebrvt_connect.store.seat import Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ebrvt_connect.engine.dispatch import Dispatcher
    from ebrvt_connect.engine.incidents import Alerting
    from ebrvt_connect.engine.settings import EngineSettings, LinkSpec
    from ebrvt_connect.ports.adapter import Adapter
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.gate import Gate
    from ebrvt_connect.store.ledger import Ledger

_LOOK_SECONDS = 0.05
_NO_MEANS = Means()

_log = logging.getLogger(__name__)


class Engine:
    """Moves messages along its links until it is stopped.

    One per process, one per SQLite file; any number on one PostgreSQL database.
    """

    def __init__(
        self,
        ledger: Ledger,
        systems: Mapping[str, Adapter],
        links: Sequence[LinkSpec],
        gates: Mapping[str, Gate | None],
        settings: EngineSettings,
        clock: Clock,
        *,
        means: Means = _NO_MEANS,
    ) -> None:
        """`gates` by link name; raises `ValueError` for links that contradict each other or the systems."""
        systems = dict(systems)
        _refuse_contradictions(systems, links)
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._links = tuple(links)
        self._systems = systems
        self._standing = Standing(
            ledger, clock, settings.store_rest, late_after=settings.dead_after / 2, room=means.room
        )
        self._upkeep = Upkeep(means.chores, clock, self._standing, settings.upkeep_every)
        self._intake = Intake(
            ledger, systems, links, clock, self._standing, closed=lambda name: name in self.closed()
        )
        self._schedule = Schedule(
            links, self._tick, self._intake, self._standing, clock, at_work=self._fetch_at_work
        )
        jitter = random.SystemRandom()
        self._shared = Shared(
            ledger=ledger,
            steps=Steps(
                ledger,
                systems,
                few_at_once(gates, settings.judges),
                clock,
                settings.ladder,
                lambda most: jitter.uniform(0.0, most),
            ),
            clock=clock,
            settings=settings,
            standing=self._standing,
            pressures={name: self._pressure(name) for name in systems},
            judges=ThreadPoolExecutor(
                max(settings.judges, settings.preparing), thread_name_prefix="ebrvt-judge"
            ),
            commit=GroupCommit(ledger).commit,
            senders=ThreadPoolExecutor(
                sum(settings.limits_of(name).in_flight for name in systems) or 1,
                thread_name_prefix="ebrvt-send",
            ),
            holder=lambda: self._instance.name,
        )
        self._seat = Seat(ledger.url)
        self._instance = Instance(ledger.database, wanted=settings.executor, host=socket.gethostname())
        self._proof = ProofKeeper(
            ProofLog(ledger.database),
            means.stamp,
            clock,
            Patience(
                every=settings.seal_every,
                ladder=settings.ladder,
                jitter=lambda most: jitter.uniform(0.0, most),
            ),
        )
        self._renewal = RenewalRound(
            means.renewals, systems, ledger, self._standing, clock, every=2 * settings.poll
        )
        self._incidents = self._incident_keeper(means.alerting)
        self._newest = 0
        self._knock = ""
        self._look = threading.Event()
        self._moved_at = clock.monotonic()
        self._dispatcher: Dispatcher | None = None
        self._sweep: Sweep | None = None
        self._turns: dict[tuple[str, int], threading.Lock] = {}
        """One drain of a shard at a time, should the dispatcher ever begin a second one here."""

    def start(self) -> None:
        """Take the seat, launch the dispatcher, wake what was left, and begin to fetch.

        Raises `HeldForPerson` `ALREADY_RUNNING` (another daemon works on this SQLite file),
        `INSTANCE_TAKEN` (another goes by the configured name), `STORE_SHARDS_DIFFER`, or whatever keeps the
        store from being written.
        """
        # Here and not above: importing the engine must not cost what DBOS costs.
        from ebrvt_connect.engine.dispatch import Dispatcher

        self._seat.take()
        self._standing.look_for_room()
        settings, now = self._settings, self._clock.now()
        executor = self._instance.take()
        # Before any work is begun under this name: whoever is not known to live is taken for dead.
        self._ledger.beat(executor, socket.gethostname(), os.getpid(), now)
        others = self._ledger.living_executors(now, settings.dead_after) - {executor}
        self._ledger.fix_shards(settings.shards, others=bool(others))
        dispatcher = Dispatcher(
            self._ledger.url,
            executor=executor,
            systems=self._systems,
            links=[link.name for link in self._links],
            settings=settings,
            clock=self._clock,
            drain=self._drain,
            fetch=self._schedule.fetch,
        )
        dispatcher.launch()
        self._dispatcher = dispatcher
        self._ledger.activate_with(dispatcher.activate)
        self._sweep = Sweep(
            self._ledger,
            dispatcher,
            settings,
            self._clock,
            self._standing,
            self._systems,
            self._instance,
            Duties(
                company=self._share,
                turn=self._look_around,
                closed=self.closed,
                ended=self._incidents.housekeeping,
                spent=self._incidents.spent,
            ),
        )
        self._renewal.start()
        self._sweep.start()
        self._schedule.start()
        self._incidents.start(self._standing)

    def stop(self, timeout: timedelta = timedelta(seconds=30)) -> bool:
        """Begin nothing new, let what is under way end, and let go; True when all of it ended in time.

        Other daemons go on at once with what is queued. What did not end in time is found by the next start,
        or by them when this one has been silent long enough: it is asked after before anything is sent again.
        """
        self._standing.stop()
        if self._dispatcher is not None and not (self._standing.idle() and self._schedule.idle()):
            self._dispatcher.finish(timeout)
            timeout = timedelta(0)
        ended = self._until(lambda: self._standing.idle() and self._schedule.idle(), timeout)
        self._schedule.join(1.0)
        if self._sweep is not None:
            self._sweep.join(1.0)
            self._proof.stop()
            self._upkeep.join(1.0)
            self._renewal.join(1.0)
            self._incidents.join(1.0)
        if self._dispatcher is not None:
            self._ledger.activate_with(None)
            self._dispatcher.destroy()
            self._dispatcher = None
            if ended:
                with suppress(ConnectError):
                    self._ledger.gone(self._instance.name)
        for pool in (self._shared.judges, self._shared.senders):
            pool.shutdown(wait=ended, cancel_futures=True)
        self._instance.leave()
        self._seat.leave()
        return ended

    def settled(self) -> bool:
        """Whether nothing stored will move by itself any more (`Ledger.settled`), and no drain runs."""
        return self._standing.idle() and self._ledger.settled()

    def run_until_settled(self, timeout: timedelta) -> bool:
        """Wait until everything is settled and every link's source, asked since, had nothing new.

        A link whose source is paused or closed is not waited for. False when the time ran out first; waiting
        in several short turns comes to the same as waiting in one long one.
        """
        return self._until(self._quiet, timeout)

    def pause(self, system: str, by: str, why: str) -> bool:
        """Leave a system alone (tạm dừng): no fetching, no sending; False when it already was."""
        paused = self._ledger.pause_system(system, by=by, why=why, now=self._clock.now())
        self._standing.look_again()
        return paused

    def resume(self, system: str) -> bool:
        """Take a system up again (tiếp tục); False when it was not paused."""
        resumed = self._ledger.resume_system(system)
        self._standing.look_again()
        return resumed

    def trouble(self) -> ConnectError | None:
        """Why everything pauses (the store cannot be written), or None."""
        return self._standing.trouble()

    def _quiet(self) -> bool:
        if not self.settled() or self._grown():
            self._moved_at = self._clock.monotonic()
            return False
        return all(self._had_nothing_new(link) for link in self._links)

    def _grown(self) -> bool:
        """Whether anything was stored since this was last asked, by whichever daemon."""
        before, self._newest = self._newest, self._ledger.newest_id()
        return self._newest != before

    def _had_nothing_new(self, link: LinkSpec) -> bool:
        """Since anything last moved, as far as anybody looked."""
        if self._standing.paused(link.source) or link.source in self.closed():
            return True
        last = self._intake.last(link.name)
        return last is not None and last.began >= self._moved_at and last.new == 0 and last.failures == 0

    def _until(self, holds: Callable[[], bool], timeout: timedelta) -> bool:
        """Look again and again, until it holds or the time is over."""
        deadline = self._clock.monotonic() + timeout.total_seconds()
        while not holds():
            if self._clock.monotonic() >= deadline:
                return False
            self._look.wait(_LOOK_SECONDS)
        return True

    def _drain(self, system: str, shard: int) -> None:
        turn = self._turns.setdefault((system, shard), threading.Lock())
        with turn, self._standing.draining():
            Drain(self._shared, system, shard).run()

    def _tick(self, link: str) -> None:
        if self._dispatcher is not None:
            self._dispatcher.tick(link)

    def _fetch_at_work(self, link: str) -> bool:
        return self._dispatcher is not None and self._dispatcher.fetch_at_work(link)

    def _look_around(self) -> None:
        """What people have done meanwhile from elsewhere: made room, taken a system up again, made work."""
        self._standing.look_for_room()
        self._standing.look()
        for system in self._standing.resumed():
            self._take_up(system)
        before, self._knock = self._knock, self._ledger.knocks()
        if self._knock != before:
            self._standing.sweep_wanted.set()
        self._proof.turn()
        self._upkeep.turn()

    def _take_up(self, system: str) -> None:
        """A system is taken up again with what its settings and secrets are now."""
        try:
            self._renewal.reopen(system)
        except ConnectError as failure:
            _log.warning("%s cannot be taken up: %s", system, failure)
            pause = Pause(system, "engine", failure.explanation_vi, failure.code, self._clock.now())
            self._ledger.pause(pause)
            self._standing.look_again()
        self._standing.opened(system)
        self._ledger.wake_system(system)

    def _share(self, daemons: int) -> None:
        for pressure in self._shared.pressures.values():
            pressure.company(daemons)
        if self._dispatcher is not None:
            self._dispatcher.company(daemons)

    def _pressure(self, system: str) -> Pressure:
        return Pressure(
            system,
            self._settings.limits_of(system),
            self._settings.breaker,
            self._clock,
            self._ledger,
            holder=lambda: self._instance.name,
            turned=lambda turn: self._turned(system, turn),
        )

    def _incident_keeper(self, alerting: Alerting) -> IncidentKeeper:
        chance = random.SystemRandom()
        return IncidentKeeper(
            IncidentRows(self._ledger.database),
            alerting,
            self._clock,
            retries(self._settings.ladder, lambda most: chance.uniform(0.0, most)),
            name=lambda: self._instance.name,
            living=lambda: self._ledger.living_executors(self._clock.now(), self._settings.dead_after),
            troubles=lambda: filter(None, (self._standing.trouble(), self._upkeep.trouble())),
            sources={link.name: link.source for link in self._links},
        )

    def closed(self) -> frozenset[str]:
        """The systems that their calendars leave alone now (đang ngừng giao dịch)."""
        pressures = self._shared.pressures.items()
        return frozenset(name for name, pressure in pressures if pressure.closed() is not None)

    def _turned(self, system: str, turn: Turn) -> None:
        """The breaker of a system has turned: for people to see, and to wake its shards when it is well."""
        well = turn.position is Position.CLOSED
        level = logging.WARNING if turn.first else logging.INFO if well else logging.DEBUG
        _log.log(level, "breaker of %s: %s", system, turn.position)
        try:
            self._ledger.note_breaker(system, turn.position.value, self._clock.now())
            if well:
                self._ledger.wake_system(system, hurry=turn.long)
        except ConnectError as error:
            self._standing.store_trouble(error)


def _refuse_contradictions(systems: Mapping[str, Adapter], links: Sequence[LinkSpec]) -> None:
    """A thing fetched twice would be known as its own duplicate: one link a source and kind."""
    fetched: dict[tuple[str, str], str] = {}
    for link in links:
        if not link.kinds or len(set(link.kinds)) < len(link.kinds):
            raise ValueError(f"link {link.name} carries {link.kinds}, expected one kind or several different")
        if not isinstance(systems.get(link.source), Source) or not isinstance(systems.get(link.target), Sink):
            raise ValueError(  # noqa: TRY004 - the configuration is wrong, not the program
                f"link {link.name} needs a Source {link.source!r} and a Sink {link.target!r}"
            )
        for kind in link.kinds:
            other = fetched.setdefault((link.source, kind), link.name)
            if other != link.name:
                raise ValueError(f"links {other} and {link.name} both fetch {kind} from {link.source}")
