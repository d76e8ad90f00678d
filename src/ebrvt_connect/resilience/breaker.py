"""A breaker as a value: a system in trouble is left in peace, then asked by one call whether it is back.

    closed ──(threshold system failures in a row)──> open ──(rest over)──> half-open
       ^                                              ^                       │
       └────────────(the probe is answered)───────────┼───────────────────────┤
                                                      └──(the probe fails)────┘

* closed: every call may go.
* open: no call may go until the rest is over. Each time a probe fails the rest doubles, up to a limit.
* half-open: exactly one call is under way, the probe. Should it never report (its worker was killed),
  another may go after `probe_limit`.

Only what says "the system is in trouble" counts: `RetryLater` and `ReconcileFirst`. A refusal of one
message, or a held one, is an answer: the system is well. Results of calls that began before the breaker
opened are told apart from the probe's and change nothing.

Whoever holds the value stores what these functions return, together with the results they were made from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ebrvt_connect.errors import Effect


class Position(StrEnum):
    """How the breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When to open, and for how long."""

    threshold: int = 5
    """System failures in a row that open it."""
    rest: timedelta = timedelta(seconds=30)
    """The first pause."""
    longest_rest: timedelta = timedelta(minutes=5)
    """Up to which the pause doubles."""
    probe_limit: timedelta = timedelta(minutes=5)
    """After which a probe that never reported is given up."""

    def __post_init__(self) -> None:
        """Refuse a policy that would never open or never rest (`ValueError`)."""
        if self.threshold < 1 or not timedelta(0) < self.rest <= self.longest_rest:
            raise ValueError(f"not a breaker policy: {self!r}")


@dataclass(frozen=True, slots=True)
class Breaker:
    """Where a system's breaker stands (cầu dao); made closed."""

    position: Position = Position.CLOSED
    failures: int = 0
    """System failures in a row while closed."""
    trips: int = 0
    """Times in a row it opened without a good answer between; sets the length of the rest."""
    until: datetime | None = None
    """Open: when the rest is over. Half-open: when the probe is given up."""


@dataclass(frozen=True, slots=True)
class Go:
    """A call may be made; `probe` must be handed back to `settled` with its result."""

    probe: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """No call may be made before `until`."""

    until: datetime


def asked(breaker: Breaker, now: datetime, policy: BreakerPolicy) -> tuple[Breaker, Go | Wait]:
    """Whether a call may be made now, and the breaker after that answer."""
    if breaker.position is Position.CLOSED or breaker.until is None:
        return breaker, Go(probe=False)
    # A wall clock that was set back must not turn a rest of seconds into one of hours.
    until = min(breaker.until, now + max(policy.longest_rest, policy.probe_limit))
    if now < until:
        return breaker, Wait(until)
    probing = replace(breaker, position=Position.HALF_OPEN, until=now + policy.probe_limit)
    return probing, Go(probe=True)


def settled(
    breaker: Breaker,
    effect: Effect | None,
    *,
    probe: bool,
    now: datetime,
    policy: BreakerPolicy,
    retry_after: timedelta | None = None,
) -> Breaker:
    """The breaker after a call's result; `effect` is None for success.

    `retry_after`, the remote's own wish, makes a rest longer, never shorter.
    """
    failed = counts(effect)
    if breaker.position is not Position.CLOSED:
        if not probe or breaker.position is Position.OPEN:
            return breaker
        return _opened(breaker, now, policy, retry_after) if failed else Breaker()
    if not failed:
        return Breaker()
    counted = replace(breaker, failures=breaker.failures + 1)
    if counted.failures < policy.threshold:
        return counted
    return _opened(counted, now, policy, retry_after)


def was_long(breaker: Breaker, policy: BreakerPolicy) -> bool:
    """Whether the trouble lasted until the rests had grown to their longest: an outage, not a hiccup."""
    rest: timedelta = policy.rest * 2 ** min(max(breaker.trips - 1, 0), 16)
    return rest >= policy.longest_rest


def counts(effect: Effect | None) -> bool:
    """Whether a result says that the system, not the message, is in trouble."""
    return effect in {Effect.RETRY_LATER, Effect.RECONCILE_FIRST}


def _opened(breaker: Breaker, now: datetime, policy: BreakerPolicy, wish: timedelta | None) -> Breaker:
    # 2 ** 16 rests are past any sensible limit; the cap keeps the number from growing without end.
    rest = min(policy.rest * 2 ** min(breaker.trips, 16), policy.longest_rest)
    if wish is not None:
        rest = max(rest, wish)
    return Breaker(position=Position.OPEN, failures=0, trips=breaker.trips + 1, until=now + rest)
