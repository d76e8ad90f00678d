"""Upkeep: in a thread of its own, now and then, and told of when it fails."""

import logging
import threading
from datetime import timedelta

import pytest

from ebrvt_connect.engine.standing import Standing
from ebrvt_connect.engine.upkeep import Upkeep
from ebrvt_connect.errors import HeldForPerson, Scope
from ebrvt_connect.ports.blobs import STORE_FULL
from ebrvt_connect.store.collecting import BLOBS_SHARED
from ebrvt_connect.testing.clock import FakeClock

HOUR = timedelta(hours=1)


class Nothing:
    def paused(self):
        return {}


class Chores:
    """Done when it is called; fails as a test says."""

    def __init__(self):
        self.done = threading.Semaphore(0)
        self.rounds = 0
        self.failure = None

    def __call__(self, stopping):
        assert not stopping()
        self.rounds += 1
        self.done.release()
        if self.failure is not None:
            raise self.failure
        return {}


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def standing(clock):
    return Standing(Nothing(), clock, timedelta(seconds=5), timedelta(seconds=30))


@pytest.fixture
def chores():
    return Chores()


@pytest.fixture
def upkeep(chores, clock, standing):
    return Upkeep(chores, clock, standing, HOUR)


def test_it_is_done_some_minutes_after_the_start_and_then_now_and_then(upkeep, chores, clock):
    upkeep.turn()
    assert chores.rounds == 0
    for rounds in (1, 2):
        clock.advance(HOUR)
        upkeep.turn()
        assert chores.done.acquire(timeout=60)
        upkeep.join(60)
        upkeep.turn()
        assert chores.rounds == rounds


def test_it_waits_while_the_store_cannot_be_written(upkeep, chores, clock, standing):
    clock.advance(HOUR)
    standing.store_trouble(HeldForPerson(STORE_FULL, "full", scope=Scope.STORE))
    upkeep.turn()
    assert chores.rounds == 0


def test_without_chores_nothing_is_begun(clock, standing):
    upkeep = Upkeep(None, clock, standing, HOUR)
    clock.advance(HOUR)
    upkeep.turn()
    upkeep.do()
    assert upkeep.trouble() is None


@pytest.mark.parametrize(
    ("failure", "pauses"),
    [
        (HeldForPerson(BLOBS_SHARED, "shared", others=1), False),
        (HeldForPerson(STORE_FULL, "full", scope=Scope.STORE), True),
        (ZeroDivisionError("a bug"), False),
    ],
    ids=["a refusal", "the store", "a bug"],
)
def test_a_failure_is_told_at_once_and_tried_again_soon(
    upkeep, chores, clock, standing, caplog, failure, pauses
):
    """Only the store's own trouble pauses the exchange."""
    chores.failure = failure
    upkeep.do()
    assert upkeep.trouble().code == "UPKEEP_FAILED"
    assert [told.levelno for told in caplog.records if "UPKEEP_FAILED" in told.getMessage()] == [
        logging.CRITICAL
    ]
    assert (standing.trouble() is not None) is pauses
    chores.failure = None
    clock.advance(timedelta(minutes=15))
    upkeep.turn()
    assert chores.done.acquire(timeout=60)
    upkeep.join(60)
    assert chores.rounds == 2
    assert upkeep.trouble() is None


def test_what_breaks_while_the_daemon_stops_is_no_trouble(upkeep, chores, standing, caplog):
    """The database is closed under a round that is still reading."""

    def broken_off(_stopping):
        standing.stop()
        raise ZeroDivisionError

    upkeep._chores = broken_off
    upkeep.do()
    assert upkeep.trouble() is None
    assert [told for told in caplog.records if told.levelno >= logging.WARNING] == []


class Room:
    def __init__(self):
        self.there = True
        self.needed = False

    def keep(self):
        self.there = self.there or not self.needed
        return self.there

    def give_up(self):
        given, self.there = self.there and self.needed, self.there and not self.needed
        return given


def test_nothing_goes_on_until_the_reserve_is_back(clock):
    """However long housekeeping takes to look again: the rest that follows trouble may be over by then."""
    room = Room()
    standing = Standing(Nothing(), clock, timedelta(seconds=5), timedelta(seconds=30), room=room)
    standing.look_for_room()
    assert standing.trouble() is None
    room.needed = True
    standing.store_trouble(HeldForPerson(STORE_FULL, "full", scope=Scope.STORE))
    assert not room.there
    clock.advance(HOUR)
    assert standing.trouble().code == "STORE_FULL"
    standing.look_for_room()
    assert standing.stopping()
    room.needed = False
    standing.look_for_room()
    clock.advance(timedelta(seconds=5))
    assert standing.trouble() is None
