"""The limits of one system, shared by all its drains."""

import threading
from datetime import timedelta

import pytest

from ebrvt_connect.engine.pressure import Crowded, Early, Pressure, Resting, Ticket
from ebrvt_connect.engine.settings import SystemLimits
from ebrvt_connect.errors import Effect
from ebrvt_connect.resilience.breaker import BreakerPolicy, Position
from ebrvt_connect.testing.clock import FakeClock

REST = timedelta(seconds=30)


class Watched:
    def __init__(self, in_flight=2, per_second=1000.0, threshold=2):
        self.clock = FakeClock()
        self.turns: list[Position] = []
        policy = BreakerPolicy(threshold=threshold, rest=REST)
        self.pressure = Pressure(SystemLimits(in_flight, per_second), policy, self.clock, self.turns.append)

    def fail(self, times):
        for _ in range(times):
            ticket = self.pressure.admit()
            assert isinstance(ticket, Ticket)
            self.pressure.settle(ticket, Effect.RETRY_LATER)
            self.clock.advance(1)


@pytest.fixture
def watched():
    return Watched()


def test_so_many_calls_at_once_and_no_more(watched):
    first = watched.pressure.admit()
    assert first == watched.pressure.admit() == Ticket()
    assert watched.pressure.admit() == Crowded()
    watched.pressure.settle(first, None)
    watched.clock.advance(1)
    assert watched.pressure.admit() == Ticket()


def test_so_many_calls_a_second_and_no_more():
    watched = Watched(in_flight=1, per_second=10.0)
    watched.pressure.settle(watched.pressure.admit(), None)
    answer = watched.pressure.admit()
    assert answer == Early(pytest.approx(0.1))
    watched.clock.advance(0.1)
    assert watched.pressure.admit() == Ticket()


def test_who_is_turned_away_uses_up_nothing():
    watched = Watched(in_flight=1, per_second=10.0)
    watched.pressure.settle(watched.pressure.admit(), None)
    for _ in range(5):
        assert watched.pressure.admit() == Early(pytest.approx(0.1))


def test_failures_in_a_row_open_the_breaker_and_one_probe_closes_it(watched):
    watched.fail(2)
    opened = watched.clock.now() - timedelta(seconds=1)
    assert watched.pressure.admit() == Resting(opened + REST)
    assert watched.pressure.resting_until() == opened + REST
    watched.clock.advance(REST)
    probe = watched.pressure.admit()
    assert probe == Ticket(probe=True)
    assert isinstance(watched.pressure.admit(), Resting)
    watched.pressure.settle(probe, None)
    assert watched.turns == [Position.OPEN, Position.HALF_OPEN, Position.CLOSED]
    assert watched.pressure.resting_until() is None


def test_a_refusal_of_one_message_is_an_answer_of_a_system_that_is_well(watched):
    watched.fail(1)
    watched.pressure.settle(watched.pressure.admit(), Effect.REJECTED)
    watched.fail(1)
    assert watched.pressure.admit() == Ticket()


def test_a_probe_that_was_never_made_is_free_for_the_next(watched):
    watched.fail(2)
    watched.clock.advance(REST)
    watched.pressure.abandon(watched.pressure.admit())
    assert watched.pressure.admit() == Ticket(probe=True)


def test_waiting_ends_when_a_call_does(watched):
    ticket = watched.pressure.admit()
    waiter = threading.Thread(target=watched.pressure.wait, args=(30,))
    waiter.start()
    while waiter.is_alive():
        watched.pressure.settle(ticket, None)
        ticket = watched.pressure.admit()
        waiter.join(0.01)


def test_daemons_share_what_a_system_bears():
    watched = Watched(in_flight=4)
    watched.pressure.share(2)
    assert watched.pressure.admit() == watched.pressure.admit() == Ticket()
    assert watched.pressure.admit() == Crowded()
    watched.pressure.share(1)
    watched.clock.advance(1)
    assert watched.pressure.admit() == Ticket()


def test_one_of_many_daemons_may_always_make_one_call():
    watched = Watched(in_flight=2)
    watched.pressure.share(9)
    ticket = watched.pressure.admit()
    assert ticket == Ticket()
    assert watched.pressure.admit() == Crowded()


def test_a_share_of_the_rate_is_slower():
    watched = Watched(in_flight=1, per_second=10.0)
    watched.pressure.share(2)
    watched.pressure.settle(watched.pressure.admit(), None)
    assert watched.pressure.admit() == Early(pytest.approx(0.2))
