"""How the engine itself stands: asked to stop, paused systems, trouble with the store, what is at work."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.errors import ConnectError, HeldForPerson, Scope
from ebrvt_connect.ports.blobs import STORE_FULL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.ledger import Pause

_PAUSES_KEPT_SECONDS = 1.0
_SAME_TROUBLE_SECONDS = 60.0

_log = logging.getLogger(__name__)


class PausedSystems(Protocol):
    """Where pauses are kept."""

    def paused(self) -> dict[str, Pause]:
        """The systems that are left alone."""
        ...


class Room(Protocol):
    """A reserve of disk space (`store.reserve.Reserve`)."""

    def keep(self) -> bool:
        """Make what is missing of it; whether all of it is there."""
        ...

    def give_up(self) -> bool:
        """Free it where the disk is full; whether anything was freed."""
        ...


class Standing:
    """Shared by drains, intakes and housekeeping; any thread may ask."""

    def __init__(
        self,
        ledger: PausedSystems,
        clock: Clock,
        store_rest: timedelta,
        late_after: timedelta,
        room: Room | None = None,
    ) -> None:
        """`store_rest`: how long everything pauses when the store cannot be written.

        `late_after`: how old this daemon's own heartbeat may be before it must think itself replaced.
        `room`: what is given up on a full disk so that this can be told; all pauses until it is back.
        """
        self._room = room
        self._ledger = ledger
        self._clock = clock
        self._store_rest = store_rest.total_seconds()
        self._late_after = late_after.total_seconds()
        self._beat_at: tuple[float, datetime] | None = None
        self._lapses = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._drains = 0
        self._pauses: dict[str, Pause] = {}
        self._pauses_until = -1.0
        self._resumed: set[str] = set()
        self._opens_anew = False
        self._trouble: ConnectError | None = None
        self._trouble_until = -1.0
        self._no_room = False
        self.sweep_wanted = threading.Event()
        """Something may have lost its activation: the sweep need not wait for its minute."""

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop.set()

    def stopping(self) -> bool:
        """Whether to begin nothing new: asked to stop, the store cannot be written, or frozen too long."""
        return self._stop.is_set() or self.trouble() is not None or self.late()

    def beaten(self) -> None:
        """This daemon's heartbeat has just been written."""
        late = self.late()
        if late:
            self.sweep_wanted.set()
        with self._lock:
            self._lapses += late
            self._beat_at = self._clock.monotonic(), self._clock.now()

    def late(self) -> bool:
        """Whether this daemon was frozen so long that others may have taken over its work.

        It must send nothing until it has told them that it lives. Either clock may say so: the monotonic one
        stands still while a machine is suspended, the other one may be set back.
        """
        with self._lock:
            beat_at = self._beat_at
        if beat_at is None:
            return False
        passed = self._clock.monotonic() - beat_at[0], (self._clock.now() - beat_at[1]).total_seconds()
        return max(passed) > self._late_after

    def lapses(self) -> int:
        """How often this daemon has been late so far."""
        with self._lock:
            return self._lapses

    def late_since(self, lapses: int) -> bool:
        """Whether it is late, or has been since `lapses` were counted: what was to be sent then is not.

        When it thaws, its heart may beat before the thread that was just about to send goes on.
        """
        return self.late() or self.lapses() != lapses

    def wait(self, seconds: float) -> bool:
        """Wait so long or until asked to stop; True when asked to stop."""
        return self._stop.wait(seconds)

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Counts as a drain at work while inside."""
        with self._lock:
            self._drains += 1
        try:
            yield
        finally:
            with self._lock:
                self._drains -= 1

    def idle(self) -> bool:
        """Whether no drain of this process is at work."""
        with self._lock:
            return self._drains == 0

    def paused(self, system: str) -> bool:
        """Whether a system is left alone, known to the second; also until it has been opened anew."""
        self.look()
        with self._lock:
            return system in self._pauses or system in self._resumed

    def look(self) -> None:
        """Read the pauses anew if that was a second ago."""
        with self._lock:
            fresh = self._clock.monotonic() < self._pauses_until
        if not fresh:
            self.look_again()

    def look_again(self) -> None:
        """Read the pauses anew (after one of our own)."""
        pauses = self._ledger.paused()
        with self._lock:
            if self._opens_anew:
                self._resumed |= self._pauses.keys() - pauses.keys()
                self._resumed -= pauses.keys()
            new = [pause for system, pause in pauses.items() if system not in self._pauses]
            self._pauses = pauses
            self._pauses_until = self._clock.monotonic() + _PAUSES_KEPT_SECONDS
        for pause in new:  # once, whoever paused it and however many calls had met the same trouble
            level = logging.ERROR if pause.code else logging.WARNING
            _log.log(level, "%s is paused: %s (%s)", pause.system, pause.code or pause.by, pause.reason_vi)

    def open_anew(self) -> None:
        """From now on a system that is taken up again waits until somebody has opened it anew."""
        with self._lock:
            self._opens_anew = True

    def resumed(self) -> frozenset[str]:
        """Systems taken up again that wait to be opened anew."""
        with self._lock:
            return frozenset(self._resumed)

    def opened(self, system: str) -> None:
        """It was opened anew, or paused again."""
        with self._lock:
            self._resumed.discard(system)

    def trouble(self) -> ConnectError | None:
        """Why everything pauses (the store cannot be written), or None."""
        with self._lock:
            lasts = self._no_room or self._clock.monotonic() < self._trouble_until
            return self._trouble if lasts else None

    def store_trouble(self, error: ConnectError) -> None:
        """The store failed somebody. Where it cannot be written at all everything pauses for a while."""
        self.sweep_wanted.set()
        if not (isinstance(error, HeldForPerson) and error.scope is Scope.STORE):
            _log.warning("%s", error)
            return
        if self._room is not None and self._room.give_up():  # first: what follows is written down
            self._no_room = True
        now = self._clock.monotonic()
        with self._lock:
            # Trouble that comes straight back after each rest is one trouble, and one alarm.
            known = self._trouble is not None and now < self._trouble_until + _SAME_TROUBLE_SECONDS
            self._trouble = error
            self._trouble_until = now + self._store_rest
        if not known:
            _log.critical("everything pauses: %s (%s %s)", error, error.explanation_vi, error.advice_vi)

    def look_for_room(self) -> None:
        """Pause, or stay paused, while the disk has no room for its reserve: nobody is to live off that."""
        self._no_room = self._room is not None and not self._room.keep()
        if self._no_room:
            detail = "the disk has no room for its reserve"
            self.store_trouble(HeldForPerson(STORE_FULL, detail, scope=Scope.STORE))
