"""A remote with less room than there is work, and one that is gone for days: by arithmetic, in fake time."""

import heapq
import random
from collections import Counter, deque
from datetime import timedelta

import pytest

from ebrvt_connect.engine.pressure import Pressure, Resting, Ticket
from ebrvt_connect.engine.settings import SystemLimits
from ebrvt_connect.errors import Effect
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.resilience.retry import DEFAULT_LADDER, Failure, decide
from ebrvt_connect.resilience.sharing import Common
from ebrvt_connect.testing.clock import FakeClock

CAPACITY = 20
MINUTES = 10
TICK = 0.01


class Row:
    """What daemons share, in memory."""

    def __init__(self):
        self.common, self.writes = Common(), 0

    def limited(self, _system, change):
        before = self.common
        self.common, answer = change(before)
        self.writes += self.common != before
        return answer


class Remote:
    """Bears so many calls a second, four at a time; what comes on top is turned away or kept waiting."""

    def __init__(self, clock, *, turns_away):
        self.clock, self.turns_away = clock, turns_away
        self.free_at = [0.0] * 4
        self.good = 0

    def call(self):
        """When the answer comes, and with which effect."""
        now = self.clock.monotonic()
        server = min(range(4), key=self.free_at.__getitem__)
        if self.turns_away and self.free_at[server] > now + 0.5:
            return now + 0.01, Effect.RETRY_LATER
        self.free_at[server] = max(self.free_at[server], now) + 4 / CAPACITY
        self.good += 1
        return self.free_at[server], None


class Crowd:
    """Daemons that share a system, and the messages that wait for it."""

    def __init__(self, limits, daemons, *, turns_away):
        self.clock, self.row = FakeClock(), Row()
        self.remote = Remote(self.clock, turns_away=turns_away)
        self.daemons = [
            Pressure("axis", limits, BreakerPolicy(), self.clock, self.row, holder=lambda n=n: str(n))
            for n in range(daemons)
        ]
        for daemon in self.daemons:
            daemon.company(daemons)
        self.waiting: deque[int] = deque()
        self.later: list[tuple[float, int]] = []
        self.under_way: list[tuple[float, int, object, object, object]] = []
        self.attempts: Counter[int] = Counter()
        self.chance = random.Random(15)

    def step(self, nth):
        now = self.clock.monotonic()
        while self.under_way and self.under_way[0][0] <= now:
            _, message, daemon, ticket, effect = heapq.heappop(self.under_way)
            self.daemons[daemon].settle(ticket, effect)
            if effect is not None:
                self._put_off(message, effect)
        while self.later and self.later[0][0] <= now:
            self.waiting.append(heapq.heappop(self.later)[1])
        # Each is first in its turn, or the order of the list would be an advantage.
        for offset in range(len(self.daemons)):
            self._begin((nth + offset) % len(self.daemons))
        self.clock.advance(TICK)

    def _begin(self, daemon):
        while self.waiting:
            answer = self.daemons[daemon].admit(ready=min(len(self.waiting), 64))
            if not isinstance(answer, Ticket):
                return
            message = self.waiting.popleft()
            self.attempts[message] += 1
            at, effect = self.remote.call()
            heapq.heappush(self.under_way, (at, message, daemon, answer, effect))

    def _put_off(self, message, effect):
        wait = decide(
            Failure(effect, "BUSY"),
            attempts=self.attempts[message],
            now=self.clock.now(),
            ladder=DEFAULT_LADDER,
            jitter=lambda most: self.chance.uniform(0.0, most),
        )
        seconds = (wait.at - self.clock.now()).total_seconds()
        heapq.heappush(self.later, (self.clock.monotonic() + seconds, message))


@pytest.mark.parametrize(
    ("limits", "daemons", "turns_away", "writes"),
    [
        (SystemLimits(4, float(CAPACITY)), 1, True, 0.2),
        (SystemLimits(4, float(CAPACITY)), 2, True, 0.5),
        # Two of them have one slow call each: hardly two of their slots can be had at once.
        (SystemLimits(4, float(CAPACITY)), 3, True, 0.8),
        (SystemLimits(4, 1000.0), 2, False, 0.55),
    ],
    ids=["one daemon", "two daemons", "three daemons", "only the calls at a time are limited"],
)
def test_ten_times_too_much_work_gets_through_at_the_pace_of_the_remote(limits, daemons, turns_away, writes):
    """R15: arrivals of 200/s at a remote that bears 20/s, for ten minutes."""
    crowd = Crowd(limits, daemons, turns_away=turns_away)
    arrived = 0
    for nth in range(int(MINUTES * 60 / TICK)):
        crowd.waiting.extend(range(arrived, arrived + int(10 * CAPACITY * TICK)))
        arrived += int(10 * CAPACITY * TICK)
        crowd.step(nth)
    assert crowd.remote.good >= 0.9 * CAPACITY * MINUTES * 60
    assert crowd.attempts.total() <= 1.2 * len(crowd.attempts)
    assert crowd.row.writes <= writes * crowd.attempts.total(), "what sharing costs"


@pytest.mark.parametrize("messages", [1, 300])
def test_three_days_without_an_answer_cost_no_message_more_than_forty_attempts(messages):
    """R16, looked at every 15 seconds."""
    clock, row, chance = FakeClock(), Row(), random.Random(16)
    pressure = Pressure("axis", SystemLimits(), BreakerPolicy(), clock, row, holder=lambda: "a")
    due, attempts = [(0.0, n) for n in range(messages)], Counter()
    end = timedelta(days=3).total_seconds()
    while clock.monotonic() < end:
        while due and due[0][0] <= clock.monotonic():
            ticket = pressure.admit(ready=1)
            if isinstance(ticket, Resting):
                break
            if isinstance(ticket, Ticket):
                _, message = heapq.heappop(due)
                attempts[message] += 1
                pressure.settle(ticket, Effect.RETRY_LATER)
                step = DEFAULT_LADDER.after(attempts[message]).total_seconds()
                heapq.heappush(due, (clock.monotonic() + chance.uniform(0, step), message))
            else:
                clock.advance(answer_seconds(ticket))
        clock.advance(15)
    assert max(attempts.values()) <= 40
    assert attempts.total() <= end / 300 + 20


def answer_seconds(answer):
    """How long to wait where a pace is kept."""
    return max(answer.seconds, TICK)
