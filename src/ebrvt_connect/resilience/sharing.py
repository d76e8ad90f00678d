"""One system's limits as a value that all daemons of all machines share: calls, pace, bytes a day, breaker.

Each daemon takes its part in batches (`reserve`), so that sharing costs a commit now and then, not one a
message. What it may then do by itself:

* have so many calls under way: its share of `in_flight`. Shares are lent for `LENT`, renewed while in use,
  and never add up to more than the limit. Where several want more than there is, each keeps to an even part;
  where there are fewer calls than daemons, they take turns of `TURN`.
* begin calls at the moments of its slots: the even flow of `per_second` is handed out once (GCRA, see
  `limiter`), so the slots of all daemons together are one flow. After a quiet time `in_flight` of them may
  come at once; a slot not used within `Quota.lateness` is lost. In any time T no more than
  `per_second * (T + lateness) + in_flight` calls begin.
* send so many bytes of this day (of Vietnam): taken before anything is begun, given back if unused.

The breaker belongs to all of them: while it is open nobody gets a part, and the probe is handed to one.
Nothing here is stored or timed; whoever holds the value changes it under a lock that all daemons respect.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from ebrvt_connect.errors import Effect
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.resilience import breaker as breakers
from ebrvt_connect.resilience.breaker import Breaker, BreakerPolicy, Position, Wait
from ebrvt_connect.resilience.limiter import Rate, after_clock_jump, permit

LENT = timedelta(seconds=5)
"""How long a share stays with a daemon that is not heard of: its calls must be over, or renewed, by then."""
TURN = timedelta(seconds=1)
"""How long a daemon keeps its calls while others have none."""
_LATENESS_SECONDS = 0.1
_FURTHEST = timedelta(minutes=5)
"""Slots further ahead than this come from a clock that was set back."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How hard a system may be pressed by all together."""

    in_flight: int = 4
    per_second: float = 50.0
    bytes_per_day: int | None = None
    """Of payloads, within a day of Vietnam; None: as many as there are."""

    @property
    def lateness_seconds(self) -> float:
        """How long after its moment a slot may still be used: until a call or so has ended."""
        return max(_LATENESS_SECONDS, self.in_flight * self.rate.interval_seconds)

    @property
    def rate(self) -> Rate:
        """The pace, with the burst that may come after a quiet time."""
        return Rate(self.per_second, burst=self.in_flight)


@dataclass(frozen=True, slots=True)
class Share:
    """What one daemon holds of the calls that may be under way."""

    holder: str
    calls: int
    wants: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Common:
    """How a system stands for all daemons together; made as nobody has ever called it."""

    breaker: Breaker = field(default_factory=Breaker)
    prober: str = ""
    """The daemon that makes the probe."""
    flow: datetime | None = None
    """By when all slots handed out would have gone at the even pace."""
    day: date | None = None
    day_bytes: int = 0
    """Taken of `day`, unused remainders included."""
    shares: tuple[Share, ...] = ()

    def bytes_of(self, day: date) -> int:
        """How much of a day's allowance has been taken."""
        return self.day_bytes if self.day == day else 0

    def calls(self, now: datetime) -> int:
        """How many calls are lent out."""
        return sum(share.calls for share in self.shares if share.until > now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a daemon asks for."""

    holder: str
    under_way: int = 0
    ready: int = 0
    """How many calls it would begin at once."""
    slots: int = 0
    """Moments to begin at, no more than it will soon use; as many as it may begin at once it gets anyway."""
    need: int = 0
    """Bytes of the next one."""
    bytes: int = 0
    """Bytes of it and those after it."""
    unused: int = 0
    """Bytes it still has of `unused_of`, now given back."""
    unused_of: date | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What a daemon gets; slots begin at `first` and come at the even pace, those of the past at once."""

    calls: int
    slots: int = 0
    first: datetime | None = None
    """With no slots: when to ask again, where that is known."""
    bytes: int = 0
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """The day's bytes do not reach for the next one: not before then."""

    until: datetime


def reserve(
    common: Common, wish: Wish, quota: Quota, now: datetime, policy: BreakerPolicy
) -> tuple[Common, Part | Wait | Spent]:
    """A daemon's part of the limits, and what is then left for the others."""
    common = _given_back(common, wish, now)
    tried, answer = breakers.asked(common.breaker, now, policy)
    if isinstance(answer, Wait):
        return _lent(common, replace(wish, ready=0), quota.in_flight, now, generous=False), answer
    common = _lent(common, wish, quota.in_flight, now, generous=bool(wish.ready) and not answer.probe)
    mine = next((share.calls for share in common.shares if share.holder == wish.holder), 0)
    if not wish.slots or mine <= wish.under_way:
        return common, Part(mine)
    taken = _bytes(common, wish, quota, now)
    if isinstance(taken, Spent):
        return common, taken
    slots = 1 if answer.probe else max(wish.slots, min(wish.ready, mine - wish.under_way))
    first, flow = _slots(common.flow, slots, quota.rate, now)
    if answer.probe and first > now:
        return common, Part(mine, first=first)
    day = now.astimezone(VIETNAM).date()
    common = replace(common, flow=flow, day=day, day_bytes=common.bytes_of(day) + taken)
    if answer.probe:
        common = replace(common, breaker=tried, prober=wish.holder)
    return common, Part(mine, slots, first, taken, probe=answer.probe)


def tripped(common: Common, now: datetime, policy: BreakerPolicy, wish: timedelta | None) -> Common:
    """A daemon has met so many failures in a row that the system is left in peace by all."""
    if common.breaker.position is not Position.CLOSED:
        return common
    full = replace(common.breaker, failures=policy.threshold - 1)
    opened = breakers.settled(full, Effect.RETRY_LATER, probe=False, now=now, policy=policy, retry_after=wish)
    return replace(common, breaker=opened)


def probed(
    common: Common,
    holder: str,
    effect: Effect | None,
    *,
    now: datetime,
    policy: BreakerPolicy,
    retry_after: timedelta | None = None,
) -> Common:
    """A probe has come back; that of a daemon given up meanwhile (another is the prober) changes nothing."""
    if common.prober != holder:
        return common
    after = breakers.settled(
        common.breaker, effect, probe=True, now=now, policy=policy, retry_after=retry_after
    )
    return replace(common, breaker=after, prober="")


def unprobed(common: Common, holder: str, now: datetime) -> Common:
    """A probe was never made: it is free for the next who asks."""
    if common.prober != holder or common.breaker.position is not Position.HALF_OPEN:
        return common
    return replace(common, breaker=replace(common.breaker, position=Position.OPEN, until=now), prober="")


def midnight_after(now: datetime) -> datetime:
    """When the day of Vietnam that `now` lies in is over."""
    tomorrow = now.astimezone(VIETNAM).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), VIETNAM).astimezone(now.tzinfo)


