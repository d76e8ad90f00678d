"""A rate limit as a value: the generic cell rate algorithm (GCRA, ITU-T I.371), one number of state.

The state is the moment by which everything let through so far would have gone at the even rate. A call
that comes later than that goes at once; one that comes earlier goes at once as long as it is within the
burst, and otherwise waits until it is. Times are seconds of any one clock (the ledger keeps wall time,
so that all workers of all machines share the limit). How many calls are under way at a time is not
counted here: that is the engine's pool.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second, evenly; `burst` may come at once after a quiet time."""

    per_second: float
    burst: int = 1

    def __post_init__(self) -> None:
        """Refuse a rate that lets nothing through (`ValueError`)."""
        if not self.per_second > 0 or self.burst < 1:
            raise ValueError(f"not a rate: {self!r}")

    @property
    def interval_seconds(self) -> float:
        """Between two calls at the even rate."""
        return 1.0 / self.per_second


@dataclass(frozen=True, slots=True)
class Permit:
    """Go after `wait_seconds`; the permit is taken when `state` is stored, otherwise it never was."""

    state: float
    wait_seconds: float


def permit(state: float | None, now: float, rate: Rate) -> Permit:
    """The next place in the even flow; `state` is what the last stored permit says, None at first.

    Who would rather not wait that long leaves the state as it was. Permits are handed out in order: each
    stored one stands behind those before it.
    """
    interval = rate.interval_seconds
    tolerance = interval * (rate.burst - 1)
    due = now if state is None else max(state, now)
    return Permit(due + interval, max(due - tolerance - now, 0.0))


def after_clock_jump(
    state: float | None, now: float, rate: Rate, *, longest_wait_seconds: float
) -> float | None:
    """The state to go on from when the wall clock may have been set back.

    A state further ahead than waiters could have pushed it (`longest_wait_seconds` is the most anybody
    accepts) belongs to another time: it is forgotten rather than waited out.
    """
    furthest = now + longest_wait_seconds + rate.interval_seconds * rate.burst
    return None if state is not None and state > furthest else state
