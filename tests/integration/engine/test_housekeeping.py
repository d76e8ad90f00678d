"""The threads around the drains: schedule, sweep, standing. Real ones, on a real clock."""

import logging
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from ebrvt_connect.engine.schedule import Schedule
from ebrvt_connect.engine.standing import Standing
from ebrvt_connect.engine.sweep import Sweep
from ebrvt_connect.errors import RetryLater, Scope
from ebrvt_connect.ports.ledger import Pause
from ebrvt_connect.store.ledger import Executor
from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.transport.clock import SystemClock
from tests.integration.engine.bench import BACK, FAST, OUT, TROUBLE, held
from tests.integration.engine.test_engine import until


class NoIntake:
    """Fetches nothing; `last` is what a test says."""

    def __init__(self):
        self.fetched = []
        self.lasts = {}
        self.gate = threading.Event()
        self.gate.set()

    def fetch(self, link):
        self.fetched.append(link)
        self.gate.wait(60)

    def last(self, link):
        return self.lasts.get(link)


class Pauses:
    def __init__(self):
        self.systems = {}
        self.looks = 0

    def paused(self):
        self.looks += 1
        return self.systems


@pytest.fixture
def standing():
    made = Standing(Pauses(), SystemClock(), timedelta(milliseconds=200), late_after=timedelta(seconds=30))
    yield made
    made.stop()


class Ticking:
    def __init__(self, standing, tick=None):
        self.intake = NoIntake()
        self.ticks = []
        self.schedule = Schedule([OUT, BACK], tick or self.tick, self.intake, standing, SystemClock())

    def tick(self, link):
        self.ticks.append(link)
        threading.Thread(target=self.schedule.fetch, args=(link,)).start()


def test_every_link_is_ticked_at_its_pace(standing):
    ticking = Ticking(standing)
    ticking.schedule.start()
    until(lambda: ticking.ticks.count("out") >= 3 and ticking.ticks.count("back") >= 3)
    standing.stop()
    ticking.schedule.join(60)


def test_a_link_that_another_daemon_has_fetched_is_ticked_again(standing):
    """Who ticks need not be who fetches: waiting for one's own fetch would be waiting for ever."""
    ticks = []
    at_work = {"out"}
    intake = NoIntake()
    schedule = Schedule([OUT], ticks.append, intake, standing, SystemClock(), at_work=at_work.__contains__)
    schedule.start()
    until(lambda: len(ticks) == 1)
    threading.Event().wait(1.5)
    assert len(ticks) == 1
    at_work.clear()
    until(lambda: len(ticks) >= 2)
    standing.stop()
    schedule.join(60)
    assert intake.fetched == []


def test_a_link_still_being_fetched_is_not_ticked_again(standing):
    ticking = Ticking(standing)
    ticking.intake.gate.clear()
    ticking.schedule.start()
    until(lambda: len(ticking.intake.fetched) == 2)
    threading.Event().wait(0.4)
    assert sorted(ticking.ticks) == ["back", "out"]
    assert not ticking.schedule.idle()
    ticking.intake.gate.set()
    until(lambda: len(ticking.ticks) > 2)


def test_a_tick_that_could_not_be_given_is_given_again(standing, caplog):
    failures = [RetryLater(TROUBLE, "busy"), OSError("gone")]
    given = []

    def tick(link):
        if failures:
            raise failures.pop()
        given.append(link)

    Ticking(standing, tick).schedule.start()
    until(lambda: {"out", "back"} <= set(given))
    assert "cannot tick" in caplog.text


def test_nothing_is_ticked_while_the_store_is_in_trouble(standing):
    ticking = Ticking(standing)
    standing.store_trouble(held(Scope.STORE))
    ticking.schedule.start()
    threading.Event().wait(0.1)
    assert ticking.ticks == []
    until(lambda: ticking.ticks)


def test_trouble_with_the_store_passes_and_is_cried_out_once(standing, caplog):
    with caplog.at_level(logging.CRITICAL):
        for _ in range(5):
            standing.store_trouble(held(Scope.STORE))
    assert standing.stopping()
    assert caplog.text.count("everything pauses") == 1
    until(lambda: not standing.stopping())


