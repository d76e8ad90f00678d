"""The real clock: the one place of the library that asks the machine for the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading


class SystemClock:
    """The machine's clock; waiting ends early when `stop` is set, so that a daemon ends promptly."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        """`stop` is the program's wish to end; without one, waiting always lasts its full time."""
        self._stop = stop

    def now(self) -> datetime:
        """The wall time, aware, in UTC. It may jump: use it for records, never for deadlines."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards, for deadlines."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; returns early when the program is asked to stop. Nothing to wait for: returns at once."""
        if seconds <= 0:
            return
        if self._stop is None:
            time.sleep(seconds)
        else:
            self._stop.wait(seconds)
