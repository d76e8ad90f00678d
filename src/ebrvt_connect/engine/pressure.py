"""How hard one system is pressed: calendar, breaker, calls under way, pace and bytes of the day.

Shared by all drains of this process here, and through the ledger by all daemons of all machines. The
decisions are values of `resilience`; what this process has been given of the system's limits is kept here
under one lock, and asked for anew when it is used up or a second old. A ticket is asked for before a message
is marked as being sent, and given back with what came of it.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from ebrvt_connect.errors import ConnectError
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.resilience import sharing
from ebrvt_connect.resilience.breaker import Position, Wait, counts, was_long
from ebrvt_connect.resilience.sharing import LENT, Part, Spent, Wish

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime, timedelta

    from ebrvt_connect.engine.settings import SystemLimits
    from ebrvt_connect.errors import Effect
    from ebrvt_connect.ports.clock import Clock
    from ebrvt_connect.resilience.breaker import Breaker, BreakerPolicy
    from ebrvt_connect.resilience.calendar import Closed
    from ebrvt_connect.resilience.sharing import Common

_FRESH_SECONDS = 1.0
"""How long a part is used before others are looked for."""
_ASK_AGAIN_SECONDS = 0.25
"""How soon to ask again for calls that others have."""
_BATCH_SECONDS = 0.5
"""Slots are asked for no further ahead."""
_STEADY_SECONDS = 10.0
"""How long no more slots are tried after some were not used."""
_GRAIN_SECONDS = 1e-6
_RENEW_SECONDS = LENT.total_seconds() / 2

_T = TypeVar("_T")


class SharedLimits(Protocol):
    """Where daemons share a system's limits."""

    def limited(self, system: str, decide: Callable[[Common], tuple[Common, _T]]) -> _T:
        """Let `decide` change the shared value while nobody else does, and return what it says.

        It may be asked again, of what another daemon has made of the value meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ticket:
    """One call may be made; `probe` when it is the one that finds out whether the system is back."""

    probe: bool = False
    size: int = field(default=0, compare=False)
    """The bytes taken for it."""


@dataclass(frozen=True, slots=True)
class Crowded:
    """Not now: enough calls are under way; `Pressure.wait` until one of them ends."""


@dataclass(frozen=True, slots=True)
class Early:
    """Not now: the rate, or the calls, are used up for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Resting:
    """The system is closed by its calendar, or in trouble, and left in peace until then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """The breaker has turned."""

    position: Position
    first: bool = False
    """Opened by new trouble, not by a probe that failed."""
    long: bool = False
    """After an outage, not a hiccup."""


class Pressure:
    """What this process may press one system with: its part of the system's limits."""

    def __init__(
        self,
        system: str,
        limits: SystemLimits,
        policy: BreakerPolicy,
        clock: Clock,
        shared: SharedLimits,
        *,
        holder: Callable[[], str],
        turned: Callable[[Turn], None] = lambda _: None,
    ) -> None:
        """`holder` is the name this daemon goes by; `turned` is told when it turns the breaker (unlocked)."""
        self._system = system
        self._limits = limits
        self._quota = limits.quota
        self._policy = policy
        self._clock = clock
        self._shared = shared
        self._holder = holder
        self._turned = turned
        self._changed = threading.Condition()
        self._alone = True
        self._failures = 0
        """In a row, of calls of this process."""
        self._open_until: datetime | None = None
        self._under_way = 0
        self._calls = 0
        self._slots: deque[float] = deque()
        """The moments (monotonic) this process may begin a call at."""
        self._bytes = 0
        self._day: date | None = None
        """The day of Vietnam these bytes are of."""
        self._refused: tuple[int, Spent] | None = None
        """So many bytes were more than the day had left."""
        self._used, self._lost, self._used_at = 0, 0, -math.inf
        """Slots since the last asking, and when the last one was used."""
        self._asked_at = -math.inf
        self._steady_until = -math.inf

    def closed(self) -> Closed | None:
        """Whether the calendar leaves the system alone now, and until when; None while it is open."""
        return self._limits.calendar.closed(self._clock.now())

    def resting_until(self) -> datetime | None:
        """Until when nothing may be sent, as far as this process knows, or None."""
        now = self._clock.now()
        with self._changed:
            until = self._open_until
        closed = self.closed()
        known = [until] if until is not None and until > now else []
        return max([*known, closed.until] if closed else known, default=None)

    def never(self, size: int) -> bool:
        """Whether so many bytes are more than any day allows."""
        most = self._quota.bytes_per_day
        return most is not None and size > most

    def admit(
        self, size: int = 0, *, ready: int = 1, ahead: int | None = None
    ) -> Ticket | Crowded | Early | Resting | Spent:
        """A ticket for one call that sends `size` bytes, or why there is none.

        `ready` is how many could begin now, this one included, and `ahead` how many bytes they have together.
        """
        closed = self.closed()
        if closed is not None:
            return Resting(closed.until)
        with self._changed:
            answer = self._admit(size, ready, size if ahead is None else ahead)
        if isinstance(answer, Ticket) and answer.probe:
            self._turned(Turn(Position.HALF_OPEN))
        return answer

    def settle(self, ticket: Ticket, effect: Effect | None, retry_after: timedelta | None = None) -> None:
        """Give the ticket back with what came of the call."""
        with self._changed:
            self._give_back()
            turned = self._heeded(ticket, effect, retry_after)
        if turned is not None:
            self._turned(turned)

    def abandon(self, ticket: Ticket) -> None:
        """Give back a ticket whose call was never made; an unused probe is free for the next who asks."""
        with self._changed:
            self._give_back()
            if self._day == self._today():
                self._bytes += ticket.size
            if ticket.probe:
                holder, now = self._holder(), self._clock.now()
                self._turn(lambda common: sharing.unprobed(common, holder, now))

    def keep(self) -> None:
        """Renew the loan of the calls that are under way; to be called every second or so while any are."""
        with self._changed:
            if self._under_way and self._clock.monotonic() - self._asked_at >= _RENEW_SECONDS:
                self._ask(Wish(holder=self._holder(), under_way=self._under_way))

    def leave(self) -> None:
        """A drain has ended: what it leaves unused is the others' at once, where there are any."""
        with self._changed:
            if self._calls and not self._under_way and not self._alone:
                self._ask(Wish(holder=self._holder()))
                self._slots.clear()

    def company(self, daemons: int) -> None:
        """So many daemons live at this store, this one included."""
        with self._changed:
            self._alone = daemons <= 1

    def wait(self, seconds: float) -> None:
        """Until a call somewhere in this process ends, or so long."""
        with self._changed:
            self._changed.wait(seconds)

    # Under the lock.

    def _admit(self, size: int, ready: int, ahead: int) -> Ticket | Crowded | Early | Resting | Spent:
        if self._under_way >= self._limits.in_flight:
            return Crowded()
        if self._open_until is None and (answer := self._from_stock(size)) is not None:
            return answer
        limited = self._quota.bytes_per_day is not None
        wish = Wish(
            holder=self._holder(),
            under_way=self._under_way,
            ready=ready,
            slots=self._batch(),
            need=size if limited else 0,
            bytes=max(ahead, size) if limited else 0,
            unused=self._bytes,
            unused_of=self._day,
        )
        match self._ask(wish):
            case Wait(until):
                return Resting(until)
            case Spent() as spent:
                self._refused = size, spent
                return spent
            case Part(probe=True):
                self._slots.clear()
                return self._ticket(size, probe=True)
            case Part(first=first, slots=0) if first is not None:
                return Early((first - self._clock.now()).total_seconds())
            case _:
                return self._from_stock(size) or Early(_ASK_AGAIN_SECONDS)

    def _from_stock(self, size: int) -> Ticket | Crowded | Early | Spent | None:
        """What this process may do by what it was given; None when it must ask for more."""
        now = self._clock.monotonic()
        asked = now - self._asked_at
        if asked >= _FRESH_SECONDS:
            return None
        if self._under_way and self._under_way >= self._calls:
            return Crowded()
        if not self._calls:
            return Early(_ASK_AGAIN_SECONDS - asked) if asked < _ASK_AGAIN_SECONDS else None
        while self._slots and self._slots[0] < now - self._quota.lateness_seconds:
            self._slots.popleft()
            self._lost += 1
        if self._refused is not None and size >= self._refused[0]:
            return self._refused[1]
        if not self._slots or not self._covered(size):
            return None
        if self._slots[0] - now > _GRAIN_SECONDS:
            return Early(self._slots[0] - now)
        self._slots.popleft()
        self._used, self._used_at = self._used + 1, now
        return self._ticket(size, probe=False)

    def _covered(self, size: int) -> bool:
        if self._quota.bytes_per_day is None or not size:
            return True
        return self._day == self._today() and size <= self._bytes

    def _ticket(self, size: int, *, probe: bool) -> Ticket:
        taken = size if self._quota.bytes_per_day is not None else 0
        self._bytes -= taken
        self._under_way += 1
        return Ticket(probe, taken)

    def _batch(self) -> int:
        """As many slots as will be used in time: as many as last time, or twice that where they ran out.

        Slow calls leave slots unused that others could have had: then it is the calls that keep the pace, and
        more is not tried for a while.
        """
        now, limits = self._clock.monotonic(), self._quota
        most = max(1, math.ceil(limits.per_second * _BATCH_SECONDS)) - len(self._slots)
        if self._lost:
            self._steady_until = now + _STEADY_SECONDS
        ran_out = now - self._used_at <= limits.rate.interval_seconds + limits.lateness_seconds
        # Where nobody else is, nobody is kept from them.
        grows = ran_out and (self._alone or now >= self._steady_until)
        return max(1, min(2 * self._used if grows else self._used, most))

    def _ask(self, wish: Wish) -> Part | Wait | Spent | None:
        """Ask for a part and keep it; None while the store cannot say (who commits next will tell why)."""
        now, moment = self._clock.now(), self._clock.monotonic()
        try:
            answer = self._shared.limited(
                self._system, lambda common: sharing.reserve(common, wish, self._quota, now, self._policy)
            )
        except ConnectError:
            return None
        self._asked_at, self._used, self._lost, self._refused = moment, 0, 0, None
        self._bytes, self._day = 0, self._today()
        match answer:
            case Wait(until):
                self._rest(until)
            case Part():
                if self._open_until is not None and answer.slots and not answer.probe:
                    self._open_until, self._failures = None, 0
                self._calls, self._bytes = answer.calls, answer.bytes
                if answer.first is not None and not answer.probe:
                    first, interval = (answer.first - now).total_seconds(), self._quota.rate.interval_seconds
                    ahead = (first + nth * interval for nth in range(answer.slots))
                    self._slots.extend(moment + max(seconds, 0.0) for seconds in ahead)
        return answer

    def _rest(self, until: datetime) -> None:
        self._open_until = until
        self._calls = self._under_way
        self._slots.clear()

    def _heeded(self, ticket: Ticket, effect: Effect | None, retry_after: timedelta | None) -> Turn | None:
        """What the result says of the system, where that has turned the breaker."""
        now, holder, policy = self._clock.now(), self._holder(), self._policy
        if ticket.probe:
            return self._turn(
                lambda common: sharing.probed(
                    common, holder, effect, now=now, policy=policy, retry_after=retry_after
                )
            )
        if self._open_until is not None:
            return None  # it began before the breaker opened
        self._failures = self._failures + 1 if counts(effect) else 0
        if self._failures < policy.threshold:
            return None
        return self._turn(lambda common: sharing.tripped(common, now, policy, retry_after))

    def _turn(self, decide: Callable[[Common], Common]) -> Turn | None:
        """Change the breaker that all share; its turn where it was turned here."""

        def turning(common: Common) -> tuple[Common, tuple[Breaker, Breaker]]:
            after = decide(common)
            return after, (common.breaker, after.breaker)

        try:
            before, after = self._shared.limited(self._system, turning)
        except ConnectError:
            return None  # a probe nobody hears of is given up in time; failures go on being counted
        self._failures = 0
        if after.position is Position.CLOSED:
            self._open_until = None
        elif after.until is not None:
            self._rest(after.until)
        if after.position is before.position:
            return None
        return Turn(after.position, first=not before.trips, long=was_long(before, self._policy))

    def _give_back(self) -> None:
        self._under_way -= 1
        self._changed.notify_all()

    def _today(self) -> date:
        return self._clock.now().astimezone(VIETNAM).date()