def _lent(common: Common, wish: Wish, limit: int, now: datetime, *, generous: bool) -> Common:
    """The daemon's share anew: all while nobody goes without, else an even part, in turns if need be."""
    # A share lent far ahead of now comes from a clock that was set back.
    others = [s for s in common.shares if s.holder != wish.holder and now < s.until <= now + 2 * LENT]
    before = next((s for s in common.shares if s.holder == wish.holder and s.until > now), None)
    held = before.calls if before else 0
    wants = min(limit, wish.under_way + (wish.ready if generous else min(wish.ready, 1)))
    # Who sends one thing will soon have more of them: it need not come back for each.
    part = limit if generous else wants
    if any(other.wants > other.calls for other in others):
        rivals = sorted([wish.holder, *(other.holder for other in others if other.wants)])
        part = limit // len(rivals) + (rivals.index(wish.holder) < limit % len(rivals))
        if limit < len(rivals):
            turn_over = before is not None and held > 0 and now - before.since >= TURN
            part = 0 if turn_over else 1
        part = min(part, wants)
    free = limit - sum(other.calls for other in others)
    calls = max(min(part, free), min(wish.under_way, max(held, free)))
    since = before.since if before and held and calls else now
    shares = [*others]
    if calls or wants:
        shares.append(Share(wish.holder, calls, wants, since, now + LENT))
    return replace(common, shares=tuple(sorted(shares, key=lambda share: share.holder)))


def _given_back(common: Common, wish: Wish, now: datetime) -> Common:
    today = now.astimezone(VIETNAM).date()
    if not wish.unused or wish.unused_of != today or common.day != today:
        return common
    return replace(common, day_bytes=max(common.day_bytes - wish.unused, 0))


def _bytes(common: Common, wish: Wish, quota: Quota, now: datetime) -> int | Spent:
    if quota.bytes_per_day is None:
        return wish.bytes
    left = quota.bytes_per_day - common.bytes_of(now.astimezone(VIETNAM).date())
    if wish.need > left:
        return Spent(midnight_after(now))
    return min(wish.bytes, left)


def _slots(flow: datetime | None, count: int, rate: Rate, now: datetime) -> tuple[datetime, datetime]:
    """When the first of so many slots may be used, and the flow behind the last."""
    seconds = None if flow is None else (flow - now).total_seconds()
    seconds = after_clock_jump(seconds, 0.0, rate, longest_wait_seconds=_FURTHEST.total_seconds())
    behind = permit(seconds, 0.0, rate).state + rate.interval_seconds * (count - 1)
    first = behind - rate.interval_seconds * (count + rate.burst - 1)
    return now + timedelta(seconds=first), now + timedelta(seconds=behind)
