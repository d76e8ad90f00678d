"""The real clock, and the one that does as it is told."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ebrvt_connect.testing.clock import START, FakeClock
from ebrvt_connect.transport.clock import SystemClock


def test_the_real_clock_tells_aware_utc_time():
    before = datetime.now(UTC)
    told = SystemClock().now()
    assert told.tzinfo is UTC
    assert before <= told <= datetime.now(UTC)


def test_the_real_clock_waits_and_never_backwards():
    clock = SystemClock()
    began = clock.monotonic()
    clock.sleep(0.02)
    clock.sleep(0)
    clock.sleep(-5)
    assert 0.02 <= clock.monotonic() - began < 4


@pytest.mark.parametrize("already", [True, False])
def test_waiting_ends_when_the_program_is_asked_to_stop(already):
    stop = threading.Event()
    timer = threading.Timer(0.02, stop.set)
    if already:
        stop.set()
    else:
        timer.start()
    began = time.monotonic()
    SystemClock(stop).sleep(30)
    assert time.monotonic() - began < 25
    timer.cancel()


def test_a_fake_clock_moves_by_sleeping_and_by_hand():
    clock = FakeClock()
    clock.sleep(1.5)
    clock.advance(timedelta(minutes=1))
    clock.sleep(-1)
    assert clock.now() == START + timedelta(seconds=61.5)
    assert clock.monotonic() == 61.5
    assert clock.slept == [1.5, -1]


def test_setting_the_wall_clock_lets_no_time_pass():
    clock = FakeClock()
    clock.jump(START - timedelta(hours=3))
    assert (clock.now(), clock.monotonic()) == (START - timedelta(hours=3), 0.0)


def test_a_fake_clock_refuses_naive_times_and_steps_backwards():
    with pytest.raises(ValueError, match="aware"):
        FakeClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
    with pytest.raises(ValueError, match="forwards"):
        FakeClock().advance(-1)


def test_a_fake_clock_tells_utc_wherever_it_was_started():
    hanoi = timezone(timedelta(hours=7))
    assert FakeClock(datetime(2026, 1, 1, 7, tzinfo=hanoi)).now().isoformat() == "2026-01-01T00:00:00+00:00"
