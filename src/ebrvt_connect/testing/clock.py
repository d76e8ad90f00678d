"""A clock that does as it is told: tests move time by hand or by sleeping."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Where a fake clock starts unless told otherwise: 08:00 on a Monday in Vietnam."""


class FakeClock:
    """A clock whose time passes only by `sleep` and `advance`; may be shared by threads."""

    def __init__(self, at: datetime = START) -> None:
        """Start at `at` (aware); raises `ValueError` for a naive time."""
        if at.tzinfo is None:
            msg = f"a clock needs an aware time, got {at!r}"
            raise ValueError(msg)
        self._lock = threading.Lock()
        self._now = at.astimezone(UTC)
        self._monotonic = 0.0
        self.slept: list[float] = []
        """Every wait asked for, in seconds and in order."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds passed since the clock was made; `jump` does not touch them."""
        with self._lock:
            return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Return at once, having let that time pass (a negative wait passes none)."""
        with self._lock:
            self.slept.append(seconds)
        self.advance(max(seconds, 0.0))

    def advance(self, by: float | timedelta) -> None:
        """Let time pass (seconds or a duration); raises `ValueError` for a step backwards."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if step < timedelta(0):
            msg = f"time passes forwards only; got {step}, use `jump` to set the wall clock"
            raise ValueError(msg)
        with self._lock:
            self._now += step
            self._monotonic += step.total_seconds()

    def jump(self, to: datetime) -> None:
        """Set the wall clock, backwards too, as an operator or a time server would; no time passes."""
        with self._lock:
            self._now = to.astimezone(UTC)


class RunningClock(FakeClock):
    """A fake clock whose time also passes by itself, and ends what hangs; waits still take none."""

    def __init__(self, at: datetime = START) -> None:
        """Start at `at`, and run."""
        super().__init__(at)
        self._started = time.monotonic()

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        return super().now() + timedelta(seconds=time.monotonic() - self._started)

    def monotonic(self) -> float:
        """Seconds passed, really or by waiting, since the clock was made."""
        return super().monotonic() + time.monotonic() - self._started
