"""How hard one system is pressed: calls under way, calls a second, and the breaker. Shared by all its drains.

The decisions are values of `resilience`; here they are kept under one lock. A ticket is asked for before
a message is marked as being sent, and given back with what came of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ebrvt_connect.resilience import breaker as breakers
from ebrvt_connect.resilience.breaker import Breaker, BreakerPolicy, Position
from ebrvt_connect.resilience.limiter import Rate, permit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from ebrvt_connect.engine.settings import SystemLimits
    from ebrvt_connect.errors import Effect
    from ebrvt_connect.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Ticket:
    """One call may be made; `probe` when it is the one that finds out whether the system is back."""

    probe: bool = False


@dataclass(frozen=True, slots=True)
class Crowded:
    """Not now: enough calls are under way; `Pressure.wait` until one of them ends."""


@dataclass(frozen=True, slots=True)
class Early:
    """Not now: the rate is used up for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Resting:
    """The system is in trouble and left in peace until then."""

    until: datetime


class Pressure:
    """What this process may press one system with: its part of the system's limits."""

    def __init__(
        self,
        limits: SystemLimits,
        policy: BreakerPolicy,
        clock: Clock,
        turned: Callable[[Position], None],
    ) -> None:
        """`turned` is told whenever the breaker changes position (outside the lock)."""
        self._limits = limits
        self._in_flight = limits.in_flight
        self._rate = Rate(limits.per_second, burst=limits.in_flight)
        self._policy = policy
        self._clock = clock
        self._turned = turned
        self._breaker = Breaker()
        self._flow: float | None = None
        self._under_way = 0
        self._changed = threading.Condition()

    def share(self, daemons: int) -> None:
        """So many daemons press the system together: this one keeps to its part, of one call at least."""
        in_flight = max(1, self._limits.in_flight // daemons)
        with self._changed:
            self._in_flight = in_flight
            self._rate = Rate(self._limits.per_second / daemons, burst=in_flight)
            self._changed.notify_all()

    def admit(self) -> Ticket | Crowded | Early | Resting:
        """A ticket for one call, or why there is none."""
        now = self._clock.now()
        with self._changed:
            if self._under_way >= self._in_flight:
                return Crowded()
            place = permit(self._flow, self._clock.monotonic(), self._rate)
            if place.wait_seconds > 0:
                return Early(place.wait_seconds)
            before = self._breaker.position
            self._breaker, answer = breakers.asked(self._breaker, now, self._policy)
            if isinstance(answer, breakers.Wait):
                return Resting(answer.until)
            self._flow = place.state
            self._under_way += 1
            turned = self._breaker.position is not before
        if turned:
            self._turned(Position.HALF_OPEN)
        return Ticket(answer.probe)

    def settle(self, ticket: Ticket, effect: Effect | None, retry_after: timedelta | None = None) -> None:
        """Give the ticket back with what came of the call."""
        with self._changed:
            before = self._breaker.position
            self._breaker = breakers.settled(
                self._breaker,
                effect,
                probe=ticket.probe,
                now=self._clock.now(),
                policy=self._policy,
                retry_after=retry_after,
            )
            after = self._breaker.position
            self._give_back()
        if after is not before:
            self._turned(after)

    def abandon(self, ticket: Ticket) -> None:
        """Give back a ticket whose call was never made; an unused probe is free for the next who asks."""
        with self._changed:
            if ticket.probe and self._breaker.position is Position.HALF_OPEN:
                self._breaker = replace(self._breaker, position=Position.OPEN, until=self._clock.now())
            self._give_back()

    def _give_back(self) -> None:
        self._under_way -= 1
        self._changed.notify_all()

    def resting_until(self) -> datetime | None:
        """Until when nothing may be sent, or None."""
        now = self._clock.now()
        with self._changed:
            breaker = self._breaker
        closed = breaker.position is Position.CLOSED or breaker.until is None or breaker.until <= now
        return None if closed else breaker.until

    def wait(self, seconds: float) -> None:
        """Until a call somewhere ends, or so long."""
        with self._changed:
            self._changed.wait(seconds)
