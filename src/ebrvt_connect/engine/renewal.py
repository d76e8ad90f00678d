"""Renewed secrets and certificates (thay khóa bí mật, gia hạn chứng thư) are taken up without a restart.

A system whose files have changed is opened anew beside the one at work: calls under way end with what they
began with, the next ones are made by the new one. A system that the engine itself has paused (its secret was
refused, its certificate ended) is taken up again once what it needs is renewed. A person's pause stays.

Looked after in a thread of its own: reading a secret may take half a minute, and the heartbeat must not wait.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from ebrvt_connect.engine.standing import Standing
    from ebrvt_connect.ports.adapter import Adapter
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.ports.ledger import Pause

BY_ENGINE = "engine"
"""Who a pause is by that no person wanted."""
_SECOND_TRY_AFTER = timedelta(minutes=1)
_STILL_OF_THE_RENEWAL = timedelta(minutes=10)
"""A refusal later than this has nothing to do with it."""

_log = logging.getLogger(__name__)


class Renewals(Protocol):
    """Opens systems with their secrets and certificates as they are now."""

    def reopened(self, system: str) -> Adapter:
        """One that is taken up again after a pause; raises `ConnectError`."""
        ...

    def renewed(self, waiting: Collection[str]) -> Mapping[str, Adapter]:
        """The systems opened anew since this was last asked; `waiting` are paused and need it soon."""
        ...


class PausedLedger(Protocol):
    """What is asked of the ledger here."""

    def paused(self) -> dict[str, Pause]:
        """The systems that are left alone."""
        ...

    def resume_system(self, system: str, *, paused: Pause | None = None) -> bool:
        """Take a system up again; with `paused` only if that is the pause which it still has."""
        ...


@dataclass(slots=True)
class Renewed:
    """When a system was renewed, and which of its two later tries are used up."""

    at: datetime
    tries: int = 0

    def lifts(self, pause: Pause, now: datetime) -> bool:
        """Whether this renewal is a reason to end a pause of the engine's; asked, and then acted upon.

        One that was there before ends. One that begins soon afterwards may come of a call that was begun
        with the old secret: the first such pause ends at once. Or the remote has not got the new one yet:
        the second ends after a minute, and what comes then is a person's.
        """
        if pause.at <= self.at:
            return True
        if self.tries >= 2 or pause.at - self.at > _STILL_OF_THE_RENEWAL:  # noqa: PLR2004 - at once, and once more
            return False
        if self.tries == 1 and now - pause.at < _SECOND_TRY_AFTER:
            return False
        self.tries += 1
        return True


class RenewalRound:
    """Takes up what is renewed, `every` so often, until the engine is asked to stop."""

    def __init__(
        self,
        renewals: Renewals | None,
        systems: dict[str, Adapter],
        ledger: PausedLedger,
        standing: Standing,
        clock: Clock,
        every: timedelta,
    ) -> None:
        """`systems` are the ones at work: a renewed one takes its place among them."""
        self._renewals = renewals
        self._systems = systems
        self._ledger = ledger
        self._standing = standing
        self._clock = clock
        self._every = every.total_seconds()
        self._renewed: dict[str, Renewed] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look in the background, if there is anything to look after; resumed systems wait for `reopen`."""
        if self._renewals is not None:
            self._standing.open_anew()
            self._thread = threading.Thread(target=self._run, name="ebrvt-renewal", daemon=True)
            self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end after `standing.stop`."""
        if self._thread is not None:
            self._thread.join(seconds)

    def reopen(self, system: str) -> None:
        """A system is taken up again after a pause; raises `ConnectError` where it does not open."""
        if self._renewals is not None and system in self._systems:
            self._systems[system] = self._renewals.reopened(system)

    def turn(self) -> None:
        """Look once."""
        if self._renewals is None:
            return
        pauses = {name: one for name, one in self._ledger.paused().items() if one.by == BY_ENGINE}
        for name, adapter in self._renewals.renewed(pauses.keys()).items():
            self._systems[name] = adapter
            self._renewed[name] = Renewed(self._clock.now())
            _log.warning("%s goes on with renewed secrets or certificates", name)
        for name, pause in pauses.items():
            renewed = self._renewed.get(name)
            if renewed is not None and renewed.lifts(pause, self._clock.now()):
                self._lift(pause)

    def _lift(self, pause: Pause) -> None:
        if self._ledger.resume_system(pause.system, paused=pause):
            _log.warning("%s is taken up again: what was refused (%s) is renewed", pause.system, pause.code)
            self._standing.look_again()

    def _run(self) -> None:
        while not self._standing.wait(self._every):
            try:
                self.turn()
            except ConnectError as error:
                _log.debug("renewals wait: %s", error)  # trouble of the store, told elsewhere
            except Exception:  # noqa: BLE001 - whatever it meets, it looks again
                _log.exception("renewed secrets cannot be looked for; it will be tried again")
