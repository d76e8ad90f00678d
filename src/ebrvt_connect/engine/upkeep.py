"""Upkeep (dọn dẹp định kỳ): what nobody needs any more is given up and collected, beside the exchange.

It has a thread of its own: reading through a large store takes minutes, and the heartbeat must not wait. A
round that fails is told at once, and tried again sooner than the next one would be: housekeeping that fails
in silence is a disk that fills up.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Protocol

from ebrvt_connect.errors import ConnectError, HeldForPerson, Scope, explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from ebrvt_connect.engine.standing import Standing
    from ebrvt_connect.ports.clock import Clock

UPKEEP_FAILED = explain(
    "UPKEEP_FAILED",
    "Việc dọn dữ liệu hết thời hạn lưu giữ không chạy được: {why}.",
    "Chạy ebrvt retention run --dry-run để xem nguyên nhân; nếu không khắc phục, ổ đĩa sẽ đầy dần. "
    "Liên thông vẫn tiếp tục.",
)

_FIRST_AFTER_SECONDS = 300.0
_AGAIN_AFTER_SECONDS = 900.0

_log = logging.getLogger(__name__)


class Chores(Protocol):
    """One round of upkeep."""

    def __call__(self, stopping: Callable[[], bool]) -> object:
        """Do it, or as much as there is time for until `stopping`; what it returns is logged."""
        ...


class Upkeep:
    """Has a daemon's upkeep done now and then; `turn` is called often."""

    def __init__(self, chores: Chores | None, clock: Clock, standing: Standing, every: timedelta) -> None:
        """Nothing is done before the first few minutes are over: a daemon that starts has other work."""
        self._chores = chores
        self._clock = clock
        self._standing = standing
        self._every = every.total_seconds()
        self._due_at = clock.monotonic() + min(_FIRST_AFTER_SECONDS, self._every)
        self._thread: threading.Thread | None = None
        self._trouble: ConnectError | None = None

    def turn(self) -> None:
        """Begin a round if it is time, none is at work, and the store can be written."""
        if self._chores is None or self._clock.monotonic() < self._due_at or self._standing.stopping():
            return
        if self._thread is None or not self._thread.is_alive():
            self._due_at = self._clock.monotonic() + self._every
            self._thread = threading.Thread(target=self.do, name="ebrvt-upkeep", daemon=True)
            self._thread.start()

    def do(self) -> None:
        """One round, here and now; a failure is kept for `trouble` and logged, but not while stopping."""
        try:
            if self._chores is not None:
                _log.info("upkeep: %s", self._chores(self._standing.stopping))
            self._trouble = None
        except ConnectError as failure:
            if isinstance(failure, HeldForPerson) and failure.scope is Scope.STORE:
                self._standing.store_trouble(failure)
            self._failed(failure.explanation_vi.rstrip("."), failure)
        except Exception as failure:  # noqa: BLE001 - upkeep must outlive whatever it meets
            self._failed(type(failure).__name__, failure)

    def trouble(self) -> ConnectError | None:
        """Why the last round failed, or None."""
        return self._trouble

    def join(self, seconds: float) -> None:
        """Wait for a round under way to end after `standing.stop`."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _failed(self, why: str, failure: Exception) -> None:
        if self._standing.wait(0):
            _log.info("upkeep was broken off: %s", failure)
            return
        known = self._trouble is not None
        self._trouble = HeldForPerson(UPKEEP_FAILED, f"upkeep failed: {failure}", why=why)
        self._due_at = self._clock.monotonic() + min(_AGAIN_AFTER_SECONDS, self._every)
        level = logging.WARNING if known else logging.CRITICAL
        _log.log(level, "%s (%s)", self._trouble, self._trouble.explanation_vi, exc_info=failure)
