"""Long outages, closed hours and spent days: nothing is lost by waiting, and nobody is pressed."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ebrvt_connect.engine.settings import SystemLimits
from ebrvt_connect.errors import ReconcileFirst, Scope
from ebrvt_connect.model.message import Receipt, State
from ebrvt_connect.ports.adapter import NotThere, Settled
from ebrvt_connect.resilience.breaker import BreakerPolicy
from ebrvt_connect.resilience.calendar import Calendar, closing_of
from ebrvt_connect.resilience.retry import DEFAULT_LADDER
from tests.integration.engine.bench import (
    OUT,
    TROUBLE,
    Bench,
    failing,
    held,
    item,
    reconcile_first,
    retry_later,
)

OPENING = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
"""17:00 in Vietnam, nine hours after the clock of the tests starts."""
CLOSED = Calendar((closing_of("Mon 07:00-17:00"),))
NEVER_TO_END_BY_ITSELF = {State.DEAD, State.REFUSED, State.CANCELLED, State.HELD}


def at_one_shard(bench):
    bench.ledger.fix_shards(1)
    return bench


@pytest.fixture
def closed(bench_with):
    """Work for a system that its calendar leaves alone until 17:00."""
    return at_one_shard(bench_with(limits={"axis": SystemLimits(8, 1000.0, calendar=CLOSED)}))


def woken_at(bench):
    return bench.activated[-1][3]


def test_while_a_system_is_closed_things_are_judged_but_nothing_is_sent_or_counted(closed):
    closed.store(*(item(n) for n in range(100)))
    closed.drain_shard("axis", 0)
    assert closed.states() == [State.QUEUED] * 100
    assert {message.attempts for message in closed.ledger.messages()} == {0}
    assert closed.axis.submitted == []
    assert woken_at(closed) == OPENING
    closed.store(item(100))
    closed.drain_shard("axis", 0)
    assert closed.states()[-1] is State.QUEUED, "what comes behind a full window is judged too"


def test_a_closed_system_is_not_swept_awake_and_opens_by_itself(closed):
    closed.store(*(item(n) for n in range(10)))
    closed.drain_shard("axis", 0)
    now = closed.clock.now()
    assert closed.ledger.due_shards(now, closed=closed.engine.closed()) == []
    closed.clock.jump(OPENING)
    assert closed.engine.closed() == frozenset()
    closed.drain()
    assert closed.states() == [State.DONE] * 10


def test_what_is_in_doubt_is_asked_after_when_its_system_opens(bench_with):
    quiet = Calendar((closing_of("Mon 08:30-17:00"),))
    bench = at_one_shard(bench_with(limits={"axis": SystemLimits(8, 1000.0, calendar=quiet)}))
    bench.axis.on_submit = failing(reconcile_first)
    bench.axis.on_ask = lambda _work: NotThere()
    bench.store(item(1))
    bench.clock.advance(timedelta(minutes=29, seconds=59))
    bench.axis.on_submit = lambda _work: (bench.clock.advance(2), failing(reconcile_first)(_work))
    bench.drain_shard("axis", 0)
    assert bench.states() == [State.IN_DOUBT]
    assert bench.axis.asked == []
    assert woken_at(bench) == OPENING
    bench.clock.jump(OPENING)
    bench.axis.on_submit = lambda _work: None
    bench.drain("axis")
    assert len(bench.axis.asked) == 1
    bench.clock.advance(timedelta(minutes=5))
    bench.drain("axis")
    assert bench.states() == [State.DONE]


def test_a_deadline_still_tells_while_its_system_is_closed(closed):
    link = replace(OUT, give_up_after=timedelta(hours=2))
    closed.store(item(1), link=link)
    closed.store(item(2))
    closed.drain_shard("axis", 0)
    assert woken_at(closed) == closed.clock.now() + timedelta(hours=2)
    closed.clock.advance(timedelta(hours=2))
    closed.drain_shard("axis", 0)
    assert closed.states() == [State.DEAD, State.QUEUED]
    assert closed.dms.told, "its source has been told"
    assert woken_at(closed) == OPENING


def test_a_closed_source_is_not_asked_for_news(bench_with):
    bench = bench_with(limits={"dms": SystemLimits(calendar=CLOSED)})
    bench.offer(item(1))
    bench.fetch()
    assert bench.states() == []
    bench.clock.jump(OPENING)
    bench.fetch()
    assert bench.states() == [State.RECEIVED]


@pytest.mark.parametrize(("hours", "step"), [(8, 20), (72, 90)])
def test_a_long_outage_makes_nothing_terminal_and_few_attempts(bench_with, hours, step):
    """R16: 8 hours and 3 days; looked at every so many minutes, by wakings and the sweep alike."""
    bench = at_one_shard(
        bench_with(ladder=DEFAULT_LADDER, breaker=BreakerPolicy(), limits={"axis": SystemLimits(4, 1000.0)})
    )
    chance = random.Random(16)
    bench.engine._shared.steps._jitter = lambda most: chance.uniform(0.0, most)
    bench.axis.on_submit = failing(retry_later)
    soon = replace(OUT, give_up_after=timedelta(hours=hours + 3))
    late = replace(OUT, give_up_after=timedelta(hours=hours + 30))
    bench.store(*(item(n) for n in range(20)))
    bench.store(*(item(n) for n in range(20, 40)), link=late)
    bench.store(*(item(n) for n in range(40, 60)), link=soon)
    bench.store(*(item(n, priority=1) for n in range(60, 65)), link=late)
    for _ in range(hours * 60 // step):
        bench.drain_shard("axis", 0)
        bench.clock.advance(timedelta(minutes=step))
    messages = bench.ledger.messages(link="out")
    assert not {message.state for message in messages} & NEVER_TO_END_BY_ITSELF
    assert max(message.attempts for message in messages) <= 40
    assert len(bench.axis.submitted) < 5 + hours * 60 / 5, "behind the breaker, but for its probes"
    never_sent = [message.external_id for message in messages if not message.attempts]
    bench.axis.on_submit = lambda _work: None
    bench.axis.submitted.clear()
    bench.clock.advance(timedelta(minutes=6))
    bench.drain("axis")
    assert set(bench.states()) == {State.DONE}, "none waits on for the hours it had climbed"
    assert len(set(bench.keys())) == 65
    caught_up = [key.split(":")[1] for key in bench.axis.submitted]
    order = [caught_up.index(name) for name in _by_urgency(never_sent)]
    assert sum(a > b for a, b in pairwise(order)) <= len(order) // 4


def _by_urgency(names):
    """Priority first, then the nearest deadline, then those without one."""
    rank = {range(60, 65): 0, range(40, 60): 1, range(20, 40): 2, range(20): 3}
    numbers = sorted((next(r for span, r in rank.items() if int(n[1:]) in span), int(n[1:])) for n in names)
    return [f"d{number}" for _, number in numbers]


@pytest.mark.parametrize("answered", [True, False])
def test_a_remote_that_says_it_has_it_already_is_not_away(bench_with, caplog, answered):
    """After an older ledger was restored every document is there already: that is no outage."""
    bench = at_one_shard(bench_with(breaker=BreakerPolicy(threshold=3)))

    def there_already():
        return ReconcileFirst(TROUBLE, "there already", system="memory", answered=answered)

    bench.axis.on_submit = failing(there_already)
    bench.axis.on_ask = lambda work: Settled(Receipt(external_id=work.message.external_id))
    bench.store(*(item(n) for n in range(10)))
    bench.drain_shard("axis", 0)
    assert ("breaker of axis: open" in caplog.text) is not answered
    assert (set(bench.states()) == {State.DONE}) is answered


def test_trouble_with_a_certificate_is_said_once_however_many_calls_meet_it(bench, caplog):
    bench.axis.on_submit = failing(lambda: held(Scope.SYSTEM))
    bench.store(*(item(n) for n in range(30)))
    bench.drain("axis")
    for _ in range(20):
        bench.clock.advance(timedelta(minutes=30))
        bench.drain("axis")
    assert caplog.text.count("axis is paused") == 1
    assert len(bench.axis.submitted) <= 8
    assert set(bench.states()) == {State.QUEUED}


def with_bytes(bench_with, most):
    bench = at_one_shard(bench_with(limits={"axis": SystemLimits(8, 1000.0, bytes_per_day=most)}))
    bench.store(item(0))
    bench.drain_shard("axis", 0)
    (first,) = bench.ledger.messages(link="out")
    return bench, first.payload.blob.size_bytes


def test_no_more_bytes_go_out_in_a_day_than_allowed_and_the_rest_waits_for_midnight(bench_with):
    scout, size = with_bytes(bench_with, None)
    scout.close()
    bench = at_one_shard(
        Bench(scout.ledger.url, limits={"axis": SystemLimits(8, 1000.0, bytes_per_day=3 * size)})
    )
    try:
        bench.store(*(item(n) for n in range(1, 8)))
        bench.drain_shard("axis", 0)
        assert len(bench.axis.arrived) == 3
        assert {m.attempts for m in bench.ledger.messages(states=(State.QUEUED,))} == {0}
        midnight = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
        assert woken_at(bench) == midnight
        bench.clock.jump(midnight)
        bench.clock.advance(2)
        bench.drain_shard("axis", 0)
        assert len(bench.axis.arrived) == 6
    finally:
        bench.close()


def test_what_no_day_allows_is_held_for_a_person_and_not_waited_for(bench_with):
    bench = at_one_shard(bench_with(limits={"axis": SystemLimits(8, 1000.0, bytes_per_day=1)}))
    bench.store(item(1))
    bench.drain_shard("axis", 0)
    assert bench.only().state is State.HELD
    assert bench.only().code == "PAYLOAD_OVER_DAY"
    assert bench.axis.submitted == []
