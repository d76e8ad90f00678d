"""Housekeeping (dọn dẹp): heartbeat, the mandatory sweep, dead machines, old workflows.

The sweep heals what nothing else can: an activation that was cancelled, deleted, or lost with a
workflow that ended in an error leaves a flag that says "somebody is coming" when nobody is.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.errors import ConnectError, explain

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from ebrvt_connect.engine.settings import EngineSettings
    from ebrvt_connect.engine.standing import Standing
    from ebrvt_connect.ports.clock import Clock

DISPATCH_SPENT = explain(
    "DISPATCH_SPENT",
    "Một tác vụ nền ({workflow}) đã chạy lại quá nhiều lần mà không hoàn thành.",
    "Báo bộ phận kỹ thuật kèm nhật ký; chương trình đã tự lập tác vụ mới thay thế.",
)

_TURN_SECONDS = 0.5
_SOON_SECONDS = 6.0
_BEATS_WATCHED = 3
"""So many of its heartbeats must be missing under our eyes before a machine is taken for dead."""

_log = logging.getLogger(__name__)


class Beating(Protocol):
    """A daemon by its last heartbeat."""

    @property
    def name(self) -> str:
        """As in `executors_at_work`."""
        ...

    @property
    def beat_at(self) -> datetime:
        """By its own clock."""
        ...


class SweepLedger(Protocol):
    """What housekeeping asks of the ledger."""

    def due_shards(self, now: datetime, *, closed: Collection[str] = ()) -> list[tuple[str, int]]:
        """All (system, shard) with work due now; of closed systems what is to be judged."""
        ...

    def revive(self, shards: Collection[tuple[str, int]]) -> None:
        """Activate these whatever their flags say."""
        ...

    def beat(self, executor: str, host: str, pid: int, now: datetime) -> None:
        """Note that a daemon lives."""
        ...

    def living_executors(self, now: datetime, dead_after: timedelta) -> set[str]:
        """Daemons whose last beat is not too long ago."""
        ...

    def executors(self) -> Sequence[Beating]:
        """Every daemon that did not say that it ended."""
        ...

    def silent_executors(self, now: datetime, dead_after: timedelta) -> list[str]:
        """Daemons whose last beat is too long ago."""
        ...

    def forget_executor(self, executor: str) -> None:
        """A daemon whose work has been taken over."""
        ...

    def alone(self) -> AbstractContextManager[bool]:
        """Whether this daemon does the housekeeping just now; while inside, no other one does."""
        ...


class SweepDispatcher(Protocol):
    """What housekeeping asks of the dispatcher."""

    def drains_at_work(self) -> set[tuple[str, int]]:
        """The (system, shard) of every drain that waits for its turn or runs."""
        ...

    def take_up_ended(self) -> int:
        """Give back to their queues what counts as running here and is not."""
        ...

    def executors_at_work(self) -> set[str]:
        """The executors that have work begun and not ended."""
        ...

    def take_over(self, executor: str) -> int:
        """Give a dead machine's work back to its queues."""
        ...

    def spent(self) -> list[str]:
        """Ids of work begun too often."""
        ...

    def forget_finished(self, before: datetime) -> int:
        """Delete workflows that ended before then."""
        ...


class SweepInstance(Protocol):
    """The name this daemon goes by."""

    @property
    def name(self) -> str:
        """Stable, and nobody else's at this store."""
        ...

    def keep(self) -> None:
        """Make sure that it is still ours; raises `ConnectError` when it is another's."""
        ...


@dataclass(frozen=True, slots=True)
class Duties:
    """What else the engine has done by this thread."""

    company: Callable[[int], None] = lambda _: None
    """Told after each beat how many daemons live, this one included."""
    turn: Callable[[], None] = lambda: None
    """Done twice a second."""
    closed: Callable[[], Collection[str]] = tuple
    """The systems that their calendars leave alone now: what waits for them is not asleep."""
    ended: Callable[[BaseException | None], None] = lambda _: None
    """Told of every round of housekeeping how it ended: None, well."""
    spent: Callable[[int], None] = lambda _: None
    """Told after each sweep how many pieces of work were begun too often."""


