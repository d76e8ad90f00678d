"""Keeping the evidence log: entries are linked, hours sealed, seals stamped, beside the exchange.

Nothing that is exchanged ever waits for this. An authority that does not answer leaves seals waiting; they
are asked for again, further and further apart, and all that waits is stamped when it answers again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.errors import ConnectError, RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.resilience.retry import Ladder

_BATCHES_A_TURN = 4
_LOOK_SECONDS = 10.0

_log = logging.getLogger(__name__)


class WaitingSeal(Protocol):
    """A seal whose stamp is awaited."""

    @property
    def number(self) -> int:
        """Counted from 1."""
        ...

    @property
    def statement(self) -> str:
        """What is stamped, by its SHA-256."""
        ...


class EvidenceLog(Protocol):
    """Where the log is kept (`store.proof.ProofLog`)."""

    def link(self, now: datetime) -> int:
        """Link a batch; 0 where nothing waits."""
        ...

    def seal(self, now: datetime, every: timedelta) -> bool:
        """Seal what a past hour has linked; False where there is none."""
        ...

    def unstamped(self) -> Sequence[WaitingSeal]:
        """Seals whose stamps are awaited, oldest first."""
        ...

    def stamped(self, seal: int, token: bytes, now: datetime) -> None:
        """Keep the stamp of a seal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often seals are made, and how long it is waited after an authority has failed."""

    every: timedelta
    ladder: Ladder
    jitter: Callable[[float], float]
    """Chance: a number of seconds up to the given one."""


class ProofKeeper:
    """Keeps a daemon's share of the log; any number of daemons may keep the same one."""

    def __init__(
        self, log: EvidenceLog, stamp: Callable[[bytes], bytes] | None, clock: Clock, patience: Patience
    ) -> None:
        """`stamp` has a SHA-256 (its bytes) stamped and returns the token (DER); None: no authority."""
        self._log = log
        self._stamp = stamp
        self._clock = clock
        self._patience = patience
        self._failures = 0
        self._look_at = 0.0
        self._stamping: threading.Thread | None = None

    def turn(self) -> None:
        """Link what has come, seal an hour that is over, and have seals stamped in a thread of its own.

        Raises `ConnectError` when the store cannot be written.
        """
        for _ in range(_BATCHES_A_TURN):
            if not self._log.link(self._clock.now()):
                break
        while self._log.seal(self._clock.now(), self._patience.every):
            if not self._failures:
                self._look_at = 0.0
        at_work = self._stamping is not None and self._stamping.is_alive()
        if self._stamp is None or at_work or self._clock.monotonic() < self._look_at:
            return
        self._look_at = self._clock.monotonic() + _LOOK_SECONDS
        if self._log.unstamped():
            self._stamping = threading.Thread(target=self.stamp_waiting, name="ebrvt-stamp", daemon=True)
            self._stamping.start()

    def stamp_waiting(self) -> int:
        """Have all waiting seals stamped, until one fails; returns how many were.

        After a failure nothing is asked for until the next step of the ladder, or as long as the authority
        itself has asked to be left alone.
        """
        done = 0
        if self._stamp is None:
            return done
        try:
            for seal in self._log.unstamped():
                token = self._stamp(hashlib.sha256(seal.statement.encode()).digest())
                self._log.stamped(seal.number, token, self._clock.now())
                self._failures, done = 0, done + 1
        except ConnectError as error:
            self._rest(error)
        except Exception:  # noqa: BLE001 - whatever an authority sends, the exchange goes on
            _log.exception("stamping failed; it will be tried again")
            self._rest(None)
        return done

    def stop(self) -> None:
        """Link what was settled last; what is not stamped yet is found by the next start."""
        with suppress(ConnectError):
            while self._log.link(self._clock.now()):
                pass
        if self._stamping is not None:
            self._stamping.join(1.0)

    def _rest(self, error: ConnectError | None) -> None:
        self._failures += 1
        longest = self._patience.ladder.after(self._failures).total_seconds()
        seconds = self._patience.jitter(longest)
        if isinstance(error, RetryLater) and error.retry_after is not None:
            seconds = max(seconds, error.retry_after.total_seconds())
        self._look_at = self._clock.monotonic() + seconds
        if error is not None:
            _log.warning("no timestamp for the evidence log, tried again in %.0f s: %s", seconds, error)
