"""What follows a failed attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.errors import (
    UNEXPECTED,
    Effect,
    HeldForPerson,
    ReconcileFirst,
    Rejected,
    RetryLater,
    Scope,
)
from ebrvt_connect.resilience.retry import (
    DEFAULT_LADDER,
    Ask,
    Failure,
    Hold,
    Ladder,
    Refuse,
    RetryAt,
    decide,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LADDER = Ladder((timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=6)))


def most(bound):
    return bound


def least(_):
    return 0.0


def after(error, attempts=1, jitter=most):
    return decide(Failure.of(error), attempts=attempts, now=NOW, ladder=LADDER, jitter=jitter)


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (RetryLater(UNEXPECTED, "x"), RetryAt(NOW + timedelta(minutes=1))),
        (ReconcileFirst(UNEXPECTED, "x"), Ask(NOW)),
        (Rejected(UNEXPECTED, "x"), Refuse("UNEXPECTED_FAILURE")),
        (HeldForPerson(UNEXPECTED, "x"), Hold("UNEXPECTED_FAILURE", Scope.MESSAGE)),
        (HeldForPerson(UNEXPECTED, "x", scope=Scope.SYSTEM), Hold("UNEXPECTED_FAILURE", Scope.SYSTEM)),
        (HeldForPerson(UNEXPECTED, "x", scope=Scope.STORE), Hold("UNEXPECTED_FAILURE", Scope.STORE)),
    ],
)
def test_each_effect_has_one_answer(error, decision):
    assert after(error) == decision


def test_a_hold_without_a_scope_is_for_the_message_alone():
    held = Failure(Effect.HELD_FOR_PERSON, "X")
    assert decide(held, attempts=1, now=NOW, ladder=LADDER, jitter=most) == Hold("X", Scope.MESSAGE)


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 1), (1, 1), (2, 5), (3, 360), (4, 360), (10_000, 360)])
def test_the_ladder_is_climbed_and_its_last_step_kept(attempts, minutes):
    assert after(RetryLater(UNEXPECTED, "x"), attempts) == RetryAt(NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("wish", "earliest", "latest"),
    [
        (0, 0, 60),
        (-5, 0, 60),
        (10, 10, 20),
        (60, 60, 120),
        (3600, 3600, 3660),
    ],
)
def test_a_delay_the_remote_asked_for_is_the_floor(wish, earliest, latest):
    error = RetryLater(UNEXPECTED, "x", retry_after=timedelta(seconds=wish))
    assert after(error, jitter=least) == RetryAt(NOW + timedelta(seconds=earliest))
    assert after(error, jitter=most) == RetryAt(NOW + timedelta(seconds=latest))


@given(attempts=st.integers(1, 1000), part=st.floats(0, 1), wish=st.none() | st.integers(0, 21_600))
def test_an_outage_never_ends_a_message_nor_sends_it_into_the_past(attempts, part, wish):
    floor = None if wish is None else timedelta(seconds=wish)
    decision = decide(
        Failure(Effect.RETRY_LATER, "X", retry_after=floor),
        attempts=attempts,
        now=NOW,
        ladder=DEFAULT_LADDER,
        jitter=lambda bound: bound * part,
    )
    assert isinstance(decision, RetryAt)
    assert NOW + (floor or timedelta(0)) <= decision.at <= NOW + timedelta(hours=12)


def test_eight_hours_of_outage_cost_few_attempts():
    at, attempts = NOW, 0
    while at < NOW + timedelta(hours=8):
        attempts += 1
        decision = decide(
            Failure(Effect.RETRY_LATER, "X"),
            attempts=attempts,
            now=at,
            ladder=DEFAULT_LADDER,
            jitter=lambda bound: bound / 2,
        )
        at = decision.at
    assert attempts <= 40


def test_the_ladder_without_configuration_goes_from_a_minute_to_six_hours():
    assert [step / timedelta(minutes=1) for step in DEFAULT_LADDER.steps] == [1, 5, 15, 60, 120, 240, 360]


def test_a_ladder_may_have_steps_of_a_second():
    assert Ladder((timedelta(seconds=1),)).after(1) == timedelta(seconds=1)


@pytest.mark.parametrize("steps", [(), (timedelta(0),), (timedelta(minutes=1), timedelta(seconds=-1))])
def test_a_ladder_that_would_hammer_is_refused(steps):
    with pytest.raises(ValueError, match="ladder"):
        Ladder(steps)