class Sweep:
    """Runs in a thread of its own."""

    def __init__(
        self,
        ledger: SweepLedger,
        dispatcher: SweepDispatcher,
        settings: EngineSettings,
        clock: Clock,
        standing: Standing,
        systems: Collection[str],
        instance: SweepInstance,
        duties: Duties | None = None,
    ) -> None:
        """`systems` are those this engine serves; other shards are left to those who do."""
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._settings = settings
        self._clock = clock
        self._standing = standing
        self._systems = frozenset(systems)
        self._instance = instance
        self._duties = duties or Duties()
        self._host = socket.gethostname()
        self._thread = threading.Thread(target=self._run, name="ebrvt-sweep", daemon=True)
        self._over = threading.Event()
        self._reported: set[str] = set()
        self._heard: dict[str, tuple[datetime, float]] = {}
        """The last beat of each daemon, and since when (monotonic) it has been that one."""

    def start(self) -> None:
        """Beat and sweep once, then regularly in the background; raises `ConnectError` if the first fails."""
        self.beat()
        self.sweep()
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end after `standing.stop`; until this is called it goes on beating."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def beat(self) -> None:
        """Tell the others that this daemon lives."""
        self._instance.keep()
        now = self._clock.now()
        self._ledger.beat(self._instance.name, self._host, os.getpid(), now)
        self._standing.beaten()
        living = self._ledger.living_executors(now, self._settings.dead_after)
        self._duties.company(len(living | {self._instance.name}))

    def sweep(self) -> int:
        """Activate every shard with due work for which no drain waits or runs; returns how many.

        Read in this order, a drain that ends in between costs one idle run, and none is missed.
        """
        self._dispatcher.take_up_ended()
        found = self._ledger.due_shards(self._clock.now(), closed=self._duties.closed())
        due = {shard for shard in found if shard[0] in self._systems}
        asleep = due - self._dispatcher.drains_at_work() if due else set()
        if asleep:
            self._ledger.revive(asleep)
        return len(asleep)

    def take_over(self) -> None:
        """Take over the work of machines that have fallen silent, and of any that nobody has heard of.

        By one daemon at a time: work given back a second time, when another has begun it, would be begun
        by two.
        """
        with self._ledger.alone() as alone:
            if not alone:
                return
            silent = self._silent()
            unheard = self._dispatcher.executors_at_work() - self._heard.keys() - {self._instance.name}
            for executor in sorted(silent | unheard):
                # First its name, under which it holds its shards: they must be free when its work comes back.
                self._ledger.forget_executor(executor)
                taken = self._dispatcher.take_over(executor)
                log = _log.warning if taken else _log.info
                log("took over %s unfinished pieces of work of silent executor %s", taken, executor)

    def _silent(self) -> set[str]:
        """The other daemons that said they end, and those of whose hearts nothing has been heard for long.

        What two clocks say is not enough: where one of them is set, a machine that works would be taken for
        dead, and what it is sending sent again.
        """
        moment, settings = self._clock.monotonic(), self._settings
        before = self._heard
        self._heard = {
            one.name: known
            if (known := before.get(one.name)) is not None and known[0] == one.beat_at
            else (one.beat_at, moment)
            for one in self._ledger.executors()
        }
        old = {*self._ledger.silent_executors(self._clock.now(), settings.dead_after)}
        watched = min(_BEATS_WATCHED * settings.heartbeat_every, settings.dead_after).total_seconds()
        quiet = {name: moment - since for name, (_, since) in self._heard.items()}
        silent = (old - quiet.keys()) | {name for name in old & quiet.keys() if quiet[name] >= watched}
        silent |= {name for name, seconds in quiet.items() if seconds >= settings.dead_after.total_seconds()}
        return silent - {self._instance.name}

    def tidy(self) -> None:
        """Delete old workflows, and cry out once over each that was begun too often."""
        spent = self._dispatcher.spent()
        self._duties.spent(len(spent))
        for workflow in spent:
            if workflow not in self._reported:
                self._reported.add(workflow)
                sentence = DISPATCH_SPENT.sentence_vi.format(workflow=workflow)
                _log.critical("%s: %s %s", DISPATCH_SPENT.code, sentence, DISPATCH_SPENT.advice_vi)
        self._dispatcher.forget_finished(self._clock.now() - self._settings.keep_finished)

    def _run(self) -> None:
        sweep_at = self._clock.monotonic() + self._settings.sweep_every.total_seconds()
        beat_at = self._clock.monotonic() + self._settings.heartbeat_every.total_seconds()
        while not self._standing.wait(_TURN_SECONDS):
            now = self._clock.monotonic()
            try:
                if now >= beat_at:
                    beat_at = now + self._settings.heartbeat_every.total_seconds()
                    self.beat()
                    if self._silent():
                        self.take_over()
                self._duties.turn()
                wanted = self._wanted()
                if now >= sweep_at or wanted:
                    # After trouble look once more soon: what ended in its midst is known for sure only then.
                    every = self._settings.sweep_every.total_seconds()
                    sweep_at = now + (min(every, _SOON_SECONDS) if wanted else every)
                    self.sweep()
                    self.take_over()
                    self.tidy()
                    self._duties.ended(None)
            except ConnectError as error:
                self._standing.store_trouble(error)
            except Exception as failure:  # noqa: BLE001 - housekeeping must outlive whatever a database says
                _log.exception("housekeeping failed; it will be tried again")
                self._duties.ended(failure)
        self._beat_on()

    def _beat_on(self) -> None:
        """While the last calls end: who falls silent is taken for dead, and its calls for lost."""
        while not self._over.wait(self._settings.heartbeat_every.total_seconds()):
            try:
                self.beat()
            except ConnectError as error:
                self._standing.store_trouble(error)
            except Exception:  # noqa: BLE001 - see above
                _log.exception("the heartbeat failed; it will be tried again")

    def _wanted(self) -> bool:
        """Somebody may have lost an activation, and the store can be written again."""
        if not self._standing.sweep_wanted.is_set() or self._standing.trouble() is not None:
            return False
        self._standing.sweep_wanted.clear()
        return True
