"""Keeping the log beside the exchange: an authority that is down, slow or lying stops nothing."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest

from ebrvt_connect.model.message import State
from tests.integration.engine.bench import item, retry_later
from tests.integration.proof.conftest import both_say, keeper_of

HOUR = timedelta(hours=1)


def turn(keeper):
    keeper.turn()
    if keeper._stamping is not None:
        keeper._stamping.join(60)


class Authority:
    """One that can be taken down; counts how often it was asked."""

    def __init__(self, stamp):
        self.stamp, self.down, self.asked = stamp, False, 0

    def __call__(self, digest):
        self.asked += 1
        if self.down:
            raise retry_later()
        return self.stamp(digest)


def test_hours_without_an_authority_are_stamped_when_it_is_back(bench, log, stamp, exported):
    authority = Authority(stamp)
    authority.down = True
    keeper = keeper_of(bench, authority)
    for hour in range(1, 7):
        bench.store(item(hour))
        bench.drain("axis")
        turn(keeper)
        for _ in range(60):
            bench.clock.advance(timedelta(minutes=1))
            turn(keeper)
    assert bench.states() == [State.DONE] * 6, "nothing that is exchanged waits for a timestamp"
    assert (log.standing().seals, log.standing().unstamped, log.standing().stamped_until) == (6, 6, 0)
    assert both_say(exported(bench, "d1")).agreed == 2
    assert 6 <= authority.asked <= 75, "it is asked less and less often"
    authority.down = False
    bench.clock.advance(HOUR)
    turn(keeper)
    assert (log.standing().unstamped, log.standing().stamped_until) == (0, 6)
    for hour in (1, 4, 6):
        assert both_say(exported(bench, f"d{hour}")).agreed == 0


def test_an_authority_that_asks_for_a_rest_is_left_alone_that_long(bench, stamp):
    asked = []

    def busy(_digest):
        asked.append(bench.clock.now())
        raise retry_later(retry_after=timedelta(hours=3))

    keeper = keeper_of(bench, busy)
    bench.store(item(1))
    bench.drain("axis")
    turn(keeper)
    for _ in range(5):
        bench.clock.advance(HOUR)
        turn(keeper)
    assert [b - a for a, b in pairwise(asked)] == [3 * HOUR]


def test_what_an_authority_does_that_nobody_foresaw_is_only_a_failure(bench, log):
    def mad(_digest):
        raise ZeroDivisionError

    keeper = keeper_of(bench, mad)
    bench.store(item(1))
    bench.drain("axis")
    turn(keeper)
    bench.clock.advance(HOUR)
    turn(keeper)
    assert log.standing().unstamped == 1


def test_while_an_authority_takes_its_time_linking_goes_on(bench, log):
    asked, answer = threading.Event(), threading.Event()

    def slow(_digest):
        asked.set()
        answer.wait(60)
        return b"token"

    keeper = keeper_of(bench, slow)
    bench.store(item(1))
    bench.drain("axis")
    turn(keeper)
    bench.clock.advance(HOUR)
    keeper.turn()
    assert asked.wait(60)
    bench.store(item(2))
    bench.drain("axis")
    keeper.turn()
    assert log.standing().unlinked == 0
    answer.set()
    keeper.stop()


def test_two_stampers_of_one_seal_leave_one_stamp(bench, log, stamp):
    bench.store(item(1))
    bench.drain("axis")
    one, two = keeper_of(bench, stamp), keeper_of(bench, stamp)
    one.turn()
    bench.clock.advance(HOUR)
    assert log.seal(bench.clock.now(), HOUR)
    (waiting,) = log.unstamped()
    first = stamp(bytes(32))
    log.stamped(waiting.number, first, bench.clock.now())
    log.stamped(waiting.number, stamp(bytes(32)), bench.clock.now())
    assert [seal.token for seal in log.seals([1])] == [first]
    assert two.stamp_waiting() == 0


@pytest.mark.parametrize("turns", [1, 3])
def test_a_daemon_that_stops_links_what_was_settled_last(turns, bench, log):
    bench.store(item(1))
    bench.drain("axis")
    for _ in range(turns):
        keeper_of(bench, None).stop()
    assert log.standing().unlinked == 0
