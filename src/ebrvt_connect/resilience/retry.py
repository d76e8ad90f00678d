"""What follows a failed attempt, as a value: whoever holds the message obeys it.

The queue's retries, minutes to days apart (seconds are `transport.patience`). Each failed attempt climbs
one step of a configured ladder and waits anything up to that step (full jitter), so that the messages an
outage has gathered do not come back together. The last step is repeated for ever: an outage, however
long, never makes a message fail for good. Only a remote's own no does (`Refuse`), or a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ebrvt_connect.errors import Effect, HeldForPerson, RetryLater, Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrvt_connect.errors import ConnectError


@dataclass(frozen=True, slots=True)
class Ladder:
    """The longest wait after each failed attempt in turn; the last step holds for all that follow."""

    steps: tuple[timedelta, ...]

    def __post_init__(self) -> None:
        """Refuse an empty ladder and waits that are not in the future (`ValueError`)."""
        if not self.steps or min(self.steps) <= timedelta(0):
            raise ValueError(f"a ladder needs steps longer than nothing, got {self.steps!r}")

    def after(self, attempts: int) -> timedelta:
        """The step reached after that many failed attempts (the first one is 1)."""
        return self.steps[min(max(attempts, 1), len(self.steps)) - 1]


DEFAULT_LADDER = Ladder(tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 240, 360)))
"""What `[retry] ladder` is when the configuration is silent."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a decision needs to know of a failed attempt."""

    effect: Effect
    code: str
    retry_after: timedelta | None = None
    """The remote's own wish."""
    scope: Scope | None = None
    """How much waits, where a person must decide."""

    @classmethod
    def of(cls, error: ConnectError) -> Failure:
        """The facts of an error, without its texts."""
        return cls(
            effect=error.effect,
            code=error.code,
            retry_after=error.retry_after if isinstance(error, RetryLater) else None,
            scope=error.scope if isinstance(error, HeldForPerson) else None,
        )


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Send again, not before `at`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the remote after the message, not before `at`, and send only if it is not there."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Refuse:
    """The remote's no: settled, the same payload is not sent again."""

    code: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait for a person; `scope` says what waits."""

    code: str
    scope: Scope


Decision = RetryAt | Ask | Refuse | Hold


def decide(
    failure: Failure,
    *,
    attempts: int,
    now: datetime,
    ladder: Ladder,
    jitter: Callable[[float], float],
) -> Decision:
    """What follows the failed attempt number `attempts` (the first one is 1).

    `jitter` picks a number of seconds between 0 and its argument (a random source in earnest, a fixed one
    in tests). A delay the remote asked for is waited out in full; the jitter comes on top, or all who were
    sent away would return in the same second. Asking after an in-doubt message may begin at once: asking
    is harmless, and its lane stands still meanwhile.
    """
    if failure.effect is Effect.RETRY_LATER:
        return RetryAt(now + _wait(ladder.after(attempts), failure.retry_after, jitter))
    if failure.effect is Effect.RECONCILE_FIRST:
        return Ask(now)
    if failure.effect is Effect.REJECTED:
        return Refuse(failure.code)
    return Hold(failure.code, failure.scope or Scope.MESSAGE)


def _wait(step: timedelta, floor: timedelta | None, jitter: Callable[[float], float]) -> timedelta:
    """Full jitter up to the step; above a floor only up to as much again, so that 2 s do not become hours."""
    if floor is None or floor <= timedelta(0):
        return timedelta(seconds=jitter(step.total_seconds()))
    return floor + timedelta(seconds=jitter(min(step, floor).total_seconds()))
