"""Draining a system: what waits for it goes out, and nothing is taken in from it or for it."""

from datetime import timedelta

import pytest

from ebrvt_connect.errors import RetryLater
from ebrvt_connect.model.message import State
from tests.integration.engine.bench import IN, OUT, TROUBLE, failing, item, retry_later


def drained(bench, system="axis"):
    return bench.ledger.drain_system(system, by="tester", why="thay máy chủ", now=bench.clock.now())


def test_what_waits_goes_out_and_nothing_more_comes_in_for_it(bench):
    bench.offer(item(1), item(2))
    bench.fetch()
    assert drained(bench)
    bench.offer(item(3))
    bench.fetch()
    [before] = bench.ledger.draining()
    assert (before.system, before.by, before.why, before.left) == ("axis", "tester", "thay máy chủ", 2)
    bench.drain()
    assert sorted(bench.keys()) == ["out:d1:1", "out:d2:1"]
    # Their source is told; that is nothing taken in.
    assert bench.ledger.counts()["out~feedback"] == {State.DONE: 2}
    assert [one.left for one in bench.ledger.draining()] == [0]


def test_nothing_is_taken_in_from_it_either(bench_with):
    bench = bench_with(links=(OUT, IN))
    drained(bench)
    bench.axis.outbox.append(item(7))
    bench.fetch("in")
    assert bench.ledger.messages() == []
    assert bench.axis.acknowledged == []


def test_what_it_is_owed_an_answer_for_is_still_acknowledged(bench):
    def cut(_batch):
        raise RetryLater(TROUBLE, "cut before the acknowledgement", system="dms")

    bench.offer(item(1))
    bench.dms.on_acknowledge = cut
    bench.fetch()
    bench.dms.on_acknowledge = lambda _batch: None
    drained(bench)
    bench.clock.advance(timedelta(minutes=10))
    bench.fetch()
    assert bench.dms.acknowledged == ["d1"]


def test_a_fetch_under_way_ends_with_its_page(bench):
    bench.dms.batch_size = 1
    bench.dms.on_acknowledge = lambda _batch: drained(bench)
    bench.offer(item(1), item(2), item(3))
    bench.fetch()
    assert len(bench.ledger.messages()) == 1
    bench.ledger.end_draining("axis")
    bench.dms.on_acknowledge = lambda _batch: None
    bench.fetch()
    assert len(bench.ledger.messages()) == 3


def test_what_fails_meanwhile_is_tried_again_as_ever(bench):
    bench.offer(item(1))
    bench.fetch()
    drained(bench)
    bench.axis.on_submit = failing(retry_later)
    bench.drain()
    bench.axis.on_submit = lambda _work: None
    bench.clock.advance(timedelta(minutes=2))
    bench.drain()
    assert bench.states() == [State.DONE]


@pytest.mark.parametrize("system", ["axis", "dms"])
def test_it_is_said_once_and_ended_once(bench, system):
    assert drained(bench, system)
    assert not drained(bench, system)
    assert bench.ledger.drained_systems() == {system}
    assert bench.ledger.end_draining(system)
    assert not bench.ledger.end_draining(system)
    assert bench.ledger.draining() == []


def test_a_paused_system_stays_paused_while_it_is_drained(bench):
    """The two are apart: trouble with its certificate still pauses it, and `resume` ends both."""
    bench.offer(item(1))
    bench.fetch()
    drained(bench)
    assert bench.engine.pause("axis", "engine", "chứng thư")
    bench.drain()
    assert bench.keys() == []
    bench.engine.resume("axis")
    assert bench.ledger.drained_systems() == {"axis"}
