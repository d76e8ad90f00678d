"""Two daemons, two ledgers on one store, in earnest: together never more than the system bears."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.engine.pressure import Pressure, Resting, Ticket
from ebrvt_connect.engine.settings import SystemLimits
from ebrvt_connect.errors import Effect
from ebrvt_connect.resilience.breaker import BreakerPolicy, Position
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.transport.clock import SystemClock

POLICY = BreakerPolicy(
    threshold=3, rest=timedelta(milliseconds=100), longest_rest=timedelta(milliseconds=200)
)


PATIENCE_SECONDS = 60


class Remote:
    """Counts who is there at a time, when they came, and how much they brought."""

    def __init__(self, seconds=0.02):
        self.lock = threading.Lock()
        self.seconds = seconds
        self.within, self.most = 0, 0
        self.began: list[float] = []
        self.bytes = 0

    def call(self, size=0):
        with self.lock:
            self.within += 1
            self.most = max(self.most, self.within)
            self.began.append(time.monotonic())
            self.bytes += size
        time.sleep(self.seconds)
        with self.lock:
            self.within -= 1


class Daemon:
    """One daemon's ledger and pressure; how often it asks the ledger is counted."""

    def __init__(self, url, name, limits):
        self.ledger = Ledger.open(url, datetime.now(UTC))
        self.asked = 0
        self.pressure = Pressure("axis", limits, POLICY, SystemClock(), self, holder=lambda: name)
        self.pressure.company(2)

    def limited(self, system, decide):
        self.asked += 1
        return self.ledger.limited(system, decide)

    def press(self, remote, goes_on, *, size=0, effect=None):
        """Call as often as it is let."""
        while goes_on():
            answer = self.pressure.admit(size, ready=20, ahead=20 * size)
            if isinstance(answer, Ticket):
                remote.call(size)
                self.pressure.settle(answer, effect)
            else:
                time.sleep(0.002)


@pytest.fixture
def two(store_url):
    made = []

    def daemons(limits):
        made.extend(Daemon(store_url, name, limits) for name in "ab")
        return made

    yield daemons
    for daemon in made:
        daemon.ledger.close()


def press_together(daemons, remote, seconds=1.5, at_least=1, **how):
    """For so long; on a busy machine longer, until so many calls were made."""
    begun = time.monotonic()

    def goes_on():
        passed = time.monotonic() - begun
        return passed < seconds or (len(remote.began) < at_least and passed < PATIENCE_SECONDS)

    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(daemon.press, remote, goes_on, **how) for daemon in daemons for _ in range(4)]
        for job in jobs:
            job.result()


def test_calls_under_way_and_calls_a_second_are_those_of_both_together(two):
    daemons, remote = two(SystemLimits(3, 60.0)), Remote()
    press_together(daemons, remote, at_least=30)
    assert remote.most <= 3
    for start in remote.began:
        for window in (0.2, 1.0):
            # A call begins after its ticket: the late, three at most, are counted with those on time.
            allowed = 60 * (window + daemons[0].pressure._quota.lateness_seconds + 0.05) + 3 + 3
            assert sum(start <= moment < start + window for moment in remote.began) <= allowed
    assert len(remote.began) >= 30, "and they do get through"
    assert sum(daemon.asked for daemon in daemons) <= 0.8 * len(remote.began)


def test_one_call_at_a_time_is_one_over_both(two):
    daemons, remote = two(SystemLimits(1, 1000.0)), Remote(seconds=0.005)
    press_together(daemons, remote, at_least=20)
    assert remote.most == 1
    assert len(remote.began) >= 20


def test_the_bytes_of_the_day_are_those_of_both_together(two):
    daemons, remote = two(SystemLimits(4, 1000.0, bytes_per_day=5_000)), Remote(seconds=0.002)
    press_together(daemons, remote, seconds=0.8, at_least=32, size=70)
    assert 5_000 - 20 * 70 * 2 <= remote.bytes <= 5_000
    (common,) = daemons[0].ledger.shared_limits().values()
    assert common.day_bytes <= 5_000


def test_one_probe_is_made_by_both_together(two):
    daemons, remote = two(SystemLimits(4, 1000.0)), Remote(seconds=0.01)
    press_together(daemons, remote, seconds=0.3, at_least=3, effect=Effect.RETRY_LATER)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while daemons[0].ledger.shared_limits()["axis"].breaker.position is not Position.OPEN:
        assert time.monotonic() < deadline
    probes = Remote(seconds=0.05)
    press_together(daemons, probes, seconds=0.8, effect=Effect.RETRY_LATER)
    assert probes.most == 1
    assert 1 <= len(probes.began) <= 9, "one in each rest"
    answers = [daemon.pressure.admit() for daemon in daemons]
    assert sum(isinstance(answer, Resting) for answer in answers) >= 1
