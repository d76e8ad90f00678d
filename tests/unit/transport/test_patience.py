"""Seconds of patience within one attempt."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from ebrvt_connect.errors import (
    UNEXPECTED,
    HeldForPerson,
    ReconcileFirst,
    Rejected,
    RetryLater,
)
from ebrvt_connect.testing.clock import FakeClock
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.patience import full_jitter, with_patience


class Attempts:
    """Answers, or raises, one thing after another."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.made = 0

    def __call__(self):
        self.made += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def later(seconds=None):
    wish = None if seconds is None else timedelta(seconds=seconds)
    return RetryLater(UNEXPECTED, "busy", retry_after=wish)


def most(bound):
    return bound


def test_a_good_answer_is_handed_on_without_waiting():
    clock, attempts = FakeClock(), Attempts("ok")
    assert with_patience(attempts, clock=clock) == "ok"
    assert clock.slept == []


def test_the_attempt_is_made_anew_after_longer_and_longer_waits():
    clock, attempts = FakeClock(), Attempts(later(), later(), "ok")
    assert with_patience(attempts, clock=clock, jitter=most) == "ok"
    assert clock.slept == [0.2, 0.4]


def test_the_last_failure_is_raised_when_the_tries_are_used_up():
    clock, failures = FakeClock(), [later(), later(), later()]
    with pytest.raises(RetryLater) as caught:
        with_patience(Attempts(*failures), clock=clock, jitter=most)
    assert caught.value is failures[2]
    assert len(clock.slept) == 2


@pytest.mark.parametrize("effect", [ReconcileFirst, Rejected, HeldForPerson])
def test_only_what_surely_did_not_happen_is_tried_again(effect):
    attempts = Attempts(effect(UNEXPECTED, "x"), "never")
    with pytest.raises(effect):
        with_patience(attempts, clock=FakeClock())
    assert attempts.made == 1


def test_a_programmers_mistake_is_not_tried_again():
    attempts = Attempts(KeyError("x"), "never")
    with pytest.raises(KeyError):
        with_patience(attempts, clock=FakeClock())
    assert attempts.made == 1


def test_a_delay_the_remote_names_is_waited_out():
    clock = FakeClock()
    assert with_patience(Attempts(later(2.0), "ok"), clock=clock, jitter=most) == "ok"
    assert clock.slept == [2.2]


def test_a_delay_that_does_not_fit_goes_back_to_the_queue_at_once():
    clock, failure = FakeClock(), later(3.5)
    with pytest.raises(RetryLater) as caught:
        with_patience(Attempts(failure, "never"), clock=clock)
    assert caught.value is failure
    assert clock.slept == []


def test_a_slow_attempt_uses_up_the_limit():
    clock = FakeClock()

    def slow():
        clock.advance(2.0)
        raise later()

    with pytest.raises(RetryLater):
        with_patience(slow, clock=clock, tries=10, jitter=most)
    assert clock.monotonic() == pytest.approx(4.2)


def test_a_program_asked_to_stop_makes_no_further_attempt():
    stop = threading.Event()
    attempts = Attempts(later(), "never")

    def asked_to_stop():
        stop.set()
        return attempts()

    with pytest.raises(RetryLater):
        with_patience(asked_to_stop, clock=SystemClock(stop), limit_seconds=60, jitter=lambda _: 50.0)
    assert attempts.made == 1


def test_jitter_lies_between_nothing_and_its_bound():
    drawn = [full_jitter(2.0) for _ in range(500)]
    assert 0 <= min(drawn) < 0.5
    assert 1.5 < max(drawn) <= 2.0
