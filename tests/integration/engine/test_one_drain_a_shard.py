"""A shard is drained by one daemon at a time, whatever the dispatcher begins.

DBOS 3.4 can begin two workflows of one partition on two machines. The second drain took the message that the
first was just sending for the leftover of a crash, asked after it before it had arrived, and sent it again.
"""

import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from ebrvt_connect.model.message import State
from ebrvt_connect.store import schema
from ebrvt_connect.store.ledger import Ledger
from ebrvt_connect.testing.clock import START
from tests.integration.engine.bench import item

DEAD_AFTER = timedelta(minutes=1)


@pytest.fixture
def daemons(bench_with):
    """Two daemons on one store, each known to live, and each with its own remote's end of the line."""
    pair = bench_with(shards=1), bench_with(shards=1)
    for name, bench in zip(("one", "two"), pair, strict=True):
        bench.ledger.fix_shards(1)
        bench.engine._instance.name = name
        bench.ledger.beat(name, "host", 1, START)
    return pair


@contextmanager
def sending(bench):
    """This daemon is in the midst of a call while inside; its drain ends with it."""
    begun, go_on = threading.Event(), threading.Event()

    def wait(_work):
        begun.set()
        go_on.wait(60)

    bench.axis.on_submit = wait
    drain = threading.Thread(target=bench.drain_shard, args=("axis", 0))
    drain.start()
    assert begun.wait(60)
    try:
        yield
    finally:
        bench.axis.on_submit = lambda _work: None
        go_on.set()
        drain.join(60)


def holder(ledger: Ledger) -> str | None:
    with ledger.database.connect() as tx:
        return tx.scalar(sa.select(schema.shard.c.holder).where(schema.shard.c.system == "axis"))


def test_a_message_that_another_daemon_is_sending_is_left_to_it(daemons):
    one, two = daemons
    one.store(item(1))
    with sending(one):
        two.drain_shard("axis", 0)
        assert (two.axis.asked, two.keys()) == ([], [])
    assert [m.state for m in one.ledger.messages(link="out")] == [State.DONE]
    assert (one.keys(), two.keys()) == (["out:d1:1"], [])


def test_what_is_stored_while_a_second_drain_is_turned_away_is_not_forgotten(daemons):
    one, two = daemons
    one.store(item(1, lane="a"))
    with sending(one):
        one.store(item(2, lane="a"))
        two.drain_shard("axis", 0)
        one.activated.clear()
        one.store(item(3, lane="a"))
        assert [a[:2] for a in one.activated] == [("axis", 0)], "the flag was left up"
    assert one.keys() == ["out:d1:1", "out:d2:1", "out:d3:1"]


def test_a_shard_is_let_go_of_at_the_end(daemons):
    one, two = daemons
    one.store(item(1))
    with sending(one):
        assert holder(one.ledger) == "one"
    assert holder(one.ledger) is None
    one.store(item(2))
    two.drain_shard("axis", 0)
    assert two.keys() == ["out:d2:1"]


def test_a_shard_held_by_a_daemon_that_died_is_free_when_that_one_is_forgotten(daemons):
    one, two = daemons
    assert one.ledger.open_shard("axis", 0, START, holder="one")
    assert not two.ledger.open_shard("axis", 0, START, holder="two")
    one.ledger.forget_executor("one")
    assert two.ledger.open_shard("axis", 0, START, holder="two")


def test_a_daemon_that_starts_again_takes_the_shard_it_held_when_it_was_killed(daemons):
    one, _two = daemons
    assert one.ledger.open_shard("axis", 0, START, holder="one")
    assert one.ledger.open_shard("axis", 0, START, holder="one")


def test_a_daemon_that_thaws_does_not_let_go_of_what_another_holds_by_now(daemons):
    one, two = daemons
    assert one.ledger.open_shard("axis", 0, START, holder="one")
    one.ledger.forget_executor("one")
    assert two.ledger.open_shard("axis", 0, START, holder="two")
    one.ledger.beat("one", "host", 1, START)
    one.ledger.close_shard("axis", 0, now=START, sendable=True, not_before=None, holder="one")
    assert holder(two.ledger) == "two"
    assert not one.ledger.open_shard("axis", 0, START, holder="one")


def test_two_drains_of_one_shard_in_one_process_take_turns(bench_with):
    bench = bench_with(shards=1)
    bench.ledger.fix_shards(1)
    bench.engine._instance.name = "one"
    bench.store(item(1, lane="a"))
    begun, go_on = threading.Event(), threading.Event()

    def wait(_work):
        begun.set()
        go_on.wait(60)

    bench.axis.on_submit = wait
    drains = [threading.Thread(target=bench.engine._drain, args=("axis", 0)) for _ in range(2)]
    drains[0].start()
    assert begun.wait(60)
    drains[1].start()
    drains[1].join(0.3)
    assert drains[1].is_alive()
    assert bench.axis.asked == []
    go_on.set()
    for drain in drains:
        drain.join(60)
    assert (bench.keys(), bench.states()) == (["out:d1:1"], [State.DONE])