def test_a_busy_store_stops_nothing_but_wants_a_sweep(standing):
    standing.store_trouble(RetryLater(TROUBLE, "busy"))
    assert not standing.stopping()
    assert standing.sweep_wanted.is_set()


def test_pauses_are_read_once_a_second(standing):
    for _ in range(50):
        standing.paused("axis")
    assert standing._ledger.looks == 1
    standing._ledger.systems = {"axis": Pause("axis", "engine", "Hệ thống hỏng.", "TROUBLE", START)}
    standing.look_again()
    assert standing.paused("axis")


def test_a_pause_is_said_once_however_often_it_is_read(standing, caplog):
    standing._ledger.systems = {"axis": Pause("axis", "engine", "Chứng thư hết hạn.", "CERT_EXPIRED", START)}
    for _ in range(5):
        standing.look_again()
    assert caplog.text.count("axis is paused: CERT_EXPIRED (Chứng thư hết hạn.)") == 1
    standing._ledger.systems = {}
    standing.look_again()
    standing._ledger.systems = {"axis": Pause("axis", "an", "Bảo trì.", "", START)}
    standing.look_again()
    assert caplog.text.count("axis is paused") == 2


def test_a_daemon_frozen_for_long_begins_nothing_until_it_has_told_that_it_lives():
    clock = FakeClock()
    standing = Standing(Pauses(), clock, timedelta(seconds=5), late_after=timedelta(seconds=30))
    clock.advance(100)
    assert not standing.stopping()
    standing.beaten()
    clock.advance(31)
    assert standing.stopping()
    assert not standing.sweep_wanted.is_set()
    standing.beaten()
    assert not standing.stopping()
    assert standing.sweep_wanted.is_set()


def lively(now):
    """A daemon that has just beaten."""
    return Executor("daemon-9", "c", 9, START, now)


class Books:
    """A ledger and dispatcher as far as housekeeping goes."""

    def __init__(self):
        self.name = "daemon-1"
        self.due = [("axis", 1), ("axis", 2), ("other", 3)]
        self.working = {("axis", 2)}
        self.revived = []
        self.beats = []
        self.silent = []
        """Have said that they end."""
        self.heard = [lively(SystemClock().now())]
        self.at_work = {"daemon-1", "daemon-9"}
        self.is_alone = True
        self.taken = []
        self.fail = None
        self.tidied = 0

    def due_shards(self, _now, **_closed):
        if self.fail is not None:
            raise self.fail
        return self.due

    def drains_at_work(self):
        return self.working

    def revive(self, shards):
        self.revived.append(set(shards))

    def keep(self):
        if self.fail is not None:
            raise self.fail

    def beat(self, executor, _host, _pid, _now):
        self.beats.append(executor)

    def executors(self):
        return self.heard

    def silent_executors(self, now, dead_after):
        return self.silent + [one.name for one in self.heard if one.beat_at < now - dead_after]

    def living_executors(self, _now, _dead_after):
        return {"daemon-1", "daemon-9"}

    def forget_executor(self, executor):
        if executor in self.silent:
            self.silent.remove(executor)

    @contextmanager
    def alone(self):
        yield self.is_alone

    def executors_at_work(self):
        return self.at_work

    def take_up_ended(self):
        return 0

    def take_over(self, executor):
        self.taken.append(executor)
        return 1

    def spent(self):
        return []

    def forget_finished(self, _before):
        self.tidied += 1
        return 0


@pytest.fixture
def books():
    return Books()


def sweep_of(books, standing, **settings):
    quick = replace(FAST, heartbeat_every=timedelta(milliseconds=1), **settings)
    return Sweep(books, books, quick, SystemClock(), standing, ["axis"], books)


def test_what_nobody_comes_for_is_activated_and_other_engines_shards_are_not(books, standing):
    assert sweep_of(books, standing).sweep() == 1
    assert books.revived == [{("axis", 1)}]


