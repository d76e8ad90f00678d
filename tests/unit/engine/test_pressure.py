"""The limits of one system, shared by all its drains."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from ebrvt_connect.engine.pressure import Crowded, Early, Pressure, Resting, Ticket
from ebrvt_connect.engine.settings import SystemLimits
from ebrvt_connect.errors import Effect
from ebrvt_connect.resilience.breaker import BreakerPolicy, Position
from ebrvt_connect.resilience.calendar import Calendar, closing_of
from ebrvt_connect.resilience.sharing import Spent
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.clock import START, FakeClock

NEVER_CLOSED = Calendar()
REST = timedelta(seconds=30)


class Watched:
    def __init__(
        self,
        ledger,
        in_flight=2,
        per_second=1000.0,
        threshold=2,
        bytes_per_day=None,
        calendar=NEVER_CLOSED,
    ):
        self.clock = FakeClock()
        self.turns: list[Position] = []
        self.ledger = ledger
        self.limits = SystemLimits(in_flight, per_second, bytes_per_day, calendar)
        self.policy = BreakerPolicy(threshold=threshold, rest=REST)
        self.pressure = self.of("a")

    def of(self, daemon, ledger=None):
        """What a daemon may press the system with."""
        return Pressure(
            "axis",
            self.limits,
            self.policy,
            self.clock,
            ledger or self.ledger,
            holder=lambda: daemon,
            turned=lambda turn: self.turns.append(turn.position),
        )

    def fail(self, times):
        for _ in range(times):
            ticket = self.pressure.admit()
            assert isinstance(ticket, Ticket)
            self.pressure.settle(ticket, Effect.RETRY_LATER)
            self.clock.advance(1)


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", START)
    yield opened
    opened.close()


@pytest.fixture
def watched(ledger):
    return Watched(ledger)


def test_so_many_calls_at_once_and_no_more(watched):
    first = watched.pressure.admit()
    assert first == watched.pressure.admit() == Ticket()
    assert watched.pressure.admit() == Crowded()
    watched.pressure.settle(first, None)
    watched.clock.advance(1)
    assert watched.pressure.admit() == Ticket()


def test_so_many_calls_a_second_and_no_more(ledger):
    watched = Watched(ledger, in_flight=1, per_second=10.0)
    watched.pressure.settle(watched.pressure.admit(), None)
    answer = watched.pressure.admit()
    assert answer == Early(pytest.approx(0.1))
    watched.clock.advance(0.1)
    assert watched.pressure.admit() == Ticket()


def test_who_is_turned_away_uses_up_nothing(ledger):
    watched = Watched(ledger, in_flight=1, per_second=10.0)
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


def test_a_breaker_opened_by_one_daemon_keeps_the_others_away_and_one_probe_is_made_by_all(watched):
    other = watched.of("b")
    watched.fail(2)
    assert isinstance(other.admit(), Resting)
    watched.clock.advance(REST)
    probe = watched.pressure.admit()
    assert probe == Ticket(probe=True)
    assert isinstance(other.admit(), Resting), "the probe is another daemon's"
    watched.pressure.settle(probe, None)
    assert other.admit() == Ticket(), "learnt at once, though it had been told to wait"


def test_a_probe_given_up_and_made_by_another_no_longer_counts_when_it_comes_back(watched):
    other = watched.of("b")
    watched.fail(2)
    watched.clock.advance(REST)
    late = watched.pressure.admit()
    watched.clock.advance(watched.policy.probe_limit)
    assert other.admit() == Ticket(probe=True)
    watched.pressure.settle(late, None)
    assert isinstance(watched.of("c").admit(), Resting)


def test_what_one_daemon_leaves_idle_another_may_use(ledger):
    watched = Watched(ledger, in_flight=4)
    other = watched.of("b")
    for pressure in (watched.pressure, other):
        pressure.company(2)
    tickets = [watched.pressure.admit(ready=9) for _ in range(4)]
    assert tickets == [Ticket()] * 4
    assert isinstance(other.admit(ready=9), Early)
    for ticket in tickets[:2]:
        watched.pressure.settle(ticket, None)
    watched.clock.advance(1)
    assert watched.pressure.admit(ready=9) == Crowded(), "the other one wants its part of them"
    assert [other.admit(ready=9), other.admit(ready=9)] == [Ticket()] * 2
    for ticket in tickets[2:]:
        watched.pressure.settle(ticket, None)
    watched.pressure.leave()
    watched.clock.advance(1)
    assert [other.admit(ready=9), other.admit(ready=9)] == [Ticket()] * 2


def test_daemons_take_turns_where_there_are_fewer_calls_than_daemons(ledger):
    watched = Watched(ledger, in_flight=1)
    daemons = {name: watched.of(name) for name in "abc"}
    made = dict.fromkeys(daemons, 0)
    for _ in range(120):
        tickets = []
        for name, pressure in daemons.items():
            answer = pressure.admit(ready=5)
            if isinstance(answer, Ticket):
                made[name] += 1
                tickets.append((pressure, answer))
        assert len(tickets) <= 1
        for pressure, ticket in tickets:
            pressure.settle(ticket, None)
        watched.clock.advance(0.25)
    assert min(made.values()) > 15, made


def test_a_daemon_that_is_gone_keeps_its_calls_for_seconds_only(ledger):
    watched = Watched(ledger, in_flight=1)
    other = watched.of("b")
    assert watched.pressure.admit() == Ticket()
    assert isinstance(other.admit(), Early)
    watched.clock.advance(4)
    watched.pressure.keep()
    watched.clock.advance(2)
    assert isinstance(other.admit(), Early), "renewed while its call is under way"
    watched.clock.advance(4)
    assert other.admit() == Ticket()


def test_the_bytes_of_a_day_are_not_exceeded_and_begin_anew_at_midnight_in_vietnam(ledger):
    watched = Watched(ledger, bytes_per_day=100)
    midnight = Spent(datetime(2026, 11, 23, 17, 0, tzinfo=UTC))
    assert not watched.pressure.never(100)
    assert watched.pressure.never(101)
    first = watched.pressure.admit(60, ready=2, ahead=120)
    assert first == Ticket()
    assert watched.pressure.admit(60) == midnight
    watched.pressure.abandon(first)
    watched.clock.advance(1)
    assert watched.pressure.admit(100) == Ticket()
    watched.clock.jump(midnight.until)
    watched.clock.advance(1)
    assert watched.of("b").admit(60) == Ticket()


def test_asking_after_a_message_takes_no_bytes(ledger):
    watched = Watched(ledger, bytes_per_day=100)
    watched.pressure.settle(watched.pressure.admit(100), None)
    watched.clock.advance(1)
    assert isinstance(watched.pressure.admit(1), Spent)
    watched.clock.advance(1)
    assert watched.pressure.admit(0) == Ticket()


def test_a_closed_system_rests_until_it_opens(ledger):
    watched = Watched(ledger, calendar=Calendar((closing_of("Mon 07:00-09:00"),)))
    opening = START + timedelta(hours=1)
    assert watched.pressure.admit() == Resting(opening)
    assert watched.pressure.resting_until() == opening
    watched.clock.advance(3600)
    assert watched.pressure.admit() == Ticket()
    assert watched.pressure.resting_until() is None


@pytest.mark.parametrize("daemons", [1, 3])
def test_however_many_daemons_share_a_pace_no_window_holds_more_than_it(ledger, daemons):
    watched = Watched(ledger, in_flight=4, per_second=20.0)
    pressures = [watched.of(str(n)) for n in range(daemons)]
    begun = []
    for _ in range(600):
        for pressure in pressures:
            while isinstance(answer := pressure.admit(ready=50), Ticket):
                begun.append(watched.clock.monotonic())
                pressure.settle(answer, None)
        watched.clock.advance(0.02)
    for start in begun:
        for window in (0.1, 1.0, 5.0):
            most = 20 * (window + watched.limits.quota.lateness_seconds) + 4
            assert sum(start <= moment < start + window for moment in begun) <= most
    assert len(begun) >= 0.9 * 20 * 12