def test_an_idle_store_is_not_written(books, standing):
    books.due = []
    assert sweep_of(books, standing).sweep() == 0
    assert books.revived == []


def test_silent_machines_are_taken_over_but_never_oneself(books, standing):
    books.silent = ["daemon-1", "daemon-2"]
    sweep_of(books, standing).take_over()
    assert books.taken == ["daemon-2"]


def watching(books, standing):
    """A sweep on a clock of its own, which looks each second."""
    clock = FakeClock()
    settings = replace(FAST, heartbeat_every=timedelta(seconds=5), dead_after=timedelta(seconds=60))
    sweep = Sweep(books, books, settings, clock, standing, ["axis"], books)

    def go_on(seconds, beating=lambda _now: ()):
        for _ in range(seconds):
            clock.advance(timedelta(seconds=1))
            heard = [Executor("daemon-2", "b", 2, START, at) for at in beating(clock.now())]
            books.heard = [lively(clock.now()), *heard]
            sweep.take_over()

    return go_on


@pytest.mark.parametrize("ahead", [timedelta(hours=-7), timedelta(minutes=-2), timedelta(hours=1)])
def test_a_machine_whose_clock_is_wrong_is_left_alone_while_its_heart_beats(books, standing, ahead):
    go_on = watching(books, standing)
    books.at_work.add("daemon-2")
    go_on(200, lambda now: [now + ahead])
    assert books.taken == []


@pytest.mark.parametrize("ahead", [timedelta(hours=-7), timedelta(0), timedelta(hours=1)])
def test_a_machine_whose_heart_has_stopped_is_taken_over_within_a_minute_whatever_its_clock_said(
    books, standing, ahead
):
    go_on = watching(books, standing)
    go_on(3, lambda now: [now + ahead])
    last = START + timedelta(seconds=3) + ahead
    go_on(60, lambda _now: [last])
    assert set(books.taken) == {"daemon-2"}


def test_a_machine_that_was_silent_when_we_came_is_watched_for_three_heartbeats_first(books, standing):
    go_on = watching(books, standing)
    go_on(15, lambda _now: [START - timedelta(hours=1)])
    assert books.taken == []
    go_on(1, lambda _now: [START - timedelta(hours=1)])
    assert books.taken == ["daemon-2"]


def test_work_of_a_machine_nobody_has_heard_of_is_taken_over(books, standing):
    books.at_work.add("daemon-7")
    sweep_of(books, standing).take_over()
    assert books.taken == ["daemon-7"]


def test_while_another_daemon_takes_over_nobody_else_does(books, standing):
    books.silent, books.is_alone = ["daemon-2"], False
    sweep_of(books, standing).take_over()
    assert books.taken == []


def test_the_thread_beats_sweeps_and_outlives_every_failure(books, standing, caplog):
    sweep = sweep_of(books, standing, sweep_every=timedelta(milliseconds=1))
    sweep.start()
    until(lambda: len(books.beats) > 1 and len(books.revived) > 1 and books.tidied)
    for failure in (RetryLater(TROUBLE, "busy"), KeyError("bug")):
        books.fail = failure
        threading.Event().wait(0.6)
    books.fail = None
    seen = len(books.revived)
    until(lambda: len(books.revived) > seen)
    assert "housekeeping failed" in caplog.text
    standing.stop()
    sweep.join(60)


def test_a_wanted_sweep_does_not_wait_for_its_minute(books, standing):
    sweep = sweep_of(books, standing, sweep_every=timedelta(hours=1))
    sweep.start()
    seen = len(books.revived)
    standing.sweep_wanted.set()
    until(lambda: len(books.revived) > seen)


def test_a_sweep_waits_until_the_store_can_be_written_again(books, standing):
    sweep = sweep_of(books, standing, sweep_every=timedelta(hours=1))
    standing.store_trouble(held(Scope.STORE))
    assert not sweep._wanted()
    until(lambda: standing.trouble() is None)
    assert sweep._wanted()
    assert not sweep._wanted()
